/* Platypus runtime: instructions of the Arm DSP extension. SPDX-License-Identifier: 0BSD
 *
 * TM_DSP is 1 on cores that have them (Cortex-M4, M7, M33 with DSP, R5F). A build that sets it to 1
 * elsewhere gets the same values in plain C: so any machine tests the kernels that use them. Words
 * hold four values of 8 bits or two of 16, the first one lowest. */
#ifndef TM_DSP_H
#define TM_DSP_H

#include "tm_port.h"

#ifndef TM_DSP
#if defined(__ARM_FEATURE_SIMD32) && defined(__ARM_FEATURE_UNALIGNED) && !defined(__ARM_BIG_ENDIAN)
#define TM_DSP 1
#else
#define TM_DSP 0
#endif
#endif

#ifndef TM_DSP_UNROLL
#define TM_DSP_UNROLL 16
#endif
#if TM_DSP

#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>

/* sum + the products of both pairs; of the lower, of the upper values */
#define tm_smlad(x, y, sum) __smlad((int16x2_t)(x), (int16x2_t)(y), sum)
#define tm_smlabb(x, y, sum) __smlabb((int32_t)(x), (int32_t)(y), sum)
#define tm_smlatt(x, y, sum) __smlatt((int32_t)(x), (int32_t)(y), sum)
/* Values 0 and 2 as 16 bits; those of the words in `sum` plus them */
#define tm_sxtb16(x) ((tm_u32)__sxtb16((int8x4_t)(x)))
#define tm_uxtb16(x) ((tm_u32)__uxtb16((uint8x4_t)(x)))
#define tm_sxtab16(sum, x) ((tm_u32)__sxtab16((int16x2_t)(sum), (int8x4_t)(x)))
#define tm_uxtab16(sum, x) ((tm_u32)__uxtab16((uint16x2_t)(sum), (uint8x4_t)(x)))

/* The same of values 1 and 3. GCC 12 makes two instructions of the rotation and the extraction. */
#if defined(__GNUC__)
#define TM_DEFINE_ROTATED(name)                          \
  TM_INLINE tm_u32 tm_##name##_ror8(tm_u32 x) {          \
    tm_u32 y;                                            \
    __asm__(#name " %0, %1, ror #8" : "=r"(y) : "r"(x)); \
    return y;                                            \
  }
#define TM_DEFINE_ROTATED_SUM(name)                                    \
  TM_INLINE tm_u32 tm_##name##_ror8(tm_u32 sum, tm_u32 x) {            \
    tm_u32 y;                                                          \
    __asm__(#name " %0, %1, %2, ror #8" : "=r"(y) : "r"(sum), "r"(x)); \
    return y;                                                          \
  }
TM_DEFINE_ROTATED(sxtb16)
TM_DEFINE_ROTATED(uxtb16)
TM_DEFINE_ROTATED_SUM(sxtab16)
TM_DEFINE_ROTATED_SUM(uxtab16)
/* Both lower values, both upper ones */
TM_INLINE tm_u32 tm_pkhbt(tm_u32 x, tm_u32 y) {
  tm_u32 z;
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(z) : "r"(x), "r"(y));
  return z;
}
TM_INLINE tm_u32 tm_pkhtb(tm_u32 x, tm_u32 y) {
  tm_u32 z;
  __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(z) : "r"(y), "r"(x));
  return z;
}
/* floor(x * y / 2^16), y of 16 bits */
TM_INLINE tm_i32 tm_smulwb(tm_i32 x, tm_i32 y) {
  tm_i32 z;
  __asm__("smulwb %0, %1, %2" : "=r"(z) : "r"(x), "r"(y));
  return z;
}
#else
#define tm_sxtb16_ror8(x) tm_sxtb16(__ror(x, 8))
#define tm_uxtb16_ror8(x) tm_uxtb16(__ror(x, 8))
#define tm_sxtab16_ror8(sum, x) tm_sxtab16(sum, __ror(x, 8))
#define tm_uxtab16_ror8(sum, x) tm_uxtab16(sum, __ror(x, 8))
#define tm_pkhbt(x, y) (((x)&0xFFFFu) | (y) << 16)
#define tm_pkhtb(x, y) (((y)&0xFFFF0000u) | (x) >> 16)
#define tm_smulwb(x, y) __smulwb(x, y)
#endif

