/* Platypus runtime: what integer layers with Helium share. SPDX-License-Identifier: 0BSD
 *
 * Included by tm_kernels.h, behind tm_requant.
 * TM_HELIUM is 1 on cores that have it for integers (Cortex-M55, M85). */
#ifndef TM_HELIUM_H
#define TM_HELIUM_H

#include "tm_port.h"
#include "tm_shape.h"

#ifndef TM_HELIUM
#if defined(__ARM_FEATURE_MVE)
#define TM_HELIUM 1
#else
#define TM_HELIUM 0
#endif
#endif

#if TM_HELIUM
#include <arm_mve.h>

/* Sums of four rows. */
typedef struct {
  tm_i32 a, b, c, d;
} tm_mve_sums;

/* Lanes 0 and 1, and with them lanes 2 and 3. GCC 12 sends them through memory. */
TM_INLINE int32x4_t tm_mve_low(tm_i32 a, tm_i32 b) {
  int32x4_t v;
#if defined(__GNUC__)
  __asm__("vmov %e0, %1, %2" : "=w"(v) : "r"(a), "r"(b));
#else
  v = vsetq_lane_s32(b, vdupq_n_s32(a), 1);
#endif
  return v;
}
TM_INLINE int32x4_t tm_mve_high(int32x4_t v, tm_i32 c, tm_i32 d) {
#if defined(__GNUC__)
  __asm__("vmov %f0, %1, %2" : "+w"(v) : "r"(c), "r"(d));
  return v;
#else
  return vsetq_lane_s32(d, vsetq_lane_s32(c, v, 2), 3);
#endif
}
TM_INLINE int32x4_t tm_mve_four(tm_i32 a, tm_i32 b, tm_i32 c, tm_i32 d) {
  return tm_mve_high(tm_mve_low(a, b), c, d);
}

/* The next 16 codes; eight, widened; four words; four words as the second operand of an
 * instruction.
 */
#if defined(__GNUC__) && !defined(__clang__)
/* GCC 12 would keep a pointer for each of several loads. Nothing moves across these, so that what
 * was written before is there. */
#define TM_MVE_NEXT(v, p) __asm__ volatile("vldrb.8 %q0, [%1], #16" : "=w"(v), "+r"(p) : : "memory")
#define TM_MVE_NEXT_EIGHT(v, p) \
  __asm__ volatile("vldrb.s16 %q0, [%1], #8" : "=w"(v), "+l"(p) : : "memory")
#define TM_MVE_NEXT_WORDS(v, p) \
  __asm__ volatile("vldrw.32 %q0, [%1], #16" : "=w"(v), "+r"(p) : : "memory")
#define TM_MVE_NEXT_FOUR(instruction, intrinsic, v, p)                          \
  do {                                                                          \
    int32x4_t next_four;                                                        \
    __asm__ volatile("vldrw.32 %q1, [%2], #16\n\t" instruction " %q0, %q0, %q1" \
                     : "+w"(v), "=&w"(next_four), "+r"(p)                       \
                     :                                                          \
                     : "memory");                                               \
  } while (0)
/* Adds to both here, where GCC 12 would keep products in memory until later. */
#define TM_MVE_NOW(v, w) __asm__ volatile("" : "+w"(v), "+w"(w))
#else
#define TM_MVE_NEXT_EIGHT(v, p) ((v) = vldrbq_s16(p), (p) += 8)
#define TM_MVE_NOW(v, w)
#define TM_MVE_NEXT_WORDS(v, p) ((v) = vldrwq_s32(p), (p) += 4)
#define TM_MVE_NEXT_FOUR(instruction, intrinsic, v, p) ((v) = intrinsic(v, vldrwq_s32(p)), (p) += 4)
#define TM_MVE_NEXT(v, p) ((v) = vldrbq_s8(p), (p) += 16)
#endif

/* Eight products of codes at x with the next weights, in even and odd lanes. */
#define TM_MVE_TAP(even, odd, x, f, is_unsigned)                                                   \
  do {                                                                                             \
    const int16x8_t codes = (is_unsigned) ? vreinterpretq_s16_u16(vldrbq_u16((const uint8_t*)(x))) \
                                          : vldrbq_s16((const int8_t*)(x));                        \
    int16x8_t weights_of_tap;                                                                      \
    TM_MVE_NEXT_EIGHT(weights_of_tap, f);                                                          \
    even = vaddq_s32(even, vmullbq_int_s16(codes, weights_of_tap));                                \
    odd = vaddq_s32(odd, vmulltq_int_s16(codes, weights_of_tap));                                  \
    TM_MVE_NOW(even, odd);                                                                         \
  } while (0)

