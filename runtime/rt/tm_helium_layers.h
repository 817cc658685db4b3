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

/* The window of an output position, 0 where it sticks out of the input, and up to 15 codes behind
 * it; `flip` turns unsigned codes into signed ones. */
TM_INLINE void TM_FN(tm_mve_gather)(const TM_X* x, tm_i32 position, tm_shape s, int flip,
                                    tm_i8* values) {
  const tm_window w = tm_window_at(position / s.out_w, position % s.out_w, s);
  const tm_i32 row = s.kernel_w * s.in_c;
  const tm_i32 line = s.dilation_h * s.in_w * s.in_c;
  const int8x16_t change = vdupq_n_s8(flip ? -128 : 0);
  const int across = w.kx1 - w.kx0 == s.kernel_w;
  const tm_i32 runs = s.dilation_w == 1 ? 1 : w.kx1 - w.kx0;
  const tm_i32 run = s.dilation_w == 1 ? (w.kx1 - w.kx0) * s.in_c : s.in_c;
  tm_i32 ky, n, i;
  if (w.ky1 - w.ky0 < s.kernel_h || !across) {
    for (i = 0; i < s.kernel_h * row; i += 16) {
      vstrbq_s8(values + i, change);
    }
  }
  values += w.ky0 * row;
  if (s.dilation_w == 1 && row < 16) {
    /* Lanes run over several lines. */
    const tm_i32 rows = tm_mve_rows_of(row, line);
    const uint8x16_t at = tm_mve_places(row, line);
    const TM_X* p = x + tm_tap(w, w.ky0, 0, s);
    mve_pred16_t inside = 0xFFFF;
    if (!across) {
      const uint8x16_t column = tm_mve_places(row, 0);
      inside = (mve_pred16_t)(vcmpcsq_n_u8(column, (uint8_t)(w.kx0 * s.in_c)) &
                              vcmphiq_u8(vdupq_n_u8((uint8_t)(w.kx1 * s.in_c)), column));
    }
    for (n = (w.ky1 - w.ky0) * row; n > 0; n -= rows * row) {
      const mve_pred16_t some = vctp8q((uint32_t)(n < rows * row ? n : rows * row)) & inside;
      const int8x16_t v = vldrbq_gather_offset_z_s8((const int8_t*)p, at, some);
      vstrbq_s8(values, flip ? veorq_s8(v, change) : v);
      p += rows * line;
      values += rows * row;
    }
    return;
  }
  for (ky = w.ky0; ky < w.ky1; ++ky) {
    for (n = 0; n < runs; ++n) {
      const int8_t* p = (const int8_t*)x + tm_tap(w, ky, w.kx0 + n, s);
      tm_i8* z = values + (w.kx0 + n) * s.in_c;
      TM_UNROLL(6)
      for (i = run / 16; i > 0; --i) {
        int8x16_t v;
        TM_MVE_NEXT(v, p);
        vstrbq_s8(z, flip ? veorq_s8(v, change) : v);
        z += 16;
      }
      if (run > 0 && run % 16 != 0) {
        const int8x16_t v = vldrbq_z_s8(p, vctp8q((uint32_t)(run % 16)));
        vstrbq_s8(z, flip ? veorq_s8(v, change) : v);
      }
    }
    values += row;
  }
}

/* Codes of c ... c + 3 with the next offsets, multipliers and shifts. */
TM_INLINE const int32_t* TM_FN(tm_mve_finish)(int32x4_t v, const int32_t* next, tm_i32 c,
                                              tm_requant r, TM_Y* y) {
  TM_MVE_NEXT_FOUR("vadd.i32", vaddq_s32, v, next);
  if (!tm_mve_can_scale(r)) {
    y[0] = (TM_Y)tm_requantize(vgetq_lane_s32(v, 0), c, r);
    y[1] = (TM_Y)tm_requantize(vgetq_lane_s32(v, 1), c + 1, r);
    y[2] = (TM_Y)tm_requantize(vgetq_lane_s32(v, 2), c + 2, r);
    y[3] = (TM_Y)tm_requantize(vgetq_lane_s32(v, 3), c + 3, r);
    return next;
  }
  TM_MVE_SCALE(v, next, r);
  v = tm_mve_clamp(v, r);
  if (sizeof(TM_Y) == 1) {
    vstrbq_s32((int8_t*)y, v);
  } else {
    vstrhq_s32((int16_t*)y, v);
  }
  return next;
}

