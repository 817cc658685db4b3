/* Platypus runtime: layers of float networks. SPDX-License-Identifier: 0BSD
 *
 * Activations are [height][width][channel], channels contiguous. The order of every sum is fixed,
 * so that a host and a microcontroller get the same bits (compiled without fused multiply-add). */
#ifndef TM_FLOAT_H
#define TM_FLOAT_H

#include "tm_functions.h"
#include "tm_math.h"
#include "tm_moves.h"
#include "tm_resize.h"
#include "tm_shape.h"

/* weight [out_c][kernel_h][kernel_w][in_c / groups]; the sum begins with the bias, then kernel row,
 * kernel column, input channel. Four channels of a group at a time share the loads of x. */
TM_INLINE void tm_conv_f32(const tm_f32* x, const tm_f32* weight, const tm_f32* bias, tm_i32 groups,
                           tm_shape s, tm_f32* y) {
  const tm_i32 ins = s.in_c / groups;
  const tm_i32 outs = s.out_c / groups;
  const tm_i32 row = s.kernel_h * s.kernel_w * ins;
  tm_i32 oy, ox, g, c, ky, kx, i;
  for (oy = 0; oy < s.out_h; ++oy) {
    for (ox = 0; ox < s.out_w; ++ox) {
      const tm_window w = tm_window_at(oy, ox, s);
      for (g = 0; g < groups; ++g) {
        for (c = g * outs; c + 4 <= (g + 1) * outs; c += 4) {
          tm_f32 a0 = bias == NULL ? 0.0f : bias[c], a1 = bias == NULL ? 0.0f : bias[c + 1];
          tm_f32 a2 = bias == NULL ? 0.0f : bias[c + 2], a3 = bias == NULL ? 0.0f : bias[c + 3];
          for (ky = w.ky0; ky < w.ky1; ++ky) {
            for (kx = w.kx0; kx < w.kx1; ++kx) {
              const tm_f32* p = x + (tm_tap(w, ky, kx, s) + g * ins);
              const tm_f32* q = weight + (c * row + (ky * s.kernel_w + kx) * ins);
              TM_UNROLL(4)
              for (i = 0; i < ins; ++i) {
                a0 += q[i] * p[i];
                a1 += q[i + row] * p[i];
                a2 += q[i + 2 * row] * p[i];
                a3 += q[i + 3 * row] * p[i];
              }
            }
          }
          y[c] = a0;
          y[c + 1] = a1;
          y[c + 2] = a2;
          y[c + 3] = a3;
        }
        for (; c < (g + 1) * outs; ++c) {
          tm_f32 sum = bias == NULL ? 0.0f : bias[c];
          for (ky = w.ky0; ky < w.ky1; ++ky) {
            for (kx = w.kx0; kx < w.kx1; ++kx) {
              const tm_f32* p = x + (tm_tap(w, ky, kx, s) + g * ins);
              const tm_f32* q = weight + (c * row + (ky * s.kernel_w + kx) * ins);
              TM_UNROLL(4)
              for (i = 0; i < ins; ++i) {
                sum += q[i] * p[i];
              }
            }
          }
          y[c] = sum;
        }
      }
      y += s.out_c;
    }
  }
}

/* y = x * gain + shift for each channel; y may be x. */
TM_INLINE void tm_affine_f32(const tm_f32* x, const tm_f32* gain, const tm_f32* shift,
                             tm_i32 positions, tm_i32 channels, tm_f32* y) {
  tm_i32 p, c;
  for (p = 0; p < positions; ++p) {
    for (c = 0; c < channels; ++c) {
      *y++ = *x++ * gain[c] + shift[c];
    }
  }
}

/* y may be x. */
TM_INLINE void tm_relu_f32(const tm_f32* x, tm_i32 n, tm_f32* y) {
  tm_i32 i;
  for (i = 0; i < n; ++i) {
    y[i] = x[i] > 0.0f ? x[i] : 0.0f;
  }
}

/* y may be x. */
TM_INLINE void tm_clamp_f32(const tm_f32* x, tm_i32 n, tm_f32 low, tm_f32 high, tm_f32* y) {
  tm_i32 i;
  for (i = 0; i < n; ++i) {
    const tm_f32 v = x[i] < low ? low : x[i];
    y[i] = v > high ? high : v;
  }
}

/* y may be x. */
TM_INLINE void tm_leaky_relu_f32(const tm_f32* x, tm_i32 n, tm_f32 slope, tm_f32* y) {
  tm_i32 i;
  for (i = 0; i < n; ++i) {
    y[i] = x[i] >= 0.0f ? x[i] : slope * x[i];
  }
}

/* y = f(x); y may be x. */
#define TM_DEFINE_MAP(name, f)                                           \
  TM_INLINE void tm_##name##_f32(const tm_f32* x, tm_i32 n, tm_f32* y) { \
    tm_i32 i;                                                            \
    for (i = 0; i < n; ++i) {                                            \
      y[i] = f(x[i]);                                                    \
    }                                                                    \
  }

TM_DEFINE_MAP(sigmoid, tm_sigmoidf)
TM_DEFINE_MAP(tanh, tm_tanhf)
TM_DEFINE_MAP(gelu, tm_geluf)

/* y may be x. */
TM_INLINE void tm_scale_f32(const tm_f32* x, tm_i32 n, tm_f32 factor, tm_f32* y) {
  tm_i32 i;
  for (i = 0; i < n; ++i) {
    y[i] = x[i] * factor;
  }
}

/* z may be x or y. */
TM_INLINE void tm_mul_f32(const tm_f32* x, const tm_f32* y, tm_i32 n, tm_f32* z) {
  tm_i32 i;
  for (i = 0; i < n; ++i) {
    z[i] = x[i] * y[i];
  }
}

