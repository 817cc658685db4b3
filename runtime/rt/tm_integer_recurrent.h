/* Platypus runtime: recurrent layers of codes. SPDX-License-Identifier: 0BSD
 *
 * x is [step][input], y [step][hidden], or [hidden] after the last step. */
#ifndef TM_INTEGER_RECURRENT_H
#define TM_INTEGER_RECURRENT_H

#include "tm_gates.h"
#include "tm_kernels.h"

/* One layer; rows of a gate for all hidden values, then those of the next gate. */
typedef struct {
  const tm_octets* weight_ih; /* [gates * hidden][inputs] */
  const tm_octets* weight_hh; /* [gates * hidden][hidden] */
  tm_requant ih, hh;          /* of each row */
  tm_i32 steps, inputs, hidden;
  int cell_fraction;
  int all_steps;
} tm_integer_recurrent;

/* memory [hidden], state and next [hidden]: codes of 8 bits. */
#define TM_DEFINE_RECUR(in, out, result)                                                         \
  TM_INLINE void tm_recur_##in##_##out(const tm_##in* x, tm_integer_recurrent r, tm_cell cell,   \
                                       tm_i16* memory, tm_i8* state, tm_i8* next, tm_##out* y) { \
    const tm_i32 gates = cell == TM_LSTM ? 4 : cell == TM_GRU ? 3 : 1;                           \
    tm_i32 a[TM_MOST_CELL_GATES], u[TM_MOST_CELL_GATES];                                         \
    tm_i32 t, i, k, j;                                                                           \
    for (i = 0; i < r.hidden; ++i) {                                                             \
      memory[i] = 0;                                                                             \
      state[i] = 0;                                                                              \
    }                                                                                            \
    for (t = 0; t < r.steps; ++t) {                                                              \
      for (i = 0; i < r.hidden; ++i) {                                                           \
        tm_i32 h;                                                                                \
        for (k = 0; k < gates; ++k) {                                                            \
          const tm_i32 row = k * r.hidden + i;                                                   \
          tm_i32 w = row * r.inputs;                                                             \
          tm_i32 sum = r.ih.offset[row];                                                         \
          TM_UNROLL(4)                                                                           \
          for (j = 0; j < r.inputs; ++j) {                                                       \
            sum += (tm_i32)x[j] * tm_octet(r.weight_ih, w + j);                                  \
          }                                                                                      \
          a[k] = tm_requantize(sum, row, r.ih);                                                  \
          w = row * r.hidden;                                                                    \
          sum = r.hh.offset[row];                                                                \
          TM_UNROLL(4)                                                                           \
          for (j = 0; j < r.hidden; ++j) {                                                       \
            sum += (tm_i32)state[j] * tm_octet(r.weight_hh, w + j);                              \
          }                                                                                      \
          u[k] = tm_requantize(sum, row, r.hh);                                                  \
        }                                                                                        \
        h = tm_advance(cell, a, u, r.cell_fraction, memory + i);                                 \
        next[i] = (tm_i8)tm_state_code(h);                                                       \
        y[i] = (tm_##out)result(h);                                                              \
      }                                                                                          \
      memcpy(state, next, (size_t)r.hidden * sizeof *state);                                     \
      x += r.inputs;                                                                             \
      y += r.all_steps ? r.hidden : 0;                                                           \
    }                                                                                            \
  }

TM_DEFINE_RECUR(i8, i8, tm_state_code)
TM_DEFINE_RECUR(u8, i8, tm_state_code)
TM_DEFINE_RECUR(i16, i8, tm_state_code)
TM_DEFINE_RECUR(i8, i16, (tm_i32))
TM_DEFINE_RECUR(u8, i16, (tm_i32))
TM_DEFINE_RECUR(i16, i16, (tm_i32))

#endif /* TM_INTEGER_RECURRENT_H */