/* Products of the next row of at most TM_MVE_HOLD codes with a window that is in registers (u), or
 * with two (u and v). */
#define TM_MVE_HELD(a, b)                    \
  do {                                       \
    int8x16_t g;                             \
    if (run < 16) {                          \
      g = vldrbq_z_s8(f, some);              \
      f += run;                              \
    } else {                                 \
      TM_MVE_NEXT(g, f);                     \
    }                                        \
    a = vmladavq_s8(u0, g);                  \
    if (two) b = vmladavq_s8(v0, g);         \
    if (run > 32) {                          \
      TM_MVE_NEXT(g, f);                     \
      a = vmladavaq_s8(a, u1, g);            \
      if (two) b = vmladavaq_s8(b, v1, g);   \
    }                                        \
    if (run > 48) {                          \
      TM_MVE_NEXT(g, f);                     \
      a = vmladavaq_s8(a, u2, g);            \
    }                                        \
    if (run > 64) {                          \
      TM_MVE_NEXT(g, f);                     \
      a = vmladavaq_s8(a, u3, g);            \
    }                                        \
    if (run > 80) {                          \
      TM_MVE_NEXT(g, f);                     \
      a = vmladavaq_s8(a, u4, g);            \
    }                                        \
    if (run > 16) {                          \
      if (run % 16 != 0) f += run % 16 - 16; \
      TM_MVE_NEXT(g, f);                     \
      a = vmladavaq_s8(a, ul, g);            \
      if (two) b = vmladavaq_s8(b, vl, g);   \
    }                                        \
  } while (0)

TM_INLINE void TM_FN(tm_mve_held)(const TM_X* p, const TM_X* o, const tm_i8* f, tm_i32 run, int two,
                                  tm_i32 fours, const int32_t* m, tm_i32 c, tm_requant r, TM_Y* y,
                                  TM_Y* z) {
  const mve_pred16_t some = vctp8q((uint32_t)run);
  const int8x16_t last = tm_mve_last(run % 16);
  const int8x16_t u0 = run < 16 ? TM_FN(tm_mve_load_some)(p, run) : TM_FN(tm_mve_load)(p);
  const int8x16_t u1 = run > 32 ? TM_FN(tm_mve_load)(p + 16) : u0;
  const int8x16_t u2 = run > 48 ? TM_FN(tm_mve_load)(p + 32) : u0;
  const int8x16_t u3 = run > 64 ? TM_FN(tm_mve_load)(p + 48) : u0;
  const int8x16_t u4 = run > 80 ? TM_FN(tm_mve_load)(p + 64) : u0;
  int8x16_t ul = run > 16 ? TM_FN(tm_mve_load)(p + run - 16) : u0;
  const int8x16_t v0 = !two       ? u0
                       : run < 16 ? TM_FN(tm_mve_load_some)(o, run)
                                  : TM_FN(tm_mve_load)(o);
  const int8x16_t v1 = two && run > 32 ? TM_FN(tm_mve_load)(o + 16) : v0;
  int8x16_t vl = two && run > 16 ? TM_FN(tm_mve_load)(o + run - 16) : v0;
  tm_i32 j;
  if (run > 16 && run % 16 != 0) {
    ul = vandq_s8(ul, last);
    vl = vandq_s8(vl, last);
  }
  for (j = fours; j > 0; --j) {
    const int32_t* next;
    tm_i32 a0, a1, a2, a3, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    TM_MVE_HELD(a0, b0);
    TM_MVE_HELD(a1, b1);
    TM_MVE_HELD(a2, b2);
    TM_MVE_HELD(a3, b3);
    next = TM_FN(tm_mve_finish)(tm_mve_four(a0, a1, a2, a3), m, c, r, y);
    y += 4;
    if (two) {
      next = TM_FN(tm_mve_finish)(tm_mve_four(b0, b1, b2, b3), m, c, r, z);
      z += 4;
    }
    m = next;
    c += 4;
  }
}
#undef TM_MVE_HELD

