/* Platypus runtime. SPDX-License-Identifier: 0BSD */
#include "tm_fe.h"

#include "tm_math.h"

void tm_fe_window(const tm_real* in, const tm_f32* window, tm_i32 n, tm_real* out) {
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    out[k] = in[k] * window[k];
  }
}

void tm_fe_subtract_mean(const tm_real* in, tm_i32 n, tm_real* out) {
  tm_real sum = TM_ZERO;
  tm_real mean;
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    sum += in[k];
  }
  mean = sum / (tm_f32)n;
  for (k = 0; k < n; ++k) {
    out[k] = in[k] - mean;
  }
}

void tm_fe_divide(const tm_f32* in, tm_i32 n, tm_f32 divisor, tm_f32* out) {
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    out[k] = in[k] / divisor;
  }
}

void tm_fe_round(const tm_f32* in, tm_i32 n, tm_f32* out) {
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    out[k] = tm_roundf_even(in[k]);
  }
}

void tm_fe_magnitude(const tm_real* in, tm_i32 n, tm_real* out) {
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    const tm_real re = in[2 * k];
    const tm_real im = in[2 * k + 1];
    out[k] = tm_sqrtf(re * re + im * im);
  }
}

void tm_fe_absolute(const tm_f32* in, tm_i32 n, tm_f32* out) {
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    out[k] = in[k] < 0.0f ? -in[k] : in[k];
  }
}

void tm_fe_bin(const tm_real* in, tm_i32 n, tm_i32 first, tm_i32 width, tm_i32 count,
               tm_f32 divisor, tm_real* out) {
  tm_i32 i;
  tm_i32 at = first;
  for (i = 0; i < count; ++i) {
    const tm_i32 end = at + width;
    tm_real sum = TM_ZERO;
    for (; at < end && at < n; ++at) {
      sum += in[at];
    }
    at = end;
    out[i] = sum / divisor;
  }
}

void tm_fe_log(const tm_f32* in, tm_i32 n, tm_f32 threshold, tm_f32 factor, tm_f32* out) {
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    const tm_f32 v = threshold + in[k];
    out[k] = factor * tm_logf(v < 0.0f ? -v : v);
  }
}

void tm_fe_haar(const tm_real* in, tm_i32 n, tm_real* work, tm_real* out) {
  tm_i32 half;
  tm_i32 k;
  if (out != in) {
    memcpy(out, in, (size_t)n * sizeof *out);
  }
  for (half = n / 2; half > 0; half /= 2) {
    memcpy(work, out, 2 * (size_t)half * sizeof *work);
    for (k = 0; k < half; ++k) {
      out[k] = (work[2 * k] + work[2 * k + 1]) * 0.5f;
      out[half + k] = (work[2 * k] - work[2 * k + 1]) * 0.5f;
    }
  }
}

void tm_fe_hadamard(const tm_real* in, tm_i32 n, tm_real* out) {
  tm_i32 step;
  tm_i32 i;
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    out[k] = in[k];
  }
  for (step = 1; step < n; step *= 2) {
    for (i = 0; i < n; i += 2 * step) {
      for (k = i; k < i + step; ++k) {
        const tm_real a = out[k];
        const tm_real b = out[k + step];
        out[k] = a + b;
        out[k + step] = a - b;
      }
    }
  }
  for (k = 0; k < n; ++k) {
    out[k] = out[k] / (tm_f32)n;
  }
}

void tm_fe_min_max(const tm_f32* in, tm_i32 n, tm_f32* out) {
  tm_f32 low = in[0];
  tm_f32 high = in[0];
  tm_i32 k;
  for (k = 1; k < n; ++k) {
    low = in[k] < low ? in[k] : low;
    high = in[k] > high ? in[k] : high;
  }
  high -= low;
  for (k = 0; k < n; ++k) {
    out[k] = high > 0.0f ? (in[k] - low) / high : 0.0f;
  }
}
