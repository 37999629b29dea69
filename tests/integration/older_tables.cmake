# A look changes no table of the original's or of an older program's; and a feed of arrays.
add_test(NAME integration.older_tables COMMAND ${TAPEDECK_PYTHON}
         ${CMAKE_CURRENT_LIST_DIR}/older_tables_test.py $<TARGET_FILE:tapedeck>)
set_tests_properties(integration.older_tables PROPERTIES LABELS integration TIMEOUT 1200)