/* Two windows times two rows of at least 16 signed codes: a and b of one window, c and d of the
 * other. */
#define TM_MVE_STEP(dot_a, dot_b, dot_c, dot_d) \
  do {                                          \
    TM_MVE_NEXT(u, p);                          \
    TM_MVE_NEXT(v, f);                          \
    t.a = dot_a(u, v);                          \
    TM_MVE_NEXT(h, g);                          \
    t.b = dot_b(u, h);                          \
    TM_MVE_NEXT(u, o);                          \
    t.c = dot_c(u, v);                          \
    t.d = dot_d(u, h);                          \
  } while (0)
#define TM_MVE_A(u, v) vmladavaq_s8(t.a, u, v)
#define TM_MVE_B(u, v) vmladavaq_s8(t.b, u, v)
#define TM_MVE_C(u, v) vmladavaq_s8(t.c, u, v)
#define TM_MVE_D(u, v) vmladavaq_s8(t.d, u, v)
TM_INLINE tm_mve_sums TM_FN(tm_mve_two_by_two)(const tm_i8* p, const tm_i8* o, const tm_i8* f,
                                               const tm_i8* g, tm_i32 run) {
  tm_mve_sums t;
  int8x16_t u, v, h;
  tm_i32 i;
  TM_MVE_STEP(vmladavq_s8, vmladavq_s8, vmladavq_s8, vmladavq_s8);
  TM_UNROLL(8)
  for (i = run / 16 - 1; i > 0; --i) {
    TM_MVE_STEP(TM_MVE_A, TM_MVE_B, TM_MVE_C, TM_MVE_D);
  }
  if (run % 16 != 0) {
    const int8x16_t last = tm_mve_last(run % 16);
    const tm_i32 back = run % 16 - 16;
    u = vandq_s8(vldrbq_s8(p + back), last);
    v = vldrbq_s8(f + back);
    h = vldrbq_s8(g + back);
    t.a = vmladavaq_s8(t.a, u, v);
    t.b = vmladavaq_s8(t.b, u, h);
    u = vandq_s8(vldrbq_s8(o + back), last);
    t.c = vmladavaq_s8(t.c, u, v);
    t.d = vmladavaq_s8(t.d, u, h);
  }
  return t;
}
#undef TM_MVE_STEP
#undef TM_MVE_A
#undef TM_MVE_B
#undef TM_MVE_C
#undef TM_MVE_D

/* One window times four rows of at least 16 signed codes. */
TM_INLINE tm_mve_sums TM_FN(tm_mve_four_rows)(const tm_i8* p, const tm_i8* f, tm_i32 run) {
  const tm_i8* f1 = f + run;
  const tm_i8* f2 = f1 + run;
  const tm_i8* f3 = f2 + run;
  tm_mve_sums t;
  int8x16_t u, g;
  tm_i32 i;
  t.a = t.b = t.c = t.d = 0;
  TM_UNROLL(4)
  for (i = run / 16; i > 0; --i) {
    TM_MVE_NEXT(u, p);
    TM_MVE_NEXT(g, f);
    t.a = vmladavaq_s8(t.a, u, g);
    TM_MVE_NEXT(g, f1);
    t.b = vmladavaq_s8(t.b, u, g);
    TM_MVE_NEXT(g, f2);
    t.c = vmladavaq_s8(t.c, u, g);
    TM_MVE_NEXT(g, f3);
    t.d = vmladavaq_s8(t.d, u, g);
  }
  if (run % 16 != 0) {
    const tm_i32 back = run % 16 - 16;
    u = vandq_s8(vldrbq_s8(p + back), tm_mve_last(run % 16));
    t.a = vmladavaq_s8(t.a, u, vldrbq_s8(f + back));
    t.b = vmladavaq_s8(t.b, u, vldrbq_s8(f1 + back));
    t.c = vmladavaq_s8(t.c, u, vldrbq_s8(f2 + back));
    t.d = vmladavaq_s8(t.d, u, vldrbq_s8(f3 + back));
  }
  return t;
}

