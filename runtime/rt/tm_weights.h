/* Platypus runtime: weights of integer layers, of 8, 4 or 2 bits. SPDX-License-Identifier: 0BSD
 *
 * Every output channel has a row of codes. 8 bits: tm_i8, row after row (those of depthwise layers
 * column after column). Of 4 and 2 bits four codes are one element, the first one lowest: tm_u16 or
 * tm_u8. Four neighbouring channels share a block of elements, one for each place of their rows; of
 * the one to three channels behind the blocks each row stands alone, four places to an element.
 * Codes are unpacked in registers, where they are used.
 *
 * A package for cores whose char has 16 bits defines TM_PACKED: there two octets of these tables
 * share a char, the first one lower. Elsewhere the same text is octets.
 *
 * A package made for speed has codes of 8 bits as TM_CODES4 where rows come in fours: cores with
 * DSP instructions keep them in 16 bits, in the order that those multiply them, which takes twice
 * the room and saves the widening. -DTM_WIDE_WEIGHTS=0 leaves them octets there too. */
#ifndef TM_WEIGHTS_H
#define TM_WEIGHTS_H

#include "tm_dsp.h"
#include "tm_port.h"

#ifndef TM_PACKED
#define TM_PACKED 0
#endif
#define TM_OCTET_PAIRS (TM_PACKED && TM_CHAR_BITS == 16)

/* A table of n octets, n even: tm_octets table[TM_PACKED_LENGTH(n)] = {TM_OCTETS2(a, b), ...}. */
#if TM_OCTET_PAIRS
typedef tm_u16 tm_octets;
#define TM_OCTETS2(a, b) (tm_u16)(((tm_u16)(a)&255u) | (((tm_u16)(b)&255u) << 8))
#define TM_PACKED_LENGTH(n) ((n) / 2)
#else
typedef tm_i8 tm_octets;
#define TM_OCTETS2(a, b) (a), (b)
#define TM_PACKED_LENGTH(n) (n)
#endif

/* A table of n codes, n a multiple of 4: TM_CODES table[n] = {TM_CODES4(a, b, c, d), ...}. Helium
 * reads octets. */
#ifndef TM_WIDE_WEIGHTS
#if TM_DSP && !defined(__ARM_FEATURE_MVE)
#define TM_WIDE_WEIGHTS 1
#else
#define TM_WIDE_WEIGHTS 0
#endif
#endif
#if TM_WIDE_WEIGHTS
#define TM_CODES tm_i16 TM_ALIGN(4)
#define TM_CODES4(a, b, c, d) (a), (c), (b), (d)
#define TM_CODES_BITS 16
#else
#define TM_CODES tm_i8
#define TM_CODES4(a, b, c, d) (a), (b), (c), (d)
#define TM_CODES_BITS 8
#endif
TM_ASSERT(wide_weights, TM_DSP || !TM_WIDE_WEIGHTS);

/* Octet i: 0 to 255, and -128 to 127. */
TM_INLINE tm_u32 tm_bare_octet(const void* table, tm_i32 i) {
#if TM_OCTET_PAIRS
  const tm_u32 two = ((const tm_octets*)table)[TM_ASR(i, 1)];
  return (i & 1) != 0 ? two >> 8 : two & 255u;
#else
  return ((const tm_u8*)table)[i];
#endif
}

TM_INLINE tm_i32 tm_octet(const void* table, tm_i32 i) {
#if TM_OCTET_PAIRS
  return ((tm_i32)tm_bare_octet(table, i) ^ 128) - 128;
#else
  return ((const tm_octets*)table)[i];
#endif
}

typedef struct {
  const void* codes;
  int bits; /* 8, 4 or 2; 16: wide ones */
} tm_weights;

/* Code `at` (0 to 3) of element i: its sign goes to the top, and all of it back down. */
TM_INLINE tm_i32 tm_unpack(tm_weights w, tm_i32 i, tm_i32 at) {
  const int top = (int)sizeof(tm_i32) * CHAR_BIT - w.bits;
  const tm_u32 four = w.bits == 4 ? ((const tm_u16*)w.codes)[i] : tm_bare_octet(w.codes, i);
  return TM_ASR((tm_i32)(four << (top - at * w.bits)), top);
}

/* Channels whose rows are in blocks: the first ones. */
TM_INLINE tm_i32 tm_in_blocks(tm_weights w, tm_i32 channels) {
  return w.bits >= 8 ? 0 : channels - channels % 4;
}

/* Codes of channels c ... c + 3 (c a multiple of 4) at place k of their rows. */
typedef struct {
  tm_i32 a, b, c, d;
} tm_four;

TM_INLINE tm_four tm_four_at(tm_weights w, tm_i32 row, tm_i32 c, tm_i32 k) {
  tm_four four;
  if (w.bits == 8) {
    const tm_i32 i = c * row + k;
    four.a = tm_octet(w.codes, i);
    four.b = tm_octet(w.codes, i + row);
    four.c = tm_octet(w.codes, i + 2 * row);
    four.d = tm_octet(w.codes, i + 3 * row);
  } else {
    const tm_i32 i = TM_ASR(c, 2) * row + k;
    four.a = tm_unpack(w, i, 0);
    four.b = tm_unpack(w, i, 1);
    four.c = tm_unpack(w, i, 2);
    four.d = tm_unpack(w, i, 3);
  }
  return four;
}

/* Place k of channel c, whose row is in a block. */
TM_INLINE tm_i32 tm_code_in_block(tm_weights w, tm_i32 row, tm_i32 c, tm_i32 k) {
  return tm_unpack(w, TM_ASR(c, 2) * row + k, c & 3);
}

/* The first element of channel c, whose row stands alone. */
TM_INLINE tm_i32 tm_first_alone(tm_i32 channels, tm_i32 row, tm_i32 c) {
  const tm_i32 blocks = channels / 4;
  return blocks * row + (c - blocks * 4) * ((row + 3) / 4);
}

/* Whether runs of n places of such a row are whole elements of few bits. */
TM_INLINE int tm_whole_elements(tm_weights w, tm_i32 n) { return w.bits < 8 && n % 4 == 0; }

/* Place k of channel c, whose row stands alone. */
TM_INLINE tm_i32 tm_code_alone(tm_weights w, tm_i32 channels, tm_i32 row, tm_i32 c, tm_i32 k) {
  if (w.bits == 8) {
    return tm_octet(w.codes, c * row + k);
  }
  return tm_unpack(w, tm_first_alone(channels, row, c) + TM_ASR(k, 2), k & 3);
}

/* The same of depthwise layers. */
TM_INLINE tm_four tm_four_in_column(tm_weights w, tm_i32 channels, tm_i32 row, tm_i32 c, tm_i32 k) {
  if (w.bits == 8) {
    const tm_i32 i = k * channels + c;
    tm_four four;
    four.a = tm_octet(w.codes, i);
    four.b = tm_octet(w.codes, i + 1);
    four.c = tm_octet(w.codes, i + 2);
    four.d = tm_octet(w.codes, i + 3);
    return four;
  }
  return tm_four_at(w, row, c, k);
}

TM_INLINE tm_i32 tm_code_in_column(tm_weights w, tm_i32 channels, tm_i32 row, tm_i32 c, tm_i32 k) {
  return w.bits == 8 ? tm_octet(w.codes, k * channels + c) : tm_code_alone(w, channels, row, c, k);
}

#endif /* TM_WEIGHTS_H */
