# GCC for RISC-V cores of 32 bits.
#   cmake -B build -DCMAKE_TOOLCHAIN_FILE=cmake/riscv-gcc.cmake -DCORE=rv32imac
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv32)
# There is nothing to link test programs with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(TM_CORES rv32imac rv32imafc)
include(${CMAKE_CURRENT_LIST_DIR}/cores.cmake)
find_program(TM_GCC NAMES riscv32-unknown-elf-gcc riscv64-unknown-elf-gcc riscv-none-elf-gcc REQUIRED)
set(CMAKE_C_COMPILER ${TM_GCC})
# Debian's has no C library of its own: picolibc-riscv64-unknown-elf.
execute_process(COMMAND ${TM_GCC} -print-file-name=picolibc.specs OUTPUT_VARIABLE specs
                OUTPUT_STRIP_TRAILING_WHITESPACE)
if(IS_ABSOLUTE "${specs}")
  string(APPEND CMAKE_C_FLAGS_INIT " --specs=picolibc.specs")
endif()
