# Options of GCC and Clang for the core that -DCORE=... names, for the toolchain files beside this one.
set(CORE "" CACHE STRING "core to compile for")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CORE)

set(options_cortex-m0plus "-mcpu=cortex-m0plus -mthumb -mfloat-abi=soft")
set(options_cortex-m3 "-mcpu=cortex-m3 -mthumb -mfloat-abi=soft")
set(options_cortex-m4 "-mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard")
set(options_cortex-m7 "-mcpu=cortex-m7 -mthumb -mfpu=fpv5-sp-d16 -mfloat-abi=hard")
set(options_cortex-m33 "-mcpu=cortex-m33 -mthumb -mfpu=fpv5-sp-d16 -mfloat-abi=hard")
set(options_cortex-m55 "-mcpu=cortex-m55 -mthumb -mfloat-abi=hard")
set(options_cortex-r5 "-mcpu=cortex-r5 -marm -mfpu=vfpv3-d16 -mfloat-abi=hard")
set(options_rv32imac "-march=rv32imac -mabi=ilp32")
set(options_rv32imafc "-march=rv32imafc -mabi=ilp32f")

if(NOT CORE IN_LIST TM_CORES)
  string(REPLACE ";" ", " known "${TM_CORES}")
  message(FATAL_ERROR "CORE is '${CORE}'; give -DCORE= one of ${known}")
endif()
set(CMAKE_C_FLAGS_INIT "${options_${CORE}}")
