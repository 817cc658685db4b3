/* Platypus runtime: integer layers with DSP instructions, for one pair of code types.
 * SPDX-License-Identifier: 0BSD
 *
 * Included by tm_layers.h. Weights as tm_weights.h has them: of 8 bits, or wide ones of 16; those
 * of few bits for four channels of one position. */
#define TM_PAIRS TM_JOIN2(tm_pairs, TM_IN)
/* Four weights, `at` codes of `octets` octets behind f. */
#define TM_PAIRS_CODE(at) tm_pairs_code(f + octets * (at), octets)

/* Four places of two rows (f, and f + row) with two positions (p, and p + step). */
#define TM_DSP_STEP(at)                           \
  do {                                            \
    const tm_pairs u = TM_PAIRS(p + (at));        \
    const tm_pairs v = TM_PAIRS(p + (at) + step); \
    tm_pairs g = TM_PAIRS_CODE(at);               \
    a0 = tm_dot_pairs(u, g, a0);                  \
    b0 = tm_dot_pairs(v, g, b0);                  \
    TM_THEN(f, a0, b0);                           \
    g = TM_PAIRS_CODE((at) + row);                \
    a1 = tm_dot_pairs(u, g, a1);                  \
    b1 = tm_dot_pairs(v, g, b1);                  \
    TM_THEN(p, a1, b1);                           \
  } while (0)

/* Two positions of two channels at a time: eight registers hold the sums and the widened codes. The
 * same as tm_conv_columns for an even number of channels. */
TM_INLINE void TM_FN(tm_dsp_columns)(const TM_X* x, tm_weights q, tm_shape s, tm_requant r,
                                     tm_window w, tm_i32 blocks, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const tm_i32 step = s.stride_w * s.in_c;
  const tm_i32 runs = s.dilation_w == 1 ? 1 : s.kernel_w;
  const tm_i32 run = s.dilation_w == 1 ? s.kernel_w * s.in_c : s.in_c;
  const tm_i32 octets = q.bits / 8;
  const tm_i8* codes = (const tm_i8*)q.codes;
  tm_i32 c, b, ky, n, i;
  for (c = 0; c + 2 <= s.out_c; c += 2) {
    const tm_i32 o0 = tm_offset(c, r), o1 = tm_offset(c + 1, r);
    const TM_X* left = x + w.ky0 * s.dilation_h * s.in_w * s.in_c;
    TM_Y* z = y + c;
    for (b = 0; b < blocks; ++b) {
      tm_i32 a0 = o0, a1 = o1, b0 = o0, b1 = o1;
      const TM_X* xs = left;
      const tm_i8* fs = codes + (c * row + w.ky0 * s.kernel_w * s.in_c) * octets;
      for (ky = w.ky0; ky < w.ky1; ++ky) {
        for (n = 0; n < runs; ++n) {
          const TM_X* p = xs + n * s.dilation_w * s.in_c;
          const tm_i8* f = fs + n * s.in_c * octets;
          if (run >= TM_DSP_UNROLL && run % TM_DSP_UNROLL % 8 == 0) {
            const TM_X* end = p + run / 16 * 16;
            do {
              TM_DSP_STEP(0);
              TM_DSP_STEP(4);
              TM_DSP_STEP(8);
              TM_DSP_STEP(12);
              p += 16;
              f += 16 * octets;
            } while (p != end);
            if (run % 16 == 8) {
              TM_DSP_STEP(0);
              TM_DSP_STEP(4);
              p += 8;
              f += 8 * octets;
            }
          } else if (run >= 8) {
            const TM_X* end = p + run / 8 * 8;
            do {
              TM_DSP_STEP(0);
              TM_DSP_STEP(4);
              p += 8;
              f += 8 * octets;
            } while (p != end);
          }
          if (run % 8 >= 4) {
            TM_DSP_STEP(0);
            p += 4;
            f += 4 * octets;
          }
          for (i = 0; i < run % 4; ++i) {
            const tm_i32 u = p[i], v = p[i + step], g = f[i], h = f[i + row];
            a0 += u * g;
            b0 += v * g;
            a1 += u * h;
            b1 += v * h;
          }
        }
        xs += s.dilation_h * s.in_w * s.in_c;
        fs += s.kernel_w * s.in_c * octets;
      }
      z[0] = (TM_Y)tm_requantize(a0, c, r);
      z[1] = (TM_Y)tm_requantize(a1, c + 1, r);
      z[s.out_c] = (TM_Y)tm_requantize(b0, c, r);
      z[s.out_c + 1] = (TM_Y)tm_requantize(b1, c + 1, r);
      z += 2 * s.out_c;
      left += 2 * step;
    }
  }
}
#undef TM_DSP_STEP

