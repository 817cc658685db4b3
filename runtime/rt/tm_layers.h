/* Platypus runtime: integer layers for one pair of code types. SPDX-License-Identifier: 0BSD
 *
 * Included by tm_kernels.h once for each pair, with TM_IN and TM_OUT naming the types (i8, u8,
 * i16).
 */
#define TM_X TM_TYPE(TM_IN)
#define TM_Y TM_TYPE(TM_OUT)
#define TM_FN(name) TM_JOIN4(name, TM_IN, TM_OUT)
#define TM_OCTETS (TM_JOIN2(TM_CODE_BITS, TM_IN) == 8) /* codes of 8 bits */

/* sum + the products of n values with a row that stands alone, from place k. */
TM_INLINE tm_i32 TM_FN(tm_dot_alone)(const TM_X* p, tm_i32 n, tm_weights q, tm_i32 channels,
                                     tm_i32 row, tm_i32 c, tm_i32 k, tm_i32 sum) {
  tm_i32 i;
#if TM_DSP
  if (q.bits >= 8) {
    const tm_i32 octets = q.bits / 8;
    const tm_i8* f = (const tm_i8*)q.codes + (c * row + k) * octets;
    for (i = 0; i + 4 <= n; i += 4) {
      sum = tm_dot_pairs(TM_JOIN2(tm_pairs, TM_IN)(p + i), tm_pairs_code(f + i * octets, octets),
                         sum);
    }
    for (; i < n; ++i) {
      sum += p[i] * f[i];
    }
    return sum;
  }
#endif
  if (tm_whole_elements(q, n)) {
    const tm_i32 first = tm_first_alone(channels, row, c) + TM_ASR(k, 2);
    for (i = 0; i < n; i += 4) {
      const tm_i32 e = first + TM_ASR(i, 2);
      sum += p[i] * tm_unpack(q, e, 0);
      sum += p[i + 1] * tm_unpack(q, e, 1);
      sum += p[i + 2] * tm_unpack(q, e, 2);
      sum += p[i + 3] * tm_unpack(q, e, 3);
    }
  } else {
    TM_UNROLL(TM_COPIES_EDGE)
    for (i = 0; i < n; ++i) {
      sum += p[i] * tm_code_alone(q, channels, row, c, k + i);
    }
  }
  return sum;
}

#if TM_DSP
#include "tm_dsp_layers.h"
#endif
#if TM_HELIUM && TM_OCTETS
#include "tm_helium_layers.h"
#endif

#if TM_POSITIONS == 4 && !TM_OCTET_PAIRS
/* Four channels of one output position. */
TM_INLINE void TM_FN(tm_conv_four)(const TM_X* x, const tm_i8* q, tm_i32 c, tm_shape s,
                                   tm_requant r, tm_window w, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const tm_i32 runs = s.dilation_w == 1 ? 1 : w.kx1 - w.kx0;
  const tm_i32 run = s.dilation_w == 1 ? (w.kx1 - w.kx0) * s.in_c : s.in_c;
  tm_four t = {tm_offset(c, r), tm_offset(c + 1, r), tm_offset(c + 2, r), tm_offset(c + 3, r)};
  tm_i32 sums[4];
  tm_i32 ky, n;
  for (ky = w.ky0; ky < w.ky1; ++ky) {
    for (n = 0; n < runs && run > 0; ++n) {
      t = TM_JOIN4(tm_rows, TM_IN, i8)(t, x + tm_tap(w, ky, w.kx0 + n, s),
                                       q + (c * row + (ky * s.kernel_w + w.kx0 + n) * s.in_c), row,
                                       run);
    }
  }
  sums[0] = t.a;
  sums[1] = t.b;
  sums[2] = t.c;
  sums[3] = t.d;
  TM_UNROLL(TM_COPIES_EDGE)
  for (n = 0; n < 4; ++n) {
    y[n] = (TM_Y)tm_requantize(sums[n], c + n, r);
  }
}
#endif

/* All channels of one output position; the window may stick out of the input. Where the time goes
 * four channels at a time share the loads of x, on Armv6-M two. */
