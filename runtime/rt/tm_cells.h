/* Platypus runtime: cells of average pools. SPDX-License-Identifier: 0BSD */
#ifndef TM_CELLS_H
#define TM_CELLS_H

#include "tm_port.h"

/* Cell i of an axis of `in` inputs and `out` outputs: first ... last - 1. */
typedef struct {
  tm_i32 first, last;
} tm_range;

TM_INLINE tm_range tm_cell_at(tm_i32 i, tm_i32 in, tm_i32 out) {
  tm_range cell;
  cell.first = i * in / out;
  cell.last = ((i + 1) * in + out - 1) / out;
  return cell;
}

/* The least common multiple of the cells' lengths, of which there are at most three; anything above
 * 2^31 means that it is too large. */
TM_INLINE tm_i64 tm_cell_parts(tm_i32 in, tm_i32 out) {
  tm_i64 parts = 1;
  tm_i32 i;
  for (i = 0; i < out && parts <= 2147483647; ++i) {
    const tm_range cell = tm_cell_at(i, in, out);
    const tm_i32 length = cell.last - cell.first;
    tm_i64 divisor = parts, rest = length;
    while (rest != 0) {
      const tm_i64 next = divisor % rest;
      divisor = rest;
      rest = next;
    }
    parts *= length / divisor;
  }
  return parts;
}

#endif /* TM_CELLS_H */