/* 128 times the sums of n codes of four rows: what signed codes in the place of unsigned ones lack.
 */
TM_INLINE int32x4_t tm_mve_row_sums(const tm_i8* f, tm_i32 row, tm_i32 n) {
  const tm_i8* f1 = f + row;
  const tm_i8* f2 = f1 + row;
  const tm_i8* f3 = f2 + row;
  tm_i32 a = 0, b = 0, c = 0, d = 0, i;
  TM_APART(f1);
  TM_APART(f2);
  TM_APART(f3);
  for (i = n / 16; i > 0; --i) {
    a = vaddvaq_s8(a, vldrbq_s8(f));
    b = vaddvaq_s8(b, vldrbq_s8(f1));
    c = vaddvaq_s8(c, vldrbq_s8(f2));
    d = vaddvaq_s8(d, vldrbq_s8(f3));
    f += 16;
    f1 += 16;
    f2 += 16;
    f3 += 16;
  }
  if (n % 16 != 0) {
    const mve_pred16_t some = vctp8q((uint32_t)(n % 16));
    a = vaddvaq_s8(a, vldrbq_z_s8(f, some));
    b = vaddvaq_s8(b, vldrbq_z_s8(f1, some));
    c = vaddvaq_s8(c, vldrbq_z_s8(f2, some));
    d = vaddvaq_s8(d, vldrbq_z_s8(f3, some));
  }
  return vshlq_n_s32(tm_mve_four(a, b, c, d), 7);
}

/* Windows of a convolution: of up to TM_MVE_HOLD codes one stays in registers, of up to
 * TM_MVE_HOLD / 2 two; longer ones are read again for other channels, two at a time up to
 * TM_MVE_TWO. */
#define TM_MVE_HOLD 96
#define TM_MVE_TWO 288
#define TM_MVE_MOST 1152
/* Channels that share what is brought together. */
#define TM_MVE_CHANNELS TM_TOGETHER
TM_INLINE int tm_mve_is_two(tm_i32 row) {
  return row <= TM_MVE_HOLD / 2 || (row > TM_MVE_HOLD && row <= TM_MVE_TWO);
}
/* Whole vectors, and one that may begin behind the last code but one. */
TM_INLINE tm_i32 tm_mve_window_octets(tm_i32 row) { return (row + 30) / 16 * 16; }
/* Words of offsets, multipliers and shifts. */
TM_INLINE tm_i32 tm_mve_scales(tm_i32 channels) {
  return 3 * (channels < TM_MVE_CHANNELS ? channels : TM_MVE_CHANNELS);
}

/* Taps of a depthwise layer whose weights are brought together. */
#define TM_MVE_TAPS 25

/* How many rows of a window, `run` neighbours in each, `line` apart, one vector takes. */
TM_INLINE tm_i32 tm_mve_rows_of(tm_i32 run, tm_i32 line) {
  const tm_i32 rows = 16 / run, reach = (256 - run) / line + 1;
  return rows < reach ? rows : reach;
}
/* Where they stand: lane i in row i / run. */
TM_INLINE uint8x16_t tm_mve_places(tm_i32 run, tm_i32 line) {
  const uint8x16_t lane = vidupq_n_u8(0, 1);
  const uint8x16_t row = vmulhq_u8(lane, vdupq_n_u8((uint8_t)(256 / run + (run > 1))));
  return run == 1 ? vmulq_n_u8(lane, (uint8_t)line)
                  : vaddq_u8(lane, vmulq_n_u8(row, (uint8_t)(line - run)));
}
/* All bits of the last n lanes. */
TM_INLINE int8x16_t tm_mve_last(tm_i32 n) {
  return vpselq_s8(vdupq_n_s8(0), vdupq_n_s8(-1), vctp8q((uint32_t)(16 - n)));
}

/* Whether there are multipliers. Where compilers are told that an address may be 0 they would look
 * at that of the table each time. */
