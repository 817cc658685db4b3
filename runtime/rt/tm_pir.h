/* Platypus runtime: figures of a signal over sliding windows, the features of passive infrared
 * sensors. SPDX-License-Identifier: 0BSD */
#ifndef TM_PIR_H
#define TM_PIR_H

#include "tm_port.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Window i covers samples i * step - 4 ... i * step - 5 + window of the frame; outside it is 0. */
typedef struct {
  tm_i32 samples; /* of the frame */
  tm_i32 windows;
  tm_i32 step;
  tm_i32 window; /* samples of one */
  tm_i32 chunk;  /* samples of one kurtosis, at least 4 */
  tm_i32 fft;    /* points of a spectrum, even; for whole features a multiple of 32 */
} tm_windows;

/* Features of a window: 16 means of the spectrum, window / chunk kurtoses, zero crossings, slope
 * changes, two dominant frequencies, entropy. */
#define TM_PIR_FEATURES(window, chunk) (16 + (window) / (chunk) + 5)

/* PIR_FE: out[windows][features]. hertz: distance of bins (rate / fft). twiddle: of tm_rfft for fft
 * points. work: TM_PIR_WORK floats. */
void tm_pir(const tm_windows* p, const tm_f32* in, tm_f32 hertz, const tm_f32* twiddle,
            tm_f32* work, tm_f32* out);
#define TM_PIR_WORK(window, fft) ((window) + TM_SPECTRUM_WORK(fft))

/* PIR_FE_Q15 on samples around 128, fft a power of two from 32 on: the same features from spectra
 * of 16 bits, counts, kurtoses and entropy times 1000, frequencies in millihertz from
 * millirate = 1000 rate. twiddle, split: of tm_q15_rfft. work: TM_PIR_Q15_WORK 16-bit values;
 * values: chunk floats. */
void tm_pir_q15(const tm_windows* p, const tm_i16* in, tm_i32 millirate, const tm_i16* twiddle,
                const tm_i16* split, tm_i16* work, tm_f32* values, tm_f32* out);
#define TM_PIR_Q15_WORK(window, fft) ((window) + 2 * (fft) + 2)

/* Excess kurtosis, corrected for bias, of n >= 4 values; 0 if they are equal. */
tm_f32 tm_kurtosis(const tm_f32* x, tm_i32 n);
/* ZCR_FE: neighbours that differ in sign (-, 0, +), divided by n. */
tm_f32 tm_crossing_rate(const tm_f32* x, tm_i32 n);
/* SLOPE_FE: neighbouring differences that differ in sign, divided by n - 1. */
tm_f32 tm_slope_rate(const tm_f32* x, tm_i32 n);

/* KURT_FE: out[windows][window / chunk]. work: window floats. */
void tm_window_kurtosis(const tm_windows* p, const tm_f32* in, tm_f32* work, tm_f32* out);

/* Spectrum |X[k]|, k = 0 ... fft / 2, of the first fft values of x[n], zeros behind them; stands at
 * the beginning of work: TM_SPECTRUM_WORK floats. */
void tm_spectrum(const tm_f32* x, tm_i32 n, tm_i32 fft, const tm_f32* twiddle, tm_f32* work);
#define TM_SPECTRUM_WORK(fft) (2 * (fft) + 2 + 4 * (fft))

/* DOM_FE: frequencies of the two largest of bins 1 ... fft / 2 of a spectrum, the largest last (of
 * equal ones the lower counts as larger). */
void tm_dominant(const tm_f32* spectrum, tm_i32 fft, tm_f32 hertz, tm_f32* out);
/* ENT_FE: -sum p ln p, p the share of each of the fft / 2 + 1 squares; 0 for silence. */
tm_f32 tm_entropy(const tm_f32* spectrum, tm_i32 fft);

#ifdef __cplusplus
}
#endif

#endif /* TM_PIR_H */
