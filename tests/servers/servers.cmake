# tapedeck_test_servers: real Kafka, PostgreSQL and toxiproxy for tests, in C++. Include this file
# where a suite needs it, and link the library.
if(NOT TARGET tapedeck_test_servers)
    add_library(tapedeck_test_servers STATIC ${CMAKE_CURRENT_LIST_DIR}/server.cc)
    target_include_directories(tapedeck_test_servers PUBLIC ${PROJECT_SOURCE_DIR})
    target_compile_definitions(tapedeck_test_servers
        PRIVATE TAPEDECK_SERVERS="${CMAKE_CURRENT_LIST_DIR}")
    target_link_libraries(tapedeck_test_servers PUBLIC tapedeck_base PRIVATE PkgConfig::simdjson)
endif()