TM_INLINE void TM_FN(tm_conv_point)(const TM_X* x, tm_weights q, tm_shape s, tm_requant r,
                                    tm_window w, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  /* Of windows along one axis only those at its two ends come here, which are many of a short line.
   * Codes of few bits are unpacked for four channels. */
  const int often = TM_OPTIMISE == TM_SPEED || q.bits < 8 ||
                    (TM_OPTIMISE == TM_BALANCED && (s.kernel_h > 1 || tm_is_short(s)));
  const tm_i32 rest = often && s.out_c % 4 == 0 ? 0 : s.out_c;
  tm_i32 c = 0, ky, kx, i;
#if TM_POSITIONS == 4 && !TM_OCTET_PAIRS
  if (often && q.bits == 8 && s.kernel_w * s.in_c >= 8) {
    for (; c + 4 <= s.out_c; c += 4) {
      TM_FN(tm_conv_four)(x, (const tm_i8*)q.codes, c, s, r, w, y + c);
    }
  }
#endif
  for (; often && c + 4 <= s.out_c; c += 4) {
    tm_i32 a0 = tm_offset(c, r), a1 = tm_offset(c + 1, r);
    tm_i32 a2 = tm_offset(c + 2, r), a3 = tm_offset(c + 3, r);
#if TM_DSP
    if (q.bits < 8 && TM_OPTIMISE != TM_SIZE) {
      TM_FN(tm_dsp_point_packed)(x, q, c, s, r, w, y + c);
      continue;
    } else if (q.bits >= 8) {
      if (TM_OPTIMISE == TM_SPEED && s.kernel_w * s.in_c < 16 && w.kx1 - w.kx0 == s.kernel_w) {
        TM_FN(tm_dsp_point)(x, q, c, 1, s, r, w, y + c);
      } else {
        TM_FN(tm_dsp_point)(x, q, c, 0, s, r, w, y + c);
      }
      continue;
    }
#endif
    for (ky = w.ky0; ky < w.ky1; ++ky) {
      for (kx = w.kx0; kx < w.kx1; ++kx) {
        const TM_X* p = x + tm_tap(w, ky, kx, s);
        const tm_i32 k = (ky * s.kernel_w + kx) * s.in_c;
        TM_UNROLL(4)
        for (i = 0; i < s.in_c; ++i) {
          const tm_four f = tm_four_at(q, row, c, k + i);
          const tm_i32 v = p[i];
          a0 += v * f.a;
          a1 += v * f.b;
          a2 += v * f.c;
          a3 += v * f.d;
        }
      }
    }
    y[c] = (TM_Y)tm_requantize(a0, c, r);
    y[c + 1] = (TM_Y)tm_requantize(a1, c + 1, r);
    y[c + 2] = (TM_Y)tm_requantize(a2, c + 2, r);
    y[c + 3] = (TM_Y)tm_requantize(a3, c + 3, r);
  }
  for (; c < rest; ++c) {
    tm_i32 sum = tm_offset(c, r);
    for (ky = w.ky0; ky < w.ky1; ++ky) {
      for (kx = w.kx0; kx < w.kx1; ++kx) {
        const TM_X* p = x + tm_tap(w, ky, kx, s);
        const tm_i32 k = (ky * s.kernel_w + kx) * s.in_c;
        sum = TM_FN(tm_dot_alone)(p, s.in_c, q, s.out_c, row, c, k, sum);
      }
    }
    y[c] = (TM_Y)tm_requantize(sum, c, r);
  }
}

/* `blocks` times TM_POSITIONS neighbouring columns of one output row, whose windows lie within the
 * input from left to right. x: tap (0, 0) of the first; w: only its rows count. */
