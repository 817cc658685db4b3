/* Platypus runtime: extents of a layer and its windows. SPDX-License-Identifier: 0BSD */
#ifndef TM_SHAPE_H
#define TM_SHAPE_H

#include "tm_port.h"

/* Extents of one layer. A network on a width of 1 has its time axis in `w` here, so that a window
 * is one run of neighbouring values. */
typedef struct {
  tm_i32 in_h, in_w, in_c;
  tm_i32 out_h, out_w, out_c;
  tm_i32 kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w;
} tm_shape;

/* Taps of a window that fall on the input: first ... last - 1. */
TM_INLINE tm_i32 tm_first_tap(tm_i32 start, tm_i32 dilation) {
  return start >= 0 ? 0 : (dilation - 1 - start) / dilation;
}
TM_INLINE tm_i32 tm_last_tap(tm_i32 start, tm_i32 dilation, tm_i32 kernel, tm_i32 size) {
  const tm_i32 room = size - 1 - start;
  const tm_i32 taps = room < 0 ? 0 : room / dilation + 1;
  return taps < kernel ? taps : kernel;
}

/* The taps of one output position that fall on the input, and the input position of tap (0, 0). */
typedef struct {
  tm_i32 top, left, ky0, ky1, kx0, kx1;
} tm_window;

TM_INLINE tm_window tm_window_at(tm_i32 oy, tm_i32 ox, tm_shape s) {
  tm_window w;
  w.top = oy * s.stride_h - s.pad_h;
  w.left = ox * s.stride_w - s.pad_w;
  w.ky0 = tm_first_tap(w.top, s.dilation_h);
  w.ky1 = tm_last_tap(w.top, s.dilation_h, s.kernel_h, s.in_h);
  w.kx0 = tm_first_tap(w.left, s.dilation_w);
  w.kx1 = tm_last_tap(w.left, s.dilation_w, s.kernel_w, s.in_w);
  return w;
}

/* Index of the first channel under tap (ky, kx). */
TM_INLINE tm_i32 tm_tap(tm_window w, tm_i32 ky, tm_i32 kx, tm_shape s) {
  return ((w.top + ky * s.dilation_h) * s.in_w + w.left + kx * s.dilation_w) * s.in_c;
}

/* Output columns whose windows lie within the input from left to right: first ... last - 1. */
TM_INLINE tm_i32 tm_first_inner(tm_shape s) {
  const tm_i32 first = (s.pad_w + s.stride_w - 1) / s.stride_w;
  return first < s.out_w ? first : s.out_w;
}
TM_INLINE tm_i32 tm_last_inner(tm_shape s) {
  const tm_i32 room = s.in_w - 1 - (s.kernel_w - 1) * s.dilation_w + s.pad_w;
  const tm_i32 last = room < 0 ? 0 : room / s.stride_w + 1;
  return last < s.out_w ? last : s.out_w;
}

/* The same of rows. */
TM_INLINE tm_i32 tm_first_inner_row(tm_shape s) {
  const tm_i32 first = (s.pad_h + s.stride_h - 1) / s.stride_h;
  return first < s.out_h ? first : s.out_h;
}
TM_INLINE tm_i32 tm_last_inner_row(tm_shape s) {
  const tm_i32 room = s.in_h - 1 - (s.kernel_h - 1) * s.dilation_h + s.pad_h;
  const tm_i32 last = room < 0 ? 0 : room / s.stride_h + 1;
  return last < s.out_h ? last : s.out_h;
}

/* Layers compute their positions in order, some at a time, and have no more use for what only the
 * windows of those before cover: y may lie over the beginning of x, ahead of what is still read.
 * Convolutions of at most TM_TOGETHER channels compute at most TM_STRIP columns of a row at a time,
 * depthwise layers whole rows of about so many positions or, where the image is no higher than
 * wide, columns. */
#define TM_STRIP 32
#define TM_TOGETHER 64
TM_INLINE tm_i32 tm_columns_together(tm_shape s) {
  return s.out_w > TM_STRIP && s.out_h <= s.out_w ? TM_STRIP : s.out_w;
}
TM_INLINE tm_i32 tm_rows_together(tm_shape s) {
  return s.out_w > tm_columns_together(s) ? 1 : 2 * s.out_w < TM_STRIP ? TM_STRIP / s.out_w : 2;
}
/* Positions of a depthwise layer that are begun before the first of them is done: rows may be
 * computed in pairs. */
TM_INLINE tm_i32 tm_depthwise_strip(tm_shape s) {
  const tm_i32 wide = tm_columns_together(s);
  return wide < s.out_w ? wide : (tm_rows_together(s) + 1) * wide;
}

/* Whether the ends of a line are much of it. On Armv6-M, where code is dearer, it is shorter. */
#define TM_SHORT 16
TM_INLINE int tm_is_short(tm_shape s) {
  return s.out_h * s.out_w <= (TM_POSITIONS == 4 ? TM_SHORT : 2 * TM_SHORT);
}

/* Whether one pointer reaches the same place of four positions `step` octets apart, and the one
 * behind it, on Armv6-M, whose loads have offsets up to 31. */
TM_INLINE int tm_is_near(tm_i32 step) { return 3 * step + 1 <= 31; }

/* Whether a convolution's windows have few values on each line, and few in all. */
#define TM_NARROW 48
TM_INLINE int tm_is_narrow(tm_shape s) {
  return s.kernel_h > 1 && s.in_c % 8 != 0 && s.kernel_w * s.in_c <= 9 &&
         s.kernel_h * s.kernel_w * s.in_c <= TM_NARROW && s.out_c >= 8 &&
         s.out_h * s.out_w >= TM_POSITIONS;
}

/* Whether DSP instructions get windows of a convolution that are brought together and widened once
 * for all channels: not of one position, nor for a few channels. */
#define TM_DSP_WIDE 288
TM_INLINE int tm_dsp_widens(tm_shape s) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  return s.out_c >= 16 && s.out_c % 2 == 0 && row >= 32 && row <= TM_DSP_WIDE && s.in_c % 4 == 0 &&
         (s.kernel_h * s.kernel_w > 1 || s.in_h * s.in_w > 1);
}

#endif /* TM_SHAPE_H */
