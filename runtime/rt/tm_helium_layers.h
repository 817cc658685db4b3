/* Platypus runtime: integer layers with Helium, for one pair of code types.
 * SPDX-License-Identifier: 0BSD */

/* Codes of c ... c + 3 from their sums. */
TM_INLINE void TM_FN(tm_mve_store)(int32x4_t v, tm_mve_requant m, tm_i32 c, tm_requant r, TM_Y* y) {
  if (!tm_mve_can_scale(r)) {
    y[0] = (TM_Y)tm_requantize(vgetq_lane_s32(v, 0), c, r);
    y[1] = (TM_Y)tm_requantize(vgetq_lane_s32(v, 1), c + 1, r);
    y[2] = (TM_Y)tm_requantize(vgetq_lane_s32(v, 2), c + 2, r);
    y[3] = (TM_Y)tm_requantize(vgetq_lane_s32(v, 3), c + 3, r);
    return;
  }
  v = tm_mve_clamp(tm_mve_scaled(v, m, r), r);
  if (sizeof(TM_Y) == 1) {
    vstrbq_s32((int8_t*)y, v);
  } else {
    vstrhq_s32((int16_t*)y, v);
  }
}

/* 16 codes as signed ones: those of unsigned codes are 128 less. */
#define TM_UNSIGNED ((TM_X)-1 > 0)
TM_INLINE int8x16_t TM_FN(tm_mve_load)(const TM_X* p) {
  const int8x16_t v = vldrbq_s8((const int8_t*)p);
  return TM_UNSIGNED ? veorq_s8(v, vdupq_n_s8(-128)) : v;
}
/* The same of the first n ones, zeros behind them. */
TM_INLINE int8x16_t TM_FN(tm_mve_load_some)(const TM_X* p, tm_i32 n) {
  const mve_pred16_t some = vctp8q((uint32_t)n);
  const int8x16_t v = vldrbq_z_s8((const int8_t*)p, some);
  return TM_UNSIGNED ? veorq_m_s8(v, v, vdupq_n_s8(-128), some) : v;
}

/* Four rows times n codes. `raw`: unsigned codes as they are, with codes of weights that are made
 * unsigned too (128 more); else both signed. */
#define TM_MVE_ROWS(load_row)   \
  do {                          \
    int8x16_t g = load_row(f0); \
    t.a = TM_MVE_DOT(t.a, g);   \
    g = load_row(f1);           \
    t.b = TM_MVE_DOT(t.b, g);   \
    g = load_row(f2);           \
    t.c = TM_MVE_DOT(t.c, g);   \
    g = load_row(f3);           \
    t.d = TM_MVE_DOT(t.d, g);   \
  } while (0)
#define TM_MVE_DOT(sum, g)                                                        \
  (raw ? (tm_i32)vmladavaq_u8((uint32_t)(sum), vreinterpretq_u8_s8(u),            \
                              vreinterpretq_u8_s8(veorq_s8(g, vdupq_n_s8(-128)))) \
       : vmladavaq_s8(sum, u, g))
TM_INLINE tm_mve_sums TM_FN(tm_mve_dots)(const TM_X* p, tm_i32 lines, tm_i32 line, const tm_i8* f0,
                                         tm_i32 weights_line, tm_i32 row, tm_i32 n, int raw,
                                         tm_mve_sums t) {
  const tm_i8* f1 = f0 + row;
  const tm_i8* f2 = f1 + row;
  const tm_i8* f3 = f2 + row;
  tm_i32 i;
  TM_APART(f1);
  TM_APART(f2);
  TM_APART(f3);
  for (; lines > 0; --lines) {
    const TM_X* next = p + line;
    for (i = n / 16; i > 0; --i) {
      const int8x16_t u = raw ? vldrbq_s8((const int8_t*)p) : TM_FN(tm_mve_load)(p);
      TM_MVE_ROWS(vldrbq_s8);
      p += 16;
      f0 += 16;
      f1 += 16;
      f2 += 16;
      f3 += 16;
    }
    if (n % 16 != 0) {
      const mve_pred16_t some = vctp8q((uint32_t)(n % 16));
      const int8x16_t u =
          raw ? vldrbq_z_s8((const int8_t*)p, some) : TM_FN(tm_mve_load_some)(p, n % 16);
#define TM_MVE_SOME(at) vldrbq_z_s8(at, some)
      TM_MVE_ROWS(TM_MVE_SOME);
#undef TM_MVE_SOME
    }
    p = next;
    f0 += weights_line - n / 16 * 16;
    f1 += weights_line - n / 16 * 16;
    f2 += weights_line - n / 16 * 16;
    f3 += weights_line - n / 16 * 16;
  }
  return t;
}

