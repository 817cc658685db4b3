# Clang for Arm cores, with the headers of arm-none-eabi-gcc's C library where that is installed.
#   cmake -B build -DCMAKE_TOOLCHAIN_FILE=cmake/clang-arm.cmake -DCORE=cortex-m4
include(${CMAKE_CURRENT_LIST_DIR}/arm.cmake)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET arm-none-eabi)
find_program(TM_GCC arm-none-eabi-gcc)
if(TM_GCC)
  # "empty.o: empty.c /usr/include/newlib/string.h ..."
  file(WRITE ${CMAKE_BINARY_DIR}/empty.c "")
  execute_process(COMMAND ${TM_GCC} -M -include string.h ${CMAKE_BINARY_DIR}/empty.c OUTPUT_VARIABLE read_files)
  if(read_files MATCHES "([^ \n]*)/string\\.h")
    string(APPEND CMAKE_C_FLAGS_INIT " -isystem ${CMAKE_MATCH_1}")
  endif()
endif()
