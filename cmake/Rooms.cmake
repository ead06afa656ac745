# tributary_room(NAME SOURCES a.cpp ... [PUBLIC targets...] [PRIVATE targets...])
#   One room of the house: the static library tributary_NAME, alias tributary::NAME. Its headers are reached as
#   "common/NAME/x.h" and only by who links it; that is what keeps the arrows between rooms in one direction.
# tributary_program(NAME SOURCES main.cpp ... LIBRARIES targets...)
#   An installed program.
# tributary_test(NAME SOURCES a_test.cpp ... LIBRARIES targets... [LABEL unit|system|long] [TIMEOUT seconds])
#   A GoogleTest program whose cases ctest discovers.

include_guard()
include(GNUInstallDirs)

add_library(tributary_flags INTERFACE)
# GCC 12 sees overlapping copies in std::string's operator+ where there are none (its bug 105651).
target_compile_options(tributary_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<BOOL:${TRIBUTARY_WARNINGS_AS_ERRORS}>:-Werror>)

if(TRIBUTARY_SANITIZE)
  add_compile_options(-fsanitize=${TRIBUTARY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TRIBUTARY_SANITIZE})
endif()

function(tributary_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(target tributary_${name})
  add_library(${target} STATIC ${ROOM_SOURCES})
  add_library(tributary::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/tributary>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${ROOM_PUBLIC} PRIVATE ${ROOM_PRIVATE} $<BUILD_INTERFACE:tributary_flags>)
  set_property(GLOBAL APPEND PROPERTY TRIBUTARY_ROOMS ${target})
endfunction()

function(tributary_program name)
  cmake_parse_arguments(PROGRAM "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  target_link_libraries(${name} PRIVATE ${PROGRAM_LIBRARIES} tributary_flags)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
endfunction()

function(tributary_test name)
  cmake_parse_arguments(T "" "LABEL;TIMEOUT" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT T_LABEL)
    set(T_LABEL unit)
  endif()
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LIBRARIES} GTest::gmock GTest::gtest_main tributary_flags)
  # What is tested is optimised, the tests need not be: they take a third less time to compile so.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release,RelWithDebInfo>:-O1>)
  list(LENGTH T_SOURCES sources)
  if(sources GREATER 4)
    target_precompile_headers(${name} PRIVATE <gmock/gmock.h> <gtest/gtest.h> <algorithm> <functional> <map> <string> <vector>)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${T_LABEL} TIMEOUT ${T_TIMEOUT})
endfunction()