/* All fours of channels of one position, whose window may stick out of the input. */
TM_INLINE void TM_FN(tm_mve_point)(const TM_X* x, const tm_i8* q, tm_shape s, tm_requant r,
                                   tm_window w, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const tm_i32 line = s.dilation_h * s.in_w * s.in_c;
  const tm_i32 runs = s.dilation_w == 1 ? 1 : w.kx1 - w.kx0;
  const tm_i32 run = s.dilation_w == 1 ? (w.kx1 - w.kx0) * s.in_c : s.in_c;
  const int narrow = s.kernel_h > 1 && s.kernel_w * s.in_c < 16 && runs == 1 && run > 0;
  const tm_i32 rows = narrow ? tm_mve_rows_of(run, line) : 1;
  const uint8x16_t at = tm_mve_places(narrow ? run : 16, line);
  const uint8x16_t of = tm_mve_places(narrow ? run : 16, s.kernel_w * s.in_c);
  const int raw = TM_UNSIGNED;
  tm_i32 codes = 0;
  tm_i32 c, ky, n, i;
  const TM_X* first = x + tm_tap(w, w.ky0, w.kx0, s);
  if (TM_UNSIGNED) {
    const TM_X* p = first;
    for (ky = w.ky0; ky < w.ky1; ++ky) {
      for (n = 0; n < runs; ++n) {
        const uint8_t* v = (const uint8_t*)p + n * s.dilation_w * s.in_c;
        for (i = run; i > 0; i -= 16) {
          codes += (tm_i32)vaddvq_u8(vldrbq_z_u8(v, vctp8q((uint32_t)i)));
          v += 16;
        }
      }
      p += line;
    }
    codes *= 128;
  }
  for (c = 0; c + 4 <= s.out_c; c += 4) {
    const TM_X* p = first;
    const tm_i8* f = q + (c * row + (w.ky0 * s.kernel_w + w.kx0) * s.in_c);
    const tm_mve_requant m = tm_mve_requant_at(c, r);
    tm_mve_sums t = {-codes, -codes, -codes, -codes};
    if (narrow) {
      for (ky = w.ky1 - w.ky0; ky > 0; ky -= rows) {
        const mve_pred16_t some = vctp8q((uint32_t)((ky < rows ? ky : rows) * run));
        const int8x16_t u = vldrbq_gather_offset_z_s8((const int8_t*)p, at, some);
        const tm_i8* f0 = f;
        const tm_i8* f1 = f0 + row;
        const tm_i8* f2 = f1 + row;
        const tm_i8* f3 = f2 + row;
#define TM_MVE_GATHER(from) vldrbq_gather_offset_z_s8(from, of, some)
        TM_MVE_ROWS(TM_MVE_GATHER);
#undef TM_MVE_GATHER
        p += rows * line;
        f += rows * s.kernel_w * s.in_c;
      }
    } else {
      for (n = 0; n < runs; ++n) {
        t = TM_FN(tm_mve_dots)(p + n * s.dilation_w * s.in_c, w.ky1 - w.ky0, line, f + n * s.in_c,
                               s.kernel_w * s.in_c, row, run, raw, t);
      }
    }
    TM_FN(tm_mve_store)(vaddq_s32(tm_mve_four(t.a, t.b, t.c, t.d), m.offset), m, c, r, y + c);
  }
}
#undef TM_MVE_ROWS
#undef TM_MVE_DOT

/* The dot product of one row of at most 64 codes that are in registers. */
#define TM_MVE_DOT(sum)                                                 \
  do {                                                                  \
    sum = vmladavq_s8(u0, vldrbq_s8(f));                                \
    if (run > 32) sum = vmladavaq_s8(sum, u1, vldrbq_s8(f + 16));       \
    if (run > 48) sum = vmladavaq_s8(sum, u2, vldrbq_s8(f + 32));       \
    if (run > 16) sum = vmladavaq_s8(sum, ul, vldrbq_s8(f + run - 16)); \
    f += run;                                                           \
    TM_APART(f);                                                        \
  } while (0)

/* Neighbouring columns of one row, whose windows lie within the input: rows of 16 to 64 places
 * along one axis. Codes of a position stay in registers for 16 channels. */
