# What the folders link, for a program that runs on Amazon Linux 2023 with nothing but its libc: the
# same names of targets as find_package and pkg-config give, made from TAPEDECK_LAMBDA_PARTS, which
# tools/lambda.sh fills with Debian's sources and static libraries.
set(parts ${TAPEDECK_LAMBDA_PARTS})
set(lib ${parts}/${TAPEDECK_LAMBDA_ARCH})
find_package(Threads REQUIRED)

# One set of flags for everything, as libc++ is compiled once for each. Paths do not reach the
# program, so that it is the same wherever it is built.
add_compile_options(-ffunction-sections -fdata-sections -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.
    -ffile-prefix-map=${parts}=parts -Wno-error=unknown-warning-option)
add_link_options(-Wl,--gc-sections -s)

function(lambda_library name)
    add_library(${name} INTERFACE IMPORTED GLOBAL)
    target_include_directories(${name} INTERFACE ${lib}/include)
    target_link_libraries(${name} INTERFACE ${ARGN})
endfunction()
lambda_library(PkgConfig::crypto ${lib}/lib/libcrypto.a)
lambda_library(PkgConfig::zstd ${lib}/lib/libzstd.a)
lambda_library(PkgConfig::zlib ${lib}/lib/libz.a)
lambda_library(PkgConfig::gumbo ${lib}/lib/libgumbo.a)
lambda_library(fmt::fmt)
target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY=1)
lambda_library(PkgConfig::toml)
target_compile_definitions(PkgConfig::toml INTERFACE TOML_HEADER_ONLY=1)
foreach(unused PkgConfig::sqlite PkgConfig::pq Boost::headers date::date-tz)
    lambda_library(${unused})
endforeach()

add_library(lambda_simdjson STATIC ${parts}/simdjson/src/simdjson.cpp)
target_include_directories(lambda_simdjson SYSTEM PUBLIC ${parts}/simdjson/include
    PRIVATE ${parts}/simdjson/src)
lambda_library(PkgConfig::simdjson lambda_simdjson)

file(GLOB curl_sources ${parts}/curl/lib/*.c ${parts}/curl/lib/v*/*.c)
add_library(lambda_curl STATIC ${curl_sources})
target_include_directories(lambda_curl SYSTEM PUBLIC ${parts}/curl/include
    PRIVATE ${CMAKE_CURRENT_LIST_DIR} ${parts}/curl/lib ${lib}/include)
target_compile_definitions(lambda_curl PUBLIC CURL_STATICLIB PRIVATE HAVE_CONFIG_H BUILDING_LIBCURL)
target_compile_options(lambda_curl PRIVATE -w)
lambda_library(PkgConfig::curl lambda_curl ${lib}/lib/libssl.a PkgConfig::crypto PkgConfig::zlib)

file(GLOB kafka_sources ${parts}/librdkafka/src/*.c ${parts}/librdkafka/src/nanopb/*.c)
list(FILTER kafka_sources EXCLUDE REGEX
    "rdkafka_(sasl_(cyrus|win32|oauthbearer[a-z_]*)|plugin|lz4_ext)|rdwin|rddl|regexp|win32|rdhdr|rdhttp|rdkafka_lz4_ext")
file(GLOB lz4 ${parts}/librdkafka/src/lz4*.c ${parts}/librdkafka/src/rdxxhash.c)
set_source_files_properties(${parts}/librdkafka/src/rdunittest.c PROPERTIES COMPILE_DEFINITIONS ENABLE_DEVEL=0)
add_library(lambda_rdkafka STATIC ${kafka_sources})
target_include_directories(lambda_rdkafka SYSTEM PRIVATE ${parts}/librdkafka/src ${lib}/include)
target_compile_options(lambda_rdkafka PRIVATE -w)
set_target_properties(lambda_simdjson lambda_curl lambda_rdkafka PROPERTIES UNITY_BUILD OFF)
lambda_library(PkgConfig::rdkafka lambda_rdkafka ${lib}/lib/libssl.a PkgConfig::crypto
    PkgConfig::zlib PkgConfig::zstd)
