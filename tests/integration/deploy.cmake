# deploy/'s images and compose file, by their linters.
add_test(NAME integration.deploy COMMAND ${TAPEDECK_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/deploy_test.py)
set_tests_properties(integration.deploy PROPERTIES LABELS integration)
