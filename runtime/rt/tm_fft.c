/* Platypus runtime. SPDX-License-Identifier: 0BSD */
#include "tm_fft.h"

/* In place, m a power of two, radix 2, decimation in time. The table belongs to n; stride = n / m.
 */
static void power_of_two(tm_real* z, tm_i32 m, const tm_f32* twiddle, tm_i32 stride) {
  tm_i32 i;
  tm_i32 j = 0;
  tm_i32 half;
  for (i = 1; i < m; ++i) { /* bit reversal: j counts with carries running down */
    tm_i32 bit = m / 2;
    while (j >= bit) {
      j -= bit;
      bit /= 2;
    }
    j += bit;
    if (i < j) {
      const tm_real re = z[2 * i];
      const tm_real im = z[2 * i + 1];
      z[2 * i] = z[2 * j];
      z[2 * i + 1] = z[2 * j + 1];
      z[2 * j] = re;
      z[2 * j + 1] = im;
    }
  }
  for (half = 1; half < m; half *= 2) {
    const tm_i32 step = stride * (m / (2 * half));
    for (j = 0; j < half; ++j) {
      const tm_f32 wr = twiddle[2 * j * step];
      const tm_f32 wi = twiddle[2 * j * step + 1];
      for (i = j; i < m; i += 2 * half) {
        tm_real* a = z + 2 * i;
        tm_real* b = a + 2 * half;
        const tm_real re = b[0] * wr - b[1] * wi;
        const tm_real im = b[0] * wi + b[1] * wr;
        b[0] = a[0] - re;
        b[1] = a[1] - im;
        a[0] = a[0] + re;
        a[1] = a[1] + im;
      }
    }
  }
}

/* Any m, self-sorting (Stockham), one pass a prime factor; the result stands in the array that is
 * returned. */
static tm_real* mixed_radix(tm_real* from, tm_real* to, tm_i32 m, const tm_f32* twiddle,
                            tm_i32 stride) {
  tm_i32 length = m; /* of the transforms that are left */
  tm_i32 done = 1;   /* product of the factors so far */
  tm_i32 factor = 2;
  while (length > 1) {
    tm_i32 part;
    tm_i32 k;
    tm_i32 r;
    tm_i32 q;
    tm_i32 j;
    tm_real* swap;
    while (length % factor != 0) {
      factor = factor * factor > length ? length : factor + 1;
    }
    part = length / factor;
    for (k = 0; k < part; ++k) {
      for (r = 0; r < factor; ++r) {
        /* exp(-2 pi i (k r / length + j r / factor)) as an index of the table, which is periodic in
         * m */
        const tm_i32 first = (done * k * r) % m;
        const tm_i32 step = (m / factor) * r % m;
        for (q = 0; q < done; ++q) {
          tm_real re = TM_ZERO;
          tm_real im = TM_ZERO;
          tm_i32 at = first;
          for (j = 0; j < factor; ++j) {
            const tm_real* x = from + 2 * (q + done * (k + part * j));
            const tm_f32 wr = twiddle[2 * stride * at];
            const tm_f32 wi = twiddle[2 * stride * at + 1];
            re += x[0] * wr - x[1] * wi;
            im += x[0] * wi + x[1] * wr;
            at += step;
            if (at >= m) {
              at -= m;
            }
          }
          to[2 * (q + done * (factor * k + r))] = re;
          to[2 * (q + done * (factor * k + r)) + 1] = im;
        }
      }
    }
    length = part;
    done *= factor;
    swap = from;
    from = to;
    to = swap;
  }
  return from;
}

/* Bin k of the real transform from the transform z of the n/2 pairs x[2t] + i x[2t+1]:
 * X[k] = (Z[k] + Z*[m-k]) / 2 - i W^k (Z[k] - Z*[m-k]) / 2, m = n / 2, Z[m] = Z[0]. */
static void split(const tm_real* z, tm_i32 m, tm_i32 k, const tm_f32* twiddle, tm_real* out) {
  const tm_real* a = z + 2 * (k == m ? 0 : k);
  const tm_real* b = z + 2 * (k == 0 ? 0 : m - k);
  const tm_real even_re = 0.5f * (a[0] + b[0]);
  const tm_real even_im = 0.5f * (a[1] - b[1]);
  const tm_real odd_re = 0.5f * (a[1] + b[1]);
  const tm_real odd_im = -0.5f * (a[0] - b[0]);
  const tm_f32 wr = twiddle[2 * k];
  const tm_f32 wi = twiddle[2 * k + 1];
  out[0] = even_re + (odd_re * wr - odd_im * wi);
  out[1] = even_im + (odd_re * wi + odd_im * wr);
}

void tm_rfft(const tm_real* x, tm_i32 n, const tm_f32* twiddle, tm_real* work, tm_real* out,
             tm_i32 bins) {
  const tm_i32 m = n / 2;
  tm_i32 k;
  if (n % 2 == 0) {
    const tm_real* z = work;
    memcpy(work, x, (size_t)n * sizeof *work);
    if ((n & (n - 1)) == 0) {
      power_of_two(work, m, twiddle, 2);
    } else {
      z = mixed_radix(work, work + n, m, twiddle, 2);
    }
    for (k = 0; k < bins && k <= m; ++k) {
      split(z, m, k, twiddle, out + 2 * k);
    }
  } else {
    const tm_real* z;
    for (k = 0; k < n; ++k) {
      work[2 * k] = x[k];
      work[2 * k + 1] = TM_ZERO;
    }
    z = mixed_radix(work, work + 2 * n, n, twiddle, 1);
    for (k = 0; k < bins && k <= m; ++k) {
      out[2 * k] = z[2 * k];
      out[2 * k + 1] = z[2 * k + 1];
    }
  }
  for (; k < bins; ++k) { /* the upper half mirrors the lower one */
    out[2 * k] = out[2 * (n - k)];
    out[2 * k + 1] = -out[2 * (n - k) + 1];
  }
}
