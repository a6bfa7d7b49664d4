# Flags are a library that every target links; nothing writes to the global CMAKE_C_FLAGS.
option(BOOKCAST_WERROR "Warnings are errors" OFF)
option(BOOKCAST_COVERAGE "Instrument for gcov" OFF)
option(BOOKCAST_FUZZ "Build the libFuzzer targets (clang)" OFF)
set(BOOKCAST_SANITIZE "" CACHE STRING "address, undefined, thread, or a comma list")

add_library(bookcast_flags INTERFACE)
add_library(bookcast::flags ALIAS bookcast_flags)
target_compile_features(bookcast_flags INTERFACE c_std_11)
target_compile_definitions(bookcast_flags INTERFACE _GNU_SOURCE)
target_include_directories(bookcast_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(bookcast_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wundef -Wstrict-prototypes -Wmissing-prototypes
  -Wvla -Wformat=2 -fvisibility=hidden -fno-common -fstack-protector-strong
  $<$<BOOL:${BOOKCAST_WERROR}>:-Werror>
  $<$<BOOL:${BOOKCAST_COVERAGE}>:--coverage>
  $<$<BOOL:${BOOKCAST_FUZZ}>:-fsanitize=fuzzer-no-link>)
target_link_options(bookcast_flags INTERFACE
  $<$<BOOL:${BOOKCAST_COVERAGE}>:--coverage> -Wl,-z,relro,-z,now)

if(BOOKCAST_SANITIZE)
  set(bookcast_sanitize -fsanitize=${BOOKCAST_SANITIZE} -fno-omit-frame-pointer
      -fno-sanitize-recover=all)
  target_compile_options(bookcast_flags INTERFACE ${bookcast_sanitize})
  target_link_options(bookcast_flags INTERFACE ${bookcast_sanitize})
endif()
