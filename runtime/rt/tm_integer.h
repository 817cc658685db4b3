/* Platypus runtime: functions of codes. SPDX-License-Identifier: 0BSD
 *
 * Activations are [height][width][channel], channels contiguous; x has codes of 8 bits. */
#ifndef TM_INTEGER_H
#define TM_INTEGER_H

#include "tm_kernels.h"

/* Entry x mod 256 of a table; y may be x. */
#define TM_DEFINE_LOOKUP(in, out)                                                          \
  TM_INLINE void tm_lookup_##in##_##out(const tm_##in* x, const tm_##out* table, tm_i32 n, \
                                        tm_##out* y) {                                     \
    tm_i32 i;                                                                              \
    for (i = 0; i < n; ++i) {                                                              \
      y[i] = table[x[i] & 255];                                                            \
    }                                                                                      \
  }

TM_DEFINE_LOOKUP(i8, i8)
TM_DEFINE_LOOKUP(i8, u8)
TM_DEFINE_LOOKUP(i8, i16)
TM_DEFINE_LOOKUP(u8, i8)
TM_DEFINE_LOOKUP(u8, u8)
TM_DEFINE_LOOKUP(u8, i16)

/* 256 times the softmax over the channels of each position; table[d]: 2^15 exp(-d), d the codes
 * that a channel lies below the largest one. 2^15 channels fit 32 bits. y may be x. */
#define TM_DEFINE_SOFTMAX(in)                                                             \
  TM_INLINE void tm_softmax_##in(const tm_##in* x, const tm_u16* table, tm_i32 positions, \
                                 tm_i32 channels, tm_u8* y) {                             \
    tm_i32 p, c;                                                                          \
    for (p = 0; p < positions; ++p) {                                                     \
      tm_i32 largest = x[0];                                                              \
      tm_u32 sum = 0, half;                                                               \
      for (c = 1; c < channels; ++c) {                                                    \
        largest = x[c] > largest ? x[c] : largest;                                        \
      }                                                                                   \
      for (c = 0; c < channels; ++c) {                                                    \
        sum += table[largest - x[c]];                                                     \
      }                                                                                   \
      half = sum >> 1;                                                                    \
      for (c = 0; c < channels; ++c) {                                                    \
        const tm_u32 q = (((tm_u32)table[largest - x[c]] << 8) + half) / sum;             \
        y[c] = (tm_u8)(q > 255 ? 255 : q);                                                \
      }                                                                                   \
      x += channels;                                                                      \
      y += channels;                                                                      \
    }                                                                                     \
  }

TM_DEFINE_SOFTMAX(i8)
TM_DEFINE_SOFTMAX(u8)

/* floor(sqrt(m)) */
TM_INLINE tm_u32 tm_sqrt_u32(tm_u32 m) {
  tm_u32 root = 0, bit;
  for (bit = (tm_u32)1 << 30; bit != 0; bit >>= 2) {
    if (m >= root + bit) {
      m -= root + bit;
      root += 2 * bit;
    }
    root >>= 1;
  }
  return root;
}

/* x / sqrt(d) = x * reciprocal * 2^-shift, for d from 1 to 2^62 - 1; error below 2^-14 of it. */
typedef struct {
  tm_i32 reciprocal; /* 16 or 17 bits */
  int shift;
} tm_root;

TM_INLINE tm_root tm_reciprocal_root(tm_i64 d) {
  tm_root r;
  r.shift = 47;
  while (d < (tm_i64)1 << 60) {
    d *= 4;
    r.shift -= 1;
  }
  r.reciprocal = (tm_i32)(0xffffffffu / tm_sqrt_u32((tm_u32)(d >> 30)));
  return r;
}

typedef struct {
  const tm_i16* multiplier; /* of each value, in the order of x */
  const tm_i32* offset;
  tm_i64 epsilon; /* of n^2 times the variance */
  int fraction;   /* bits of the normalised values: below 2^16 */
  int shift;
  tm_i32 lo, hi;
} tm_normalizer;

/* Over all n <= 2^15 values of a sample: sums of squares fit 31 bits, n times them 46. y may be x.
 */
#define TM_DEFINE_LAYER_NORM(in, out)                                                            \
  TM_INLINE void tm_layer_norm_##in##_##out(const tm_##in* x, tm_i32 n, tm_normalizer r,         \
                                            tm_##out* y) {                                       \
    tm_i32 sum = 0, squares = 0, i;                                                              \
    tm_root root;                                                                                \
    tm_i64 half;                                                                                 \
    int shift;                                                                                   \
    for (i = 0; i < n; ++i) {                                                                    \
      const tm_i32 v = x[i];                                                                     \
      sum += v;                                                                                  \
      squares += v * v;                                                                          \
    }                                                                                            \
    root = tm_reciprocal_root((tm_i64)n * squares - (tm_i64)sum * sum + r.epsilon);              \
    shift = root.shift - r.fraction;                                                             \
    half = (tm_i64)1 << (shift - 1);                                                             \
    for (i = 0; i < n; ++i) {                                                                    \
      const tm_i32 t = (tm_i32)TM_ASR((tm_i64)(n * x[i] - sum) * root.reciprocal + half, shift); \
      y[i] = (tm_##out)tm_clamp(TM_ASR(t * r.multiplier[i] + r.offset[i], r.shift), r.lo, r.hi); \
    }                                                                                            \
  }

TM_DEFINE_LAYER_NORM(i8, i8)
TM_DEFINE_LAYER_NORM(i8, u8)
TM_DEFINE_LAYER_NORM(i8, i16)
TM_DEFINE_LAYER_NORM(u8, i8)
TM_DEFINE_LAYER_NORM(u8, u8)
TM_DEFINE_LAYER_NORM(u8, i16)

/* q = clamp(((x - zero0) * (y - zero1) * multiplier + added) >> shift). */
typedef struct {
  tm_i32 zero0, zero1, multiplier, added;
  int shift;
  tm_i32 lo, hi;
} tm_product;

/* z may be x or y. */
#define TM_DEFINE_MUL(left, right, out)                                                   \
  TM_INLINE void tm_mul_##left##_##right##_##out(const tm_##left* x, const tm_##right* y, \
                                                 tm_i32 n, tm_product p, tm_##out* z) {   \
    tm_i32 i;                                                                             \
    for (i = 0; i < n; ++i) {                                                             \
      const tm_i32 v = (x[i] - p.zero0) * (y[i] - p.zero1) * p.multiplier + p.added;      \
      z[i] = (tm_##out)tm_clamp(TM_ASR(v, p.shift), p.lo, p.hi);                          \
    }                                                                                     \
  }
#define TM_DEFINE_MULS(out)   \
  TM_DEFINE_MUL(i8, i8, out)  \
  TM_DEFINE_MUL(i8, u8, out)  \
  TM_DEFINE_MUL(i8, i16, out) \
  TM_DEFINE_MUL(u8, i8, out)  \
  TM_DEFINE_MUL(u8, u8, out)  \
  TM_DEFINE_MUL(u8, i16, out) \
  TM_DEFINE_MUL(i16, i8, out) \
  TM_DEFINE_MUL(i16, u8, out) \
  TM_DEFINE_MUL(i16, i16, out)

TM_DEFINE_MULS(i8)
TM_DEFINE_MULS(u8)
TM_DEFINE_MULS(i16)

#endif /* TM_INTEGER_H */