/* z may be x or y. */
TM_INLINE void tm_add_f32(const tm_f32* x, const tm_f32* y, tm_i32 n, tm_f32* z) {
  tm_i32 i;
  for (i = 0; i < n; ++i) {
    z[i] = x[i] + y[i];
  }
}

/* Padding counts as zeros; the divisor is the whole window. */
TM_INLINE void tm_avg_pool_f32(const tm_f32* x, tm_shape s, tm_f32* y) {
  tm_i32 oy, ox, c, ky, kx;
  for (oy = 0; oy < s.out_h; ++oy) {
    for (ox = 0; ox < s.out_w; ++ox) {
      const tm_window w = tm_window_at(oy, ox, s);
      for (c = 0; c < s.out_c; ++c) {
        tm_f32 sum = 0.0f;
        for (ky = w.ky0; ky < w.ky1; ++ky) {
          for (kx = w.kx0; kx < w.kx1; ++kx) {
            sum += x[tm_tap(w, ky, kx, s) + c];
          }
        }
        *y++ = sum / (tm_f32)(s.kernel_h * s.kernel_w);
      }
    }
  }
}

/* Cell i of n inputs and o outputs: indices i * n / o ... ((i + 1) * n + o - 1) / o - 1. */
TM_INLINE void tm_adaptive_pool_f32(const tm_f32* x, tm_shape s, tm_f32* y) {
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

/* The transpose of a convolution. weight [out_c][kernel_h][kernel_w][in_c / groups]; the sum begins
 * with the bias, then kernel row, kernel column, input channel. Input row iy reaches output row
 * iy * stride + ky * dilation - padding. */
TM_INLINE void tm_conv_transposed_f32(const tm_f32* x, const tm_f32* weight, const tm_f32* bias,
                                      tm_i32 groups, tm_shape s, tm_f32* y) {
  const tm_i32 ins = s.in_c / groups;
  const tm_i32 outs = s.out_c / groups;
  tm_i32 oy, ox, c, ky, kx, i;
  for (oy = 0; oy < s.out_h; ++oy) {
    for (ox = 0; ox < s.out_w; ++ox) {
      for (c = 0; c < s.out_c; ++c) {
        tm_f32 sum = bias == NULL ? 0.0f : bias[c];
        for (ky = 0; ky < s.kernel_h; ++ky) {
          const tm_i32 top = oy + s.pad_h - ky * s.dilation_h;
          if (top < 0 || top % s.stride_h != 0 || top / s.stride_h >= s.in_h) {
            continue;
          }
          for (kx = 0; kx < s.kernel_w; ++kx) {
            const tm_i32 left = ox + s.pad_w - kx * s.dilation_w;
            const tm_f32* p;
            const tm_f32* q;
            if (left < 0 || left % s.stride_w != 0 || left / s.stride_w >= s.in_w) {
              continue;
            }
            p = x + ((top / s.stride_h * s.in_w + left / s.stride_w) * s.in_c + c / outs * ins);
            q = weight + ((c * s.kernel_h + ky) * s.kernel_w + kx) * ins;
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

TM_INLINE tm_f32 tm_largest_f32(const tm_f32* x, tm_i32 n) {
  tm_f32 largest = x[0];
  tm_i32 i;
  for (i = 1; i < n; ++i) {
    largest = largest < x[i] ? x[i] : largest;
  }
  return largest;
}

/* exp(x - largest) / sum of them, over the channels of each position; y may be x. */
TM_INLINE void tm_softmax_f32(const tm_f32* x, tm_i32 positions, tm_i32 channels, tm_f32* y) {
  tm_i32 p, c;
  for (p = 0; p < positions; ++p) {
    const tm_f32 largest = tm_largest_f32(x, channels);
    tm_f32 sum = 0.0f;
    for (c = 0; c < channels; ++c) {
      y[c] = tm_expf(x[c] - largest);
      sum += y[c];
    }
    for (c = 0; c < channels; ++c) {
      y[c] = y[c] / sum;
    }
    x += channels;
    y += channels;
  }
}

/* Its logarithm; y may be x. */
TM_INLINE void tm_log_softmax_f32(const tm_f32* x, tm_i32 positions, tm_i32 channels, tm_f32* y) {
  tm_i32 p, c;
  for (p = 0; p < positions; ++p) {
    const tm_f32 largest = tm_largest_f32(x, channels);
    tm_f32 sum = 0.0f;
    for (c = 0; c < channels; ++c) {
      sum += tm_expf(x[c] - largest);
    }
    sum = tm_logf(sum);
    for (c = 0; c < channels; ++c) {
      *y++ = *x++ - largest - sum;
    }
  }
}

/* Over all values of a sample, summed channel after channel; weight and bias lie as x; y may be x.
 */
TM_INLINE void tm_layer_norm_f32(const tm_f32* x, const tm_f32* weight, const tm_f32* bias,
                                 tm_i32 positions, tm_i32 channels, tm_f32 epsilon, tm_f32* y) {
  const tm_i32 n = positions * channels;
  tm_f32 mean = 0.0f, variance = 0.0f, gain;
  tm_i32 p, c, i;
  for (c = 0; c < channels; ++c) {
    for (p = 0; p < positions; ++p) {
      mean += x[p * channels + c];
    }
  }
  mean = mean / (tm_f32)n;
  for (c = 0; c < channels; ++c) {
    for (p = 0; p < positions; ++p) {
      const tm_f32 d = x[p * channels + c] - mean;
      variance += d * d;
    }
  }
  gain = 1.0f / tm_sqrtf(variance / (tm_f32)n + epsilon);
  for (i = 0; i < n; ++i) {
    y[i] = (x[i] - mean) * gain * weight[i] + bias[i];
  }
}

#endif /* TM_FLOAT_H */
