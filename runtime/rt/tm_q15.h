/* Platypus runtime: the steps of feature extraction on 16-bit values, integers only.
 * SPDX-License-Identifier: 0BSD
 * in and out may be the same array unless said otherwise. Complex values are pairs re, im. */
#ifndef TM_Q15_H
#define TM_Q15_H

#include "tm_port.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A sample as 16 bits: towards zero, saturating. */
tm_i16 tm_q15_truncate(tm_f32 x);
/* TO_Q15: 32768 x, halves to even, saturating */
void tm_q15_from_unit(const tm_f32* in, tm_i32 n, tm_i16* out);
void tm_q15_from_float(const tm_f32* in, tm_i32 n, tm_i16* out);
void tm_q15_to_float(const tm_i16* in, tm_i32 n, tm_f32* out);

/* FFT_Q15: bins 0 ... n / 2 of the transform of z divided by n, n a power of two from 32 to 8192.
 * The n values of z are overwritten; out has n + 2 and is another array.
 * twiddle: pairs cos, sin of 2 pi i / (n / 2), i < 3 n / 8, rounded down;
 * split: pairs (1 - sin) / 2, cos / 2 of 2 pi i / n, 1 <= i < n / 2, rounded. All in units of
 * 2^-15. */
void tm_q15_rfft(tm_i16* z, tm_i32 n, const tm_i16* twiddle, const tm_i16* split, tm_i16* out);

/* Q15_SCALE of n values: v * 2^bits saturated, or shifted right by -bits */
void tm_q15_shift(const tm_i16* in, tm_i32 n, tm_i32 bits, tm_i16* out);

/* Q15_MAG of n complex values: sqrt(re^2 + im^2) / 2, rounded down (now and then one less) */
void tm_q15_magnitude(const tm_i16* in, tm_i32 n, tm_i16* out);

/* BIN_Q15: out[i] = sum of in[first + i * width ... first + (i + 1) * width - 1] / divisor, rounded
 * down and saturated; past n nothing */
void tm_q15_bin(const tm_i16* in, tm_i32 n, tm_i32 first, tm_i32 width, tm_i32 count,
                tm_i32 divisor, tm_i16* out);

#ifdef __cplusplus
}
#endif

#endif /* TM_Q15_H */