/* The larger one of each of four values */
TM_INLINE tm_u32 tm_max_u8(tm_u32 x, tm_u32 y) {
  (void)__usub8((uint8x4_t)x, (uint8x4_t)y);
  return (tm_u32)__sel((uint8x4_t)x, (uint8x4_t)y);
}
TM_INLINE tm_u32 tm_max_i8(tm_u32 x, tm_u32 y) {
  (void)__ssub8((int8x4_t)x, (int8x4_t)y);
  return (tm_u32)__sel((uint8x4_t)x, (uint8x4_t)y);
}

#else /* plain C */

TM_INLINE tm_i32 tm_lower(tm_u32 x) { return (tm_i16)(x & 0xFFFFu); }
TM_INLINE tm_i32 tm_upper(tm_u32 x) { return (tm_i16)(x >> 16); }
TM_INLINE tm_i32 tm_smlabb(tm_u32 x, tm_u32 y, tm_i32 sum) {
  return (tm_i32)((tm_u32)(tm_lower(x) * tm_lower(y)) + (tm_u32)sum);
}
TM_INLINE tm_i32 tm_smlatt(tm_u32 x, tm_u32 y, tm_i32 sum) {
  return (tm_i32)((tm_u32)(tm_upper(x) * tm_upper(y)) + (tm_u32)sum);
}
TM_INLINE tm_i32 tm_smlad(tm_u32 x, tm_u32 y, tm_i32 sum) {
  return tm_smlatt(x, y, tm_smlabb(x, y, sum));
}
TM_INLINE tm_i32 tm_smulwb(tm_i32 x, tm_i32 y) { return (tm_i32)TM_ASR((tm_i64)x * y, 16); }
TM_INLINE tm_u32 tm_pkhbt(tm_u32 x, tm_u32 y) { return (x & 0xFFFFu) | y << 16; }
TM_INLINE tm_u32 tm_pkhtb(tm_u32 x, tm_u32 y) { return (y & 0xFFFF0000u) | x >> 16; }
TM_INLINE tm_u32 tm_uxtb16(tm_u32 x) { return x & 0x00FF00FFu; }
TM_INLINE tm_u32 tm_sxtb16(tm_u32 x) {
  return ((tm_u32)(tm_i8)(x & 0xFFu) & 0xFFFFu) | (tm_u32)(tm_i8)(x >> 16 & 0xFFu) << 16;
}
TM_INLINE tm_u32 tm_add16(tm_u32 x, tm_u32 y) {
  return ((x + y) & 0xFFFFu) | ((x >> 16) + (y >> 16)) << 16;
}
TM_INLINE tm_u32 tm_uxtb16_ror8(tm_u32 x) { return tm_uxtb16(x >> 8); }
TM_INLINE tm_u32 tm_sxtb16_ror8(tm_u32 x) { return tm_sxtb16(x >> 8); }
TM_INLINE tm_u32 tm_uxtab16(tm_u32 sum, tm_u32 x) { return tm_add16(sum, tm_uxtb16(x)); }
TM_INLINE tm_u32 tm_sxtab16(tm_u32 sum, tm_u32 x) { return tm_add16(sum, tm_sxtb16(x)); }
TM_INLINE tm_u32 tm_uxtab16_ror8(tm_u32 sum, tm_u32 x) { return tm_uxtab16(sum, x >> 8); }
TM_INLINE tm_u32 tm_sxtab16_ror8(tm_u32 sum, tm_u32 x) { return tm_sxtab16(sum, x >> 8); }
TM_INLINE tm_u32 tm_max_u8(tm_u32 x, tm_u32 y) {
  tm_u32 z = 0;
  int at;
  for (at = 0; at < 32; at += 8) {
    const tm_u32 a = x >> at & 0xFFu, b = y >> at & 0xFFu;
    z |= (a > b ? a : b) << at;
  }
  return z;
}
TM_INLINE tm_u32 tm_max_i8(tm_u32 x, tm_u32 y) {
  return tm_max_u8(x ^ 0x80808080u, y ^ 0x80808080u) ^ 0x80808080u;
}
#endif

/* What is read through p behind this waits for a and b: GCC would bring the loads of several steps
 * together, for which there are no registers. */
#if defined(__GNUC__)
#define TM_THEN(p, a, b) __asm__("" : "+r"(p) : "r"(a), "r"(b))
#else
#define TM_THEN(p, a, b)
#endif