/* All positions of windows of at most TM_MVE_MOST codes. Those that lie on several lines or stick
 * out of the input are brought together in `room`, behind offsets, multipliers and shifts. */
TM_INLINE void TM_FN(tm_mve_windows)(const TM_X* x, const tm_i8* q, tm_shape s, tm_requant r,
                                     int32_t* room, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const tm_i32 positions = s.out_h * s.out_w;
  const int flip = TM_UNSIGNED && row > TM_MVE_HOLD;
  const int two = tm_mve_is_two(row);
  const int direct = s.kernel_h == 1 && s.dilation_w == 1 && !flip && tm_first_inner_row(s) == 0 &&
                     tm_last_inner_row(s) == s.out_h;
  tm_i32 c, p, i, j;
  tm_i8* const windows = (tm_i8*)(room + tm_mve_scales(s.out_c));
  const tm_i32 between = tm_mve_window_octets(row);
  for (c = 0; c < s.out_c; c += TM_MVE_CHANNELS) {
    const tm_i32 left = s.out_c - c;
    const tm_i32 fours = (left < TM_MVE_CHANNELS ? left : TM_MVE_CHANNELS) / 4;
    int32_t* next = room;
    for (j = 0; j < fours; ++j) {
      tm_mve_requant m = tm_mve_requant_at(c + 4 * j, r);
      if (TM_UNSIGNED) {
        m.offset = vaddq_s32(m.offset, tm_mve_row_sums(q + (c + 4 * j) * row, row, row));
      }
      next = tm_mve_write(m, r, next);
    }
    for (p = 0; p < positions; p += 1 + two) {
      const tm_i32 first = p + two < positions ? p : positions - 1 - two;
      TM_Y* z = y + (first * s.out_c + c);
      const tm_i32 oy = s.out_h == 1 ? 0 : first / s.out_w;
      const tm_i32 ox = first - oy * s.out_w;
      const TM_X* a = (const TM_X*)windows;
      const TM_X* b = (const TM_X*)(windows + between);
      const tm_i8* f = q + c * row;
      const int32_t* m = room;
      if (direct && ox >= tm_first_inner(s) && ox + two < tm_last_inner(s)) {
        a = x + (oy * s.stride_h * s.in_w + ox * s.stride_w - s.pad_w) * s.in_c;
        b = a + s.stride_w * s.in_c;
      } else {
        for (i = 0; i <= two; ++i) {
          TM_FN(tm_mve_gather)(x, first + i, s, flip, windows + i * between);
        }
      }
      if (row <= TM_MVE_HOLD) {
        TM_FN(tm_mve_held)(a, b, f, row, two, fours, m, c, r, z, z + s.out_c);
      } else {
        for (j = 0; j < fours; ++j) {
          const tm_i8 *k = (const tm_i8*)a, *l = (const tm_i8*)b;
          if (two) {
            tm_mve_sums t = TM_FN(tm_mve_two_by_two)(k, l, f, f + row, row);
            int32x4_t v = tm_mve_low(t.a, t.b), w = tm_mve_low(t.c, t.d);
            t = TM_FN(tm_mve_two_by_two)(k, l, f + 2 * row, f + 3 * row, row);
            v = tm_mve_high(v, t.a, t.b);
            w = tm_mve_high(w, t.c, t.d);
            (void)TM_FN(tm_mve_finish)(v, m, c + 4 * j, r, z);
            m = TM_FN(tm_mve_finish)(w, m, c + 4 * j, r, z + s.out_c);
          } else {
            const tm_mve_sums t = TM_FN(tm_mve_four_rows)(k, f, row);
            m = TM_FN(tm_mve_finish)(tm_mve_four(t.a, t.b, t.c, t.d), m, c + 4 * j, r, z);
          }
          f += 4 * row;
          z += 4;
        }
      }
    }
  }
}

/* Neighbouring columns of one row, whose windows of at most 16 codes lie within the input: weights
 * stay in registers. */
