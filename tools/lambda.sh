#!/usr/bin/env bash
# tools/lambda.sh [x86_64|aarch64]...: builds the program of a Lambda function, build/lambda/ARCH/bootstrap,
# which needs nothing but Amazon Linux 2023's libc (docs/lambda.md). Debian's sources of curl, librdkafka
# and simdjson, its static libraries of both machines and PyPI's ziglang are fetched once.
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
zig_version=0.17.1
work=$root/build/lambda
parts=$work/parts
install_packages lambda
mkdir -p "$work"
exec 9>"$work/.lock"
flock 9

apt=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/apt/parts" -o APT::Sandbox::User=root
    -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache"
    -o APT::Architectures::=amd64 -o APT::Architectures::=arm64)

# This machine's own lists of packages, sources and the other machine's packages included.
prepare_apt() {
    mkdir -p "$work"/apt/{parts,lists/partial,cache/archives/partial}
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed 's/^Types:.*/Types: deb deb-src/; /^Architectures:/d' \
        >"$work/apt/parts/debian.sources"
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
        sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\(.*\)/deb \1\2\ndeb-src \1\2/p' >"$work/apt/parts/debian.list"
    apt-get "${apt[@]}" update -qq >&2
}

# unpack MACHINE ARCH: headers and static libraries of Debian's packages into parts/ARCH, and glibc
# into parts/ARCH/root, where the tests run the function. A version that the mirror no longer has is
# passed over for an older one.
unpack() {
    local machine=$1 folder=$parts/$2 name version scratch
    scratch=$(mktemp -d)
    for name in libssl-dev zlib1g-dev libzstd-dev libgumbo-dev libfmt-dev libtomlplusplus-dev \
        librdkafka-dev libc6; do
        for version in $(apt-cache "${apt[@]}" madison "$name:$machine" | awk '/Packages/ {print $3}'); do
            (cd "$scratch" && apt-get "${apt[@]}" download -qq "$name:$machine=$version" >&2) && break
        done
    done
    for name in "$scratch"/*.deb; do dpkg-deb -x "$name" "$scratch/root"; done
    mkdir -p "$folder/include" "$folder/lib" "$folder/root"
    cp -r "$scratch"/root/lib* "$folder/root/"
    cp -r "$scratch"/root/usr/include/. "$folder/include/"
    cp -r "$scratch"/root/usr/include/"$2-linux-gnu"/. "$folder/include/"
    cp "$scratch"/root/usr/lib/"$2-linux-gnu"/lib{ssl,crypto,z,zstd,gumbo}.a "$folder/lib/"
    rm -rf "$scratch"
}

[ -e "$parts/.ready" ] || {
    say "fetching what a Lambda function is built of"
    rm -rf "$parts" && mkdir -p "$parts"
    prepare_apt
    (cd "$parts" && apt-get "${apt[@]}" source -qq curl librdkafka simdjson >&2)
    for name in curl librdkafka simdjson; do mv "$parts/$name"-[0-9]* "$parts/$name"; done
    cp "$root/cmake/lambda/rdkafka_config.h" "$parts/librdkafka/config.h"
    unpack amd64 x86_64
    unpack arm64 aarch64
    touch "$parts/.ready"
}
[ -e "$work/.zig-$zig_version" ] || {
    python3 -m venv "$work/zig"
    "$work/zig/bin/pip" install -q --disable-pip-version-check "ziglang==$zig_version" >&2
    touch "$work/.zig-$zig_version"
}
zig=$(echo "$work"/zig/lib/python3*/site-packages/ziglang/zig)
export ZIG_GLOBAL_CACHE_DIR=${ZIG_GLOBAL_CACHE_DIR:-$work/zig-cache} ZIG_LOCAL_CACHE_DIR=$work/zig-cache
for arch in "${@:-x86_64}"; do
    [ -e "$work/$arch/build.ninja" ] || cmake -S "$root" -B "$work/$arch" -G Ninja \
        -DCMAKE_TOOLCHAIN_FILE="$root/cmake/lambda/toolchain.cmake" -DTAPEDECK_ZIG="$zig" \
        -DTAPEDECK_LAMBDA_ARCH="$arch" -DTAPEDECK_LAMBDA_PARTS="$parts" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_CXX_FLAGS_RELEASE=-O2 -DCMAKE_C_FLAGS_RELEASE=-O2 -DCMAKE_UNITY_BUILD=ON \
        -DCMAKE_UNITY_BUILD_BATCH_SIZE=16 -DTAPEDECK_TESTS=OFF -DTAPEDECK_BENCH=OFF \
        -DTAPEDECK_ZONES=/usr/share/zoneinfo >"$work/$arch.log" 2>&1 ||
        { cat "$work/$arch.log" >&2; exit 1; }
    say "building the function for $arch"
    ninja -C "$work/$arch" "${TAPEDECK_LAMBDA_TARGET:-bootstrap}" >"$work/$arch.log" 2>&1 ||
        { tail -n 60 "$work/$arch.log" >&2; exit 1; }
done
