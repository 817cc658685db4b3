# TI's Clang for Arm cores, from ARM_LLVM_CGT_PATH or PATH.
#   cmake -B build -DCMAKE_TOOLCHAIN_FILE=cmake/tiarmclang.cmake -DCORE=cortex-m0plus
include(${CMAKE_CURRENT_LIST_DIR}/arm.cmake)
find_program(TM_COMPILER tiarmclang HINTS $ENV{ARM_LLVM_CGT_PATH}/bin REQUIRED)
set(CMAKE_C_COMPILER ${TM_COMPILER})
