# Shell functions that ./run and ./test share. Everything they say goes to stderr.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
say() { printf '%s\n' "$*" >&2; }

# install GROUP...: the Debian packages of those groups that are missing.
install_packages() {
    local wanted missing=() name sudo=()
    wanted=$(for group in "$@"; do
        sed -n "/^\[$group\]/,/^\[/{/^[[#]/d;p}" "$root/tools/packages.txt"
    done)
    local stamp="$root/build/.packages-$(printf '%s' "$wanted" | cksum | cut -d' ' -f1)"
    [ -e "$stamp" ] && return
    for name in $wanted; do
        case $name in *=*) command -v "${name#*=}" >/dev/null && continue ;; esac
        name=${name%=*}
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        [ "$(id -u)" -eq 0 ] || sudo=(sudo)
        say "installing: ${missing[*]}"
        "${sudo[@]}" apt-get update -qq >&2
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends "${missing[@]}" >/dev/null
    fi
    mkdir -p "$root/build" && touch "$stamp"
}

# What one checkout compiled serves every other: paths within it count relative to it, and the folder
# that debug information names does not count.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=true

# build PRESET [TARGET...]: incrementally; quiet unless it fails or takes long.
build() {
    local preset=$1 log="$root/build/$1.log"
    shift
    mkdir -p "$root/build"
    [ -e "$root/build/$preset/build.ninja" ] || cmake -S "$root" --preset "$preset" >"$log" 2>&1 ||
        { cat "$log" >&2; return 1; }
    [ -t 2 ] && { ninja -C "$root/build/$preset" "$@" >&2; return; }
    say "building ($preset)"
    ninja -C "$root/build/$preset" "$@" >"$log" 2>&1 || { tail -n 60 "$log" >&2; return 1; }
}
