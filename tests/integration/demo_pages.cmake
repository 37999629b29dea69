# The shipped sources against the demo's pages, and the whole way over the demo's server.
add_executable(demo_pages_test ${CMAKE_CURRENT_LIST_DIR}/demo_pages_test.cc)
target_include_directories(demo_pages_test PRIVATE ${PROJECT_SOURCE_DIR})
target_compile_definitions(demo_pages_test PRIVATE TAPEDECK_ROOT="${PROJECT_SOURCE_DIR}")
target_link_libraries(demo_pages_test PRIVATE tapedeck_sources tapedeck_schedule tapedeck_demo
    GTest::gmock GTest::gtest_main)
gtest_discover_tests(demo_pages_test TEST_PREFIX integration.
    PROPERTIES LABELS integration TIMEOUT 600 DISCOVERY_TIMEOUT 60)
