/* Platypus runtime: the steps of feature extraction on one frame. SPDX-License-Identifier: 0BSD
 * Each computes what the transform of the same name in the configuration does; in and out may be
 * the same array unless said otherwise. */
#ifndef TM_FE_H
#define TM_FE_H

#include "tm_port.h"

#ifdef __cplusplus
extern "C" {
#endif

/* WINDOWING: v[k] * window[k] */
void tm_fe_window(const tm_real* in, const tm_f32* window, tm_i32 n, tm_real* out);
/* RAW_FE with dc_remove: v[k] - mean */
void tm_fe_subtract_mean(const tm_real* in, tm_i32 n, tm_real* out);
/* NORMALIZE: v[k] / divisor; n counts floats (two for a complex value) */
void tm_fe_divide(const tm_f32* in, tm_i32 n, tm_f32 divisor, tm_f32* out);
/* ROUND_OFF: halves to even */
void tm_fe_round(const tm_f32* in, tm_i32 n, tm_f32* out);
/* ABS of n complex values (re, im) */
void tm_fe_magnitude(const tm_real* in, tm_i32 n, tm_real* out);
/* ABS of n real values */
void tm_fe_absolute(const tm_f32* in, tm_i32 n, tm_f32* out);
/* BINNING: out[i] = sum of in[first + i * width ... first + (i + 1) * width - 1] / divisor; past n
 * nothing */
void tm_fe_bin(const tm_real* in, tm_i32 n, tm_i32 first, tm_i32 width, tm_i32 count,
               tm_f32 divisor, tm_real* out);
/* LOG_DB: factor * ln |threshold + v[k]|; factor = multiplier / ln(base) */
void tm_fe_log(const tm_f32* in, tm_i32 n, tm_f32 threshold, tm_f32 factor, tm_f32* out);
/* HAAR of n = 2^m values: halves of sums and of differences of neighbours, the sums again; work: n
 * values, another array */
void tm_fe_haar(const tm_real* in, tm_i32 n, tm_real* work, tm_real* out);
/* HADAMARD of n = 2^m values in natural order, divided by n */
void tm_fe_hadamard(const tm_real* in, tm_i32 n, tm_real* out);
/* MINMAX: (v[k] - min) / (max - min); 0 if all are equal */
void tm_fe_min_max(const tm_f32* in, tm_i32 n, tm_f32* out);

#ifdef __cplusplus
}
#endif

#endif /* TM_FE_H */
