# The program as a user has it: exit codes, signals, and what it says of faults.
add_test(NAME integration.program COMMAND ${TAPEDECK_PYTHON}
         ${CMAKE_CURRENT_LIST_DIR}/program_test.py $<TARGET_FILE:tapedeck>)
set_tests_properties(integration.program PROPERTIES LABELS integration TIMEOUT 1200)
