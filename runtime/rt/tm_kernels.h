/* Platypus runtime: layers of integer and float networks. SPDX-License-Identifier: 0BSD
 *
 * Activations are [height][width][channel], channels contiguous. The generated code calls these functions with
 * literal sizes, so that the compiler makes one tight function of each call. Integer layers compute
 *   q = clamp(((sum + offset[c]) * multiplier[c]) >> shift[c], lo, hi)
 * in 32 bits (64 where the generator could not prove 32 enough); a null multiplier means 1. */
#ifndef TM_KERNELS_H
#define TM_KERNELS_H

#include "tm_math.h"
#include "tm_port.h"

/* Extents of one layer. A network on a width of 1 has its time axis in `w` here, so that a window is one run of
 * neighbouring values. */
typedef struct {
  tm_i32 in_h, in_w, in_c;
  tm_i32 out_h, out_w, out_c;
  tm_i32 kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w;
} tm_shape;

/* How sums become codes. */
typedef struct {
  const tm_i32 *offset;
  const tm_i16 *multiplier; /* null: 1 */
  const tm_u8 *shift;
  tm_i32 lo, hi;
  int wide;    /* the product needs 64 bits */
  int shared;  /* one offset, multiplier and shift for all channels */
} tm_requant;

TM_INLINE tm_i32 tm_clamp(tm_i32 v, tm_i32 lo, tm_i32 hi) { return v < lo ? lo : v > hi ? hi : v; }

TM_INLINE tm_i32 tm_requantize(tm_i32 sum, tm_i32 c, tm_requant r) {
  const tm_i32 at = r.shared ? 0 : c;
  const tm_i32 t = sum + r.offset[at];
  if (r.multiplier == NULL) {
    return tm_clamp(TM_ASR(t, r.shift[at]), r.lo, r.hi);
  }
  if (!r.wide) {
    return tm_clamp(TM_ASR(t * r.multiplier[at], r.shift[at]), r.lo, r.hi);
  } else {
    const tm_i64 y = TM_ASR((tm_i64)t * r.multiplier[at], r.shift[at]);
    return y < r.lo ? r.lo : y > r.hi ? r.hi : (tm_i32)y;
  }
}

/* Taps of a window that fall on the input: first ... last - 1. */
TM_INLINE tm_i32 tm_first_tap(tm_i32 start, tm_i32 dilation) {
  return start >= 0 ? 0 : (dilation - 1 - start) / dilation;
}
TM_INLINE tm_i32 tm_last_tap(tm_i32 start, tm_i32 dilation, tm_i32 kernel, tm_i32 size) {
  const tm_i32 room = size - 1 - start;
  const tm_i32 taps = room < 0 ? 0 : room / dilation + 1;
  return taps < kernel ? taps : kernel;
}