TM_INLINE int tm_mve_multiplies(tm_requant r) { return r.wide == 2 || r.multiplier != NULL; }
/* Not products of 64 bits, and not halves to even. */
TM_INLINE int tm_mve_can_scale(tm_requant r) {
  return r.wide != 1 && (!r.nearest || tm_mve_multiplies(r));
}

/* Offsets, multipliers and shifts of four channels. */
typedef struct {
  int32x4_t offset, multiplier, shift;
} tm_mve_requant;

/* Of channels c ... c + 3. */
TM_INLINE tm_mve_requant tm_mve_requant_at(tm_i32 c, tm_requant r) {
  tm_mve_requant m;
  const int by = r.nearest + (r.wide == 2 ? -16 : 0);
  m.offset = r.shared ? vdupq_n_s32(r.offset[0]) : vldrwq_s32((const int32_t*)r.offset + c);
  m.multiplier = m.offset;
  if (tm_mve_multiplies(r)) {
    m.multiplier = r.shared ? vdupq_n_s32(r.multiplier[0]) : vldrhq_s32(r.multiplier + c);
    m.multiplier = r.wide == 2 ? vshlq_n_s32(m.multiplier, 16) : m.multiplier;
  }
  m.shift = r.shared ? vdupq_n_s32(r.shift[0]) : vreinterpretq_s32_u32(vldrbq_u32(r.shift + c));
  m.shift = vnegq_s32(by == 0 ? m.shift : vaddq_n_s32(m.shift, by));
  return m;
}

/* Of channels c, c + 2, c + 4, c + 6, or the four between them. */
TM_INLINE tm_mve_requant tm_mve_requant_of(tm_i32 c, int odd, tm_requant r) {
  tm_mve_requant m = tm_mve_requant_at(c, r);
  if (!r.shared) {
    const int by = r.nearest + (r.wide == 2 ? -16 : 0);
    const int32x4x2_t offsets = vld2q_s32((const int32_t*)r.offset + c);
    const uint16x8_t shifts = vldrbq_u16(r.shift + c);
    m.offset = offsets.val[odd];
    if (tm_mve_multiplies(r)) {
      const int16x8_t all = vldrhq_s16(r.multiplier + c);
      m.multiplier = odd ? vmovltq_s16(all) : vmovlbq_s16(all);
      m.multiplier = r.wide == 2 ? vshlq_n_s32(m.multiplier, 16) : m.multiplier;
    }
    m.shift = vreinterpretq_s32_u32(odd ? vmovltq_u16(shifts) : vmovlbq_u16(shifts));
    m.shift = vnegq_s32(by == 0 ? m.shift : vaddq_n_s32(m.shift, by));
  }
  return m;
}

/* What tm_mve_finish reads; returns where the next ones go. */
TM_INLINE int32_t* tm_mve_write(tm_mve_requant m, tm_requant r, int32_t* next) {
  vstrwq_s32(next, m.offset);
  if (tm_mve_can_scale(r) && tm_mve_multiplies(r)) {
    next += 4;
    vstrwq_s32(next, m.multiplier);
  }
  if (tm_mve_can_scale(r)) {
    next += 4;
    vstrwq_s32(next, m.shift);
  }
  return next + 4;
}
/* Of channels c ... c + 7: both offsets first. */
TM_INLINE void tm_mve_write_eight(tm_i32 c, tm_requant r, int32_t* next) {
  const tm_mve_requant even = tm_mve_requant_of(c, 0, r), odd = tm_mve_requant_of(c, 1, r);
  const int scaled = tm_mve_multiplies(r);
  vstrwq_s32(next, even.offset);
  vstrwq_s32(next + 4, odd.offset);
  if (scaled) {
    vstrwq_s32(next + 8, even.multiplier);
    vstrwq_s32(next + 16, odd.multiplier);
  }
  vstrwq_s32(next + (scaled ? 12 : 8), even.shift);
  vstrwq_s32(next + (scaled ? 20 : 12), odd.shift);
}
/* Codes of four sums before they are clamped, with the next multipliers and shifts. */
#define TM_MVE_SCALE(v, next, r)                          \
  do {                                                    \
    if ((r).wide == 2) {                                  \
      TM_MVE_NEXT_FOUR("vmulh.s32", vmulhq_s32, v, next); \
    } else if (tm_mve_multiplies(r)) {                    \
      TM_MVE_NEXT_FOUR("vmul.i32", vmulq_s32, v, next);   \
    }                                                     \
    if ((r).nearest) {                                    \
      TM_MVE_NEXT_FOUR("vrshl.s32", vrshlq_s32, v, next); \
      v = (r).zero == 0 ? v : vaddq_n_s32(v, (r).zero);   \
    } else {                                              \
      TM_MVE_NEXT_FOUR("vshl.s32", vshlq_s32, v, next);   \
    }                                                     \
  } while (0)

