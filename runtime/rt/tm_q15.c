/* Platypus runtime. SPDX-License-Identifier: 0BSD */
#include "tm_q15.h"

#include "tm_math.h"

static tm_i16 saturate(tm_i32 v) { return (tm_i16)(v > 32767 ? 32767 : (v < -32768 ? -32768 : v)); }

/* The value of the lowest 16 bits. */
static tm_i16 wrap(tm_i32 v) {
  v &= 0xffff;
  return (tm_i16)(v >= 32768 ? v - 65536 : v);
}

tm_i16 tm_q15_truncate(tm_f32 x) {
  if (x >= 32767.0f) {
    return 32767;
  }
  return x > -32768.0f ? (tm_i16)x : (tm_i16)-32768;
}

void tm_q15_from_unit(const tm_f32* in, tm_i32 n, tm_i16* out) {
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    out[k] = tm_q15_truncate(tm_roundf_even(32768.0f * in[k]));
  }
}

void tm_q15_from_float(const tm_f32* in, tm_i32 n, tm_i16* out) {
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    out[k] = tm_q15_truncate(in[k]);
  }
}

void tm_q15_to_float(const tm_i16* in, tm_i32 n, tm_f32* out) {
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    out[k] = (tm_f32)in[k];
  }
}

/* out = v exp(-i phi) / 2 for w = cos phi, sin phi. Below 2^31: |w| is at most 2^15. */
static void turn(tm_i32 re, tm_i32 im, const tm_i16* w, tm_i16* out) {
  out[0] = wrap(TM_ASR(w[0] * re + w[1] * im, 16));
  out[1] = wrap(TM_ASR(w[0] * im - w[1] * re, 16));
}

/* Radix 4, decimation in frequency, in place; the result stands in bit-reversed order. Twiddles
 * of index i stand at pair i * step. length = 16, 64, 256, ... */
static void radix_four(tm_i16* z, tm_i32 length, const tm_i16* twiddle, tm_i32 step) {
  const tm_i32 apart = length / 2; /* values between neighbouring inputs of the first stage */
  tm_i32 span;
  tm_i32 i;
  tm_i32 j;
  for (i = 0; i < length / 4; ++i) { /* quarters of the inputs: nothing saturates */
    tm_i16* a = z + 2 * i;
    tm_i16* b = a + apart;
    tm_i16* c = b + apart;
    tm_i16* e = c + apart;
    const tm_i32 r_re = TM_ASR(a[0], 2) + TM_ASR(c[0], 2);
    const tm_i32 r_im = TM_ASR(a[1], 2) + TM_ASR(c[1], 2);
    const tm_i32 d_re = TM_ASR(a[0], 2) - TM_ASR(c[0], 2);
    const tm_i32 d_im = TM_ASR(a[1], 2) - TM_ASR(c[1], 2);
    const tm_i32 t_re = TM_ASR(b[0], 2) + TM_ASR(e[0], 2);
    const tm_i32 t_im = TM_ASR(b[1], 2) + TM_ASR(e[1], 2);
    const tm_i32 u_re = TM_ASR(b[0], 2) - TM_ASR(e[0], 2);
    const tm_i32 u_im = TM_ASR(b[1], 2) - TM_ASR(e[1], 2);
    const tm_i16* w = twiddle + 2 * i * step;
    a[0] = (tm_i16)(TM_ASR(r_re, 1) + TM_ASR(t_re, 1));
    a[1] = (tm_i16)(TM_ASR(r_im, 1) + TM_ASR(t_im, 1));
    turn(r_re - t_re, r_im - t_im, twiddle + 4 * i * step, b);
    turn(d_re + u_im, d_im - u_re, w, c);
    turn(d_re - u_im, d_im + u_re, twiddle + 6 * i * step, e);
  }
  for (span = length / 4; span >= 4; span /= 4) {
    const tm_i32 gap = span / 2;
    step *= 4;
    for (j = 0; j < span / 4; ++j) {
      for (i = j; i < length; i += span) {
        tm_i16* a = z + 2 * i;
        tm_i16* b = a + gap;
        tm_i16* c = b + gap;
        tm_i16* e = c + gap;
        const tm_i32 r_re = TM_ASR(saturate(a[0] + c[0]), 1);
        const tm_i32 r_im = TM_ASR(saturate(a[1] + c[1]), 1);
        const tm_i32 d_re = TM_ASR(saturate(a[0] - c[0]), 1);
        const tm_i32 d_im = TM_ASR(saturate(a[1] - c[1]), 1);
        const tm_i32 t_re = TM_ASR(saturate(b[0] + e[0]), 1);
        const tm_i32 t_im = TM_ASR(saturate(b[1] + e[1]), 1);
        const tm_i32 u_re = TM_ASR(saturate(b[0] - e[0]), 1);
        const tm_i32 u_im = TM_ASR(saturate(b[1] - e[1]), 1);
        if (span > 4) {
          a[0] = (tm_i16)TM_ASR(r_re + t_re, 1);
          a[1] = (tm_i16)TM_ASR(r_im + t_im, 1);
          turn(r_re - t_re, r_im - t_im, twiddle + 4 * j * step, b);
          turn(d_re + u_im, d_im - u_re, twiddle + 2 * j * step, c);
          turn(d_re - u_im, d_im + u_re, twiddle + 6 * j * step, e);
        } else { /* the last stage neither turns nor halves */
          a[0] = wrap(r_re + t_re);
          a[1] = wrap(r_im + t_im);
          b[0] = wrap(r_re - t_re);
          b[1] = wrap(r_im - t_im);
          c[0] = wrap(d_re + u_im);
          c[1] = wrap(d_im - u_re);
          e[0] = wrap(d_re - u_im);
          e[1] = wrap(d_im + u_re);
        }
      }
    }
  }
}

