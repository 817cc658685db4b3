/* Platypus runtime. SPDX-License-Identifier: 0BSD */
#include "tm_math.h"

#include <math.h>

tm_f32 tm_sqrtf(tm_f32 x) { return sqrtf(x); }

tm_f32 tm_roundf_even(tm_f32 x) {
  /* From 2^23 on every float is an integer; below, adding and taking away 2^23 rounds. */
  const tm_f32 big = 8388608.0f;
  tm_f32 rounded;
  if (x >= big || x <= -big || x != x) {
    return x;
  }
  if (x >= 0.0f) {
    rounded = (x + big) - big;
  } else {
    rounded = (x - big) + big;
  }
  return rounded;
}

tm_f32 tm_floorf(tm_f32 x) {
  const tm_f32 rounded = tm_roundf_even(x);
  return rounded > x ? rounded - 1.0f : rounded;
}

/* x = m * 2^k with m in [sqrt(1/2), sqrt(2)); with s = (m - 1) / (m + 1): log(m) = 2 s + s R(s^2),
 * R a polynomial with the minimax coefficients of fdlibm; log(x) = k log 2 + log(m), log 2 in two
 * parts. */
tm_f32 tm_logf(tm_f32 x) {
  static const tm_f32 up[6] = {4294967296.0f, 65536.0f, 256.0f, 16.0f, 4.0f, 2.0f};
  static const tm_f32 down[6] = {
      2.3283064365386963e-10f, 1.52587890625e-05f, 0.00390625f, 0.0625f, 0.25f, 0.5f};
  static const tm_i32 step[6] = {32, 16, 8, 4, 2, 1};
  const tm_f32 root_half = 0.70710677f;
  tm_i32 k = 0;
  int i;
  tm_f32 f;
  tm_f32 s;
  tm_f32 z;
  tm_f32 r;
  tm_f32 half_square;
  if (!(x <= 3.402823466e+38f)) { /* infinite or no number */
    return x;
  }
  if (x <= 0.0f) {
    return -104.0f;
  }
  if (x < 1.17549435e-38f) { /* below the normal numbers */
    x *= 4294967296.0f;
    k -= 32;
  }
  /* Bring x into [1, 2): each step at most once or twice, exact. */
  for (i = 0; i < 6; ++i) {
    while (x >= up[i]) {
      x *= down[i];
      k += step[i];
    }
  }
  for (i = 0; i < 6; ++i) {
    while (x * up[i] < 2.0f) {
      x *= up[i];
      k -= step[i];
    }
  }
  if (x * 0.5f >= root_half) { /* [1, 2) to [sqrt(1/2), sqrt(2)) */
    x *= 0.5f;
    k += 1;
  }
  f = x - 1.0f;
  s = f / (2.0f + f);
  z = s * s;
  r = z * (0.66666662693f + z * (0.40000972152f + z * (0.28498786688f + z * 0.24279078841f)));
  half_square = 0.5f * f * f;
  return s * (half_square + r) + (tm_f32)k * 9.0580006145e-06f - half_square + f +
         (tm_f32)k * 6.9313812256e-01f;
}
