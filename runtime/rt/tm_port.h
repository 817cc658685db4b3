/* Platypus runtime: types and compiler differences. SPDX-License-Identifier: 0BSD */
#ifndef TM_PORT_H
#define TM_PORT_H

#include <limits.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* At least 8, 16 and 32 bits: on cores whose char has 16 bits a tm_i8 has them too, so every store
 * of a narrow value is clamped before and nothing relies on wrap-around. */
#define TM_CHAR_BITS CHAR_BIT /* of a tm_i8 */
typedef signed char tm_i8;
typedef unsigned char tm_u8;
typedef short tm_i16;
typedef unsigned short tm_u16;
#if INT_MAX >= 2147483647
typedef int tm_i32;
typedef unsigned int tm_u32;
#else
typedef long tm_i32;
typedef unsigned long tm_u32;
#endif
typedef long long tm_i64;
typedef float tm_f32;

/* A value of a frame of samples, in the steps that join values. The host compiles those a second
 * time with a vector in its place and so computes several frames at once. */
typedef tm_f32 tm_real;
#define TM_ZERO 0.0f

/* 0 done, 1 more to do, negative: what was wrong with the call. */
typedef int tm_status;
#define TM_OK 0
#define TM_BUSY 1
#define TM_ERROR_NULL (-1)
#define TM_ERROR_SIZE (-2)
#define TM_ERROR_INDEX (-3)

/* What the code relies on, checked by the compiler (a negative array size is an error). */
#define TM_ASSERT(name, condition) typedef char tm_assert_##name[(condition) ? 1 : -1]
TM_ASSERT(char_bits, CHAR_BIT == 8 || CHAR_BIT == 16);
TM_ASSERT(i32_bits, sizeof(tm_i32) * CHAR_BIT >= 32);
TM_ASSERT(twos_complement, (-1 & 3) == 3);
TM_ASSERT(arithmetic_shift, (-8 >> 1) == -4);
TM_ASSERT(unsigned_to_signed, (tm_i32)(~(tm_u32)0) == -1);

/* Shift right towards minus infinity. */
#define TM_ASR(value, by) ((value) >> (by))

/* What the code is made for; a generated network says which before it includes anything. */
#define TM_SIZE 0     /* the plainest loops */
#define TM_BALANCED 1 /* fast loops where the time goes, plain ones where little does */
#define TM_SPEED 2    /* fast loops everywhere */
#ifndef TM_OPTIMISE
#define TM_OPTIMISE TM_BALANCED
#endif

#if defined(__GNUC__) || defined(__clang__)
#define TM_INLINE static inline __attribute__((always_inline, unused))
/* A function of its own, of which its callers assume nothing. GCC 12 loses calls otherwise: where
 * it has split the address of a store into a sum without a pointer ((tm_i16 *)0 + -(long)ctx + 2 *
 * p) it takes the store for one to nowhere, and a function that does nothing else for one that need
 * not be called. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8
#define TM_NOINLINE __attribute__((noipa))
#else
#define TM_NOINLINE __attribute__((noinline))
#endif
#define TM_ALIGN(octets) __attribute__((aligned(octets)))
#define TM_SECTION(name) __attribute__((section(name)))
#define TM_RAMFUNC
#else
#define TM_INLINE static inline
#define TM_NOINLINE
#define TM_ALIGN(octets)
#define TM_SECTION(name)
#define TM_RAMFUNC
#endif

/* A function of several layers. With Helium the vectors' loops need the registers that its
 * parameters would take. */
#if defined(__ARM_FEATURE_MVE) && TM_OPTIMISE != TM_SIZE
#define TM_SHARED TM_INLINE
#else
#define TM_SHARED TM_NOINLINE static
#endif
/* One of convolutions that differ in most sizes. Loops in assembly do not mind, while compilers
 * unroll theirs for the sizes of a layer. */
#if defined(__ARM_ARCH_6M__)
#define TM_SHARED_SIZES TM_NOINLINE static
#else
#define TM_SHARED_SIZES TM_INLINE
#endif
/* What a compiler may take for granted. */
#if defined(__GNUC__) || defined(__clang__)
#define TM_ASSUME(condition)   \
  do {                         \
    if (!(condition)) {        \
      __builtin_unreachable(); \
    }                          \
  } while (0)
#else
#define TM_ASSUME(condition)
#endif

/* Asks for `n` copies of the body of the loop that follows. */
#define TM_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define TM_UNROLL(n) TM_PRAGMA(clang loop unroll_count(n))
#elif defined(__GNUC__)
#define TM_UNROLL(n) TM_PRAGMA(GCC unroll n)
#else
#define TM_UNROLL(n)
#endif

/* Keeps a pointer in a register of its own, where a compiler would make it of another one each time
 * that it is used. */
#if defined(__GNUC__)
#define TM_APART(pointer) __asm__("" : "+r"(pointer))
#else
#define TM_APART(pointer)
#endif

/* x * y, on Armv6-M in a register that the next addition can take: where registers are short GCC
 * would copy it to a high one and back. */
TM_INLINE tm_i32 tm_mul(tm_i32 x, tm_i32 y) {
  tm_i32 product = x * y;
#if defined(__ARM_ARCH_6M__) && defined(__GNUC__)
  __asm__("" : "+l"(product));
#endif
  return product;
}

/* Copies of the bodies of inner loops, and of those of edges. */
#if TM_OPTIMISE == TM_SPEED
#define TM_COPIES_INNER 8
#define TM_COPIES_EDGE 4
#elif defined(__ARM_ARCH_6M__)
#define TM_COPIES_INNER 1
#define TM_COPIES_EDGE 1
#else
#define TM_COPIES_INNER 4
#define TM_COPIES_EDGE 1
#endif

/* Output positions that an integer convolution computes together: what the registers hold. */
#ifndef TM_POSITIONS
#if defined(__ARM_ARCH_6M__)
#define TM_POSITIONS 4 /* of one channel */
#else
#define TM_POSITIONS 2 /* of four channels */
#endif
#endif

#ifdef __cplusplus
}
#endif

#endif /* TM_PORT_H */