/* In place, n complex values; divided by n. */
static void complex_transform(tm_i16* z, tm_i32 n, const tm_i16* twiddle) {
  tm_i32 i;
  tm_i32 j = 0;
  if ((n & 0x5550) != 0) { /* 16, 64, 256, ... */
    radix_four(z, n, twiddle, 1);
  } else {
    for (i = 0; i < n / 2; ++i) {
      tm_i16* a = z + 2 * i;
      tm_i16* b = a + n;
      const tm_i32 a_re = TM_ASR(a[0], 1);
      const tm_i32 a_im = TM_ASR(a[1], 1);
      const tm_i32 b_re = TM_ASR(b[0], 1);
      const tm_i32 b_im = TM_ASR(b[1], 1);
      const tm_i32 re = a_re - b_re;
      const tm_i32 im = a_im - b_im;
      const tm_i16* w = twiddle + 2 * i;
      a[0] = (tm_i16)TM_ASR(a_re + b_re, 1);
      a[1] = (tm_i16)TM_ASR(a_im + b_im, 1);
      b[0] = wrap(TM_ASR(re * w[0], 16) + TM_ASR(im * w[1], 16));
      b[1] = wrap(TM_ASR(im * w[0], 16) - TM_ASR(re * w[1], 16));
    }
    radix_four(z, n / 2, twiddle, 2);
    radix_four(z + n, n / 2, twiddle, 2);
    for (i = 0; i < 2 * n; ++i) {
      z[i] = wrap(2 * z[i]);
    }
  }
  for (i = 1; i < n; ++i) { /* bit reversal: j counts with carries running down */
    tm_i32 bit = n / 2;
    while (j >= bit) {
      j -= bit;
      bit /= 2;
    }
    j += bit;
    if (i < j) {
      const tm_i16 re = z[2 * i];
      const tm_i16 im = z[2 * i + 1];
      z[2 * i] = z[2 * j];
      z[2 * i + 1] = z[2 * j + 1];
      z[2 * j] = re;
      z[2 * j + 1] = im;
    }
  }
}