#if TM_POSITIONS == 4
/* One channel at a time: eight registers hold everything. */
TM_INLINE void TM_FN(tm_conv_channel)(const TM_X* x, tm_i32 first, tm_weights q, int alone,
                                      tm_i32 c, tm_shape s, tm_requant r, tm_window w,
                                      tm_i32 blocks, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const tm_i32 step = s.stride_w * s.in_c;
  const tm_i32 runs = s.dilation_w == 1 ? 1 : s.kernel_w;
  const tm_i32 run = s.dilation_w == 1 ? s.kernel_w * s.in_c : s.in_c;
  const tm_i32 offset = tm_offset(c, r);
  tm_i32 sums[4];
  tm_i32 b, ky, n, i;
  for (b = 0; b < blocks; ++b) {
    const tm_i32 at = first + b * 4 * step;
    tm_four t = {offset, offset, offset, offset};
    for (ky = w.ky0; ky < w.ky1; ++ky) {
      for (n = 0; n < runs; ++n) {
        const TM_X* p = x + (at + (ky * s.dilation_h * s.in_w + n * s.dilation_w) * s.in_c);
        const tm_i32 k = (ky * s.kernel_w + n) * s.in_c;
        if (q.bits == 8 && !TM_OCTET_PAIRS) {
          t = TM_JOIN4(tm_rows, i8, TM_IN)(t, (const tm_i8*)q.codes + (c * row + k), p, step, run);
        } else if (alone && tm_whole_elements(q, run)) {
          t.a = TM_FN(tm_dot_alone)(p, run, q, s.out_c, row, c, k, t.a);
          t.b = TM_FN(tm_dot_alone)(p + step, run, q, s.out_c, row, c, k, t.b);
          t.c = TM_FN(tm_dot_alone)(p + 2 * step, run, q, s.out_c, row, c, k, t.c);
          t.d = TM_FN(tm_dot_alone)(p + 3 * step, run, q, s.out_c, row, c, k, t.d);
        } else {
          TM_UNROLL(4)
          for (i = 0; i < run; ++i) {
            const tm_i32 v = alone ? tm_code_alone(q, s.out_c, row, c, k + i)
                                   : tm_code_in_block(q, row, c, k + i);
            t.a += tm_mul(p[i], v);
            t.b += tm_mul(p[i + step], v);
            t.c += tm_mul(p[i + 2 * step], v);
            t.d += tm_mul(p[i + 3 * step], v);
          }
        }
      }
    }
    sums[0] = t.a;
    sums[1] = t.b;
    sums[2] = t.c;
    sums[3] = t.d;
    TM_UNROLL(TM_COPIES_EDGE)
    for (i = 0; i < 4; ++i) {
      *y = (TM_Y)tm_requantize(sums[i], c, r);
      y += s.out_c;
    }
  }
}

