/* Platypus runtime. SPDX-License-Identifier: 0BSD */
#include "tm_math.h"
#include "tm_pir.h"
#include "tm_q15.h"

/* As kurtosis and entropy are given. */
static tm_f32 thousandths(tm_f32 x) { return tm_roundf_even(1000.0f * x); }

/* 128 x over the window, again from its beginning up to `taken` values, then zeros; its magnitudes
 * at bins 0 ... fft / 2 at the beginning of out. */
static void spectrum_of(const tm_windows* p, const tm_i16* window, tm_i32 taken,
                        const tm_i16* twiddle, const tm_i16* split, tm_i16* z, tm_i16* out) {
  tm_i32 t;
  for (t = 0; t < p->fft; ++t) {
    z[t] = (tm_i16)(t < taken ? window[t % p->window] : 0);
  }
  tm_q15_shift(z, p->fft, 7, z);
  tm_q15_rfft(z, p->fft, twiddle, split, out);
  tm_q15_magnitude(out, p->fft / 2 + 1, out);
}

static tm_i32 slope_changes(const tm_i16* x, tm_i32 n) {
  tm_i32 direction = n > 1 ? (x[1] > x[0]) - (x[1] < x[0]) : 0;
  tm_i32 count = 0;
  tm_i32 k;
  for (k = 2; k < n; ++k) {
    const tm_i32 d = x[k] - x[k - 1];
    if ((d > 1 && direction <= 0) || (d < -1 && direction >= 0)) {
      direction = d > 0 ? 1 : -1;
      count += 1;
    }
  }
  return count;
}

static tm_f32 entropy(const tm_i16* magnitude, tm_i32 count) {
  tm_f32 power = 0.0f;
  tm_f32 sum = 0.0f;
  tm_i32 k;
  for (k = 0; k < count; ++k) {
    power += (tm_f32)magnitude[k] * (tm_f32)magnitude[k];
  }
  for (k = 0; k < count; ++k) {
    if (magnitude[k] > 0) {
      const tm_f32 share = (tm_f32)magnitude[k] * (tm_f32)magnitude[k] / power;
      sum -= share * tm_logf(share);
    }
  }
  return sum;
}

/* Frequency of bin k. The divisor is that of the reference, two more than the points of the
 * spectrum: networks learn with it. */
static tm_f32 frequency(tm_i32 k, tm_i32 millirate, tm_i32 fft) {
  return (tm_f32)(tm_i32)((tm_i64)k * millirate / (fft + 2));
}

void tm_pir_q15(const tm_windows* p, const tm_i16* in, tm_i32 millirate, const tm_i16* twiddle,
                const tm_i16* split, tm_i16* work, tm_f32* values, tm_f32* out) {
  const tm_i32 pool = p->fft / 32;
  tm_i16* z = work + p->window;
  tm_i16* magnitude = z + p->fft;
  tm_i32 i;
  tm_i32 k;
  tm_i32 j;
  for (i = 0; i < p->windows; ++i) {
    tm_i32 crossings = 0;
    tm_i32 first = 0;
    tm_i32 second = 0;
    for (k = 0; k < p->window; ++k) {
      const tm_i32 at = i * p->step + k - 4;
      const tm_i32 x = at >= 0 && at < p->samples ? in[at] - 128 : 0;
      work[k] = (tm_i16)(x < -32768 ? -32768 : x);
    }
    spectrum_of(p, work, p->fft, twiddle, split, z, magnitude);
    magnitude[0] = 0;
    for (k = 1; k <= p->fft / 2; ++k) {
      if (magnitude[k] > magnitude[first]) {
        second = first;
        first = k;
      } else if (magnitude[k] > magnitude[second]) {
        second = k;
      }
    }
    tm_q15_shift(magnitude, p->fft / 2 + 1, 7, magnitude);
    for (k = 0; k < 16; ++k) {
      tm_i32 sum = 0;
      for (j = 1; j <= pool; ++j) {
        sum += magnitude[k * pool + j];
      }
      *out++ = (tm_f32)(sum / pool);
    }
    for (k = 0; k < p->window / p->chunk; ++k) {
      tm_q15_to_float(work + k * p->chunk, p->chunk, values);
      *out++ = thousandths(tm_kurtosis(values, p->chunk));
    }
    for (k = 1; k < p->window; ++k) {
      crossings += (work[k] > 0) - (work[k] < 0) != (work[k - 1] > 0) - (work[k - 1] < 0);
    }
    *out++ = (tm_f32)(1000 * crossings);
    *out++ = (tm_f32)(1000 * slope_changes(work, p->window));
    *out++ = frequency(first, millirate, p->fft);
    *out++ = frequency(second, millirate, p->fft);
    spectrum_of(p, work, p->window, twiddle, split, z, magnitude);
    *out++ = thousandths(entropy(magnitude, p->fft / 2 + 1));
  }
}
