# The Debian package, in a root folder of its own.
add_test(NAME integration.package COMMAND ${TAPEDECK_PYTHON} -B
         ${CMAKE_CURRENT_LIST_DIR}/package_test.py ${PROJECT_BINARY_DIR})
set_tests_properties(integration.package PROPERTIES LABELS integration TIMEOUT 600)