/* Four places of two rows (f, and f + row) with two widened positions. */
#define TM_DSP_STEP(at)                                                  \
  do {                                                                   \
    const tm_pairs g = TM_PAIRS_CODE(at), h = TM_PAIRS_CODE((at) + row); \
    tm_pairs u = tm_pairs_ready(p + (at));                               \
    a0 = tm_smlad(u.even, g.even, a0);                                   \
    b0 = tm_smlad(u.odd, g.even, b0);                                    \
    a1 = tm_smlad(u.even, h.even, a1);                                   \
    b1 = tm_smlad(u.odd, h.even, b1);                                    \
    TM_THEN(p, a1, b1);                                                  \
    u = tm_pairs_ready(p + (at) + 2);                                    \
    a0 = tm_smlad(u.even, g.odd, a0);                                    \
    b0 = tm_smlad(u.odd, g.odd, b0);                                     \
    a1 = tm_smlad(u.even, h.odd, a1);                                    \
    b1 = tm_smlad(u.odd, h.odd, b1);                                     \
    TM_THEN(f, a1, b1);                                                  \
  } while (0)

/* Two positions of two channels at a time, of widened windows: of each four places the pairs of the
 * first position, those of the second. y, z: channels of the positions. */
TM_INLINE void TM_FN(tm_dsp_channels)(const tm_u32* wide, tm_weights q, tm_shape s, tm_requant r,
                                      TM_Y* y, TM_Y* z) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const tm_i32 part = row % 16 == 0 ? 16 : row % 8 == 0 ? 8 : 4;
  const tm_i32 octets = q.bits / 8;
  const tm_i8* f = (const tm_i8*)q.codes;
  tm_i32 c;
  for (c = 0; c < s.out_c; c += 2) {
    tm_i32 a0 = tm_offset(c, r), a1 = tm_offset(c + 1, r), b0 = a0, b1 = a1;
    const tm_u32* p = wide;
    do {
      TM_DSP_STEP(0);
      if (part >= 8) {
        TM_DSP_STEP(4);
      }
      if (part == 16) {
        TM_DSP_STEP(8);
        TM_DSP_STEP(12);
      }
      p += part;
      f += part * octets;
    } while (p != wide + row);
    f += row * octets;
    y[c] = (TM_Y)tm_requantize(a0, c, r);
    y[c + 1] = (TM_Y)tm_requantize(a1, c + 1, r);
    z[c] = (TM_Y)tm_requantize(b0, c, r);
    z[c + 1] = (TM_Y)tm_requantize(b1, c + 1, r);
  }
}
#undef TM_DSP_STEP

/* n codes, a multiple of 4: the pairs of four places at every fourth word. */
TM_INLINE void TM_FN(tm_dsp_widen_run)(const TM_X* p, tm_i32 n, tm_u32* wide) {
  const TM_X* end = p + n;
  TM_UNROLL(2)
  do {
    const tm_pairs u = TM_PAIRS(p);
    wide[0] = u.even;
    wide[2] = u.odd;
    p += 4;
    wide += 4;
  } while (p != end);
}

