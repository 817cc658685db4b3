/* Platypus runtime: inner loops of tm_sums.h for Armv6-M. SPDX-License-Identifier: 0BSD
 *
 * Instructions have eight registers, which four sums, two factors and two pointers (or a pointer
 * and an index) fill; GCC finds no such order. What a loop only adds, compares or copies stands in
 * the others. */
#ifndef TM_ARMV6M_H
#define TM_ARMV6M_H

#include "tm_shape.h"
#include "tm_weights.h"

/* clang-format off */

/* Codes at place i of x and of four rows. Pointers stand at the ends, where i becomes 0. */
#define TM_OF_ROW(sum, row, load)         \
  "mov %[v], %[" #row "]\n"               \
  load " %[v], [%[v], %[i]]\n"            \
  "muls %[v], %[w], %[v]\n"               \
  "adds %[" #sum "], %[" #sum "], %[v]\n"
#define TM_PLACE(load_x, load_row)        \
  "mov %[w], %[x]\n"                      \
  load_x " %[w], [%[w], %[i]]\n"          \
  load_row " %[v], [%[p], %[i]]\n"        \
  "muls %[v], %[w], %[v]\n"               \
  "adds %[a], %[a], %[v]\n"               \
  TM_OF_ROW(b, q, load_row)               \
  TM_OF_ROW(c, r, load_row)               \
  TM_OF_ROW(d, s, load_row)               \
  "adds %[i], %[i], #1\n"
#define TM_ADD_PLACES(places)                                                                     \
  __asm__(".syntax unified\n"                                                                     \
          "1:\n"                                                                                  \
          places                                                                                  \
          "bne 1b\n"                                                                              \
          : [a] "+l"(t.a), [b] "+l"(t.b), [c] "+l"(t.c), [d] "+l"(t.d), [i] "+l"(i),              \
            [v] "=&l"(v), [w] "=&l"(w)                                                            \
          : [x] "h"(x + n), [p] "l"(row + n), [q] "h"(row + n + step),                            \
            [r] "h"(row + n + 2 * step), [s] "h"(row + n + 3 * step)                              \
          : "cc", "memory")
#define TM_DEFINE_ROWS(name, x_type, row_type, load_x, load_row)                                  \
  TM_INLINE tm_four name(tm_four t, const tm_##x_type* x, const tm_##row_type* row, tm_i32 step,  \
                         tm_i32 n) {                                                              \
    tm_i32 v, w, i = -n;                                                                          \
    if (TM_OPTIMISE == TM_SPEED && __builtin_constant_p(n) && n % 2 == 0) {                       \
      TM_ADD_PLACES(TM_PLACE(load_x, load_row) TM_PLACE(load_x, load_row));                       \
    } else {                                                                                      \
      TM_ADD_PLACES(TM_PLACE(load_x, load_row));                                                  \
    }                                                                                             \
    return t;                                                                                     \
  }
TM_DEFINE_ROWS(tm_rows_u8_i8, u8, i8, "ldrb", "ldrsb")
TM_DEFINE_ROWS(tm_rows_i8_i8, i8, i8, "ldrsb", "ldrsb")
TM_DEFINE_ROWS(tm_far_rows, i8, u8, "ldrsb", "ldrb")
#undef TM_DEFINE_ROWS
#undef TM_ADD_PLACES
#undef TM_PLACE
#undef TM_OF_ROW

/* Rows of unsigned codes that one pointer reaches. */
#define TM_OF_ROW(sum, row, at)                       \
  "ldrb %[v], [%[p], #" #row "*%c[step]+" #at "]\n"   \
  "muls %[v], %[w], %[v]\n"                           \
  "adds %[" #sum "], %[" #sum "], %[v]\n"
#define TM_PLACE(at)                                  \
  "ldrb %[w], [%[x], #" #at "]\n"                     \
  "sxtb %[w], %[w]\n"                                 \
  TM_OF_ROW(a, 0, at)                                 \
  TM_OF_ROW(b, 1, at)                                 \
  TM_OF_ROW(c, 2, at)                                 \
  TM_OF_ROW(d, 3, at)
