# The HTTP client against servers that need OpenSSL and zlib: TLS, HTTP/2, gzip.
pkg_check_modules(ssl REQUIRED IMPORTED_TARGET libssl)
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
add_executable(http_client_test ${CMAKE_CURRENT_LIST_DIR}/http_client_test.cc)
target_include_directories(http_client_test PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(http_client_test PRIVATE tapedeck_net PkgConfig::ssl PkgConfig::zlib
    GTest::gmock GTest::gtest_main)
gtest_discover_tests(http_client_test TEST_PREFIX integration.
    PROPERTIES LABELS integration TIMEOUT 600 DISCOVERY_TIMEOUT 60)