/* The window of an output position, 0 where it sticks out of the input. */
TM_INLINE void TM_FN(tm_dsp_widen)(const TM_X* x, tm_i32 position, tm_shape s, tm_u32* wide) {
  const tm_window w = tm_window_at(position / s.out_w, position % s.out_w, s);
  const tm_i32 line = s.kernel_w * s.in_c;
  const int across = tm_first_inner(s) == 0 && tm_last_inner(s) == s.out_w;
  const int down = tm_first_inner_row(s) == 0 && tm_last_inner_row(s) == s.out_h;
  const tm_i32 ky0 = down ? 0 : w.ky0, ky1 = down ? s.kernel_h : w.ky1;
  const tm_i32 kx0 = across ? 0 : w.kx0, kx1 = across ? s.kernel_w : w.kx1;
  tm_i32 ky, n, i;
  if (ky1 - ky0 < s.kernel_h || kx1 - kx0 < s.kernel_w) {
    for (i = 0; i < s.kernel_h * line; i += 4) {
      wide[i] = 0;
      wide[i + 2] = 0;
    }
  }
  for (ky = ky0; ky < ky1; ++ky) {
    const TM_X* p = x + tm_tap(w, ky, kx0, s);
    tm_u32* z = wide + ky * line + kx0 * s.in_c;
    if (s.dilation_w == 1 && kx1 - kx0 == s.kernel_w) {
      TM_FN(tm_dsp_widen_run)(p, line, z);
    } else {
      for (n = kx1 - kx0; n > 0; --n) {
        TM_FN(tm_dsp_widen_run)(p, s.in_c, z);
        p += s.dilation_w * s.in_c;
        z += s.in_c;
      }
    }
  }
}

/* All positions of a layer that tm_dsp_widens, two at a time. */
TM_INLINE void TM_FN(tm_dsp_positions)(const TM_X* x, tm_weights q, tm_shape s, tm_requant r,
                                       tm_u32* wide, TM_Y* y) {
  const tm_i32 last = s.out_h * s.out_w - 1;
  tm_i32 p, i;
  for (p = 0; p <= last; p += 2) {
    /* The last two may be the last one and the one before it, or the only one twice. */
    const tm_i32 first = p < last || last == 0 ? p : last - 1;
    const tm_i32 second = last == 0 ? first : first + 1;
    for (i = 0; i < 2; ++i) {
      TM_FN(tm_dsp_widen)(x, i == 0 ? first : second, s, wide + i);
    }
    TM_FN(tm_dsp_channels)(wide, q, s, r, y + first * s.out_c, y + second * s.out_c);
  }
}

/* With as much of the stack as a layer needs: one of these is left. */
TM_INLINE void TM_FN(tm_dsp_conv)(const TM_X* x, tm_weights q, tm_shape s, tm_requant r, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  if (row <= 64) {
    tm_u32 wide[64];
    TM_FN(tm_dsp_positions)(x, q, s, r, wide, y);
  } else if (row <= 144) {
    tm_u32 wide[144];
    TM_FN(tm_dsp_positions)(x, q, s, r, wide, y);
  } else {
    tm_u32 wide[TM_DSP_WIDE];
    TM_FN(tm_dsp_positions)(x, q, s, r, wide, y);
  }
}

/* Rows of at most seven places along one axis: the weights of two channels stay in registers. */
TM_INLINE void TM_FN(tm_dsp_short_rows)(const TM_X* x, tm_weights q, tm_shape s, tm_requant r,
                                        tm_i32 columns, TM_Y* y) {
  const tm_i32 row = s.kernel_w * s.in_c;
  const tm_i32 step = s.stride_w * s.in_c;
  const tm_i32 octets = q.bits / 8;
  tm_i32 c, b;
  for (c = 0; c + 2 <= s.out_c; c += 2) {
    const tm_i32 o0 = tm_offset(c, r), o1 = tm_offset(c + 1, r);
    const tm_i8* f = (const tm_i8*)q.codes + c * row * octets;
    const tm_i8* h = f + row * octets;
    const tm_pairs g0 = tm_pairs_code(f, octets), g1 = tm_pairs_code(h, octets);
    const tm_i32 f4 = row > 4 ? f[4] : 0, f5 = row > 5 ? f[5] : 0, f6 = row > 6 ? f[6] : 0;
    const tm_i32 h4 = row > 4 ? h[4] : 0, h5 = row > 5 ? h[5] : 0, h6 = row > 6 ? h[6] : 0;
    const TM_X* p = x;
    TM_Y* z = y + c;
    for (b = 0; b < columns; ++b) {
      const tm_pairs u = TM_PAIRS(p);
      tm_i32 a = tm_dot_pairs(u, g0, o0);
      tm_i32 d = tm_dot_pairs(u, g1, o1);
      if (row > 4) {
        a += p[4] * f4;
        d += p[4] * h4;
      }
      if (row > 5) {
        a += p[5] * f5;
        d += p[5] * h5;
      }
      if (row > 6) {
        a += p[6] * f6;
        d += p[6] * h6;
      }
      z[0] = (TM_Y)tm_requantize(a, c, r);
      z[1] = (TM_Y)tm_requantize(d, c + 1, r);
      z += s.out_c;
      p += step;
    }
  }
}