/* Functions for one type of input codes (tm_i8 or tm_u8) and one of output codes. */
#define TM_DEFINE_LAYERS(in, out)                                                                                  \
  /* weight [out_c][kernel_h][kernel_w][in_c] */                                                                   \
  TM_INLINE void tm_conv_##in##_##out(const tm_##in *x, const tm_i8 *weight, tm_shape s, tm_requant r, tm_##out *y) { \
    const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;                                                           \
    tm_i32 oy, ox, c, ky, kx, i;                                                                                   \
    for (oy = 0; oy < s.out_h; ++oy) {                                                                             \
      const tm_i32 top = oy * s.stride_h - s.pad_h;                                                                \
      const tm_i32 ky0 = tm_first_tap(top, s.dilation_h);                                                          \
      const tm_i32 ky1 = tm_last_tap(top, s.dilation_h, s.kernel_h, s.in_h);                                       \
      for (ox = 0; ox < s.out_w; ++ox) {                                                                           \
        const tm_i32 left = ox * s.stride_w - s.pad_w;                                                             \
        const tm_i32 kx0 = tm_first_tap(left, s.dilation_w);                                                       \
        const tm_i32 kx1 = tm_last_tap(left, s.dilation_w, s.kernel_w, s.in_w);                                    \
        c = 0;                                                                                                     \
        for (; c + 4 <= s.out_c; c += 4) { /* four outputs share the loads of x */                                 \
          const tm_i8 *w = weight + c * row;                                                                       \
          tm_i32 a0 = 0, a1 = 0, a2 = 0, a3 = 0;                                                                   \
          for (ky = ky0; ky < ky1; ++ky) {                                                                         \
            if (s.dilation_w == 1) {                                                                               \
              const tm_##in *p = x + ((top + ky * s.dilation_h) * s.in_w + left + kx0) * s.in_c;                   \
              const tm_i8 *q = w + (ky * s.kernel_w + kx0) * s.in_c;                                               \
              const tm_i32 n = (kx1 - kx0) * s.in_c;                                                               \
              for (i = 0; i < n; ++i) {                                                                            \
                const tm_i32 v = p[i];                                                                             \
                a0 += v * q[i];                                                                                    \
                a1 += v * q[i + row];                                                                              \
                a2 += v * q[i + 2 * row];                                                                          \
                a3 += v * q[i + 3 * row];                                                                          \
              }                                                                                                    \
            } else {                                                                                               \
              for (kx = kx0; kx < kx1; ++kx) {                                                                     \
                const tm_##in *p = x + ((top + ky * s.dilation_h) * s.in_w + left + kx * s.dilation_w) * s.in_c;   \
                const tm_i8 *q = w + (ky * s.kernel_w + kx) * s.in_c;                                              \
                for (i = 0; i < s.in_c; ++i) {                                                                     \
                  const tm_i32 v = p[i];                                                                           \
                  a0 += v * q[i];                                                                                  \
                  a1 += v * q[i + row];                                                                            \
                  a2 += v * q[i + 2 * row];                                                                        \
                  a3 += v * q[i + 3 * row];                                                                        \
                }                                                                                                  \
              }                                                                                                    \
            }                                                                                                      \
          }                                                                                                        \
          y[c] = (tm_##out)tm_requantize(a0, c, r);                                                                \
          y[c + 1] = (tm_##out)tm_requantize(a1, c + 1, r);                                                        \
          y[c + 2] = (tm_##out)tm_requantize(a2, c + 2, r);                                                        \
          y[c + 3] = (tm_##out)tm_requantize(a3, c + 3, r);                                                        \
        }                                                                                                          \
        for (; c < s.out_c; ++c) {                                                                                 \
          const tm_i8 *w = weight + c * row;                                                                       \
          tm_i32 sum = 0;                                                                                          \
          for (ky = ky0; ky < ky1; ++ky) {                                                                         \
            for (kx = kx0; kx < kx1; ++kx) {                                                                       \
              const tm_##in *p = x + ((top + ky * s.dilation_h) * s.in_w + left + kx * s.dilation_w) * s.in_c;     \
              const tm_i8 *q = w + (ky * s.kernel_w + kx) * s.in_c;                                                \
              for (i = 0; i < s.in_c; ++i) {                                                                       \
                sum += (tm_i32)p[i] * q[i];                                                                        \
              }                                                                                                    \
            }                                                                                                      \
          }                                                                                                        \
          y[c] = (tm_##out)tm_requantize(sum, c, r);                                                               \
        }                                                                                                          \
        y += s.out_c;                                                                                              \
      }                                                                                                            \
    }                                                                                                              \
  }                                                                                                                \
  /* weight [kernel_h][kernel_w][out_c]; groups of in_c / groups inputs, out_c / groups outputs when groups < in_c:  \
   * weight [out_c][kernel_h][kernel_w][in_c / groups] */                                                          \
  TM_INLINE void tm_depthwise_##in##_##out(const tm_##in *x, const tm_i8 *weight, tm_shape s, tm_requant r,        \
                                           tm_##out *y) {                                                          \
    tm_i32 oy, ox, c, ky, kx;                                                                                      \
    for (oy = 0; oy < s.out_h; ++oy) {                                                                             \
      const tm_i32 top = oy * s.stride_h - s.pad_h;                                                                \
      const tm_i32 ky0 = tm_first_tap(top, s.dilation_h);                                                          \
      const tm_i32 ky1 = tm_last_tap(top, s.dilation_h, s.kernel_h, s.in_h);                                       \
      for (ox = 0; ox < s.out_w; ++ox) {                                                                           \
        const tm_i32 left = ox * s.stride_w - s.pad_w;                                                             \
        const tm_i32 kx0 = tm_first_tap(left, s.dilation_w);                                                       \
        const tm_i32 kx1 = tm_last_tap(left, s.dilation_w, s.kernel_w, s.in_w);                                    \
        for (c = 0; c < s.out_c; ++c) {                                                                            \
          tm_i32 sum = 0;                                                                                          \
          for (ky = ky0; ky < ky1; ++ky) {                                                                         \
            for (kx = kx0; kx < kx1; ++kx) {                                                                       \
              sum += (tm_i32)x[((top + ky * s.dilation_h) * s.in_w + left + kx * s.dilation_w) * s.in_c + c] *     \
                     weight[(ky * s.kernel_w + kx) * s.out_c + c];                                                 \
            }                                                                                                      \
          }                                                                                                        \
          y[c] = (tm_##out)tm_requantize(sum, c, r);                                                               \
        }                                                                                                          \
        y += s.out_c;                                                                                              \
      }                                                                                                            \
    }                                                                                                              \
  }                                                                                                                \
  TM_INLINE void tm_grouped_##in##_##out(const tm_##in *x, const tm_i8 *weight, tm_i32 groups, tm_shape s,         \
                                         tm_requant r, tm_##out *y) {                                              \
    const tm_i32 ins = s.in_c / groups;                                                                            \
    const tm_i32 outs = s.out_c / groups;                                                                          \
    tm_i32 oy, ox, c, ky, kx, i;                                                                                   \
    for (oy = 0; oy < s.out_h; ++oy) {                                                                             \
      const tm_i32 top = oy * s.stride_h - s.pad_h;                                                                \
      const tm_i32 ky0 = tm_first_tap(top, s.dilation_h);                                                          \
      const tm_i32 ky1 = tm_last_tap(top, s.dilation_h, s.kernel_h, s.in_h);                                       \
      for (ox = 0; ox < s.out_w; ++ox) {                                                                           \
        const tm_i32 left = ox * s.stride_w - s.pad_w;                                                             \
        const tm_i32 kx0 = tm_first_tap(left, s.dilation_w);                                                       \
        const tm_i32 kx1 = tm_last_tap(left, s.dilation_w, s.kernel_w, s.in_w);                                    \
        for (c = 0; c < s.out_c; ++c) {                                                                            \
          tm_i32 sum = 0;                                                                                          \
          for (ky = ky0; ky < ky1; ++ky) {                                                                         \
            for (kx = kx0; kx < kx1; ++kx) {                                                                       \
              const tm_##in *p = x + ((top + ky * s.dilation_h) * s.in_w + left + kx * s.dilation_w) * s.in_c +    \
                                 c / outs * ins;                                                                   \
              const tm_i8 *q = weight + ((c * s.kernel_h + ky) * s.kernel_w + kx) * ins;                           \
              for (i = 0; i < ins; ++i) {                                                                          \
                sum += (tm_i32)p[i] * q[i];                                                                        \
              }                                                                                                    \
            }                                                                                                      \
          }                                                                                                        \
          y[c] = (tm_##out)tm_requantize(sum, c, r);                                                               \
        }                                                                                                          \
        y += s.out_c;                                                                                              \
      }                                                                                                            \
    }                                                                                                              \
  }                                                                                                                \
  /* Sum over each window, requantised: an average. */                                                             \
  TM_INLINE void tm_sum_pool_##in##_##out(const tm_##in *x, tm_shape s, tm_requant r, tm_##out *y) {               \
    tm_i32 oy, ox, c, ky, kx;                                                                                      \
    for (oy = 0; oy < s.out_h; ++oy) {                                                                             \
      const tm_i32 top = oy * s.stride_h - s.pad_h;                                                                \
      const tm_i32 ky0 = tm_first_tap(top, 1);                                                                     \
      const tm_i32 ky1 = tm_last_tap(top, 1, s.kernel_h, s.in_h);                                                  \
      for (ox = 0; ox < s.out_w; ++ox) {                                                                           \
        const tm_i32 left = ox * s.stride_w - s.pad_w;                                                             \
        const tm_i32 kx0 = tm_first_tap(left, 1);                                                                  \
        const tm_i32 kx1 = tm_last_tap(left, 1, s.kernel_w, s.in_w);                                               \
        for (c = 0; c < s.out_c; ++c) {                                                                            \
          tm_i32 sum = 0;                                                                                          \
          for (ky = ky0; ky < ky1; ++ky) {                                                                         \
            for (kx = kx0; kx < kx1; ++kx) {                                                                       \
              sum += x[((top + ky) * s.in_w + left + kx) * s.in_c + c];                                            \
            }                                                                                                      \
          }                                                                                                        \
          *y++ = (tm_##out)tm_requantize(sum, c, r);                                                               \
        }                                                                                                          \
      }                                                                                                            \
    }                                                                                                              \
  }                                                                                                                \
  TM_INLINE void tm_requantize_##in##_##out(const tm_##in *x, tm_i32 positions, tm_i32 channels, tm_requant r,     \
                                            tm_##out *y) {                                                         \
    tm_i32 p, c;                                                                                                   \
    for (p = 0; p < positions; ++p) {                                                                              \
      for (c = 0; c < channels; ++c) {                                                                             \
        *y++ = (tm_##out)tm_requantize(*x++, c, r);                                                                \
      }                                                                                                            \
    }                                                                                                              \
  }

TM_DEFINE_LAYERS(i8, i8)
TM_DEFINE_LAYERS(i8, u8)
TM_DEFINE_LAYERS(u8, i8)
TM_DEFINE_LAYERS(u8, u8)

/* The largest value of each window; padding never wins. */
#define TM_DEFINE_MAX_POOL(type, lowest)                                                                           \
  TM_INLINE void tm_max_pool_##type(const tm_##type *x, tm_shape s, tm_##type *y) {                                \
    tm_i32 oy, ox, c, ky, kx;                                                                                      \
    for (oy = 0; oy < s.out_h; ++oy) {                                                                             \
      const tm_i32 top = oy * s.stride_h - s.pad_h;                                                                \
      const tm_i32 ky0 = tm_first_tap(top, s.dilation_h);                                                          \
      const tm_i32 ky1 = tm_last_tap(top, s.dilation_h, s.kernel_h, s.in_h);                                       \
      for (ox = 0; ox < s.out_w; ++ox) {                                                                           \
        const tm_i32 left = ox * s.stride_w - s.pad_w;                                                             \
        const tm_i32 kx0 = tm_first_tap(left, s.dilation_w);                                                       \
        const tm_i32 kx1 = tm_last_tap(left, s.dilation_w, s.kernel_w, s.in_w);                                    \
        for (c = 0; c < s.out_c; ++c) {                                                                            \
          tm_##type best = lowest;                                                                                 \
          for (ky = ky0; ky < ky1; ++ky) {                                                                         \
            for (kx = kx0; kx < kx1; ++kx) {                                                                       \
              const tm_##type v = x[((top + ky * s.dilation_h) * s.in_w + left + kx * s.dilation_w) * s.in_c + c]; \
              best = v > best ? v : best;                                                                          \
            }                                                                                                      \
          }                                                                                                        \
          *y++ = best;                                                                                             \
        }                                                                                                          \
      }                                                                                                            \
    }                                                                                                              \
  }

TM_DEFINE_MAX_POOL(i8, -128)
TM_DEFINE_MAX_POOL(u8, 0)
TM_DEFINE_MAX_POOL(f32, -3.402823466e+38f)

/* q = clamp((x * m0 + y * m1 + half) >> shift) */
#define TM_DEFINE_ADD(left, right, out)                                                                            \
  TM_INLINE void tm_add_##left##_##right##_##out(const tm_##left *x, const tm_##right *y, tm_i32 n, tm_i32 m0,     \
                                                 tm_i32 m1, tm_i32 half, int shift, tm_i32 lo, tm_i32 hi,          \
                                                 tm_##out *z) {                                                    \
    tm_i32 i;                                                                                                      \
    for (i = 0; i < n; ++i) {                                                                                      \
      z[i] = (tm_##out)tm_clamp(TM_ASR(x[i] * m0 + y[i] * m1 + half, shift), lo, hi);                              \
    }                                                                                                              \
  }

TM_DEFINE_ADD(i8, i8, i8)
TM_DEFINE_ADD(i8, i8, u8)
TM_DEFINE_ADD(i8, u8, i8)
TM_DEFINE_ADD(i8, u8, u8)
TM_DEFINE_ADD(u8, i8, i8)
TM_DEFINE_ADD(u8, i8, u8)
TM_DEFINE_ADD(u8, u8, i8)
TM_DEFINE_ADD(u8, u8, u8)

/* One part of a concatenation: `blocks` runs of `run` values, put `stride` apart. */
#define TM_DEFINE_MOVES(type)                                                                                      \
  TM_INLINE void tm_copy_runs_##type(const tm_##type *x, tm_i32 blocks, tm_i32 run, tm_i32 stride, tm_##type *y) { \
    tm_i32 b, i;                                                                                                   \
    for (b = 0; b < blocks; ++b) {                                                                                 \
      for (i = 0; i < run; ++i) {                                                                                  \
        y[b * stride + i] = *x++;                                                                                  \
      }                                                                                                            \
    }                                                                                                              \
  }                                                                                                                \
  /* [channel][position] to [position][channel] */                                                                 \
  TM_INLINE void tm_channels_last_##type(const tm_##type *x, tm_i32 channels, tm_i32 positions, tm_##type *y) {    \
    tm_i32 c, p;                                                                                                   \
    for (p = 0; p < positions; ++p) {                                                                              \
      for (c = 0; c < channels; ++c) {                                                                             \
        *y++ = x[c * positions + p];                                                                               \
      }                                                                                                            \
    }                                                                                                              \
  }

TM_DEFINE_MOVES(i8)
TM_DEFINE_MOVES(u8)
TM_DEFINE_MOVES(f32)

/* q = clamp(floor((x + offset) * multiplier * 2^-shift)), every operation rounded to float. x and q are
 * [channel][position]. power[c] is 2^-shift. */
#define TM_DEFINE_QUANTIZE(out)                                                                                    \
  TM_INLINE void tm_quantize_##out(const tm_f32 *x, tm_i32 channels, tm_i32 positions, const tm_f32 *offset,       \
                                   const tm_f32 *multiplier, const tm_f32 *power, tm_f32 lo, tm_f32 hi,            \
                                   tm_##out *q) {                                                                  \
    tm_i32 c, p;                                                                                                   \
    for (c = 0; c < channels; ++c) {                                                                               \
      for (p = 0; p < positions; ++p) {                                                                            \
        tm_f32 v = (*x++ + offset[c]) * multiplier[c];                                                             \
        v = v * power[c];                                                                                          \
        v = v > lo ? (v < hi ? tm_floorf(v) : hi) : lo;                                                            \
        *q++ = (tm_##out)v;                                                                                        \
      }                                                                                                            \
    }                                                                                                              \
  }

TM_DEFINE_QUANTIZE(i8)
TM_DEFINE_QUANTIZE(u8)

/* y = q * scale */
#define TM_DEFINE_DEQUANTIZE(in)                                                                                   \
  TM_INLINE void tm_dequantize_##in(const tm_##in *q, tm_i32 n, tm_f32 scale, tm_f32 *y) {                         \
    tm_i32 i;                                                                                                      \
    for (i = 0; i < n; ++i) {                                                                                      \
      y[i] = (tm_f32)q[i] * scale;                                                                                 \
    }                                                                                                              \
  }