/* Four values of 8 bits, wherever they stand. */
TM_INLINE tm_u32 tm_load_word(const void* at) {
  tm_u32 word;
  memcpy(&word, at, 4);
  return word;
}
TM_INLINE void tm_store_word(void* at, tm_u32 word) { memcpy(at, &word, 4); }

/* Four values of 16 bits: 0 and 2, 1 and 3. */
typedef struct {
  tm_u32 even, odd;
} tm_pairs;
TM_INLINE tm_pairs tm_pairs_i8(const tm_i8* at) {
  const tm_u32 word = tm_load_word(at);
  tm_pairs p;
  p.even = tm_sxtb16(word);
  p.odd = tm_sxtb16_ror8(word);
  return p;
}
TM_INLINE tm_pairs tm_pairs_u8(const tm_u8* at) {
  const tm_u32 word = tm_load_word(at);
  tm_pairs p;
  p.even = tm_uxtb16(word);
  p.odd = tm_uxtb16_ror8(word);
  return p;
}
TM_INLINE tm_pairs tm_pairs_i16(const tm_i16* at) {
  const tm_u32 x = tm_load_word(at), y = tm_load_word(at + 2);
  tm_pairs p;
  p.even = tm_pkhbt(x, y);
  p.odd = tm_pkhtb(x, y);
  return p;
}
/* Of a table that has them so, at the address of a word. */
TM_INLINE tm_pairs tm_pairs_ready(const void* at) {
  tm_pairs p;
#if defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__) && !defined(__clang__)
  /* GCC 12 would take two instructions. */
  typedef unsigned long long __attribute__((may_alias, aligned(4))) two_words;
  unsigned long long two;
  __asm__("ldrd %0, %H0, %1" : "=r"(two) : "m"(*(const two_words*)at));
  p.even = (tm_u32)two;
  p.odd = (tm_u32)(two >> 32);
#else
  memcpy(&p, at, sizeof p);
#endif
  return p;
}
/* Of a table of codes of 8 bits, or of 16 as tm_weights.h has them. */
TM_INLINE tm_pairs tm_pairs_code(const tm_i8* at, tm_i32 octets) {
  return octets == 2 ? tm_pairs_ready(at) : tm_pairs_i8(at);
}
/* Places 0 to 3 of a block of four channels with few bits (tm_weights.h): all codes of a place in
 * the lower octet (of 2 bits) or both octets (of 4) of its half word; of 2 bits those of `odd` in
 * the upper octet. */
TM_INLINE tm_pairs tm_pairs_block(const tm_u8* at, int bits) {
  tm_pairs p;
  if (bits == 4) {
    const tm_u32 x = tm_load_word(at), y = tm_load_word(at + 4);
    p.even = tm_pkhbt(x, y);
    p.odd = tm_pkhtb(x, y);
  } else {
    p.even = p.odd = tm_load_word(at);
  }
  return p;
}
TM_INLINE tm_pairs tm_sum_pairs_i8(tm_pairs sum, const tm_i8* at) {
  const tm_u32 word = tm_load_word(at);
  sum.even = tm_sxtab16(sum.even, word);
  sum.odd = tm_sxtab16_ror8(sum.odd, word);
  return sum;
}
TM_INLINE tm_pairs tm_sum_pairs_u8(tm_pairs sum, const tm_u8* at) {
  const tm_u32 word = tm_load_word(at);
  sum.even = tm_uxtab16(sum.even, word);
  sum.odd = tm_uxtab16_ror8(sum.odd, word);
  return sum;
}

/* The values of such a sum */
TM_INLINE tm_i32 tm_lower_i8(tm_u32 sum) { return (tm_i16)(sum & 0xFFFFu); }
TM_INLINE tm_i32 tm_upper_i8(tm_u32 sum) { return TM_ASR((tm_i32)sum, 16); }
TM_INLINE tm_i32 tm_lower_u8(tm_u32 sum) { return (tm_i32)(sum & 0xFFFFu); }
TM_INLINE tm_i32 tm_upper_u8(tm_u32 sum) { return (tm_i32)(sum >> 16); }

/* sum + the products of all four */
TM_INLINE tm_i32 tm_dot_pairs(tm_pairs x, tm_pairs y, tm_i32 sum) {
  return tm_smlad(x.odd, y.odd, tm_smlad(x.even, y.even, sum));
}

#endif /* TM_DSP */

#endif /* TM_DSP_H */