TM_INLINE void TM_FN(tm_mve_short_rows)(const TM_X* x, const tm_i8* q, tm_shape s, tm_requant r,
                                        tm_i32 columns, TM_Y* y) {
  const tm_i32 run = s.kernel_w * s.in_c;
  const tm_i32 step = s.stride_w * s.in_c;
  /* Places of the last 16 that no vector before them has. */
  const int8x16_t last = tm_mve_last(run % 16);
  const tm_i32 channels = s.out_c - s.out_c % 4;
  tm_i32 c, b, j;
  for (c = 0; c < channels; c += 16) {
    const tm_i32 fours = channels - c < 16 ? (channels - c) / 4 : 4;
    tm_mve_requant m[4];
    const TM_X* p = x;
    TM_Y* z = y + c;
    for (j = 0; j < fours; ++j) {
      m[j] = tm_mve_requant_at(c + 4 * j, r);
      if (TM_UNSIGNED) {
        m[j].offset = vaddq_s32(m[j].offset, tm_mve_row_sums(q + (c + 4 * j) * run, run, run));
      }
    }
    for (b = 0; b < columns; ++b) {
      const int8x16_t u0 = TM_FN(tm_mve_load)(p);
      const int8x16_t u1 = run > 32 ? TM_FN(tm_mve_load)(p + 16) : u0;
      const int8x16_t u2 = run > 48 ? TM_FN(tm_mve_load)(p + 32) : u0;
      int8x16_t ul = run > 16 ? TM_FN(tm_mve_load)(p + run - 16) : u0;
      const tm_i8* f = q + c * run;
      if (run % 16 != 0) ul = vandq_s8(ul, last);
      for (j = 0; j < fours; ++j) {
        tm_i32 a0, a1, a2, a3;
        TM_MVE_DOT(a0);
        TM_MVE_DOT(a1);
        TM_MVE_DOT(a2);
        TM_MVE_DOT(a3);
        TM_FN(tm_mve_store)
        (vaddq_s32(tm_mve_four(a0, a1, a2, a3), m[j].offset), m[j], c + 4 * j, r, z + 4 * j);
      }
      z += s.out_c;
      p += step;
    }
  }
}
#undef TM_MVE_DOT