TM_INLINE void TM_FN(tm_mve_columns)(const TM_X* x, const tm_i8* q, tm_shape s, tm_requant r,
                                     tm_i32 columns, TM_Y* y) {
  const tm_i32 row = s.kernel_w * s.in_c;
  const tm_i32 step = s.stride_w * s.in_c;
  const mve_pred16_t some = vctp8q((uint32_t)row);
  tm_i32 c, b;
  for (c = 0; c < s.out_c; c += 4) {
    const tm_i8* f = q + c * row;
    const TM_X* p = x;
    tm_mve_requant m = tm_mve_requant_at(c, r);
    TM_Y* z = y + c;
    const int8x16_t g0 = vldrbq_z_s8(f, some), g1 = vldrbq_z_s8(f + row, some);
    const int8x16_t g2 = vldrbq_z_s8(f + 2 * row, some), g3 = vldrbq_z_s8(f + 3 * row, some);
    if (TM_UNSIGNED) {
      m.offset = vaddq_s32(m.offset, tm_mve_row_sums(f, row, row));
    }
    for (b = 0; b < columns; ++b) {
      const int8x16_t u = row < 16 ? TM_FN(tm_mve_load_some)(p, row) : TM_FN(tm_mve_load)(p);
      const int32x4_t v = tm_mve_four(vmladavq_s8(u, g0), vmladavq_s8(u, g1), vmladavq_s8(u, g2),
                                      vmladavq_s8(u, g3));
      TM_FN(tm_mve_store)(vaddq_s32(v, m.offset), m, c, r, z);
      z += s.out_c;
      p += step;
    }
  }
}

/* Fours of channels of all positions. */
TM_INLINE void TM_FN(tm_mve_conv)(const TM_X* x, const tm_i8* q, tm_shape s, tm_requant r,
                                  TM_Y* y) {
  const tm_i32 inner = tm_first_inner(s);
  const tm_i32 columns = tm_last_inner(s) - inner;
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const int narrow = s.kernel_h == 1 && row <= 16 && s.dilation_w == 1 && columns > 1;
  const tm_i32 octets =
      4 * tm_mve_scales(s.out_c) + (1 + tm_mve_is_two(row)) * tm_mve_window_octets(row);
  tm_i32 oy, ox, b;
  if (!narrow && s.out_h * s.out_w > 1 && row <= TM_MVE_MOST) {
    /* As much of the stack as the layer needs: one of these is left. */
    if (octets <= 192) {
      int32_t room[48];
      TM_FN(tm_mve_windows)(x, q, s, r, room, y);
    } else if (octets <= 320) {
      int32_t room[80];
      TM_FN(tm_mve_windows)(x, q, s, r, room, y);
    } else if (octets <= 512) {
      int32_t room[128];
      TM_FN(tm_mve_windows)(x, q, s, r, room, y);
    } else if (octets <= 1024) {
      int32_t room[256];
      TM_FN(tm_mve_windows)(x, q, s, r, room, y);
    } else {
      int32_t room[400];
      TM_FN(tm_mve_windows)(x, q, s, r, room, y);
    }
    return;
  }
  for (oy = 0; oy < s.out_h; ++oy) {
    for (ox = 0; ox < s.out_w; ++ox) {
      if (narrow && ox == inner) {
        const tm_window w = tm_window_at(oy, inner, s);
        for (b = 0; b < columns && w.ky1 > w.ky0; b += TM_STRIP) {
          TM_FN(tm_mve_columns)
          (x + (tm_tap(w, 0, 0, s) + b * s.stride_w * s.in_c), q, s, r,
           columns - b < TM_STRIP ? columns - b : TM_STRIP, y + (inner + b) * s.out_c);
        }
        ox += w.ky1 > w.ky0 ? columns : 0;
        if (ox == s.out_w) {
          break;
        }
      }
      TM_FN(tm_mve_point)(x, q, s, r, tm_window_at(oy, ox, s), y + ox * s.out_c);
    }
    y += s.out_w * s.out_c;
  }
}

/* Rows and columns of a depthwise layer of at most 25 taps, eight channels at a time: products of
 * 16 bits, sums of 32 in even and odd lanes. Lines of outputs lie along the longer axis. */
