# The one place where tests are registered. A test is named for what it proves.
#
#   bc_add_test(decimal_test bookcast::proto)        unit test, Criterion, tests/unit/decimal_test.c
#   bc_add_check(check.vectors COMMAND ...)          any command that exits 0 when all is well
#   bc_add_fuzz(fuzz_decimal bookcast::proto)        fuzz target; its corpus is replayed as a test
set(BOOKCAST_TEST_FAILS "ERROR: (Address|Leak|Thread)Sanitizer;runtime error:")

function(bc_add_test name)
  add_executable(${name} ${name}.c)
  target_link_libraries(${name} PRIVATE ${ARGN} bookcast::flags PkgConfig::CRITERION)
  add_test(NAME unit.${name} COMMAND ${name})
  set_tests_properties(unit.${name} PROPERTIES TIMEOUT 60 LABELS unit
    ENVIRONMENT "BOOKCAST_SOURCE=${PROJECT_SOURCE_DIR};BOOKCAST_BIN=${BOOKCAST_BIN}"
    SKIP_REGULAR_EXPRESSION "^skipped: "
    FAIL_REGULAR_EXPRESSION "${BOOKCAST_TEST_FAILS}")
endfunction()

function(bc_add_check name)
  cmake_parse_arguments(arg "" "TIMEOUT;LABEL" "COMMAND" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
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

function(bc_add_fuzz name)
  if(BOOKCAST_FUZZ)
    add_executable(${name} ${name}.c)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${name}.c corpus_main.c)
  endif()
  target_link_libraries(${name} PRIVATE ${ARGN} bookcast::flags)
  add_test(NAME fuzz.${name}
    COMMAND ${name} -runs=0 ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 60 LABELS fuzz
    FAIL_REGULAR_EXPRESSION "${BOOKCAST_TEST_FAILS}")
endfunction()