TM_INLINE void TM_FN(tm_conv_columns)(const TM_X* x, tm_i32 first, tm_weights q, tm_shape s,
                                      tm_requant r, tm_window w, tm_i32 blocks, TM_Y* y) {
  tm_i32 c;
  for (c = 0; c < tm_in_blocks(q, s.out_c); ++c) {
    TM_FN(tm_conv_channel)(x, first, q, 0, c, s, r, w, blocks, y + c);
  }
  for (; c < s.out_c; ++c) {
    TM_FN(tm_conv_channel)(x, first, q, 1, c, s, r, w, blocks, y + c);
  }
}
#else
TM_INLINE void TM_FN(tm_conv_columns)(const TM_X* x, tm_i32 first, tm_weights q, tm_shape s,
                                      tm_requant r, tm_window w, tm_i32 blocks, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const tm_i32 step = s.stride_w * s.in_c;
  const tm_i32 runs = s.dilation_w == 1 ? 1 : s.kernel_w;
  const tm_i32 run = s.dilation_w == 1 ? s.kernel_w * s.in_c : s.in_c;
  tm_i32 c = 0, b, ky, n, i;
#if TM_DSP
  if (q.bits >= 8) {
    if (s.kernel_h == 1 && runs == 1 && run >= 4 && run < 8) {
      TM_FN(tm_dsp_short_rows)(x + first, q, s, r, blocks * 2, y);
    } else {
      TM_FN(tm_dsp_columns)(x + first, q, s, r, w, blocks, y);
    }
    c = s.out_c - s.out_c % 2;
  }
#endif
  for (; c + 4 <= s.out_c; c += 4) {
    const tm_i32 o0 = tm_offset(c, r), o1 = tm_offset(c + 1, r);
    const tm_i32 o2 = tm_offset(c + 2, r), o3 = tm_offset(c + 3, r);
    TM_Y* z = y + c;
    for (b = 0; b < blocks; ++b) {
      const tm_i32 at = first + b * 2 * step;
      tm_i32 a0 = o0, a1 = o1, a2 = o2, a3 = o3, b0 = o0, b1 = o1, b2 = o2, b3 = o3;
      for (ky = w.ky0; ky < w.ky1; ++ky) {
        for (n = 0; n < runs; ++n) {
          const TM_X* p = x + (at + (ky * s.dilation_h * s.in_w + n * s.dilation_w) * s.in_c);
          const tm_i32 k = (ky * s.kernel_w + n) * s.in_c;
          TM_UNROLL(4)
          for (i = 0; i < run; ++i) {
            const tm_four f = tm_four_at(q, row, c, k + i);
            const tm_i32 v = p[i], u = p[i + step];
            a0 += v * f.a;
            b0 += u * f.a;
            a1 += v * f.b;
            b1 += u * f.b;
            a2 += v * f.c;
            b2 += u * f.c;
            a3 += v * f.d;
            b3 += u * f.d;
          }
        }
      }
      z[0] = (TM_Y)tm_requantize(a0, c, r);
      z[1] = (TM_Y)tm_requantize(a1, c + 1, r);
      z[2] = (TM_Y)tm_requantize(a2, c + 2, r);
      z[3] = (TM_Y)tm_requantize(a3, c + 3, r);
      z[s.out_c] = (TM_Y)tm_requantize(b0, c, r);
      z[s.out_c + 1] = (TM_Y)tm_requantize(b1, c + 1, r);
      z[s.out_c + 2] = (TM_Y)tm_requantize(b2, c + 2, r);
      z[s.out_c + 3] = (TM_Y)tm_requantize(b3, c + 3, r);
      z += 2 * s.out_c;
    }
  }
  for (; c < s.out_c; ++c) {
    const tm_i32 offset = tm_offset(c, r);
    TM_Y* z = y + c;
    for (b = 0; b < blocks; ++b) {
      const tm_i32 at = first + b * 2 * step;
      tm_i32 a = offset, d = offset;
      for (ky = w.ky0; ky < w.ky1; ++ky) {
        for (n = 0; n < runs; ++n) {
          const TM_X* p = x + (at + (ky * s.dilation_h * s.in_w + n * s.dilation_w) * s.in_c);
          const tm_i32 k = (ky * s.kernel_w + n) * s.in_c;
          if (tm_whole_elements(q, run) || (TM_DSP && q.bits >= 8)) {
            a = TM_FN(tm_dot_alone)(p, run, q, s.out_c, row, c, k, a);
            d = TM_FN(tm_dot_alone)(p + step, run, q, s.out_c, row, c, k, d);
          } else {
            TM_UNROLL(4)
            for (i = 0; i < run; ++i) {
              const tm_i32 f = tm_code_alone(q, s.out_c, row, c, k + i);
              a += p[i] * f;
              d += p[i + step] * f;
            }
          }
        }
      }
      z[0] = (TM_Y)tm_requantize(a, c, r);
      z[s.out_c] = (TM_Y)tm_requantize(d, c, r);
      z += 2 * s.out_c;
    }
  }
}
#endif

/* The window of an output position, 0 where it sticks out of the input. */
TM_INLINE void TM_FN(tm_gather)(const TM_X* x, tm_i32 position, tm_shape s, TM_X* values) {
  const tm_window w = tm_window_at(position / s.out_w, position % s.out_w, s);
  const tm_i32 run = s.kernel_w * s.in_c;
  tm_i32 ky, kx, i;
  if (w.ky1 - w.ky0 < s.kernel_h || w.kx1 - w.kx0 < s.kernel_w) {
    memset(values, 0, (size_t)(s.kernel_h * run) * sizeof *values);
  }
  values += w.ky0 * run;
  for (ky = w.ky0; ky < w.ky1; ++ky) {
    if (s.dilation_w == 1 && w.kx1 - w.kx0 == s.kernel_w) {
      const TM_X* p = x + tm_tap(w, ky, 0, s);
      TM_UNROLL(8)
      for (i = 0; i < run; ++i) {
        values[i] = p[i];
      }
    } else {
      for (kx = w.kx0; kx < w.kx1; ++kx) {
        const TM_X* p = x + tm_tap(w, ky, kx, s);
        for (i = 0; i < s.in_c; ++i) {
          values[kx * s.in_c + i] = p[i];
        }
      }
    }
    values += run;
  }
}