TM_DEFINE_DEQUANTIZE(i8)
TM_DEFINE_DEQUANTIZE(u8)

/* ---- float networks ------------------------------------------------------------------------------------------ */

/* weight [out_c][kernel_h][kernel_w][in_c / groups]; the sum begins with the bias, then kernel row, kernel column,
 * input channel. */
TM_INLINE void tm_conv_f32(const tm_f32 *x, const tm_f32 *weight, const tm_f32 *bias, tm_i32 groups, tm_shape s,
                           tm_f32 *y) {
  const tm_i32 ins = s.in_c / groups;
  const tm_i32 outs = s.out_c / groups;
  tm_i32 oy, ox, c, ky, kx, i;
  for (oy = 0; oy < s.out_h; ++oy) {
    const tm_i32 top = oy * s.stride_h - s.pad_h;
    const tm_i32 ky0 = tm_first_tap(top, s.dilation_h);
    const tm_i32 ky1 = tm_last_tap(top, s.dilation_h, s.kernel_h, s.in_h);
    for (ox = 0; ox < s.out_w; ++ox) {
      const tm_i32 left = ox * s.stride_w - s.pad_w;
      const tm_i32 kx0 = tm_first_tap(left, s.dilation_w);
      const tm_i32 kx1 = tm_last_tap(left, s.dilation_w, s.kernel_w, s.in_w);
      for (c = 0; c < s.out_c; ++c) {
        tm_f32 sum = bias == NULL ? 0.0f : bias[c];
        for (ky = ky0; ky < ky1; ++ky) {
          for (kx = kx0; kx < kx1; ++kx) {
            const tm_f32 *p =
                x + ((top + ky * s.dilation_h) * s.in_w + left + kx * s.dilation_w) * s.in_c + c / outs * ins;
            const tm_f32 *q = weight + ((c * s.kernel_h + ky) * s.kernel_w + kx) * ins;
            for (i = 0; i < ins; ++i) {
              sum += q[i] * p[i];
            }
          }
        }
        *y++ = sum;
      }
    }
  }
}

