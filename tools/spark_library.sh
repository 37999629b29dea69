#!/usr/bin/env bash
# tools/spark_library.sh [FOLDER]: builds libtapedeck_spark.so for machines with glibc 2.28 or later, whatever
# this one has, and packs it with what calls it: build/spark/tapedeck-spark.tar.gz (or in FOLDER), for
# `spark-submit --archives FILE#tapedeck` (docs/spark.md). The compiler is PyPI's ziglang; libpq and simdjson
# are built from Debian's sources, without GSSAPI and LDAP; OpenSSL, zstd and fmt are Debian's.
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
zig_version=0.17.1
work=${1:-$root/build/spark}
install_packages spark
mkdir -p "$work"
exec 9>"$work/.lock"
flock 9

[ -e "$work/.zig-$zig_version" ] || {
    say "installing the compiler, ziglang $zig_version"
    python3 -m venv "$work/zig"
    "$work/zig/bin/pip" install -q --disable-pip-version-check "ziglang==$zig_version" >&2
    touch "$work/.zig-$zig_version"
}
[ -e "$work/.sources" ] || {
    say "fetching the sources of libpq and simdjson"
    apt=(-qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/apt" -o APT::Sandbox::User=root
        -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache")
    mkdir -p "$work"/apt/{lists/partial,cache/archives/partial}
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed 's/^Types:.*/Types: deb-src/' >"$work/apt/debian.sources"
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
        sed -n 's/^deb \(.*debian.*\)/deb-src \1/p' >"$work/apt/debian.list"
    apt-get "${apt[@]}" update >&2
    rm -rf "$work/postgresql" "$work/simdjson"
    # The newest version that a mirror still has: what a security update replaced is gone before its index is.
    fetch() (
        cd "$work/apt"
        for version in $(apt-cache "${apt[@]:1}" showsrc --only-source "$1" | sed -n 's/^Version: //p' | sort -rVu); do
            apt-get "${apt[@]}" source --download-only "$1=$version" >&2 && return
        done
        say "no version of $1's source can be fetched"
        return 1
    )
    for name in postgresql-15 simdjson; do
        fetch "$name"
        mkdir -p "$work/${name%-15}"
        tar -C "$work/${name%-15}" --strip-components=1 -xf "$work/apt/${name}"_*.orig.tar.*
    done
    touch "$work/.sources"
}
say "building the library"
make -f "$root/tools/spark_library.mk" -j"$(nproc)" ROOT="$root" WORK="$work" >"$work/log" 2>&1 ||
    { tail -n 60 "$work/log" >&2; exit 1; }
python3 "$root/tools/spark_package.py" "$work/libtapedeck_spark.so" "$work/tapedeck-spark.tar.gz" >&2
