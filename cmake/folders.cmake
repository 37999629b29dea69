# One CMake target per folder of src/, with its tests beside its sources.
include(CTest)
include(GoogleTest)
if(TAPEDECK_LAMBDA_ARCH)
    include(cmake/lambda/libraries.cmake)
else()
    find_package(PkgConfig REQUIRED)
    find_package(Threads REQUIRED)
    find_package(fmt REQUIRED)
    find_package(Boost 1.81 REQUIRED)
    pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
    pkg_check_modules(crypto REQUIRED IMPORTED_TARGET libcrypto)
    pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
    pkg_check_modules(simdjson REQUIRED IMPORTED_TARGET simdjson)
    pkg_check_modules(toml REQUIRED IMPORTED_TARGET tomlplusplus)
    pkg_check_modules(gumbo REQUIRED IMPORTED_TARGET gumbo)
    pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
    pkg_check_modules(rdkafka REQUIRED IMPORTED_TARGET rdkafka)
    pkg_check_modules(pq REQUIRED IMPORTED_TARGET libpq)
    pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
endif()
if(TAPEDECK_TESTS)
    find_package(date REQUIRED)
    find_package(GTest REQUIRED)
    find_library(RAPIDCHECK rapidcheck REQUIRED)
endif()

add_library(tapedeck_options INTERFACE)
target_include_directories(tapedeck_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
if(TAPEDECK_LAMBDA_ARCH)  # a newer compiler's warnings, where nobody develops
    target_compile_options(tapedeck_options INTERFACE -w)
else()
    target_compile_options(tapedeck_options INTERFACE -Wall -Wextra -Wconversion -Werror
        $<$<COMPILE_LANGUAGE:CXX>:-Wpedantic>)
endif()
target_link_libraries(tapedeck_options INTERFACE Threads::Threads)
if(CMAKE_UNITY_BUILD)  # which is for one unit that includes another's class; here all are one unit
    target_compile_options(tapedeck_options INTERFACE
        $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endif()
if(TAPEDECK_SANITIZE)
    target_compile_options(tapedeck_options INTERFACE -fsanitize=${TAPEDECK_SANITIZE}
        -fno-sanitize-recover=all -fno-omit-frame-pointer)
    # g++ 12 takes what the address sanitizer adds for reads of what was never written.
    target_compile_options(tapedeck_options INTERFACE
        $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    target_link_options(tapedeck_options INTERFACE -fsanitize=${TAPEDECK_SANITIZE})
endif()
find_program(MOLD mold)
if(MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT TAPEDECK_SANITIZE)
    target_link_options(tapedeck_options INTERFACE -fuse-ld=mold)
endif()

# The code of the tests themselves is neither optimized nor watched for undefined behaviour where a
# build is sanitized: its templates compile in less than half the time. What they test has both.
add_library(tapedeck_test_code INTERFACE)
if(TAPEDECK_SANITIZE)
    target_compile_options(tapedeck_test_code INTERFACE -O0 -fno-sanitize=undefined)
endif()

# To be called after the target's other libraries are linked: the last word on an option counts.
function(tapedeck_test_options target)
    target_link_libraries(${target} PRIVATE tapedeck_test_code)
endfunction()

# Gives TAPEDECK_ROOT, this checkout's folder, to those sources that name it. The others compile alike
# everywhere, so that a compiler cache serves every checkout.
function(tapedeck_test_root)
    foreach(source ${ARGN})
        file(STRINGS ${source} named REGEX "TAPEDECK_ROOT" LIMIT_COUNT 1)
        if(named)
            set_property(SOURCE ${source} APPEND PROPERTY COMPILE_DEFINITIONS
                TAPEDECK_ROOT="${PROJECT_SOURCE_DIR}")
        endif()
    endforeach()
endfunction()

# tapedeck_folder(NAME DEPS folder... LIBS target... TESTS folder...): library tapedeck_NAME of
# src/NAME/*.{cc,c}, and the test program NAME_test of src/NAME/*_test.cc, which also sees the folders
# after TESTS. The slash of a folder in a folder (tape/kafka) is an underscore in the targets' names.
function(tapedeck_folder folder)
    cmake_parse_arguments(ARG "" "" "DEPS;LIBS;TESTS" ${ARGN})
    string(REPLACE "/" "_" name ${folder})
    foreach(list ARG_DEPS ARG_TESTS)
        list(TRANSFORM ${list} REPLACE "/" "_")
        list(TRANSFORM ${list} PREPEND tapedeck_)
    endforeach()
    file(GLOB sources CONFIGURE_DEPENDS src/${folder}/*.cc src/${folder}/*.c)
    file(GLOB tests CONFIGURE_DEPENDS src/${folder}/*_test.cc)
    list(FILTER sources EXCLUDE REGEX "_test\\.cc$|main\\.cc$")
    if(sources OR name STREQUAL "config")  # config/ also has the generated shipped.cc
        add_library(tapedeck_${name} STATIC ${sources})
        target_link_libraries(tapedeck_${name} PUBLIC tapedeck_options ${ARG_DEPS} ${ARG_LIBS})
    else()
        add_library(tapedeck_${name} INTERFACE)
        target_link_libraries(tapedeck_${name} INTERFACE tapedeck_options ${ARG_DEPS} ${ARG_LIBS})
    endif()
    if(TAPEDECK_TESTS AND tests)
        add_executable(${name}_test ${tests})
        target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR})
        tapedeck_test_root(${tests})
        target_link_libraries(${name}_test PRIVATE tapedeck_${name} ${ARG_TESTS} ${RAPIDCHECK}
            GTest::gmock GTest::gtest_main)
        tapedeck_test_options(${name}_test)
        gtest_discover_tests(${name}_test TEST_PREFIX ${name}. PROPERTIES LABELS unit TIMEOUT 300
            DISCOVERY_TIMEOUT 60)
    endif()
endfunction()
