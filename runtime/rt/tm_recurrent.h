/* Platypus runtime: recurrent layers. SPDX-License-Identifier: 0BSD
 *
 * x is [step][input]. Every sum begins with its bias, then inputs (or state values) in order. */
#ifndef TM_RECURRENT_H
#define TM_RECURRENT_H

#include "tm_functions.h"

#define TM_MOST_GATES 4

/* One layer; weights and biases of a gate for all hidden values, then those of the next gate. */
typedef struct {
  const tm_f32* weight_ih; /* [gates * hidden][inputs] */
  const tm_f32* weight_hh; /* [gates * hidden][hidden] */
  const tm_f32* bias_ih;   /* [gates * hidden] */
  const tm_f32* bias_hh;
  tm_i32 steps, inputs, hidden;
  int all_steps; /* y is [step][hidden]; else [hidden], after the last step */
} tm_recurrent;

TM_INLINE tm_f32 tm_gate_f32(const tm_f32* weight, tm_f32 bias, const tm_f32* x, tm_i32 n) {
  tm_f32 sum = bias;
  tm_i32 i;
  for (i = 0; i < n; ++i) {
    sum += weight[i] * x[i];
  }
  return sum;
}

/* The gates of hidden value i: what they get from the input, and from the state. */
TM_INLINE void tm_gates_f32(const tm_f32* x, const tm_f32* h, tm_recurrent r, tm_i32 gates,
                            tm_i32 i, tm_f32* from_x, tm_f32* from_h) {
  tm_i32 k;
  for (k = 0; k < gates; ++k) {
    const tm_i32 row = k * r.hidden + i;
    from_x[k] = tm_gate_f32(r.weight_ih + row * r.inputs, r.bias_ih[row], x, r.inputs);
    from_h[k] = tm_gate_f32(r.weight_hh + row * r.hidden, r.bias_hh[row], h, r.hidden);
  }
}

/* h' = tanh(x + u); state: [hidden]. */
TM_INLINE void tm_rnn_f32(const tm_f32* x, tm_recurrent r, tm_f32* state, tm_f32* y) {
  const tm_i32 octets = r.hidden * (tm_i32)sizeof(tm_f32);
  tm_f32 a[TM_MOST_GATES], u[TM_MOST_GATES];
  tm_i32 t, i;
  memset(state, 0, (size_t)octets);
  for (t = 0; t < r.steps; ++t) {
    for (i = 0; i < r.hidden; ++i) {
      tm_gates_f32(x, state, r, 1, i, a, u);
      y[i] = tm_tanhf(a[0] + u[0]);
    }
    memcpy(state, y, (size_t)octets);
    x += r.inputs;
    y += r.all_steps ? r.hidden : 0;
  }
}

/* r, z, n: h' = (1 - z) n + z h with n = tanh(x + r u); state: [hidden]. */
TM_INLINE void tm_gru_f32(const tm_f32* x, tm_recurrent r, tm_f32* state, tm_f32* y) {
  const tm_i32 octets = r.hidden * (tm_i32)sizeof(tm_f32);
  tm_f32 a[TM_MOST_GATES], u[TM_MOST_GATES];
  tm_i32 t, i;
  memset(state, 0, (size_t)octets);
  for (t = 0; t < r.steps; ++t) {
    for (i = 0; i < r.hidden; ++i) {
      tm_f32 reset, keep, candidate;
      tm_gates_f32(x, state, r, 3, i, a, u);
      reset = tm_sigmoidf(a[0] + u[0]);
      keep = tm_sigmoidf(a[1] + u[1]);
      candidate = tm_tanhf(a[2] + reset * u[2]);
      y[i] = (1.0f - keep) * candidate + keep * state[i];
    }
    memcpy(state, y, (size_t)octets);
    x += r.inputs;
    y += r.all_steps ? r.hidden : 0;
  }
}

/* i, f, g, o: c' = f c + i tanh(g), h' = o tanh(c'); state: h, c, [2][hidden]. */
TM_INLINE void tm_lstm_f32(const tm_f32* x, tm_recurrent r, tm_f32* state, tm_f32* y) {
  const tm_i32 octets = r.hidden * (tm_i32)sizeof(tm_f32);
  tm_f32* cell = state + r.hidden;
  tm_f32 a[TM_MOST_GATES], u[TM_MOST_GATES];
  tm_i32 t, i;
  memset(state, 0, 2 * (size_t)octets);
  for (t = 0; t < r.steps; ++t) {
    for (i = 0; i < r.hidden; ++i) {
      tm_gates_f32(x, state, r, 4, i, a, u);
      cell[i] =
          tm_sigmoidf(a[1] + u[1]) * cell[i] + tm_sigmoidf(a[0] + u[0]) * tm_tanhf(a[2] + u[2]);
      y[i] = tm_sigmoidf(a[3] + u[3]) * tm_tanhf(cell[i]);
    }
    memcpy(state, y, (size_t)octets);
    x += r.inputs;
    y += r.all_steps ? r.hidden : 0;
  }
}

#endif /* TM_RECURRENT_H */
