/* Platypus runtime. SPDX-License-Identifier: 0BSD */
#include "tm_pir.h"

#include "tm_fft.h"
#include "tm_math.h"

static int sign(tm_f32 x) { return (x > 0.0f) - (x < 0.0f); }

tm_f32 tm_kurtosis(const tm_f32* x, tm_i32 n) {
  const tm_f32 count = (tm_f32)n;
  const tm_f32 above = count * count - 1.0f;
  const tm_f32 bias = 3.0f * (count - 1.0f) * (count - 1.0f);
  tm_f32 mean = 0.0f;
  tm_f32 second = 0.0f;
  tm_f32 fourth = 0.0f;
  tm_i32 k;
  for (k = 1; k < n; ++k) { /* from the first value: equal ones leave exactly 0 */
    mean += x[k] - x[0];
  }
  mean /= count;
  for (k = 0; k < n; ++k) {
    const tm_f32 d = (x[k] - x[0]) - mean;
    second += d * d;
  }
  second /= count;
  if (second < 1e-24f) {
    return 0.0f;
  }
  for (k = 0; k < n; ++k) { /* in units of the deviation, that no power leaves the floats */
    const tm_f32 d = (x[k] - x[0]) - mean;
    const tm_f32 square = d * d / second;
    fourth += square * square;
  }
  return (above * (fourth / count) - bias) / ((count - 2.0f) * (count - 3.0f));
}

tm_f32 tm_crossing_rate(const tm_f32* x, tm_i32 n) {
  tm_i32 count = 0;
  tm_i32 k;
  for (k = 1; k < n; ++k) {
    count += sign(x[k]) != sign(x[k - 1]);
  }
  return (tm_f32)count / (tm_f32)n;
}

tm_f32 tm_slope_rate(const tm_f32* x, tm_i32 n) {
  tm_i32 count = 0;
  tm_i32 k;
  for (k = 2; k < n; ++k) {
    count += sign(x[k] - x[k - 1]) != sign(x[k - 1] - x[k - 2]);
  }
  return n > 1 ? (tm_f32)count / (tm_f32)(n - 1) : 0.0f;
}

/* Window i of the frame. */
static void cut(const tm_windows* p, const tm_f32* in, tm_i32 i, tm_f32* out) {
  tm_i32 t;
  for (t = 0; t < p->window; ++t) {
    const tm_i32 at = i * p->step + t - 4;
    out[t] = at >= 0 && at < p->samples ? in[at] : 0.0f;
  }
}

void tm_window_kurtosis(const tm_windows* p, const tm_f32* in, tm_f32* work, tm_f32* out) {
  tm_i32 i;
  tm_i32 c;
  for (i = 0; i < p->windows; ++i) {
    cut(p, in, i, work);
    for (c = 0; c < p->window / p->chunk; ++c) {
      *out++ = tm_kurtosis(work + c * p->chunk, p->chunk);
    }
  }
}

/* |X[k]| of the fft values that stand behind the room for the spectrum. */
static void magnitudes(tm_i32 fft, const tm_f32* twiddle, tm_f32* work) {
  tm_i32 k;
  tm_rfft(work + fft + 2, fft, twiddle, work + 2 * fft + 2, work, fft / 2 + 1);
  for (k = 0; k <= fft / 2; ++k) {
    work[k] = tm_sqrtf(work[2 * k] * work[2 * k] + work[2 * k + 1] * work[2 * k + 1]);
  }
}

void tm_spectrum(const tm_f32* x, tm_i32 n, tm_i32 fft, const tm_f32* twiddle, tm_f32* work) {
  tm_i32 t;
  for (t = 0; t < fft; ++t) {
    work[fft + 2 + t] = t < n ? x[t] : 0.0f;
  }
  magnitudes(fft, twiddle, work);
}

void tm_dominant(const tm_f32* spectrum, tm_i32 fft, tm_f32 hertz, tm_f32* out) {
  tm_i32 first = 1;
  tm_i32 second = 0;
  tm_i32 k;
  for (k = 2; k <= fft / 2; ++k) {
    if (spectrum[k] > spectrum[first]) {
      second = first;
      first = k;
    } else if (second == 0 || spectrum[k] > spectrum[second]) {
      second = k;
    }
  }
  out[0] = (tm_f32)second * hertz;
  out[1] = (tm_f32)first * hertz;
}

tm_f32 tm_entropy(const tm_f32* spectrum, tm_i32 fft) {
  tm_f32 power = 0.0f;
  tm_f32 entropy = 0.0f;
  tm_i32 k;
  for (k = 0; k <= fft / 2; ++k) {
    power += spectrum[k] * spectrum[k];
  }
  for (k = 0; k <= fft / 2 && power > 0.0f; ++k) {
    const tm_f32 share = spectrum[k] * spectrum[k] / power;
    if (share > 0.0f) {
      entropy -= share * tm_logf(share);
    }
  }
  return entropy;
}

void tm_pir(const tm_windows* p, const tm_f32* in, tm_f32 hertz, const tm_f32* twiddle,
            tm_f32* work, tm_f32* out) {
  const tm_i32 pool = p->fft / 32;
  tm_f32* spectrum = work + p->window;
  tm_i32 i;
  tm_i32 k;
  tm_i32 j;
  for (i = 0; i < p->windows; ++i) {
    tm_f32* repeated = spectrum + p->fft + 2;
    cut(p, in, i, work);
    for (k = 0; k < p->fft; ++k) {
      repeated[k] = work[k % p->window];
    }
    magnitudes(p->fft, twiddle, spectrum);
    for (k = 0; k < 16; ++k) {
      tm_f32 sum = 0.0f;
      for (j = 1; j <= pool; ++j) {
        sum += spectrum[k * pool + j];
      }
      *out++ = sum / (tm_f32)pool;
    }
    for (k = 0; k < p->window / p->chunk; ++k) {
      *out++ = tm_kurtosis(work + k * p->chunk, p->chunk);
    }
    *out++ = tm_crossing_rate(work, p->window);
    *out++ = tm_slope_rate(work, p->window);
    tm_spectrum(work, p->window, p->fft, twiddle, spectrum);
    tm_dominant(spectrum, p->fft, hertz, out);
    out += 2;
    *out++ = tm_entropy(spectrum, p->fft);
  }
}