/* Neighbouring columns of one row, whose windows lie within the input from left to right. */
TM_INLINE void TM_FN(tm_mve_columns)(const TM_X* x, const tm_i8* q, tm_shape s, tm_requant r,
                                     tm_window w, tm_i32 columns, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const tm_i32 step = s.stride_w * s.in_c;
  const tm_i32 runs = s.dilation_w == 1 ? 1 : s.kernel_w;
  const tm_i32 run = s.dilation_w == 1 ? s.kernel_w * s.in_c : s.in_c;
  const tm_i32 line = s.dilation_h * s.in_w * s.in_c;
  tm_i32 c, b, n;
  if (s.kernel_h == 1 && runs == 1 && run >= 16 && run <= 64) {
    TM_FN(tm_mve_short_rows)(x, q, s, r, columns, y);
    return;
  }
  for (c = 0; c + 4 <= s.out_c; c += 4) {
    const tm_i8* f = q + (c * row + w.ky0 * s.kernel_w * s.in_c);
    const TM_X* left = x + w.ky0 * line;
    const tm_i32 taps = (w.ky1 - w.ky0) * s.kernel_w * s.in_c;
    tm_mve_requant m = tm_mve_requant_at(c, r);
    TM_Y* z = y + c;
    if (TM_UNSIGNED) {
      m.offset = vaddq_s32(m.offset, tm_mve_row_sums(f, row, taps));
    }
    if (s.kernel_h == 1 && runs == 1 && run < 16) {
      const mve_pred16_t some = vctp8q((uint32_t)run);
      const int8x16_t g0 = vldrbq_z_s8(f, some), g1 = vldrbq_z_s8(f + row, some);
      const int8x16_t g2 = vldrbq_z_s8(f + 2 * row, some), g3 = vldrbq_z_s8(f + 3 * row, some);
      for (b = 0; b < columns; ++b) {
        int8x16_t u = vldrbq_z_s8((const int8_t*)left, some);
        int32x4_t v;
        if (TM_UNSIGNED) u = veorq_s8(u, vdupq_n_s8(-128));
        v = tm_mve_four(vmladavq_s8(u, g0), vmladavq_s8(u, g1), vmladavq_s8(u, g2),
                        vmladavq_s8(u, g3));
        TM_FN(tm_mve_store)(vaddq_s32(v, m.offset), m, c, r, z);
        z += s.out_c;
        left += step;
      }
    } else if (runs == 1 && run < 16) {
      /* Lanes run over several rows of the window. */
      const tm_i32 rows = tm_mve_rows_of(run, line);
      const uint8x16_t places = tm_mve_places(run, line);
      const tm_i32 lanes = rows * run;
      const int8x16_t all = tm_mve_first(lanes);
      for (b = 0; b < columns; ++b) {
        int32x4_t v;
        tm_mve_sums t = {0, 0, 0, 0};
        const int8_t* p = (const int8_t*)left;
        const tm_i8* f0 = f;
        const tm_i8* f1 = f0 + row;
        const tm_i8* f2 = f1 + row;
        const tm_i8* f3 = f2 + row;
        TM_APART(f1);
        TM_APART(f2);
        TM_APART(f3);
        /* Behind the lanes in use stand weights of the row, or of the next one. */
        for (n = taps; n >= 16; n -= lanes) {
          int8x16_t u = vldrbq_gather_offset_s8(p, places);
          if (TM_UNSIGNED) u = veorq_s8(u, vdupq_n_s8(-128));
          if (lanes < 16) u = vandq_s8(u, all);
          t.a = vmladavaq_s8(t.a, u, vldrbq_s8(f0));
          t.b = vmladavaq_s8(t.b, u, vldrbq_s8(f1));
          t.c = vmladavaq_s8(t.c, u, vldrbq_s8(f2));
          t.d = vmladavaq_s8(t.d, u, vldrbq_s8(f3));
          p += rows * line;
          f0 += lanes;
          f1 += lanes;
          f2 += lanes;
          f3 += lanes;
        }
        for (; n > 0; n -= lanes) {
          const mve_pred16_t some = vctp8q((uint32_t)(n < lanes ? n : lanes));
          int8x16_t u = vldrbq_gather_offset_z_s8(p, places, some);
          if (TM_UNSIGNED) u = veorq_s8(u, vdupq_n_s8(-128));
          t.a = vmladavaq_s8(t.a, u, vldrbq_z_s8(f0, some));
          t.b = vmladavaq_s8(t.b, u, vldrbq_z_s8(f1, some));
          t.c = vmladavaq_s8(t.c, u, vldrbq_z_s8(f2, some));
          t.d = vmladavaq_s8(t.d, u, vldrbq_z_s8(f3, some));
          p += rows * line;
          f0 += lanes;
          f1 += lanes;
          f2 += lanes;
          f3 += lanes;
        }
        v = tm_mve_four(t.a, t.b, t.c, t.d);
        TM_FN(tm_mve_store)(vaddq_s32(v, m.offset), m, c, r, z);
        z += s.out_c;
        left += step;
      }
    } else {
      for (b = 0; b < columns; ++b) {
        tm_mve_sums t = {0, 0, 0, 0};
        int32x4_t v;
        for (n = 0; n < runs; ++n) {
          t = TM_FN(tm_mve_dots)(left + n * s.dilation_w * s.in_c, w.ky1 - w.ky0, line,
                                 f + n * s.in_c, s.kernel_w * s.in_c, row, run, 0, t);
        }
        v = tm_mve_four(t.a, t.b, t.c, t.d);
        TM_FN(tm_mve_store)(vaddq_s32(v, m.offset), m, c, r, z);
        z += s.out_c;
        left += step;
      }
    }
  }
}

/* Fours of channels of all positions. */
TM_INLINE void TM_FN(tm_mve_conv)(const TM_X* x, const tm_i8* q, tm_shape s, tm_requant r,
                                  TM_Y* y) {
  const tm_i32 inner = tm_first_inner(s);
  const tm_i32 columns = tm_last_inner(s) - inner;
  tm_i32 oy, ox;
  for (oy = 0; oy < s.out_h; ++oy) {
    ox = 0;
    if (columns > 1) {
      const tm_window w = tm_window_at(oy, inner, s);
      TM_FN(tm_mve_columns)(x + tm_tap(w, 0, 0, s), q, s, r, w, columns, y + inner * s.out_c);
      ox = inner > 0 ? 0 : columns;
    }
    while (ox < s.out_w) {
      const tm_window w = tm_window_at(oy, ox, s);
      TM_FN(tm_mve_point)(x, q, s, r, w, y + ox * s.out_c);
      ox += 1;
      if (columns > 1 && ox == inner) {
        ox += columns;
      }
    }
    y += s.out_w * s.out_c;
  }
}