#define TM_DSP_STEP(at)                    \
  do {                                     \
    const tm_pairs u = TM_PAIRS(p + (at)); \
    tm_pairs g = TM_PAIRS_CODE(at);        \
    a0 = tm_dot_pairs(u, g, a0);           \
    TM_THEN(f, a0, a0);                    \
    g = TM_PAIRS_CODE((at) + row);         \
    a1 = tm_dot_pairs(u, g, a1);           \
    TM_THEN(f, a1, a1);                    \
    g = TM_PAIRS_CODE((at) + 2 * row);     \
    a2 = tm_dot_pairs(u, g, a2);           \
    TM_THEN(f, a2, a2);                    \
    g = TM_PAIRS_CODE((at) + 3 * row);     \
    a3 = tm_dot_pairs(u, g, a3);           \
    TM_THEN(p, a3, f);                     \
  } while (0)

/* Four channels of one output position, as the first loop of tm_conv_point. `within`: the window
 * lies within the input from left to right. */
TM_INLINE void TM_FN(tm_dsp_point)(const TM_X* x, tm_weights q, tm_i32 c, int within, tm_shape s,
                                   tm_requant r, tm_window w, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const tm_i32 octets = q.bits / 8;
  tm_i32 a0 = tm_offset(c, r), a1 = tm_offset(c + 1, r);
  tm_i32 a2 = tm_offset(c + 2, r), a3 = tm_offset(c + 3, r);
  const tm_i32 first = within ? 0 : w.kx0;
  const tm_i32 taps = within ? s.kernel_w : w.kx1 - w.kx0;
  const tm_i32 runs = s.dilation_w == 1 ? 1 : taps;
  const tm_i32 run = s.dilation_w == 1 ? taps * s.in_c : s.in_c;
  const TM_X* xs = x + tm_tap(w, w.ky0, first, s);
  const tm_i8* fs =
      (const tm_i8*)q.codes + (c * row + (w.ky0 * s.kernel_w + first) * s.in_c) * octets;
  tm_i32 ky, n, i;
  for (ky = w.ky0; ky < w.ky1; ++ky) {
    for (n = 0; n < runs; ++n) {
      const TM_X* p = xs + n * s.dilation_w * s.in_c;
      const tm_i8* f = fs + n * s.in_c * octets;
      const TM_X* end = p + (run - run % 8);
      while (p != end) {
        TM_DSP_STEP(0);
        TM_DSP_STEP(4);
        p += 8;
        f += 8 * octets;
      }
      if (run % 8 >= 4) {
        TM_DSP_STEP(0);
        p += 4;
        f += 4 * octets;
      }
      for (i = 0; i < run % 4; ++i) {
        const tm_i32 v = p[i];
        a0 += v * f[i];
        a1 += v * f[i + row];
        a2 += v * f[i + 2 * row];
        a3 += v * f[i + 3 * row];
      }
    }
    xs += s.dilation_h * s.in_w * s.in_c;
    fs += s.kernel_w * s.in_c * octets;
  }
  y[0] = (TM_Y)tm_requantize(a0, c, r);
  y[1] = (TM_Y)tm_requantize(a1, c + 1, r);
  y[2] = (TM_Y)tm_requantize(a2, c + 2, r);
  y[3] = (TM_Y)tm_requantize(a3, c + 3, r);
}
#undef TM_DSP_STEP

/* The codes of channel j of two places of a block: times 2^(16 - bits) for inputs of 8 bits, as the
 * upper bits of 16 are one AND away, else times 2^(8 - bits). `two`, and `odd` if they are the
 * second ones: as tm_pairs_block has them. */
