/* Platypus runtime: a layer that feeds a pool. SPDX-License-Identifier: 0BSD
 *
 * A pool needs no more of a layer's output at a time than its next windows cover: a band of lines,
 * which are rows or, where the output has one row, columns. The layer writes them into a strip:
 *
 *   tm_band b;
 *   tm_begin_bands(&b);
 *   while (tm_next_band(s, p, windows, &b)) {
 *     memmove(strip, strip + b.from, b.kept * sizeof *strip);
 *     layer(x + b.x, b.layer, strip + b.kept);
 *     pool(strip, b.pool, y + b.y);
 *   }
 */
#ifndef TM_BANDS_H
#define TM_BANDS_H

#include "tm_shape.h"

typedef struct {
  tm_i32 x, y;        /* values before those that the layer reads, and those that the pool writes */
  tm_i32 from, kept;  /* values of the strip that the next windows cover, too */
  tm_i32 first, made; /* the layer's lines: first of the strip, and first that is not computed */
  tm_i32 done, windows; /* the pool's lines: before this band, and in it */
  tm_shape layer, pool; /* the lines that are new; the windows over the strip */
} tm_band;

TM_INLINE void tm_begin_bands(tm_band* b) {
  b->first = 0;
  b->made = 0;
  b->done = 0;
  b->windows = 0;
}

/* `count` lines of a layer from the given one on: their shape, and the values before their input.
 */
TM_INLINE tm_i32 tm_some_lines(tm_shape s, int rows, tm_i32 line, tm_i32 count, tm_shape* some) {
  const tm_i32 start = rows ? line * s.stride_h - s.pad_h : line * s.stride_w - s.pad_w;
  const tm_i32 skipped = start > 0 ? start : 0;
  *some = s;
  if (rows) {
    some->in_h = s.in_h - skipped;
    some->pad_h = skipped - start;
    some->out_h = count;
    return skipped * s.in_w * s.in_c;
  }
  some->in_w = s.in_w - skipped;
  some->pad_w = skipped - start;
  some->out_w = count;
  return skipped * s.in_c;
}

/* s: the layer's shape, p: that of the pool over its output, at most `windows` lines of which are
 * in a band. 0: there is none left. */
TM_INLINE int tm_next_band(tm_shape s, tm_shape p, tm_i32 windows, tm_band* b) {
  const int rows = p.out_h > 1;
  const tm_i32 stride = rows ? p.stride_h : p.stride_w;
  const tm_i32 reach = rows ? (p.kernel_h - 1) * p.dilation_h : (p.kernel_w - 1) * p.dilation_w;
  const tm_i32 lines = rows ? p.in_h : p.in_w;
  const tm_i32 line = rows ? p.in_w * p.in_c : p.in_c;
  tm_i32 left, start, first, end, fresh;
  b->done += b->windows;
  left = (rows ? p.out_h : p.out_w) - b->done;
  b->windows = windows < left ? windows : left;
  if (left == 0) {
    return 0;
  }
  start = b->done * stride - (rows ? p.pad_h : p.pad_w);
  first = start > 0 ? start : 0;
  end = start + (b->windows - 1) * stride + reach + 1;
  end = end < lines ? end : lines;
  fresh = b->made > first ? b->made : first;
  b->kept = (fresh - first) * line;
  b->from = b->kept == 0 ? 0 : (first - b->first) * line;
  b->x = tm_some_lines(s, rows, fresh, end - fresh, &b->layer);
  b->y = b->done * (rows ? p.out_w : 1) * p.out_c;
  b->pool = p;
  if (rows) {
    b->pool.in_h = end - first;
    b->pool.pad_h = first - start;
    b->pool.out_h = b->windows;
  } else {
    b->pool.in_w = end - first;
    b->pool.pad_w = first - start;
    b->pool.out_w = b->windows;
  }
  b->first = first;
  b->made = end;
  return 1;
}

#endif /* TM_BANDS_H */
