/* Platypus runtime: the cells of recurrent integer networks. SPDX-License-Identifier: 0BSD
 *
 * Numbers in front of a function have 12 bits of fraction, behind it 15. No product leaves 32 bits:
 * the bounds stand beside them. */
#ifndef TM_GATES_H
#define TM_GATES_H

#include "tm_port.h"

#define TM_LARGEST_PART 65535 /* of what a gate gets from the input, or from the state */
#define TM_MOST_CELL_GATES 4

/* tanh(i / 32), 15 bits of fraction. Straight lines between the entries are off by 1e-4 at most. */
static const tm_u16 tm_tanh_table[257] = {
    0,     1024,  2045,  3063,  4075,  5079,  6073,  7056,  8025,  8980,  9919,  10840, 11743,
    12625, 13486, 14326, 15143, 15936, 16706, 17452, 18173, 18870, 19542, 20189, 20813, 21411,
    21986, 22538, 23066, 23571, 24054, 24516, 24956, 25376, 25776, 26157, 26519, 26864, 27191,
    27502, 27797, 28076, 28341, 28592, 28830, 29055, 29268, 29470, 29660, 29840, 30010, 30170,
    30322, 30465, 30600, 30727, 30847, 30960, 31067, 31167, 31262, 31351, 31435, 31515, 31589,
    31659, 31726, 31788, 31846, 31901, 31953, 32002, 32048, 32091, 32132, 32170, 32206, 32240,
    32271, 32301, 32329, 32356, 32381, 32404, 32426, 32447, 32466, 32484, 32501, 32517, 32532,
    32547, 32560, 32573, 32584, 32596, 32606, 32616, 32625, 32634, 32642, 32649, 32657, 32663,
    32670, 32676, 32681, 32686, 32691, 32696, 32700, 32704, 32708, 32712, 32715, 32718, 32721,
    32724, 32727, 32729, 32732, 32734, 32736, 32738, 32740, 32741, 32743, 32745, 32746, 32747,
    32749, 32750, 32751, 32752, 32753, 32754, 32755, 32755, 32756, 32757, 32758, 32758, 32759,
    32759, 32760, 32760, 32761, 32761, 32762, 32762, 32762, 32763, 32763, 32763, 32764, 32764,
    32764, 32764, 32765, 32765, 32765, 32765, 32765, 32766, 32766, 32766, 32766, 32766, 32766,
    32766, 32766, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767,
    32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767,
    32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767,
    32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767,
    32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767,
    32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767,
    32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767, 32767};

/* The table at at / 2^bits, at < 2^(8 + bits). */
TM_INLINE tm_i32 tm_between(tm_i32 at, int bits) {
  const tm_u16* t = tm_tanh_table + (at >> bits);
  const tm_i32 part = at & ((1 << bits) - 1);
  return t[0] + (((t[1] - t[0]) * part + (1 << (bits - 1))) >> bits);
}

/* tanh(x), -32767 to 32767. */
TM_INLINE tm_i32 tm_tanh_q15(tm_i32 x) {
  const tm_i32 magnitude = x < 0 ? -x : x;
  const tm_i32 y = tm_between(magnitude > 32767 ? 32767 : magnitude, 7);
  return x < 0 ? -y : y;
}

/* 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2, 0 to 32768. */
TM_INLINE tm_i32 tm_sigmoid_q15(tm_i32 x) {
  const tm_i32 magnitude = x < 0 ? -x : x;
  const tm_i32 y = tm_between(magnitude > 65535 ? 65535 : magnitude, 8);
  return TM_ASR(x < 0 ? 32769 - y : 32769 + y, 1);
}

/* Half of a step added, 15 bits cut off. */
TM_INLINE tm_i32 tm_round_q15(tm_i32 x) { return TM_ASR(x + 16384, 15); }

typedef enum { TM_RNN, TM_GRU, TM_LSTM } tm_cell;

/* The next state of one value from what its gates get from the input (a) and from the state (u).
 * *memory: of a GRU its state, of an LSTM its c with cell_fraction <= 12 bits of fraction. */
TM_INLINE tm_i32 tm_advance(tm_cell cell, const tm_i32* a, const tm_i32* u, int cell_fraction,
                            tm_i16* memory) {
  if (cell == TM_RNN) {
    return tm_tanh_q15(a[0] + u[0]);
  }
  if (cell == TM_GRU) { /* r, z, n: below 2^15 2^16, 2^15 2^15 */
    const tm_i32 reset = tm_sigmoid_q15(a[0] + u[0]);
    const tm_i32 keep = tm_sigmoid_q15(a[1] + u[1]);
    const tm_i32 candidate = tm_tanh_q15(a[2] + tm_round_q15(reset * u[2]));
    const tm_i32 h = tm_round_q15((32768 - keep) * candidate + keep * *memory);
    *memory = (tm_i16)h;
    return h;
  } else { /* i, f, g, o: f c is at most 2^30, i g below 2^30 before its shift */
    const tm_i32 in = tm_sigmoid_q15(a[0] + u[0]) * tm_tanh_q15(a[2] + u[2]);
    const tm_i32 kept = tm_sigmoid_q15(a[1] + u[1]) * *memory;
    const tm_i32 sum = tm_round_q15(kept + TM_ASR(in, 15 - cell_fraction));
    const tm_i32 c = sum < -32768 ? -32768 : sum > 32767 ? 32767 : sum;
    *memory = (tm_i16)c;
    return tm_round_q15(tm_sigmoid_q15(a[3] + u[3]) * tm_tanh_q15(c * (1 << (12 - cell_fraction))));
  }
}

/* A state as a code of 8 bits. */
TM_INLINE tm_i32 tm_state_code(tm_i32 h) {
  const tm_i32 code = TM_ASR(h + 128, 8);
  return code > 127 ? 127 : code;
}

#endif /* TM_GATES_H */
