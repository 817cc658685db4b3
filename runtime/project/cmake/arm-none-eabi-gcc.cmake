# GCC for Arm cores.
#   cmake -B build -DCMAKE_TOOLCHAIN_FILE=cmake/arm-none-eabi-gcc.cmake -DCORE=cortex-m4
include(${CMAKE_CURRENT_LIST_DIR}/arm.cmake)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
