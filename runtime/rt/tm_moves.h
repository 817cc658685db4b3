/* Platypus runtime: layers that select or move values. SPDX-License-Identifier: 0BSD */
#ifndef TM_MOVES_H
#define TM_MOVES_H

#include "tm_dsp.h"
#include "tm_shape.h"

/* The largest values of a whole window, four channels at a time; how many channels that were. */
#if TM_DSP
#define TM_DEFINE_MAX_WORDS(type)                                                                \
  TM_INLINE tm_i32 tm_max_words_##type(const tm_##type* p, tm_shape s, tm_##type* y) {           \
    tm_i32 c, ky, kx;                                                                            \
    for (c = 0; c + 4 <= s.out_c; c += 4) {                                                      \
      tm_u32 best = tm_load_word(p + c);                                                         \
      TM_UNROLL(8)                                                                               \
      for (ky = 0; ky < s.kernel_h; ++ky) {                                                      \
        TM_UNROLL(8)                                                                             \
        for (kx = 0; kx < s.kernel_w; ++kx) {                                                    \
          if (ky + kx > 0) {                                                                     \
            best = tm_max_##type(                                                                \
                best, tm_load_word(                                                              \
                          p + ((ky * s.dilation_h * s.in_w + kx * s.dilation_w) * s.in_c + c))); \
          }                                                                                      \
        }                                                                                        \
      }                                                                                          \
      tm_store_word(y + c, best);                                                                \
    }                                                                                            \
    return c;                                                                                    \
  }
#else
#define TM_DEFINE_MAX_WORDS(type)                                                      \
  TM_INLINE tm_i32 tm_max_words_##type(const tm_##type* p, tm_shape s, tm_##type* y) { \
    (void)p, (void)s, (void)y;                                                         \
    return 0;                                                                          \
  }
#endif
TM_DEFINE_MAX_WORDS(i8)
TM_DEFINE_MAX_WORDS(u8)
#define tm_max_words_i16(p, s, y) 0
#define tm_max_words_f32(p, s, y) 0

#define TM_DEFINE_MOVES(type, lowest)                                                              \
  /* The largest value of each window; padding never wins. */                                      \
  TM_INLINE void tm_max_pool_##type(const tm_##type* x, tm_shape s, tm_##type* y) {                \
    tm_i32 oy, ox, c, ky, kx;                                                                      \
    for (oy = 0; oy < s.out_h; ++oy) {                                                             \
      for (ox = 0; ox < s.out_w; ++ox) {                                                           \
        const tm_window w = tm_window_at(oy, ox, s);                                               \
        if (w.ky1 - w.ky0 == s.kernel_h && w.kx1 - w.kx0 == s.kernel_w) {                          \
          const tm_##type* p = x + tm_tap(w, 0, 0, s);                                             \
          for (c = tm_max_words_##type(p, s, y), y += c; c < s.out_c; ++c) {                       \
            tm_##type best = p[c];                                                                 \
            TM_UNROLL(8)                                                                           \
            for (ky = 0; ky < s.kernel_h; ++ky) {                                                  \
              TM_UNROLL(8)                                                                         \
              for (kx = 0; kx < s.kernel_w; ++kx) {                                                \
                const tm_##type v =                                                                \
                    p[(ky * s.dilation_h * s.in_w + kx * s.dilation_w) * s.in_c + c];              \
                best = v > best ? v : best;                                                        \
              }                                                                                    \
            }                                                                                      \
            *y++ = best;                                                                           \
          }                                                                                        \
        } else {                                                                                   \
          for (c = 0; c < s.out_c; ++c) {                                                          \
            tm_##type best = lowest;                                                               \
            for (ky = w.ky0; ky < w.ky1; ++ky) {                                                   \
              for (kx = w.kx0; kx < w.kx1; ++kx) {                                                 \
                const tm_##type v = x[tm_tap(w, ky, kx, s) + c];                                   \
                best = v > best ? v : best;                                                        \
              }                                                                                    \
            }                                                                                      \
            *y++ = best;                                                                           \
          }                                                                                        \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }                                                                                                \
  /* One part of a concatenation: `blocks` runs of `run` values, put `stride` apart. */            \
  TM_INLINE void tm_copy_runs_##type(const tm_##type* x, tm_i32 blocks, tm_i32 run, tm_i32 stride, \
                                     tm_##type* y) {                                               \
    tm_i32 b, i;                                                                                   \
    for (b = 0; b < blocks; ++b) {                                                                 \
      for (i = 0; i < run; ++i) {                                                                  \
        y[b * stride + i] = *x++;                                                                  \
      }                                                                                            \
    }                                                                                              \
  }                                                                                                \
  /* Values from elsewhere: of row oy, column ox and channel c from x + oy * step_h + ox * step_w  \
   * + c * step_c. */                                                                              \
  TM_INLINE void tm_pick_##type(const tm_##type* x, tm_i32 rows, tm_i32 columns, tm_i32 channels,  \
                                tm_i32 step_h, tm_i32 step_w, tm_i32 step_c, tm_##type* y) {       \
    tm_i32 oy, ox, c;                                                                              \
    for (oy = 0; oy < rows; ++oy) {                                                                \
      for (ox = 0; ox < columns; ++ox) {                                                           \
        for (c = 0; c < channels; ++c) {                                                           \
          *y++ = x[oy * step_h + ox * step_w + c * step_c];                                        \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }                                                                                                \
  /* `value` around the image. */                                                                  \
  TM_INLINE void tm_pad_##type(const tm_##type* x, tm_shape s, tm_##type value, tm_##type* y) {    \
    tm_i32 oy, ox, c;                                                                              \
    for (oy = -s.pad_h; oy < s.out_h - s.pad_h; ++oy) {                                            \
      for (ox = -s.pad_w; ox < s.out_w - s.pad_w; ++ox) {                                          \
        const int inside = oy >= 0 && oy < s.in_h && ox >= 0 && ox < s.in_w;                       \
        for (c = 0; c < s.out_c; ++c) {                                                            \
          *y++ = inside ? x[(oy * s.in_w + ox) * s.in_c + c] : value;                              \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }                                                                                                \
  /* [row][column] to [column][row]: channel after channel to channels last, or back. */           \
  TM_INLINE void tm_transpose_##type(const tm_##type* x, tm_i32 rows, tm_i32 columns,              \
                                     tm_##type* y) {                                               \
    tm_i32 r, c;                                                                                   \
    for (c = 0; c < columns; ++c) {                                                                \
      for (r = 0; r < rows; ++r) {                                                                 \
        *y++ = x[r * columns + c];                                                                 \
      }                                                                                            \
    }                                                                                              \
  }

TM_DEFINE_MOVES(i8, -128)
TM_DEFINE_MOVES(u8, 0)
TM_DEFINE_MOVES(i16, -32768)
TM_DEFINE_MOVES(f32, -3.402823466e+38f)

#endif /* TM_MOVES_H */
