/* Platypus runtime: functions that give the same bits on every core. SPDX-License-Identifier: 0BSD
 */
#ifndef TM_MATH_H
#define TM_MATH_H

#include "tm_port.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Natural logarithm of x > 0, float arithmetic only, error below 1 unit in the last place (2 near
 * 1). Not above 0: -104, below every logarithm; infinity and no number stay what they are. */
tm_f32 tm_logf(tm_f32 x);

/* Largest integer that is not above x, as a float. */
tm_f32 tm_floorf(tm_f32 x);

/* Nearest integer, halves to even, as a float. */
tm_f32 tm_roundf_even(tm_f32 x);

/* Square root (correctly rounded, as IEEE 754 asks of every implementation). */
tm_f32 tm_sqrtf(tm_f32 x);

#ifdef __cplusplus
}
#endif

#endif /* TM_MATH_H */
