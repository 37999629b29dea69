# clang of PyPI's ziglang against glibc 2.34, Amazon Linux 2023's. TAPEDECK_ZIG is its `zig`, and
# TAPEDECK_LAMBDA_ARCH is x86_64 or aarch64. libc++ comes with it, and is linked in.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${TAPEDECK_LAMBDA_ARCH})
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TAPEDECK_ZIG TAPEDECK_LAMBDA_ARCH)
set(target ${TAPEDECK_LAMBDA_ARCH}-linux-gnu.2.34)
set(CMAKE_C_COMPILER ${TAPEDECK_ZIG} cc -target ${target})
set(CMAKE_CXX_COMPILER ${TAPEDECK_ZIG} c++ -target ${target})
# Without these even the first look at the compiler makes a libc++ of its own.
set(CMAKE_C_FLAGS_INIT -O2)
set(CMAKE_CXX_FLAGS_INIT -O2)
set(CMAKE_C_COMPILER_WORKS TRUE)
set(CMAKE_CXX_COMPILER_WORKS TRUE)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