#define TM_MVE_TAP(p, f)                                                                     \
  do {                                                                                       \
    const int16x8_t u = TM_UNSIGNED ? vreinterpretq_s16_u16(vldrbq_u16((const uint8_t*)(p))) \
                                    : vldrbq_s16((const int8_t*)(p));                        \
    const int16x8_t g = vldrbq_s16(f);                                                       \
    even = vaddq_s32(even, vmullbq_int_s16(u, g));                                           \
    odd = vaddq_s32(odd, vmulltq_int_s16(u, g));                                             \
  } while (0)
/* Eight channels of a depthwise layer: products of 16 bits, sums of 32 in even and odd lanes. */
TM_INLINE void TM_FN(tm_mve_depthwise)(const TM_X* x, const tm_i8* q, tm_shape s, tm_requant r,
                                       TM_Y* y) {
  /* Lines of outputs lie along the longer axis. Within the input along it all taps are there. */
  const int down = s.out_h > s.out_w;
  const tm_i32 first = down ? tm_first_inner_row(s) : tm_first_inner(s);
  const tm_i32 last = down ? tm_last_inner_row(s) : tm_last_inner(s);
  const tm_i32 lines = down ? s.out_w : s.out_h;
  const tm_i32 places = down ? s.out_h : s.out_w;
  const tm_i32 step_x = s.dilation_w * s.in_c, step_y = s.dilation_h * s.in_w * s.in_c;
  const tm_i32 taps = down ? s.kernel_h : s.kernel_w;
  const tm_i32 tap = down ? step_y : step_x, tap_across = down ? step_x : step_y;
  const tm_i32 weight = down ? s.kernel_w * s.out_c : s.out_c;
  const tm_i32 weight_across = down ? s.out_c : s.kernel_w * s.out_c;
  tm_i32 line, place, c, i, k;
  for (c = 0; c < s.out_c; c += 8) {
    const tm_mve_requant m0 = tm_mve_requant_of(c, 0, r), m1 = tm_mve_requant_of(c, 1, r);
    for (line = 0; line < lines; ++line) {
      tm_window w = down ? tm_window_at(0, line, s) : tm_window_at(line, 0, s);
      const tm_i32 across0 = down ? w.kx0 : w.ky0, across1 = down ? w.kx1 : w.ky1;
      TM_Y* z = y + (down ? line * s.out_c : line * s.out_w * s.out_c) + c;
      for (place = 0; place < places; ++place) {
        int32x4_t even = m0.offset, odd = m1.offset;
        int16x8_t v;
        if (place >= first && place < last) {
          const TM_X* p = x + ((w.top * s.in_w + w.left) * s.in_c + across0 * tap_across + c);
          const tm_i8* f = q + (across0 * weight_across + c);
          for (i = across1 - across0; i > 0; --i) {
            TM_UNROLL(8)
            for (k = 0; k < taps; ++k) {
              TM_MVE_TAP(p + k * tap, f + k * weight);
            }
            p += tap_across;
            f += weight_across;
          }
        } else {
          const tm_i32 k0 = tm_first_tap(down ? w.top : w.left, down ? s.dilation_h : s.dilation_w);
          const tm_i32 k1 = tm_last_tap(down ? w.top : w.left, down ? s.dilation_h : s.dilation_w,
                                        taps, down ? s.in_h : s.in_w);
          const TM_X* p = x + ((w.top * s.in_w + w.left) * s.in_c + across0 * tap_across + c);
          const tm_i8* f = q + (across0 * weight_across + c);
          for (i = across1 - across0; i > 0; --i) {
            for (k = k0; k < k1; ++k) {
              TM_MVE_TAP(p + k * tap, f + k * weight);
            }
            p += tap_across;
            f += weight_across;
          }
        }
        v = vqmovnbq_s32(vreinterpretq_s16_s32(even), tm_mve_scaled(even, m0, r));
        v = vqmovntq_s32(v, tm_mve_scaled(odd, m1, r));
        vstrbq_s16((int8_t*)z, tm_mve_clamp16(v, r));
        z += down ? s.out_w * s.out_c : s.out_c;
        if (down) {
          w.top += s.stride_h;
        } else {
          w.left += s.stride_w;
        }
      }
    }
  }
}
#undef TM_MVE_TAP
#undef TM_UNSIGNED