#if TM_OCTETS
#define TM_DSP_SCALE 16
#define TM_DSP_MASK(bits) ((bits) == 4 ? 0xF000F000u : 0xC000C000u)
#else
#define TM_DSP_SCALE 8
#define TM_DSP_MASK(bits) ((bits) == 4 ? 0xF0F0F0F0u : 0xC0C0C0C0u)
#endif
TM_INLINE tm_u32 TM_FN(tm_dsp_lane)(tm_u32 two, int bits, int odd, int j, tm_u32 mask) {
#if TM_OCTETS
  return two << (16 - bits * (j + 1) - (odd && bits == 2 ? 8 : 0)) & mask;
#else
  const tm_u32 x = two << (bits == 4 ? (j % 2 == 0 ? 4 : 0) : 6 - 2 * j) & mask;
  return (bits == 4 ? j >= 2 : odd) ? tm_sxtb16_ror8(x) : tm_sxtb16(x);
#endif
}

#define TM_DSP_TWO(of, odd)                                                  \
  do {                                                                       \
    b0 = tm_smlad(u.of, TM_FN(tm_dsp_lane)(g.of, q.bits, odd, 0, mask), b0); \
    b1 = tm_smlad(u.of, TM_FN(tm_dsp_lane)(g.of, q.bits, odd, 1, mask), b1); \
    b2 = tm_smlad(u.of, TM_FN(tm_dsp_lane)(g.of, q.bits, odd, 2, mask), b2); \
    b3 = tm_smlad(u.of, TM_FN(tm_dsp_lane)(g.of, q.bits, odd, 3, mask), b3); \
  } while (0)

/* The same with weights of few bits. Products are too large by the lanes' scale, up to 2^23 - 2^15:
 * 32 bits hold the sums of 256 places, which are then brought down. */
TM_INLINE void TM_FN(tm_dsp_point_packed)(const TM_X* x, tm_weights q, tm_i32 c, tm_shape s,
                                          tm_requant r, tm_window w, TM_Y* y) {
  const tm_i32 row = s.kernel_h * s.kernel_w * s.in_c;
  const tm_i32 runs = s.dilation_w == 1 ? 1 : w.kx1 - w.kx0;
  const tm_i32 run = s.dilation_w == 1 ? (w.kx1 - w.kx0) * s.in_c : s.in_c;
  const int scale = TM_DSP_SCALE - q.bits;
  tm_u32 mask = TM_DSP_MASK(q.bits);
  tm_i32 a0 = tm_offset(c, r), a1 = tm_offset(c + 1, r);
  tm_i32 a2 = tm_offset(c + 2, r), a3 = tm_offset(c + 3, r);
  tm_i32 ky, n, i, stop;
  TM_APART(mask);
  for (ky = w.ky0; ky < w.ky1; ++ky) {
    for (n = 0; n < runs; ++n) {
      const TM_X* p = x + tm_tap(w, ky, w.kx0 + n, s);
      const tm_i32 k = TM_ASR(c, 2) * row + (ky * s.kernel_w + w.kx0 + n) * s.in_c;
      const tm_u8* f = (const tm_u8*)q.codes + k * (q.bits / 2);
      TM_APART(p);
      TM_APART(f);
      for (i = 0; i + 4 <= run; i = stop) {
        tm_i32 b0 = 0, b1 = 0, b2 = 0, b3 = 0;
        const TM_X* end;
        stop = run - i > 256 ? i + 256 : run - run % 4;
        end = p + (stop - i);
        do {
          const tm_pairs u = TM_PAIRS(p);
          tm_pairs g = tm_pairs_block(f, q.bits);
          TM_DSP_TWO(even, 0);
          TM_THEN(g.odd, b0, b3);
          TM_DSP_TWO(odd, 1);
          p += 4;
          f += 2 * q.bits;
        } while (p != end);
        a0 += TM_ASR(b0, scale);
        a1 += TM_ASR(b1, scale);
        a2 += TM_ASR(b2, scale);
        a3 += TM_ASR(b3, scale);
      }
      for (; i < run; ++i) {
        const tm_four four = tm_four_at(q, 0, 0, k + i);
        const tm_i32 v = *p++;
        a0 += v * four.a;
        a1 += v * four.b;
        a2 += v * four.c;
        a3 += v * four.d;
      }
    }
  }
  y[0] = (TM_Y)tm_requantize(a0, c, r);
  y[1] = (TM_Y)tm_requantize(a1, c + 1, r);
  y[2] = (TM_Y)tm_requantize(a2, c + 2, r);
  y[3] = (TM_Y)tm_requantize(a3, c + 3, r);
}
#undef TM_DSP_TWO
#undef TM_DSP_MASK
#undef TM_DSP_SCALE

