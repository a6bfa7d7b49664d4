# The one place where tests are registered. A test is named for what it proves.
#
#   bc_add_test(decimal_test bookcast::proto)        unit test, Criterion, tests/unit/decimal_test.c
#   bc_add_test(ws_lws_test SOURCE ws_transport_test.c ...)   the same of a file of another name
#   bc_add_check(check.vectors COMMAND ...)          any command that exits 0 when all is well
#   bc_add_race(metrics_race bookcast::common)       threads, a plain main(), tests/race/metrics_race.c:
#                                                    what the tsan preset runs (Criterion cannot)
#   bc_add_integration(soak_test TIMEOUT 900)        the programs as processes, tests/integration/kill_test.py
#   bc_add_simulation(upbit)                         an exchange in simulated time, tests/simulation/
#   bc_add_fuzz(fuzz_decimal bookcast::proto)        fuzz target; its corpus is replayed as a test
#
# A TIMEOUT is for a test that hangs: it is far above what a busy machine needs, and above the
# deadlines inside the tests, which say what did not come.
set(BOOKCAST_TEST_FAILS "ERROR: (Address|Leak|Thread)Sanitizer;runtime error:")

function(bc_add_test name)
  cmake_parse_arguments(arg "" "SOURCE" "" ${ARGN})
  if(NOT arg_SOURCE)
    set(arg_SOURCE ${name}.c)
  endif()
  add_executable(${name} ${arg_SOURCE})
  target_link_libraries(${name} PRIVATE
    ${arg_UNPARSED_ARGUMENTS} bookcast::flags PkgConfig::CRITERION)
  add_test(NAME unit.${name} COMMAND ${name})
  set_tests_properties(unit.${name} PROPERTIES TIMEOUT 300 LABELS unit
    ENVIRONMENT "BOOKCAST_SOURCE=${PROJECT_SOURCE_DIR};BOOKCAST_BIN=${BOOKCAST_BIN}"
    SKIP_REGULAR_EXPRESSION "^skipped: "
    FAIL_REGULAR_EXPRESSION "${BOOKCAST_TEST_FAILS}")
endfunction()

# The test counts what our objects allocate: tests/support/alloc_count.h.
function(bc_count_allocations name)
  target_link_options(${name} PRIVATE
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup)
endfunction()

function(bc_add_check name)
  cmake_parse_arguments(arg "" "TIMEOUT;LABEL" "COMMAND" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL check)
  endif()
  add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS ${arg_LABEL}
    ENVIRONMENT "BOOKCAST_SOURCE=${PROJECT_SOURCE_DIR};BOOKCAST_BIN=${BOOKCAST_BIN}"
    SKIP_REGULAR_EXPRESSION "skipped: BOOKCAST_CAPTURES is not set"
    FAIL_REGULAR_EXPRESSION "${BOOKCAST_TEST_FAILS}")
endfunction()

# `cmake --build --preset tsan --target bookcast_race` builds these alone.
add_custom_target(bookcast_race)
function(bc_add_race name)
  add_executable(${name} ${name}.c)
  target_link_libraries(${name} PRIVATE ${ARGN} bookcast::flags Threads::Threads)
  add_dependencies(bookcast_race ${name})
  add_test(NAME race.${name} COMMAND ${name})
  set_tests_properties(race.${name} PROPERTIES TIMEOUT 300 LABELS race
    FAIL_REGULAR_EXPRESSION "${BOOKCAST_TEST_FAILS};WARNING: ThreadSanitizer")
endfunction()

# A thousand seeds, twenty times as many with BOOKCAST_LONG; some of them twice, because a seed
# decides all; and what the judge must see.
function(bc_add_simulation exchange)
  add_test(NAME simulation.${exchange} COMMAND simulation --exchange ${exchange})
  add_test(NAME simulation.${exchange}.same_twice
    COMMAND simulation --exchange ${exchange} --seeds 25 --twice)
  add_test(NAME simulation.${exchange}.lies COMMAND simulation --exchange ${exchange} --lies)
  add_test(NAME simulation.${exchange}.two_gateways
    COMMAND simulation --exchange ${exchange} --gateways 2)
  add_test(NAME simulation.${exchange}.shards
    COMMAND simulation --exchange ${exchange} --shards 4)
  set_tests_properties(simulation.${exchange} simulation.${exchange}.same_twice
    simulation.${exchange}.lies simulation.${exchange}.two_gateways
    simulation.${exchange}.shards PROPERTIES
    TIMEOUT 3600 LABELS simulation SKIP_RETURN_CODE 77
    FAIL_REGULAR_EXPRESSION "${BOOKCAST_TEST_FAILS}")
endfunction()

add_custom_target(bookcast_fuzz)
function(bc_add_fuzz name)
  if(BOOKCAST_FUZZ)
    add_executable(${name} ${name}.c)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${name}.c corpus_main.c)
  endif()
  target_link_libraries(${name} PRIVATE ${ARGN} bookcast::flags)
  add_dependencies(bookcast_fuzz ${name})
  add_test(NAME fuzz.${name}
    COMMAND ${name} -runs=0 ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 300 LABELS fuzz
    FAIL_REGULAR_EXPRESSION "${BOOKCAST_TEST_FAILS}")
endfunction()

# Debian's own python3, which has the Debian packages zmq and msgpack. 77: skipped, and says why.
find_program(BOOKCAST_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
function(bc_add_integration name)
  cmake_parse_arguments(arg "" "TIMEOUT" "COMMAND" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  if(NOT arg_COMMAND)
    set(arg_COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${name}.py)
  endif()
  add_test(NAME integration.${name} COMMAND ${BOOKCAST_PYTHON} -B ${arg_COMMAND})
  set_tests_properties(integration.${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS integration
    ENVIRONMENT "BOOKCAST_SOURCE=${PROJECT_SOURCE_DIR};BOOKCAST_BIN=${BOOKCAST_BIN};PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/support"
    SKIP_RETURN_CODE 77
    FAIL_REGULAR_EXPRESSION "${BOOKCAST_TEST_FAILS}")
endfunction()