/* Windows of a few values on each of several lines: brought together, they are one line. */
TM_INLINE void TM_FN(tm_conv_gathered)(const TM_X* x, tm_weights q, tm_shape s, tm_requant r,
                                       TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const tm_i32 positions = s.out_h * s.out_w;
  const tm_window line = {0, 0, 0, 1, 0, row};
  TM_X windows[TM_POSITIONS * TM_NARROW];
  tm_shape flat = s;
  tm_i32 p, i;
  flat.kernel_h = 1;
  flat.kernel_w = row;
  flat.stride_w = row;
  flat.dilation_w = 1;
  flat.in_c = 1;
  for (p = 0; p < positions; p += TM_POSITIONS) {
    /* The last ones may be some of those before. */
    const tm_i32 first = p + TM_POSITIONS <= positions ? p : positions - TM_POSITIONS;
    for (i = 0; i < TM_POSITIONS; ++i) {
      TM_FN(tm_gather)(x, first + i, s, windows + i * row);
    }
    TM_FN(tm_conv_columns)(windows, 0, q, flat, r, line, 1, y + first * s.out_c);
  }
}

/* Rows [kernel_h][kernel_w][in_c] */
TM_INLINE void TM_FN(tm_conv)(const TM_X* x, tm_weights q, tm_shape s, tm_requant r, TM_Y* y) {
  const tm_i32 inner = tm_first_inner(s);
  const tm_i32 room = tm_last_inner(s) - inner;
  /* Of few bits four channels of a position already share what is unpacked. */
  const int plain = TM_OPTIMISE == TM_SIZE || (TM_OPTIMISE == TM_BALANCED && q.bits < 8);
  const int alone = plain || (TM_DSP && q.bits < 8);
  const tm_i32 blocks = room < 0 || alone ? 0 : room / TM_POSITIONS;
  const tm_i32 most = TM_STRIP / TM_POSITIONS;
  tm_i32 oy, ox, b;
#if TM_HELIUM && TM_OCTETS
  if (q.bits == 8 && s.out_c % 4 == 0) {
    TM_FN(tm_mve_conv)(x, (const tm_i8*)q.codes, s, r, y);
    return;
  }
#endif
#if TM_DSP && !TM_HELIUM
  if (!plain && q.bits >= 8 && tm_dsp_widens(s)) {
    TM_FN(tm_dsp_conv)(x, q, s, r, y);
    return;
  }
#endif
  if (!plain && tm_is_narrow(s)) {
    TM_FN(tm_conv_gathered)(x, q, s, r, y);
    return;
  }
  for (oy = 0; oy < s.out_h; ++oy) {
    for (ox = 0; ox < s.out_w; ++ox) {
      if (blocks > 0 && ox == inner) {
        const tm_window w = tm_window_at(oy, inner, s);
        for (b = 0; b < blocks; b += most) {
          const tm_i32 column = b * TM_POSITIONS;
          TM_FN(tm_conv_columns)
          (x, tm_tap(w, 0, 0, s) + column * s.stride_w * s.in_c, q, s, r, w,
           blocks - b < most ? blocks - b : most, y + (inner + column) * s.out_c);
        }
        ox += blocks * TM_POSITIONS;
        if (ox == s.out_w) {
          break;
        }
      }
      TM_FN(tm_conv_point)(x, q, s, r, tm_window_at(oy, ox, s), y + ox * s.out_c);
    }
    y += s.out_w * s.out_c;
  }
}