TM_INLINE int32x4_t tm_mve_shifted(int32x4_t v, int32x4_t shift, tm_requant r) {
  if (!r.nearest) {
    return vshlq_s32(v, shift);
  }
  v = vrshlq_s32(v, shift);
  return r.zero == 0 ? v : vaddq_n_s32(v, r.zero);
}
/* Codes of four sums before they are clamped. */
TM_INLINE int32x4_t tm_mve_scaled(int32x4_t v, tm_mve_requant m, tm_requant r) {
  if (tm_mve_multiplies(r)) {
    v = r.wide == 2 ? vmulhq_s32(v, m.multiplier) : vmulq_s32(v, m.multiplier);
  }
  return tm_mve_shifted(v, m.shift, r);
}
/* The lowest octets of lanes count: what is above them may be left over. */
TM_INLINE int32x4_t tm_mve_clamp(int32x4_t v, tm_requant r) {
#if defined(__GNUC__) && !defined(__clang__)
  /* No vectors of bounds. GCC 12 copies what an intrinsic narrows in its place. */
  if (r.lo == 0 && r.hi == 255) {
    __asm__("vqmovunb.s32 %q0, %q0\n\tvqmovnb.u16 %q0, %q0" : "+w"(v));
    return v;
  }
  if (r.lo == -128 && r.hi == 127) {
    __asm__("vqmovnb.s32 %q0, %q0\n\tvqmovnb.s16 %q0, %q0" : "+w"(v));
    return v;
  }
  if (r.lo == -32768 && r.hi == 32767) {
    __asm__("vqmovnb.s32 %q0, %q0" : "+w"(v));
    return v;
  }
#endif
  return vminq_s32(vmaxq_s32(v, vdupq_n_s32(r.lo)), vdupq_n_s32(r.hi));
}
TM_INLINE int16x8_t tm_mve_clamp16(int16x8_t v, tm_requant r) {
#if defined(__GNUC__) && !defined(__clang__)
  if (r.lo == 0 && r.hi == 255) {
    __asm__("vqmovunb.s16 %q0, %q0" : "+w"(v));
    return v;
  }
  if (r.lo == -128 && r.hi == 127) {
    __asm__("vqmovnb.s16 %q0, %q0" : "+w"(v));
    return v;
  }
#endif
  return vminq_s16(vmaxq_s16(v, vdupq_n_s16((int16_t)r.lo)), vdupq_n_s16((int16_t)r.hi));
}

/* The first codes of a sum of two tensors, in fours. */
#define TM_MVE_CODES_i8(p) vldrbq_s32(p)
#define TM_MVE_CODES_u8(p) vreinterpretq_s32_u32(vldrbq_u32(p))
#define TM_MVE_CODES_i16(p) vldrhq_s32(p)
#define TM_MVE_STORE_i8(p, v) vstrbq_s32(p, v)
#define TM_MVE_STORE_u8(p, v) vstrbq_u32(p, vreinterpretq_u32_s32(v))
#define TM_MVE_STORE_i16(p, v) vstrhq_s32(p, v)
#define TM_MVE_ADD(left, right, out)                               \
  for (; i + 4 <= n; i += 4) {                                     \
    int32x4_t v = vdupq_n_s32(half);                               \
    v = vmlaq_n_s32(v, TM_MVE_CODES_##left(x + i), m0);            \
    v = vmlaq_n_s32(v, TM_MVE_CODES_##right(y + i), m1);           \
    v = vshlq_s32(v, vdupq_n_s32(-shift));                         \
    v = vminq_s32(vmaxq_s32(v, vdupq_n_s32(lo)), vdupq_n_s32(hi)); \
    TM_MVE_STORE_##out(z + i, v);                                  \
  }
#else
#define TM_MVE_ADD(left, right, out)
#endif /* TM_HELIUM */

#endif /* TM_HELIUM_H */
