/* Platypus runtime: Fourier transform of real frames of any length. SPDX-License-Identifier: 0BSD
 */
#ifndef TM_FFT_H
#define TM_FFT_H

#include "tm_port.h"

#ifdef __cplusplus
extern "C" {
#endif

/* bins complex values (re, im) of X[k] = sum over t of x[t] exp(-2 pi i k t / n), k = 0 ... bins -
 * 1 <= n - 1. twiddle: pairs cos(2 pi k / n), -sin(2 pi k / n); k = 0 ... n/2 when n is a power of
 * two, else k = 0 ... n - 1. work: TM_RFFT_WORK(n) floats. x is not changed; out must not overlap
 * work. */
void tm_rfft(const tm_real* x, tm_i32 n, const tm_f32* twiddle, tm_real* work, tm_real* out,
             tm_i32 bins);

/* n floats for a power of two, 2 n for another even n, 4 n for an odd one. */
#define TM_RFFT_WORK(n) (((n) & ((n)-1)) == 0 ? (n) : ((n) % 2 == 0 ? 2 * (n) : 4 * (n)))

#ifdef __cplusplus
}
#endif

#endif /* TM_FFT_H */
