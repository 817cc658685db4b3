/* Platypus runtime: four sums at a time. SPDX-License-Identifier: 0BSD */
#ifndef TM_SUMS_H
#define TM_SUMS_H

#include "tm_weights.h"

/* Assembly leaves no register for a frame pointer: whoever wants one defines TM_ARMV6M as 0. */
#ifndef TM_ARMV6M
#if defined(__ARM_ARCH_6M__) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
#define TM_ARMV6M 1
#else
#define TM_ARMV6M 0
#endif
#endif
#if TM_ARMV6M
#include "tm_armv6m.h"
#endif

/* tm_rows_i8_u8 and the like: t plus the products of n codes of x, n at least 1, with those of four
 * rows `step` apart. */
#define TM_DEFINE_ROWS(x_type, row_type)                                                  \
  TM_INLINE tm_four tm_rows_##x_type##_##row_type(                                        \
      tm_four t, const tm_##x_type* x, const tm_##row_type* row, tm_i32 step, tm_i32 n) { \
    tm_i32 i;                                                                             \
    TM_UNROLL(TM_COPIES_INNER)                                                            \
    for (i = 0; i < n; ++i) {                                                             \
      const tm_i32 v = x[i];                                                              \
      t.a += tm_mul(row[i], v);                                                           \
      t.b += tm_mul(row[i + step], v);                                                    \
      t.c += tm_mul(row[i + 2 * step], v);                                                \
      t.d += tm_mul(row[i + 3 * step], v);                                                \
    }                                                                                     \
    return t;                                                                             \
  }
#if !TM_ARMV6M
TM_DEFINE_ROWS(u8, i8)
TM_DEFINE_ROWS(i8, i8)
TM_DEFINE_ROWS(i8, u8)
#endif
TM_DEFINE_ROWS(i16, i8)
TM_DEFINE_ROWS(i8, i16)
#undef TM_DEFINE_ROWS

/* t plus what the taps of four neighbouring channels give, from p to `end`, of which there is at
 * least one: `step` apart in the input and `next` in the weights. */
#define TM_DEFINE_TAPS(type)                                                            \
  TM_INLINE tm_four tm_taps_##type(tm_four t, const tm_##type* p, const tm_##type* end, \
                                   tm_i32 step, const tm_i8* f, tm_i32 next) {          \
    do {                                                                                \
      t.a += tm_mul(p[0], f[0]);                                                        \
      t.b += tm_mul(p[1], f[1]);                                                        \
      t.c += tm_mul(p[2], f[2]);                                                        \
      t.d += tm_mul(p[3], f[3]);                                                        \
      p += step;                                                                        \
      f += next;                                                                        \
    } while (p != end);                                                                 \
    return t;                                                                           \
  }
#if !TM_ARMV6M
TM_DEFINE_TAPS(u8)
TM_DEFINE_TAPS(i8)
#endif
TM_DEFINE_TAPS(i16)
#undef TM_DEFINE_TAPS

#endif /* TM_SUMS_H */