#define TM_ADD_PLACES(places, count)                                                              \
  __asm__(".syntax unified\n"                                                                     \
          "1:\n"                                                                                  \
          places                                                                                  \
          "adds %[x], #" #count "\n"                                                              \
          "adds %[p], #" #count "\n"                                                              \
          "cmp %[p], %[end]\n"                                                                    \
          "bne 1b\n"                                                                              \
          : [a] "+l"(t.a), [b] "+l"(t.b), [c] "+l"(t.c), [d] "+l"(t.d), [v] "=&l"(v),             \
            [w] "=&l"(w), [p] "+l"(row), [x] "+l"(x)                                              \
          : [end] "h"(row + n), [step] "i"(step)                                                  \
          : "cc", "memory")
TM_INLINE tm_four tm_near_rows(tm_four t, const tm_i8* x, const tm_u8* row, tm_i32 step,
                               tm_i32 n) {
  tm_i32 v, w;
  if (TM_OPTIMISE == TM_SPEED && __builtin_constant_p(n) && n % 4 == 0 && 3 * step + 3 <= 31) {
    TM_ADD_PLACES(TM_PLACE(0) TM_PLACE(1) TM_PLACE(2) TM_PLACE(3), 4);
  } else if (__builtin_constant_p(n) && n % 2 == 0) {
    TM_ADD_PLACES(TM_PLACE(0) TM_PLACE(1), 2);
  } else {
    TM_ADD_PLACES(TM_PLACE(0), 1);
  }
  return t;
}
#undef TM_ADD_PLACES
#undef TM_PLACE
#undef TM_OF_ROW

TM_INLINE tm_four tm_rows_i8_u8(tm_four t, const tm_i8* x, const tm_u8* row, tm_i32 step,
                                tm_i32 n) {
  if (__builtin_constant_p(step) && tm_is_near(step)) {
    return tm_near_rows(t, x, row, step, n);
  } else {
    return tm_far_rows(t, x, row, step, n);
  }
}

#define TM_OF_CHANNEL(sum, at, extend)    \
  "ldrb %[v], [%[p], #" #at "]\n"         \
  "ldrb %[w], [%[f], #" #at "]\n"         \
  "sxtb %[w], %[w]\n"                     \
  extend                                  \
  "muls %[v], %[w], %[v]\n"               \
  "adds %[" #sum "], %[" #sum "], %[v]\n"
#define TM_DEFINE_TAPS(type, extend)                                                              \
  TM_INLINE tm_four tm_taps_##type(tm_four t, const tm_##type* p, const tm_##type* end,           \
                                   tm_i32 step, const tm_i8* f, tm_i32 next) {                    \
    tm_i32 v, w;                                                                                  \
    __asm__(".syntax unified\n"                                                                   \
            "1:\n"                                                                                \
            TM_OF_CHANNEL(a, 0, extend)                                                           \
            TM_OF_CHANNEL(b, 1, extend)                                                           \
            TM_OF_CHANNEL(c, 2, extend)                                                           \
            TM_OF_CHANNEL(d, 3, extend)                                                           \
            "add %[p], %[step]\n"                                                                 \
            "add %[f], %[next]\n"                                                                 \
            "cmp %[p], %[end]\n"                                                                  \
            "bne 1b\n"                                                                            \
            : [a] "+l"(t.a), [b] "+l"(t.b), [c] "+l"(t.c), [d] "+l"(t.d), [v] "=&l"(v),           \
              [w] "=&l"(w), [p] "+l"(p), [f] "+l"(f)                                              \
            : [step] "h"(step), [next] "h"(next), [end] "h"(end)                                  \
            : "cc", "memory");                                                                    \
    return t;                                                                                     \
  }
TM_DEFINE_TAPS(u8, "")
TM_DEFINE_TAPS(i8, "sxtb %[v], %[v]\n")
#undef TM_DEFINE_TAPS
#undef TM_OF_CHANNEL

/* clang-format on */

#endif /* TM_ARMV6M_H */
