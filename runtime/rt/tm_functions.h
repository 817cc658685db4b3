/* Platypus runtime: functions of float networks, the same bits on every core.
 * SPDX-License-Identifier: 0BSD
 *
 * No function branches, so that compilers make vectors of loops over them. An argument that is no
 * number gives none. Single precision of IEEE 754, rounded to nearest, is what they rely on. */
#ifndef TM_FUNCTIONS_H
#define TM_FUNCTIONS_H

#include "tm_port.h"

TM_ASSERT(f32_bits, sizeof(tm_f32) == sizeof(tm_u32));

TM_INLINE tm_u32 tm_bits_of(tm_f32 x) {
  tm_u32 bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* 2^k, -127 < k < 128. */
TM_INLINE tm_f32 tm_power_of_two(tm_i32 k) {
  const tm_u32 bits = (tm_u32)(k + 127) << 23;
  tm_f32 y;
  memcpy(&y, &bits, sizeof y);
  return y;
}

/* exp(x) = 2^k (1 + rest), |x| < 2^20, rest from sqrt(1/2) - 1 to sqrt(2) - 1. */
typedef struct {
  tm_i32 k;
  tm_f32 rest;
} tm_exponential;

TM_INLINE tm_exponential tm_split_exp(tm_f32 x) {
  /* Adding 1.5 * 2^23 leaves the nearest integer in the lowest bits. */
  const tm_f32 big = 12582912.0f;
  const tm_f32 sum = x * 1.44269504f + big;
  const tm_f32 k = sum - big;
  /* r = x - k log 2, |r| < 0.35, log 2 in two parts of which the first makes exact products. */
  const tm_f32 r = (x - k * 0.693359375f) - k * -2.12194440e-4f;
  /* exp(r) - 1 = r + r^2 q(r), relative error below 2^-26. */
  const tm_f32 q = 5.0000000629e-1f +
                   r * (1.6666541707e-1f +
                        r * (4.1666278182e-2f + r * (8.3667561680e-3f + r * 1.3946736873e-3f)));
  tm_exponential e;
  e.k = (tm_i32)(tm_bits_of(sum) - tm_bits_of(big));
  e.rest = r + r * r * q;
  return e;
}

/* Error below 1.1 units in the last place. */
TM_INLINE tm_f32 tm_expf(tm_f32 x) {
  /* Beyond these bounds lie 0 and infinity, which the product below gives at the bounds too. */
  const tm_f32 above = x < -104.0f ? -104.0f : x;
  const tm_exponential e = tm_split_exp(above > 89.0f ? 89.0f : above);
  const tm_i32 half = TM_ASR(e.k, 1); /* 2^k itself may be no normal number */
  return (1.0f + e.rest) * tm_power_of_two(half) * tm_power_of_two(e.k - half);
}

/* 1 / (1 + exp(-x)), error below 2.4 units in the last place. */
TM_INLINE tm_f32 tm_sigmoidf(tm_f32 x) {
  const tm_f32 e = tm_expf(x < 0.0f ? x : -x);
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* With m = exp(2 |x|) - 1: tanh(|x|) = m / (m + 2), error below 2.6 units in the last place. */
TM_INLINE tm_f32 tm_tanhf(tm_f32 x) {
  const tm_f32 twice = x < 0.0f ? -2.0f * x : 2.0f * x;
  const tm_exponential e = tm_split_exp(twice > 20.0f ? 20.0f : twice); /* 1 from 18 on */
  const tm_f32 power = tm_power_of_two(e.k);
  const tm_f32 m = power * e.rest + (power - 1.0f);
  const tm_f32 y = m / (m + 2.0f);
  return x < 0.0f ? -y : y;
}

/* x * Phi(x), Phi the normal distribution: x * (1 + erf(x / sqrt(2))) / 2. Phi(-|x|) =
 * exp(-x^2 / 2) t p(t), t = 1 / (1 + 0.3 |x|), error below 1.3e-7 of max(1, |x|). */
TM_INLINE tm_f32 tm_geluf(tm_f32 x) {
  const tm_f32 magnitude = x < 0.0f ? -x : x;
  const tm_f32 near = magnitude > 20.0f ? 20.0f : magnitude; /* beyond: 0 */
  const tm_f32 t = 1.0f / (1.0f + 0.3f * near);
  const tm_f32 p =
      1.211770084e-1f +
      t * (1.053826679e-1f +
           t * (1.645667581e-1f +
                t * (-2.066824075e-2f +
                     t * (1.503990101e-1f +
                          t * (4.101361111e-2f + t * (-8.372793193e-2f + t * 2.185711771e-2f))))));
  const tm_f32 tail = tm_expf(-0.5f * near * near) * t * p;
  return x < 0.0f ? x * tail : x * (1.0f - tail);
}

#endif /* TM_FUNCTIONS_H */
