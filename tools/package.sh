#!/usr/bin/env bash
# tools/package.sh [PRESET]: builds build/package/tapedeck_VERSION_ARCHITECTURE.deb, and names it.
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
preset=${1:-release}
install_packages build package
build "$preset" tapedeck tapedeck_manual
cd "$root/build/$preset"
cpack -G DEB -B "$root/build/package" >"$root/build/package.log" 2>&1 || { cat "$root/build/package.log" >&2; exit 1; }
sed -n 's/^CPack: - package: \(.*\) generated.*/\1/p' "$root/build/package.log"
