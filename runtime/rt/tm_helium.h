/* Platypus runtime: what integer layers with Helium share. SPDX-License-Identifier: 0BSD
 *
 * Included by tm_kernels.h, behind tm_requant.
 * TM_HELIUM is 1 on cores that have it for integers (Cortex-M55, M85). */
#ifndef TM_HELIUM_H
#define TM_HELIUM_H

#include "tm_port.h"

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

TM_INLINE int32x4_t tm_mve_four(tm_i32 a, tm_i32 b, tm_i32 c, tm_i32 d) {
  int32x4_t v;
#if defined(__GNUC__)
  /* GCC 12 sends them through memory. */
  __asm__("vmov %e0, %1, %2\n\tvmov %f0, %3, %4" : "=&w"(v) : "r"(a), "r"(b), "r"(c), "r"(d));
#else
  v = vdupq_n_s32(a);
  v = vsetq_lane_s32(b, v, 1);
  v = vsetq_lane_s32(c, v, 2);
  v = vsetq_lane_s32(d, v, 3);
#endif
  return v;
}

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
/* All bits of the first n lanes. */
TM_INLINE int8x16_t tm_mve_first(tm_i32 n) {
  return vpselq_s8(vdupq_n_s8(-1), vdupq_n_s8(0), vctp8q((uint32_t)n));
}
/* All bits of the last n lanes. */
TM_INLINE int8x16_t tm_mve_last(tm_i32 n) {
  return vpselq_s8(vdupq_n_s8(0), vdupq_n_s8(-1), vctp8q((uint32_t)(16 - n)));
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
  if (r.multiplier != NULL) {
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
    if (r.multiplier != NULL) {
      const int16x8_t all = vldrhq_s16(r.multiplier + c);
      m.multiplier = odd ? vmovltq_s16(all) : vmovlbq_s16(all);
      m.multiplier = r.wide == 2 ? vshlq_n_s32(m.multiplier, 16) : m.multiplier;
    }
    m.shift = vreinterpretq_s32_u32(odd ? vmovltq_u16(shifts) : vmovlbq_u16(shifts));
    m.shift = vnegq_s32(by == 0 ? m.shift : vaddq_n_s32(m.shift, by));
  }
  return m;
}

/* Not products of 64 bits, and not halves to even. */
TM_INLINE int tm_mve_can_scale(tm_requant r) {
  return r.wide != 1 && !(r.nearest && r.multiplier == NULL);
}
/* Codes of four sums before they are clamped. */
TM_INLINE int32x4_t tm_mve_scaled(int32x4_t v, tm_mve_requant m, tm_requant r) {
  if (r.multiplier != NULL) {
    v = r.wide == 2 ? vmulhq_s32(v, m.multiplier) : vmulq_s32(v, m.multiplier);
  }
  return r.nearest ? vaddq_n_s32(vrshlq_s32(v, m.shift), r.zero) : vshlq_s32(v, m.shift);
}
TM_INLINE int32x4_t tm_mve_clamp(int32x4_t v, tm_requant r) {
  if (r.lo == 0 && r.hi == 255) { /* no vectors of bounds: narrower unsigned codes twice */
    const uint16x8_t u = vqmovunbq_s32(vuninitializedq_u16(), v);
    return vreinterpretq_s32_u8(vqmovnbq_u16(vuninitializedq_u8(), u));
  }
  return vminq_s32(vmaxq_s32(v, vdupq_n_s32(r.lo)), vdupq_n_s32(r.hi));
}
TM_INLINE int16x8_t tm_mve_clamp16(int16x8_t v, tm_requant r) {
  if (r.lo == 0 && r.hi == 255) {
    return vreinterpretq_s16_u8(vqmovunbq_s16(vuninitializedq_u8(), v));
  }
  return vminq_s16(vmaxq_s16(v, vdupq_n_s16((int16_t)r.lo)), vdupq_n_s16((int16_t)r.hi));
}
#endif /* TM_HELIUM */

#endif /* TM_HELIUM_H */
