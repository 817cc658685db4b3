/* Platypus runtime: layers of integer networks. SPDX-License-Identifier: 0BSD
 *
 * Activations are [height][width][channel], channels contiguous. The generated code calls these
 * functions with literal sizes, so that the compiler makes one tight function of each call. Integer
 * layers compute q = clamp(((sum + offset[c]) * multiplier[c]) >> shift[c], lo, hi) in 32 bits (64
 * where the generator could not prove 32 enough); a null multiplier means 1. To nearest they leave
 * a bit to round by and add the zero point: clamp(((((...) >> shift[c]) + 1) >> 1) + zero, lo, hi);
 * a multiplier of 1 then sends halves to even. */
#ifndef TM_KERNELS_H
#define TM_KERNELS_H

#include "tm_dsp.h"
#include "tm_math.h"
#include "tm_moves.h"
#include "tm_resize.h"
#include "tm_shape.h"
#include "tm_sums.h"
#include "tm_weights.h"

/* How sums become codes. */
typedef struct {
  const tm_i32* offset;
  const tm_i16* multiplier; /* null: 1 */
  const tm_u8* shift;
  tm_i32 lo, hi;
  int wide;    /* the product needs 64 bits (1); and every shift is at least 16 (2) */
  int shared;  /* one offset, multiplier and shift for all channels */
  int nearest; /* one bit of the shift is left for rounding */
  tm_i32 zero;
} tm_requant;

TM_INLINE tm_i32 tm_clamp(tm_i32 v, tm_i32 lo, tm_i32 hi) { return v < lo ? lo : v > hi ? hi : v; }

/* Where the sum of channel c starts. */
TM_INLINE tm_i32 tm_offset(tm_i32 c, tm_requant r) { return r.offset[r.shared ? 0 : c]; }

/* round(v * 2^-(shift + 1)), halves to even. */
TM_INLINE tm_i32 tm_half_even(tm_i32 v, int shift) {
  const tm_i32 half = (tm_i32)1 << shift;
  const tm_i32 below = TM_ASR(TM_ASR(v, shift), 1);
  return below + ((v & (2 * half - 1)) + (below & 1) > half ? 1 : 0);
}

/* floor(sum * m * 2^-16), m of 16 bits. Armv6-M has no long multiplication. */
TM_INLINE tm_i32 tm_mul_high(tm_i32 sum, tm_i32 m) {
#if defined(__ARM_ARCH_6M__)
  return TM_ASR(sum, 16) * m + TM_ASR((sum & 0xFFFF) * m, 16);
#elif TM_DSP
  return tm_smulwb(sum, m);
#else
  return (tm_i32)TM_ASR((tm_i64)sum * m, 16);
#endif
}

/* The code of a sum that started at the channel's offset. */
TM_INLINE tm_i32 tm_requantize(tm_i32 sum, tm_i32 c, tm_requant r) {
  const tm_i32 at = r.shared ? 0 : c;
  if (r.wide == 2) {
    tm_i32 y = TM_ASR(tm_mul_high(sum, r.multiplier[at]), r.shift[at] - 16);
    y = r.nearest ? TM_ASR(y + 1, 1) + r.zero : y;
    return tm_clamp(y, r.lo, r.hi);
  } else if (r.wide) {
    tm_i64 y = TM_ASR((tm_i64)sum * r.multiplier[at], r.shift[at]);
    y = r.nearest ? TM_ASR(y + 1, 1) + r.zero : y;
    return y < r.lo ? r.lo : y > r.hi ? r.hi : (tm_i32)y;
  } else if (r.multiplier == NULL && r.nearest) {
    return tm_clamp(tm_half_even(sum, (int)r.shift[at]) + r.zero, r.lo, r.hi);
  } else {
    tm_i32 y = TM_ASR(r.multiplier == NULL ? sum : sum * r.multiplier[at], r.shift[at]);
    y = r.nearest ? TM_ASR(y + 1, 1) + r.zero : y;
    return tm_clamp(y, r.lo, r.hi);
  }
}

#include "tm_helium.h"

#define TM_JOIN2B(a, b) a##_##b
#define TM_JOIN2(a, b) TM_JOIN2B(a, b)
#define TM_JOIN3(a, b, c) a##_##b##_##c
#define TM_JOIN4(prefix, a, b) TM_JOIN3(prefix, a, b)
#define TM_TYPE2(a) tm_##a
#define TM_TYPE(a) TM_TYPE2(a)
#define TM_CODE_BITS_i8 8
#define TM_CODE_BITS_u8 8
#define TM_CODE_BITS_i16 16

