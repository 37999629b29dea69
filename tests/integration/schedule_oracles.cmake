# Schedules against croniter, calendars against exchange-calendars: tests/requirements.txt.
foreach(oracle cron_oracle calendar_oracle)
    add_executable(${oracle} ${CMAKE_CURRENT_LIST_DIR}/${oracle}.cc)
    target_link_libraries(${oracle} PRIVATE tapedeck_schedule)
    add_test(NAME integration.${oracle} COMMAND ${TAPEDECK_PYTHON}
             ${CMAKE_CURRENT_LIST_DIR}/${oracle}_test.py $<TARGET_FILE:${oracle}>)
    set_tests_properties(integration.${oracle} PROPERTIES LABELS integration TIMEOUT 1200)
endforeach()