/* Four channels of a depthwise layer at one position, or at two. */
#define TM_DSP_TAP(of, a, b, c, d)    \
  do {                                \
    const tm_pairs v = TM_PAIRS(of);  \
    a = tm_smlabb(v.even, g.even, a); \
    b = tm_smlabb(v.odd, g.odd, b);   \
    c = tm_smlatt(v.even, g.even, c); \
    d = tm_smlatt(v.odd, g.odd, d);   \
  } while (0)

TM_INLINE void TM_FN(tm_dsp_depthwise_one)(const TM_X* x, const tm_i8* q, tm_i32 c, tm_shape s,
                                           tm_requant r, tm_window w, TM_Y* y) {
  tm_i32 a0 = tm_offset(c, r), a1 = tm_offset(c + 1, r);
  tm_i32 a2 = tm_offset(c + 2, r), a3 = tm_offset(c + 3, r);
  tm_i32 ky, kx;
  for (ky = w.ky0; ky < w.ky1; ++ky) {
    const TM_X* p = x + (tm_tap(w, ky, 0, s) + c);
    const tm_i8* f = q + (ky * s.kernel_w * s.out_c + c);
    for (kx = w.kx0; kx < w.kx1; ++kx) {
      const tm_pairs g = tm_pairs_i8(f + kx * s.out_c);
      TM_DSP_TAP(p + kx * s.dilation_w * s.in_c, a0, a1, a2, a3);
    }
  }
  y[c] = (TM_Y)tm_requantize(a0, c, r);
  y[c + 1] = (TM_Y)tm_requantize(a1, c + 1, r);
  y[c + 2] = (TM_Y)tm_requantize(a2, c + 2, r);
  y[c + 3] = (TM_Y)tm_requantize(a3, c + 3, r);
}

/* Pairs of neighbours along one axis, whose windows lie within the input on that axis. Along it
 * there are `inner` taps, `tap` values apart in the input and `weight` in the weights; across it
 * `outer` taps. step, next: to the neighbour in input and output. */
TM_INLINE void TM_FN(tm_dsp_depthwise_two)(const TM_X* x, const tm_i8* q, tm_i32 channels,
                                           tm_i32 inner, tm_i32 tap, tm_i32 weight, tm_i32 outer,
                                           tm_i32 outer_tap, tm_i32 outer_weight, tm_i32 step,
                                           tm_i32 next, tm_requant r, TM_Y* y) {
  tm_i32 c, i;
  for (c = 0; c + 4 <= channels; c += 4) {
    tm_i32 a0 = tm_offset(c, r), a1 = tm_offset(c + 1, r);
    tm_i32 a2 = tm_offset(c + 2, r), a3 = tm_offset(c + 3, r);
    tm_i32 b0 = a0, b1 = a1, b2 = a2, b3 = a3;
    const TM_X* p = x + c;
    const tm_i8* f = q + c;
    const TM_X* end = p + outer * outer_tap;
    do {
      TM_UNROLL(8)
      for (i = 0; i < inner; ++i) {
        const tm_pairs g = tm_pairs_i8(f + i * weight);
        TM_DSP_TAP(p + i * tap, a0, a1, a2, a3);
        TM_THEN(p, a0, a3);
        TM_DSP_TAP(p + i * tap + step, b0, b1, b2, b3);
        TM_THEN(f, b0, b3);
      }
      p += outer_tap;
      f += outer_weight;
    } while (p != end);
    y[c] = (TM_Y)tm_requantize(a0, c, r);
    y[c + 1] = (TM_Y)tm_requantize(a1, c + 1, r);
    y[c + 2] = (TM_Y)tm_requantize(a2, c + 2, r);
    y[c + 3] = (TM_Y)tm_requantize(a3, c + 3, r);
    y[next + c] = (TM_Y)tm_requantize(b0, c, r);
    y[next + c + 1] = (TM_Y)tm_requantize(b1, c + 1, r);
    y[next + c + 2] = (TM_Y)tm_requantize(b2, c + 2, r);
    y[next + c + 3] = (TM_Y)tm_requantize(b3, c + 3, r);
  }
}

