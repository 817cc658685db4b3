# TI's compiler for C28x cores, from C2000_CG_ROOT or PATH. -DTM_FPU=fpu64 for parts that have it.
#   cmake -B build -DCMAKE_TOOLCHAIN_FILE=cmake/cl2000.cmake
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR c28x)
# There is nothing to link test programs with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
find_program(TM_COMPILER cl2000 HINTS $ENV{C2000_CG_ROOT}/bin REQUIRED)
get_filename_component(TM_TOOLS ${TM_COMPILER} DIRECTORY)
get_filename_component(TM_TOOLS ${TM_TOOLS} DIRECTORY)
set(CMAKE_C_COMPILER ${TM_COMPILER})
set(TM_FPU fpu32 CACHE STRING "floating-point unit of the part")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TM_FPU)
# --fp_mode=strict: no fused or reordered operations, so that features have the host's bits.
set(CMAKE_C_FLAGS_INIT
    "-v28 -ml -mt --abi=eabi --float_support=${TM_FPU} --fp_mode=strict --include_path=${TM_TOOLS}/include")
