/* Platypus runtime: transposed convolutions and uneven pools of codes. SPDX-License-Identifier:
 * 0BSD
 *
 * Activations are [height][width][channel], channels contiguous. */
#ifndef TM_SPREAD_H
#define TM_SPREAD_H

#include "tm_cells.h"
#include "tm_kernels.h"

/* The taps of one axis that bring inputs to an output: the first one with its input, then every
 * `step`-th, whose input lies `back` before. */
typedef struct {
  tm_i32 tap, input, step, back;
} tm_reach;

/* Tap k brings input i to output i * stride + k * dilation - padding; at: output + padding. */
TM_INLINE tm_reach tm_reach_of(tm_i32 at, tm_i32 stride, tm_i32 dilation, tm_i32 kernel) {
  tm_i32 divisor = stride, rest = dilation;
  tm_reach r;
  while (rest != 0) {
    const tm_i32 next = divisor % rest;
    divisor = rest;
    rest = next;
  }
  r.step = stride / divisor;
  r.back = dilation / divisor;
  r.input = -1;
  for (r.tap = 0; r.tap < r.step && r.tap < kernel && r.tap * dilation <= at; ++r.tap) {
    if ((at - r.tap * dilation) % stride == 0) {
      r.input = (at - r.tap * dilation) / stride;
      break;
    }
  }
  return r;
}

/* weight [out_c][kernel_h][kernel_w][in_c / groups] */
#define TM_DEFINE_TRANSPOSED(in, out)                                                             \
  TM_INLINE void tm_conv_transposed_##in##_##out(const tm_##in* x, const tm_octets* weight,       \
                                                 tm_i32 groups, tm_shape s, tm_requant r,         \
                                                 tm_##out* y) {                                   \
    const tm_i32 ins = s.in_c / groups;                                                           \
    const tm_i32 outs = s.out_c / groups;                                                         \
    tm_i32 oy, ox, c, ky, kx, iy, ix, i;                                                          \
    for (oy = 0; oy < s.out_h; ++oy) {                                                            \
      const tm_reach rows = tm_reach_of(oy + s.pad_h, s.stride_h, s.dilation_h, s.kernel_h);      \
      for (ox = 0; ox < s.out_w; ++ox) {                                                          \
        const tm_reach columns = tm_reach_of(ox + s.pad_w, s.stride_w, s.dilation_w, s.kernel_w); \
        for (c = 0; c < s.out_c; ++c) {                                                           \
          const tm_i32 first = groups == 1 ? 0 : c / outs * ins;                                  \
          tm_i32 sum = tm_offset(c, r);                                                           \
          for (ky = rows.tap, iy = rows.input; ky < s.kernel_h && iy >= 0;                        \
               ky += rows.step, iy -= rows.back) {                                                \
            if (iy >= s.in_h) {                                                                   \
              continue;                                                                           \
            }                                                                                     \
            for (kx = columns.tap, ix = columns.input; kx < s.kernel_w && ix >= 0;                \
                 kx += columns.step, ix -= columns.back) {                                        \
              if (ix < s.in_w) {                                                                  \
                const tm_##in* p = x + ((iy * s.in_w + ix) * s.in_c + first);                     \
                const tm_i32 k = ((c * s.kernel_h + ky) * s.kernel_w + kx) * ins;                 \
                TM_UNROLL(4)                                                                      \
                for (i = 0; i < ins; ++i) {                                                       \
                  sum += (tm_i32)p[i] * tm_octet(weight, k + i);                                  \
                }                                                                                 \
              }                                                                                   \
            }                                                                                     \
          }                                                                                       \
          y[c] = (tm_##out)tm_requantize(sum, c, r);                                              \
        }                                                                                         \
        y += s.out_c;                                                                             \
      }                                                                                           \
    }                                                                                             \
  }

/* Sums over cells, each so often that all stand for the same multiple of the mean: parts_h parts_w
 * divided by the cell's area. */
#define TM_DEFINE_CELLS(in, out)                                                         \
  TM_INLINE void tm_cell_pool_##in##_##out(const tm_##in* x, tm_shape s, tm_i32 parts_h, \
                                           tm_i32 parts_w, tm_requant r, tm_##out* y) {  \
    tm_i32 oy, ox, c, iy, ix;                                                            \
    for (oy = 0; oy < s.out_h; ++oy) {                                                   \
      const tm_range rows = tm_cell_at(oy, s.in_h, s.out_h);                             \
      const tm_i32 of_rows = parts_h / (rows.last - rows.first);                         \
      for (ox = 0; ox < s.out_w; ++ox) {                                                 \
        const tm_range columns = tm_cell_at(ox, s.in_w, s.out_w);                        \
        const tm_i32 times = of_rows * (parts_w / (columns.last - columns.first));       \
        for (c = 0; c < s.out_c; ++c) {                                                  \
          tm_i32 sum = 0;                                                                \
          for (iy = rows.first; iy < rows.last; ++iy) {                                  \
            const tm_##in* p = x + (iy * s.in_w * s.in_c + c);                           \
            for (ix = columns.first; ix < columns.last; ++ix) {                          \
              sum += p[ix * s.in_c];                                                     \
            }                                                                            \
          }                                                                              \
          *y++ = (tm_##out)tm_requantize(sum * times + tm_offset(c, r), c, r);           \
        }                                                                                \
      }                                                                                  \
    }                                                                                    \
  }

#define TM_DEFINE_SPREAD(in, out) \
  TM_DEFINE_TRANSPOSED(in, out)   \
  TM_DEFINE_CELLS(in, out)

TM_DEFINE_SPREAD(i8, i8)
TM_DEFINE_SPREAD(i8, u8)
TM_DEFINE_SPREAD(i8, i16)
TM_DEFINE_SPREAD(u8, i8)
TM_DEFINE_SPREAD(u8, u8)
TM_DEFINE_SPREAD(u8, i16)
TM_DEFINE_SPREAD(i16, i8)
TM_DEFINE_SPREAD(i16, u8)
TM_DEFINE_SPREAD(i16, i16)

#endif /* TM_SPREAD_H */
