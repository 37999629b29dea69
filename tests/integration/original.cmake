# Coming from the original and going back, with its own client, real Kafka and PostgreSQL.
add_test(NAME integration.original COMMAND ${TAPEDECK_PYTHON}
         ${CMAKE_CURRENT_LIST_DIR}/original_test.py $<TARGET_FILE:tapedeck>)
set_tests_properties(integration.original PROPERTIES LABELS integration TIMEOUT 1200)
