# What the verbs say of one slot, and what a backup is good for.
foreach(test one_truth backup)
    add_test(NAME integration.${test} COMMAND ${TAPEDECK_PYTHON}
             ${CMAKE_CURRENT_LIST_DIR}/${test}_test.py $<TARGET_FILE:tapedeck>)
    set_tests_properties(integration.${test} PROPERTIES LABELS integration TIMEOUT 1200)
endforeach()