TM_INLINE void TM_FN(tm_mve_depthwise_part)(const TM_X* x, const tm_i8* q, tm_shape s, tm_requant r,
                                            tm_i32 top, tm_i32 rows, tm_i32 left, tm_i32 columns,
                                            TM_Y* y) {
  const int down = s.out_h > s.out_w;
  const tm_i32 lines = down ? columns : rows;
  const tm_i32 places = down ? rows : columns;
  const tm_i32 step_x = s.dilation_w * s.in_c, step_y = s.dilation_h * s.in_w * s.in_c;
  const tm_i32 taps = s.kernel_h * s.kernel_w;
  tm_i8 weights[TM_MVE_TAPS * 8];
  int32_t scales[24];
  tm_i32 line, place, c, ky, kx;
  for (c = 0; c < s.out_c; c += 8) {
    const tm_i8* from = q + c;
    for (ky = 0; ky < taps; ++ky) {
      vstrbq_s16(weights + ky * 8, vldrbq_s16(from));
      from += s.out_c;
    }
    tm_mve_write_eight(c, r, scales);
    for (line = 0; line < lines; ++line) {
      const tm_i32 oy = down ? top : top + line;
      const tm_i32 ox = down ? left + line : left;
      TM_Y* z = y + (oy * s.out_w + ox) * s.out_c + c;
      for (place = 0; place < places; ++place) {
        const tm_window w =
            down ? tm_window_at(oy + place, ox, s) : tm_window_at(oy, ox + place, s);
        const TM_X* p = x + ((w.top * s.in_w + w.left) * s.in_c + c);
        const int32_t* next = scales;
        const tm_i8* f = weights;
        int32x4_t even, odd;
        int16x8_t v;
        TM_MVE_NEXT_WORDS(even, next);
        TM_MVE_NEXT_WORDS(odd, next);
        if (w.ky1 - w.ky0 == s.kernel_h && w.kx1 - w.kx0 == s.kernel_w) {
          TM_UNROLL(5)
          for (ky = s.kernel_h; ky > 0; --ky) {
            TM_UNROLL(5)
            for (kx = s.kernel_w; kx > 0; --kx) {
              TM_MVE_TAP(even, odd, p, f, TM_UNSIGNED);
              p += step_x;
              TM_APART(p);
            }
            p += step_y - s.kernel_w * step_x;
            TM_APART(p);
          }
        } else {
          p += w.ky0 * step_y + w.kx0 * step_x;
          f += (w.ky0 * s.kernel_w + w.kx0) * 8;
          for (ky = w.ky1 - w.ky0; ky > 0; --ky) {
            const TM_X* u = p;
            for (kx = w.kx1 - w.kx0; kx > 0; --kx) {
              TM_MVE_TAP(even, odd, u, f, TM_UNSIGNED);
              u += step_x;
            }
            p += step_y;
            f += (s.kernel_w - w.kx1 + w.kx0) * 8;
          }
        }
        TM_MVE_SCALE(even, next, r);
        TM_MVE_SCALE(odd, next, r);
        v = vqmovnbq_s32(vreinterpretq_s16_s32(even), even);
        v = vqmovntq_s32(v, odd);
        vstrbq_s16((int8_t*)z, tm_mve_clamp16(v, r));
        z += down ? s.out_w * s.out_c : s.out_c;
      }
    }
  }
}

TM_INLINE void TM_FN(tm_mve_depthwise)(const TM_X* x, const tm_i8* q, tm_shape s, tm_requant r,
                                       TM_Y* y) {
  const tm_i32 high = tm_rows_together(s), wide = tm_columns_together(s);
  tm_i32 top, left;
  for (top = 0; top < s.out_h; top += high) {
    for (left = 0; left < s.out_w; left += wide) {
      TM_FN(tm_mve_depthwise_part)
      (x, q, s, r, top, s.out_h - top < high ? s.out_h - top : high, left,
       s.out_w - left < wide ? s.out_w - left : wide, y);
    }
  }
}
#undef TM_UNSIGNED