/* tm_conv_i8_u8 and the like: first the type of the input's codes, then that of the output's. */
#define TM_IN i8
#define TM_OUT i8
#include "tm_layers.h"
#define TM_IN i8
#define TM_OUT u8
#include "tm_layers.h"
#define TM_IN i8
#define TM_OUT i16
#include "tm_layers.h"
#define TM_IN u8
#define TM_OUT i8
#include "tm_layers.h"
#define TM_IN u8
#define TM_OUT u8
#include "tm_layers.h"
#define TM_IN u8
#define TM_OUT i16
#include "tm_layers.h"
#define TM_IN i16
#define TM_OUT i8
#include "tm_layers.h"
#define TM_IN i16
#define TM_OUT u8
#include "tm_layers.h"
#define TM_IN i16
#define TM_OUT i16
#include "tm_layers.h"

/* q = clamp((x * m0 + y * m1 + half) >> shift); z may be x or y */
#define TM_DEFINE_ADD(left, right, out)                                                          \
  TM_INLINE void tm_add_##left##_##right##_##out(const tm_##left* x, const tm_##right* y,        \
                                                 tm_i32 n, tm_i32 m0, tm_i32 m1, tm_i32 half,    \
                                                 int shift, tm_i32 lo, tm_i32 hi, tm_##out* z) { \
    tm_i32 i = 0;                                                                                \
    TM_MVE_ADD(left, right, out)                                                                 \
    for (; i < n; ++i) {                                                                         \
      z[i] = (tm_##out)tm_clamp(TM_ASR(x[i] * m0 + y[i] * m1 + half, shift), lo, hi);            \
    }                                                                                            \
  }

#define TM_DEFINE_ADDS(left, right) \
  TM_DEFINE_ADD(left, right, i8)    \
  TM_DEFINE_ADD(left, right, u8)    \
  TM_DEFINE_ADD(left, right, i16)

TM_DEFINE_ADDS(i8, i8)
TM_DEFINE_ADDS(i8, u8)
TM_DEFINE_ADDS(i8, i16)
TM_DEFINE_ADDS(u8, i8)
TM_DEFINE_ADDS(u8, u8)
TM_DEFINE_ADDS(u8, i16)
TM_DEFINE_ADDS(i16, i8)
TM_DEFINE_ADDS(i16, u8)
TM_DEFINE_ADDS(i16, i16)

/* q = clamp(floor((x + offset) * multiplier * 2^-shift)), every operation rounded to float; a NaN
 * becomes lo. x and q are [outer][channel][inner], parameters [channel]: channel after channel with
 * outer 1, channels last with inner 1, one parameter for all with channels 1. power[c] is
 * 2^-shift. */
#define TM_DEFINE_QUANTIZE(out)                                                                  \
  TM_INLINE void tm_quantize_##out(const tm_f32* x, tm_i32 outer, tm_i32 channels, tm_i32 inner, \
                                   const tm_f32* offset, const tm_f32* multiplier,               \
                                   const tm_f32* power, tm_f32 lo, tm_f32 hi, tm_##out* q) {     \
    tm_i32 o, c, i;                                                                              \
    for (o = 0; o < outer; ++o) {                                                                \
      for (c = 0; c < channels; ++c) {                                                           \
        for (i = 0; i < inner; ++i) {                                                            \
          tm_f32 v = (*x++ + offset[c]) * multiplier[c];                                         \
          v = v * power[c];                                                                      \
          v = v > lo ? (v < hi ? tm_floorf(v) : hi) : lo;                                        \
          *q++ = (tm_##out)v;                                                                    \
        }                                                                                        \
      }                                                                                          \
    }                                                                                            \
  }

TM_DEFINE_QUANTIZE(i8)
TM_DEFINE_QUANTIZE(u8)
TM_DEFINE_QUANTIZE(i16)

/* y = (q - zero) * scale */
#define TM_DEFINE_DEQUANTIZE(in)                                                           \
  TM_INLINE void tm_dequantize_##in(const tm_##in* q, tm_i32 n, tm_i32 zero, tm_f32 scale, \
                                    tm_f32* y) {                                           \
    tm_i32 i;                                                                              \
    for (i = 0; i < n; ++i) {                                                              \
      y[i] = (tm_f32)(q[i] - zero) * scale;                                                \
    }                                                                                      \
  }

TM_DEFINE_DEQUANTIZE(i8)
TM_DEFINE_DEQUANTIZE(u8)
TM_DEFINE_DEQUANTIZE(i16)

#endif /* TM_KERNELS_H */