/* Every channel by itself; rows [kernel_h][kernel_w] */
TM_INLINE void TM_FN(tm_depthwise)(const TM_X* x, tm_weights q, tm_shape s, tm_requant r, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w;
  tm_i32 oy, ox, c, ky, kx;
#if TM_HELIUM && TM_OCTETS
  if (q.bits == 8 && s.out_c % 8 == 0 && row <= TM_MVE_TAPS && sizeof(TM_Y) == 1 &&
      tm_mve_can_scale(r)) {
    TM_FN(tm_mve_depthwise)(x, (const tm_i8*)q.codes, s, r, y);
    return;
  }
#endif
#if TM_DSP
  if (q.bits == 8 && s.out_c % 4 == 0) {
    TM_FN(tm_dsp_depthwise)(x, (const tm_i8*)q.codes, s, r, y);
    return;
  }
#endif
  for (oy = 0; oy < s.out_h; ++oy) {
    for (ox = 0; ox < s.out_w; ++ox) {
      const tm_window w = tm_window_at(oy, ox, s);
      const tm_i32 taps = w.kx1 - w.kx0;
      for (c = 0; c + 4 <= s.out_c; c += 4) {
        tm_four t = {tm_offset(c, r), tm_offset(c + 1, r), tm_offset(c + 2, r),
                     tm_offset(c + 3, r)};
        const TM_X* p = x + (tm_tap(w, w.ky0, w.kx0, s) + c);
        if (q.bits == 8 && !TM_OCTET_PAIRS) {
          const tm_i8* f = (const tm_i8*)q.codes + ((w.ky0 * s.kernel_w + w.kx0) * s.out_c + c);
          for (ky = taps > 0 ? w.ky1 - w.ky0 : 0; ky > 0; --ky) {
            t = TM_JOIN2(tm_taps, TM_IN)(t, p, p + taps * s.dilation_w * s.in_c,
                                         s.dilation_w * s.in_c, f, s.out_c);
            p += s.dilation_h * s.in_w * s.in_c;
            f += s.kernel_w * s.out_c;
          }
        } else {
          for (ky = w.ky0; ky < w.ky1; ++ky) {
            for (kx = w.kx0; kx < w.kx1; ++kx) {
              const tm_four f = tm_four_in_column(q, s.out_c, row, c, ky * s.kernel_w + kx);
              t.a += p[0] * f.a;
              t.b += p[1] * f.b;
              t.c += p[2] * f.c;
              t.d += p[3] * f.d;
              p += s.dilation_w * s.in_c;
            }
            p += s.dilation_h * s.in_w * s.in_c - taps * s.dilation_w * s.in_c;
          }
        }
        /* Four stores: GCC would put one together. */
        y[0] = (TM_Y)tm_requantize(t.a, c, r);
        TM_APART(y);
        y[1] = (TM_Y)tm_requantize(t.b, c + 1, r);
        TM_APART(y);
        y[2] = (TM_Y)tm_requantize(t.c, c + 2, r);
        TM_APART(y);
        y[3] = (TM_Y)tm_requantize(t.d, c + 3, r);
        y += 4;
      }
      for (; c < s.out_c; ++c) {
        tm_i32 sum = tm_offset(c, r);
        for (ky = w.ky0; ky < w.ky1; ++ky) {
          for (kx = w.kx0; kx < w.kx1; ++kx) {
            sum += x[tm_tap(w, ky, kx, s) + c] *
                   tm_code_in_column(q, s.out_c, row, c, ky * s.kernel_w + kx);
          }
        }
        *y++ = (TM_Y)tm_requantize(sum, c, r);
      }
    }
  }
}

/* One output channel at one position; `input`: the first channel of its group. */
TM_INLINE tm_i32 TM_FN(tm_grouped_channel)(const TM_X* input, tm_weights q, int alone, tm_i32 c,
                                           tm_i32 ins, tm_shape s, tm_requant r, tm_window w) {
  const tm_i32 row = s.kernel_h * s.kernel_w * ins;
  tm_i32 sum = tm_offset(c, r);
  tm_i32 ky, kx, i;
  for (ky = w.ky0; ky < w.ky1; ++ky) {
    for (kx = w.kx0; kx < w.kx1; ++kx) {
      const TM_X* p = input + tm_tap(w, ky, kx, s);
      const tm_i32 k = (ky * s.kernel_w + kx) * ins;
      if (alone) {
        sum = TM_FN(tm_dot_alone)(p, ins, q, s.out_c, row, c, k, sum);
        continue;
      }
      for (i = 0; i < ins; ++i) {
        sum += p[i] * tm_code_in_block(q, row, c, k + i);
      }
    }
  }
  return tm_requantize(sum, c, r);
}

/* Output channel c reads the in_c / groups input channels of its group; rows
 * [kernel_h][kernel_w][in_c / groups] */
