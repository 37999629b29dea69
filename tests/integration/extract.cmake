# The program itself over every recorded page, entry by entry.
add_test(NAME integration.extract COMMAND ${TAPEDECK_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/extract_test.py
         $<TARGET_FILE:tapedeck> ${PROJECT_SOURCE_DIR}/tests/pages ${PROJECT_SOURCE_DIR}/../shared/data)
set_tests_properties(integration.extract PROPERTIES LABELS integration TIMEOUT 600)
