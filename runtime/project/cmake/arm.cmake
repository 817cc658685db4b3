# What the toolchain files for Arm cores share.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
# There is nothing to link test programs with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(TM_CORES cortex-m0plus cortex-m3 cortex-m4 cortex-m7 cortex-m33 cortex-m55 cortex-r5)
include(${CMAKE_CURRENT_LIST_DIR}/cores.cmake)
