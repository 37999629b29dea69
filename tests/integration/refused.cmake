# Recorder and loaders beside a database that refuses them for a while.
add_test(NAME integration.refused COMMAND ${TAPEDECK_PYTHON}
         ${CMAKE_CURRENT_LIST_DIR}/refused_test.py $<TARGET_FILE:tapedeck>)
set_tests_properties(integration.refused PROPERTIES LABELS integration TIMEOUT 1200)