TM_INLINE void TM_FN(tm_grouped)(const TM_X* x, tm_weights q, tm_i32 groups, tm_shape s,
                                 tm_requant r, TM_Y* y) {
  const tm_i32 ins = s.in_c / groups;
  const tm_i32 outs = s.out_c / groups;
  tm_i32 oy, ox, c;
  for (oy = 0; oy < s.out_h; ++oy) {
    for (ox = 0; ox < s.out_w; ++ox) {
      const tm_window w = tm_window_at(oy, ox, s);
      for (c = 0; c < tm_in_blocks(q, s.out_c); ++c) {
        y[c] = (TM_Y)TM_FN(tm_grouped_channel)(x + c / outs * ins, q, 0, c, ins, s, r, w);
      }
      for (; c < s.out_c; ++c) {
        y[c] = (TM_Y)TM_FN(tm_grouped_channel)(x + c / outs * ins, q, 1, c, ins, s, r, w);
      }
      y += s.out_c;
    }
  }
}

/* Sum over each window, requantised: an average. */
TM_INLINE void TM_FN(tm_sum_pool)(const TM_X* x, tm_shape s, tm_requant r, TM_Y* y) {
  tm_i32 oy, ox, c, ky, kx;
  for (oy = 0; oy < s.out_h; ++oy) {
    for (ox = 0; ox < s.out_w; ++ox) {
      const tm_window w = tm_window_at(oy, ox, s);
      c = 0;
#if TM_DSP && TM_OCTETS
      for (; c + 4 <= s.out_c; c += 4, y += 4) {
        TM_FN(tm_dsp_sum)(x, c, s, r, w, y - c);
      }
#endif
      for (; c < s.out_c; ++c) {
        tm_i32 sum = tm_offset(c, r);
        for (ky = w.ky0; ky < w.ky1; ++ky) {
          const TM_X* p = x + (tm_tap(w, ky, 0, s) + c);
          TM_UNROLL(4)
          for (kx = w.kx0; kx < w.kx1; ++kx) {
            sum += p[kx * s.in_c];
          }
        }
        *y++ = (TM_Y)tm_requantize(sum, c, r);
      }
    }
  }
}

/* The blends of rows and columns (tm_resize.h), parts of rows times parts of columns too large. */
TM_INLINE void TM_FN(tm_resize_bilinear)(const TM_X* x, tm_shape s, tm_requant r, TM_Y* y) {
  const tm_stretch down = tm_stretch_of(s.in_h, s.out_h);
  const tm_stretch across = tm_stretch_of(s.in_w, s.out_w);
  tm_i32 oy, ox, c;
  for (oy = 0; oy < s.out_h; ++oy) {
    const tm_blend rows = tm_blend_at(oy, down, s.in_h);
    const TM_X* upper = x + rows.first * s.in_w * s.in_c;
    const TM_X* lower = x + rows.second * s.in_w * s.in_c;
    for (ox = 0; ox < s.out_w; ++ox) {
      const tm_blend columns = tm_blend_at(ox, across, s.in_w);
      const tm_i32 left = columns.first * s.in_c;
      const tm_i32 right = columns.second * s.in_c;
      for (c = 0; c < s.out_c; ++c) {
        const tm_i32 above =
            upper[left + c] * columns.weight_first + upper[right + c] * columns.weight_second;
        const tm_i32 below =
            lower[left + c] * columns.weight_first + lower[right + c] * columns.weight_second;
        const tm_i32 sum = above * rows.weight_first + below * rows.weight_second;
        *y++ = (TM_Y)tm_requantize(sum + tm_offset(c, r), c, r);
      }
    }
  }
}

/* y may be x. */
TM_INLINE void TM_FN(tm_requantize)(const TM_X* x, tm_i32 positions, tm_i32 channels, tm_requant r,
                                    TM_Y* y) {
  tm_i32 p, c;
  for (p = 0; p < positions; ++p) {
    for (c = 0; c < channels; ++c) {
      *y++ = (TM_Y)tm_requantize(*x++ + tm_offset(c, r), c, r);
    }
  }
}

#undef TM_OCTETS
#undef TM_FN
#undef TM_Y
#undef TM_X
#undef TM_OUT
#undef TM_IN