TM_INLINE void tm_affine_f32(const tm_f32 *x, const tm_f32 *gain, const tm_f32 *shift, tm_i32 positions,
                             tm_i32 channels, tm_f32 *y) {
  tm_i32 p, c;
  for (p = 0; p < positions; ++p) {
    for (c = 0; c < channels; ++c) {
      *y++ = *x++ * gain[c] + shift[c];
    }
  }
}

TM_INLINE void tm_relu_f32(const tm_f32 *x, tm_i32 n, tm_f32 *y) {
  tm_i32 i;
  for (i = 0; i < n; ++i) {
    y[i] = x[i] > 0.0f ? x[i] : 0.0f;
  }
}

TM_INLINE void tm_add_f32(const tm_f32 *x, const tm_f32 *y, tm_i32 n, tm_f32 *z) {
  tm_i32 i;
  for (i = 0; i < n; ++i) {
    z[i] = x[i] + y[i];
  }
}

TM_INLINE void tm_avg_pool_f32(const tm_f32 *x, tm_shape s, tm_f32 *y) {
  tm_i32 oy, ox, c, ky, kx;
  for (oy = 0; oy < s.out_h; ++oy) {
    const tm_i32 top = oy * s.stride_h - s.pad_h;
    const tm_i32 ky0 = tm_first_tap(top, 1);
    const tm_i32 ky1 = tm_last_tap(top, 1, s.kernel_h, s.in_h);
    for (ox = 0; ox < s.out_w; ++ox) {
      const tm_i32 left = ox * s.stride_w - s.pad_w;
      const tm_i32 kx0 = tm_first_tap(left, 1);
      const tm_i32 kx1 = tm_last_tap(left, 1, s.kernel_w, s.in_w);
      for (c = 0; c < s.out_c; ++c) {
        tm_f32 sum = 0.0f;
        for (ky = ky0; ky < ky1; ++ky) {
          for (kx = kx0; kx < kx1; ++kx) {
            sum += x[((top + ky) * s.in_w + left + kx) * s.in_c + c];
          }
        }
        *y++ = sum / (tm_f32)(s.kernel_h * s.kernel_w);
      }
    }
  }
}

/* Cell i of n inputs and o outputs: indices i * n / o ... ((i + 1) * n + o - 1) / o - 1. */
TM_INLINE void tm_adaptive_pool_f32(const tm_f32 *x, tm_shape s, tm_f32 *y) {
  tm_i32 oy, ox, c, iy, ix;
  for (oy = 0; oy < s.out_h; ++oy) {
    const tm_i32 top = oy * s.in_h / s.out_h;
    const tm_i32 bottom = ((oy + 1) * s.in_h + s.out_h - 1) / s.out_h;
    for (ox = 0; ox < s.out_w; ++ox) {
      const tm_i32 left = ox * s.in_w / s.out_w;
      const tm_i32 right = ((ox + 1) * s.in_w + s.out_w - 1) / s.out_w;
      for (c = 0; c < s.out_c; ++c) {
        tm_f32 sum = 0.0f;
        for (iy = top; iy < bottom; ++iy) {
          for (ix = left; ix < right; ++ix) {
            sum += x[(iy * s.in_w + ix) * s.in_c + c];
          }
        }
        *y++ = sum / (tm_f32)((bottom - top) * (right - left));
      }
    }
  }
}

#endif /* TM_KERNELS_H */
