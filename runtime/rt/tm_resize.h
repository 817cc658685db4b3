/* Platypus runtime: images of another size. SPDX-License-Identifier: 0BSD */
#ifndef TM_RESIZE_H
#define TM_RESIZE_H

#include "tm_shape.h"

/* Output i of an axis is first * (1 - part) + second * part: half-pixel centres, the last input
 * repeated. */
typedef struct {
  tm_i32 first, second;
  tm_f32 part;
} tm_neighbours;

TM_INLINE tm_neighbours tm_half_pixel(tm_i32 i, tm_i32 in, tm_i32 out) {
  const tm_f32 scale = (tm_f32)in / (tm_f32)out;
  const tm_f32 centre = ((tm_f32)i + 0.5f) * scale - 0.5f;
  const tm_f32 source = centre > 0.0f ? centre : 0.0f;
  tm_neighbours n;
  n.first = (tm_i32)source;
  n.first = n.first < in - 1 ? n.first : in - 1;
  n.second = n.first + 1 < in - 1 ? n.first + 1 : in - 1;
  n.part = source - (tm_f32)n.first;
  return n;
}

/* The same in whole numbers. Source of output i: max(0, i * step + start) / parts, which is
 * ((2 i + 1) in - out) / (2 out) in lowest terms. */
typedef struct {
  tm_i32 step, start, parts;
} tm_stretch;

TM_INLINE tm_stretch tm_stretch_of(tm_i32 in, tm_i32 out) {
  tm_i32 divisor = in, rest = out;
  tm_stretch s;
  while (rest != 0) {
    const tm_i32 next = divisor % rest;
    divisor = rest;
    rest = next;
  }
  in /= divisor;
  out /= divisor;
  divisor = (in + out) % 2 == 0 ? 2 : 1;
  s.step = 2 * in / divisor;
  s.start = (in - out) / divisor;
  s.parts = 2 * out / divisor;
  return s;
}

/* Output i of an axis is (first * weight_first + second * weight_second) / parts. */
typedef struct {
  tm_i32 first, second, weight_first, weight_second;
} tm_blend;

TM_INLINE tm_blend tm_blend_at(tm_i32 i, tm_stretch s, tm_i32 in) {
  const tm_i32 centre = i * s.step + s.start;
  const tm_i32 source = centre > 0 ? centre : 0;
  tm_blend b;
  b.first = source / s.parts;
  b.second = b.first + 1 < in - 1 ? b.first + 1 : in - 1;
  b.weight_second = source - b.first * s.parts;
  b.weight_first = s.parts - b.weight_second;
  return b;
}

/* Output i of an axis of `in` inputs and `out` outputs is input i * in / out. */
#define TM_DEFINE_NEAREST(type)                                                           \
  TM_INLINE void tm_resize_nearest_##type(const tm_##type* x, tm_shape s, tm_##type* y) { \
    tm_i32 oy, ox, c;                                                                     \
    for (oy = 0; oy < s.out_h; ++oy) {                                                    \
      const tm_##type* row = x + oy * s.in_h / s.out_h * s.in_w * s.in_c;                 \
      for (ox = 0; ox < s.out_w; ++ox) {                                                  \
        const tm_##type* p = row + ox * s.in_w / s.out_w * s.in_c;                        \
        for (c = 0; c < s.out_c; ++c) {                                                   \
          *y++ = p[c];                                                                    \
        }                                                                                 \
      }                                                                                   \
    }                                                                                     \
  }

TM_DEFINE_NEAREST(i8)
TM_DEFINE_NEAREST(u8)
TM_DEFINE_NEAREST(i16)
TM_DEFINE_NEAREST(f32)

TM_INLINE void tm_resize_bilinear_f32(const tm_f32* x, tm_shape s, tm_f32* y) {
  tm_i32 oy, ox, c;
  for (oy = 0; oy < s.out_h; ++oy) {
    const tm_neighbours rows = tm_half_pixel(oy, s.in_h, s.out_h);
    const tm_f32* upper = x + rows.first * s.in_w * s.in_c;
    const tm_f32* lower = x + rows.second * s.in_w * s.in_c;
    for (ox = 0; ox < s.out_w; ++ox) {
      const tm_neighbours columns = tm_half_pixel(ox, s.in_w, s.out_w);
      const tm_i32 left = columns.first * s.in_c;
      const tm_i32 right = columns.second * s.in_c;
      for (c = 0; c < s.out_c; ++c) {
        const tm_f32 above =
            upper[left + c] * (1.0f - columns.part) + upper[right + c] * columns.part;
        const tm_f32 below =
            lower[left + c] * (1.0f - columns.part) + lower[right + c] * columns.part;
        *y++ = above * (1.0f - rows.part) + below * rows.part;
      }
    }
  }
}

#endif /* TM_RESIZE_H */