TM_INLINE void TM_FN(tm_dsp_depthwise)(const TM_X* x, const tm_i8* q, tm_shape s, tm_requant r,
                                       TM_Y* y) {
  const int down = s.out_h > s.out_w;
  const tm_i32 first = down ? tm_first_inner_row(s) : tm_first_inner(s);
  const tm_i32 last = down ? tm_last_inner_row(s) : tm_last_inner(s);
  const tm_i32 lines = down ? s.out_w : s.out_h;
  const tm_i32 places = down ? s.out_h : s.out_w;
  const tm_i32 together = down ? tm_rows_together(s) : places;
  tm_i32 from, line, at, c;
  for (from = 0; from < places; from = at) {
    const tm_i32 stop = from + together < places ? from + together : places;
    at = stop;
    for (line = 0; line < lines; ++line) {
      for (at = from; at < stop; ++at) {
        const tm_i32 oy = down ? at : line, ox = down ? line : at;
        const tm_window w = tm_window_at(oy, ox, s);
        TM_Y* z = y + (oy * s.out_w + ox) * s.out_c;
        if (at >= first && at + 2 <= last && w.ky1 > w.ky0 && w.kx1 > w.kx0) {
          if (down) {
            TM_FN(tm_dsp_depthwise_two)
            (x + tm_tap(w, 0, w.kx0, s), q + w.kx0 * s.out_c, s.out_c, s.kernel_h,
             s.dilation_h * s.in_w * s.in_c, s.kernel_w * s.out_c, w.kx1 - w.kx0,
             s.dilation_w * s.in_c, s.out_c, s.stride_h * s.in_w * s.in_c, s.out_w * s.out_c, r, z);
          } else {
            TM_FN(tm_dsp_depthwise_two)
            (x + tm_tap(w, w.ky0, 0, s), q + w.ky0 * s.kernel_w * s.out_c, s.out_c, s.kernel_w,
             s.dilation_w * s.in_c, s.out_c, w.ky1 - w.ky0, s.dilation_h * s.in_w * s.in_c,
             s.kernel_w * s.out_c, s.stride_w * s.in_c, s.out_c, r, z);
          }
          ++at;
        } else {
          for (c = 0; c + 4 <= s.out_c; c += 4) {
            TM_FN(tm_dsp_depthwise_one)(x, q, c, s, r, w, z);
          }
        }
      }
    }
  }
}
#undef TM_DSP_TAP

#if TM_OCTETS
/* Channels c ... c + 3 of one window: words of 16 bits take the sums of 128 codes. */
TM_INLINE void TM_FN(tm_dsp_sum)(const TM_X* x, tm_i32 c, tm_shape s, tm_requant r, tm_window w,
                                 TM_Y* y) {
  tm_i32 a0 = tm_offset(c, r), a1 = tm_offset(c + 1, r);
  tm_i32 a2 = tm_offset(c + 2, r), a3 = tm_offset(c + 3, r);
  tm_i32 ky, kx, stop;
  for (ky = w.ky0; ky < w.ky1; ++ky) {
    const TM_X* p = x + (tm_tap(w, ky, w.kx0, s) + c);
    for (kx = w.kx0; kx < w.kx1; kx = stop) {
      tm_pairs sum = {0, 0};
      const TM_X* end;
      stop = w.kx1 - kx > 128 ? kx + 128 : w.kx1;
      end = p + (stop - kx) * s.in_c;
      do {
        sum = TM_JOIN2(tm_sum_pairs, TM_IN)(sum, p);
        p += s.in_c;
      } while (p != end);
      a0 += TM_JOIN2(tm_lower, TM_IN)(sum.even);
      a1 += TM_JOIN2(tm_lower, TM_IN)(sum.odd);
      a2 += TM_JOIN2(tm_upper, TM_IN)(sum.even);
      a3 += TM_JOIN2(tm_upper, TM_IN)(sum.odd);
    }
  }
  y[c] = (TM_Y)tm_requantize(a0, c, r);
  y[c + 1] = (TM_Y)tm_requantize(a1, c + 1, r);
  y[c + 2] = (TM_Y)tm_requantize(a2, c + 2, r);
  y[c + 3] = (TM_Y)tm_requantize(a3, c + 3, r);
}
#endif
#undef TM_PAIRS_CODE
#undef TM_PAIRS
