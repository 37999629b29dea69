# No secret in any output, file, table or topic: canaries of every form are looked for everywhere.
add_test(NAME integration.secrets COMMAND ${TAPEDECK_PYTHON}
         ${CMAKE_CURRENT_LIST_DIR}/secrets_test.py $<TARGET_FILE:tapedeck>)
set_tests_properties(integration.secrets PROPERTIES LABELS integration TIMEOUT 1200)
