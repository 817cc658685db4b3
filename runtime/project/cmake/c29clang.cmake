# TI's Clang for C29x cores, from CG_TOOL_ROOT or PATH.
#   cmake -B build -DCMAKE_TOOLCHAIN_FILE=cmake/c29clang.cmake
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR c29)
# There is nothing to link test programs with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
find_program(TM_COMPILER c29clang HINTS $ENV{CG_TOOL_ROOT}/bin REQUIRED)
set(CMAKE_C_COMPILER ${TM_COMPILER})
