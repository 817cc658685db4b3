# A room is a folder platypus/<name> that becomes one static library, tested by tests/<name>/*_test.cc.

function(platypus_embed name directory patterns)
  # Files become a translation unit: `platypus::embedded::<name>()` -> span of {path, content}.
  if(NOT TARGET embed)
    add_executable(embed ${CMAKE_SOURCE_DIR}/tools/embed.cc)
  endif()
  set(globs)
  foreach(pattern ${patterns})
    list(APPEND globs "${directory}/${pattern}")
  endforeach()
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${globs})
  list(SORT files)
  set(list_file ${CMAKE_BINARY_DIR}/embedded/${name}.list)
  string(REPLACE ";" "\n" lines "${files}")
  file(GENERATE OUTPUT ${list_file} CONTENT "${lines}\n")
  add_custom_command(
    OUTPUT ${CMAKE_BINARY_DIR}/embedded/${name}.cc
    COMMAND embed ${name} ${directory} ${list_file} ${CMAKE_BINARY_DIR}/embedded/${name}.cc
    DEPENDS embed ${files} ${list_file}
    VERBATIM)
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/embedded/${name}.cc)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
endfunction()

function(platypus_room name)
  cmake_parse_arguments(ROOM "" "SHARDED" "DEPS;LIBS;EMBED" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/platypus/${name}/*.cc)
  if(NOT sources)
    add_library(platypus_${name} INTERFACE)
    set(scope INTERFACE)
  else()
    add_library(platypus_${name} STATIC ${sources})
    set(scope PUBLIC)
  endif()
  target_include_directories(platypus_${name} ${scope} $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
  foreach(dep ${ROOM_DEPS})
    target_link_libraries(platypus_${name} ${scope} platypus_${dep})
  endforeach()
  target_link_libraries(platypus_${name} ${scope} ${ROOM_LIBS} ${ROOM_EMBED})

  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*_test.cc)
  if(PLATYPUS_TESTS AND tests)
    add_executable(test_${name} ${tests})
    target_link_libraries(test_${name} platypus_${name} GTest::gtest_main GTest::gmock)
    target_compile_definitions(test_${name} PRIVATE
      PLATYPUS_SOURCE_DIR="${CMAKE_SOURCE_DIR}" PLATYPUS_BINARY_DIR="${CMAKE_BINARY_DIR}")
    # A process for each test, but not for each of the thousand cases of ROOM_SHARDED (a test suite):
    # those run in four shares.
    set(alone "*")
    if(ROOM_SHARDED)
      set(alone "-${ROOM_SHARDED}*")
      foreach(share RANGE 3)
        add_test(NAME "${name}.${ROOM_SHARDED}${share}"
                 COMMAND test_${name} "--gtest_filter=${ROOM_SHARDED}*" --gtest_brief=1)
        set_tests_properties("${name}.${ROOM_SHARDED}${share}" PROPERTIES TIMEOUT 60
          ENVIRONMENT "GTEST_TOTAL_SHARDS=4;GTEST_SHARD_INDEX=${share}")
      endforeach()
    endif()
    gtest_discover_tests(test_${name} TEST_PREFIX "${name}." TEST_FILTER "${alone}"
                         DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  endif()
endfunction()

function(platypus_runtime)
  # The C99 that goes into generated packages, built for the host: the host computes with the same code.
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/rt/*.c)
  if(NOT sources)
    add_library(platypus_runtime INTERFACE)
    target_include_directories(platypus_runtime INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/runtime/rt>)
    return()
  endif()
  add_library(platypus_runtime STATIC ${sources})
  target_include_directories(platypus_runtime PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/runtime/rt>)
  target_compile_options(platypus_runtime PRIVATE -Wshadow -Wconversion -Wdouble-promotion -Wundef)
  target_link_libraries(platypus_runtime PUBLIC m)
endfunction()

function(platypus_library)
  # Platypus for other programs (platypus/platypus.h).
  add_library(platypus_api STATIC ${CMAKE_SOURCE_DIR}/platypus/platypus.cc)
  set_target_properties(platypus_api PROPERTIES OUTPUT_NAME platypus EXPORT_NAME platypus)
  target_include_directories(platypus_api PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<INSTALL_INTERFACE:include>)
  target_link_libraries(platypus_api PRIVATE platypus_report)
  add_executable(cpp_api ${CMAKE_SOURCE_DIR}/examples/cpp_api/main.cc)
  target_link_libraries(cpp_api platypus_api)
endfunction()

function(platypus_apps)
  file(GLOB apps CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/apps/*.cc)
  if(apps)
    add_executable(platypus_cli ${apps})
    set_target_properties(platypus_cli PROPERTIES OUTPUT_NAME platypus)
    target_link_libraries(platypus_cli platypus_advice platypus_report CLI11::CLI11 nlohmann_json::nlohmann_json)
    # Under the name that users of mmcli type.
    add_custom_command(TARGET platypus_cli POST_BUILD
                       COMMAND ${CMAKE_COMMAND} -E create_symlink platypus $<TARGET_FILE_DIR:platypus_cli>/mmcli VERBATIM)
  endif()
endfunction()

function(platypus_tests)
  if(PLATYPUS_TESTS AND EXISTS ${CMAKE_SOURCE_DIR}/tests/CMakeLists.txt)
    add_subdirectory(tests)
  endif()
endfunction()

function(platypus_benchmarks)
  if(PLATYPUS_BENCHMARKS OR PLATYPUS_TESTS)
    add_subdirectory(bench)
  endif()
endfunction()