void tm_q15_rfft(tm_i16* z, tm_i32 n, const tm_i16* twiddle, const tm_i16* split, tm_i16* out) {
  const tm_i32 m = n / 2;
  tm_i32 i;
  complex_transform(z, m, twiddle); /* of the pairs x[2t] + i x[2t + 1] */
  for (i = 1; i < m; ++i) {
    const tm_i16* p = z + 2 * i;
    const tm_i16* q = z + 2 * (m - i);
    /* The weights add to at most 2 * 2^15: no sum leaves 32 bits. */
    const tm_i32 of_p = split[2 * i - 2];
    const tm_i32 of_q = 32768 - of_p > 32767 ? 32767 : 32768 - of_p;
    const tm_i32 across = split[2 * i - 1];
    out[2 * i] = wrap(TM_ASR(p[0] * of_p + p[1] * across + q[0] * of_q + q[1] * across, 16));
    out[2 * i + 1] = wrap(TM_ASR(q[0] * across - q[1] * of_q + p[1] * of_p - p[0] * across, 16));
  }
  out[0] = (tm_i16)TM_ASR(z[0] + z[1], 1);
  out[1] = 0;
  out[2 * m] = (tm_i16)TM_ASR(z[0] - z[1], 1);
  out[2 * m + 1] = 0;
}

void tm_q15_shift(const tm_i16* in, tm_i32 n, tm_i32 bits, tm_i16* out) {
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    out[k] = (tm_i16)(bits >= 0 ? saturate(in[k] * ((tm_i32)1 << bits)) : TM_ASR(in[k], -bits));
  }
}

/* sqrt(x) in units of 2^-16, x < 2^31: Newton's iteration for 1 / sqrt of x scaled to [1/4, 1),
 * from a table of 2^28 / sqrt((k + 8) / 32). */
static tm_i32 root(tm_u32 x) {
  static const tm_i32 first[24] = {
      536870912, 506166750, 480191942, 457845052, 438353264, 421156193, 405836263, 392075079,
      379625062, 368290407, 357913941, 348367849, 339546978, 331363921, 323745341, 316629190,
      309962566, 303700050, 297802400, 292235509, 286969573, 281978417, 277238947, 272730696};
  tm_i32 shift = 0;
  tm_i64 u;
  tm_i64 v;
  tm_i64 t;
  int i;
  if (x == 0) {
    return 0;
  }
  while ((x << shift) < ((tm_u32)1 << 29)) {
    shift += 2;
  }
  u = (tm_i64)(x << shift);
  v = first[TM_ASR(u, 26) - 8];
  for (i = 0; i < 3; ++i) {
    t = TM_ASR(v * v, 28);
    t = TM_ASR(u * t, 31);
    t = 0x30000000 - t;
    v = TM_ASR(v * t, 29);
  }
  return (tm_i32)TM_ASR(TM_ASR(u * v, 28), shift / 2);
}

void tm_q15_magnitude(const tm_i16* in, tm_i32 n, tm_i16* out) {
  tm_i32 k;
  for (k = 0; k < n; ++k) {
    const tm_i32 re = in[2 * k];
    const tm_i32 im = in[2 * k + 1];
    const tm_u32 square = (tm_u32)(re * re) + (tm_u32)(im * im);
    out[k] = (tm_i16)TM_ASR(root(square >> 1), 16);
  }
}

void tm_q15_bin(const tm_i16* in, tm_i32 n, tm_i32 first, tm_i32 width, tm_i32 count,
                tm_i32 divisor, tm_i16* out) {
  tm_i32 i;
  tm_i32 at = first;
  for (i = 0; i < count; ++i) {
    const tm_i32 end = at + width;
    tm_i32 sum = 0;
    tm_i32 mean;
    for (; at < end && at < n; ++at) {
      sum += in[at];
    }
    at = end;
    mean = sum / divisor;
    out[i] = saturate(mean * divisor > sum ? mean - 1 : mean);
  }
}
