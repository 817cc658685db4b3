/* Platypus runtime: integer layers by CMSIS-NN. SPDX-License-Identifier: 0BSD
 *
 * Activations are [height][width][channel], codes of 8 bits. The library has them from -128 to 127:
 * those from 0 to 255 stand in memory 128 lower. What it computes is what the interpreter does, to
 * the bit, because it rounds once, and because the generator has proven it of each layer that calls
 * it. */
#ifndef TM_CMSIS_NN_H
#define TM_CMSIS_NN_H

#include "arm_nnfunctions.h"
#include "tm_shape.h"

#ifndef CMSIS_NN_USE_SINGLE_ROUNDING
#error "compile CMSIS-NN and this package with -DCMSIS_NN_USE_SINGLE_ROUNDING"
#endif

/* How sums become codes, of each channel. */
typedef struct {
  const int32_t* bias;
  const int32_t* multiplier; /* of 31 bits */
  const int32_t* shift;      /* to the left */
  tm_i32 in_offset;          /* to be added to what stands in memory */
  tm_i32 out_offset;
  tm_i32 lo, hi; /* as they stand in memory */
} tm_nn_factors;

/* z = x * m0 + y * m1, rounded and shifted. */
typedef struct {
  tm_i32 in_offset0, multiplier0, shift0;
  tm_i32 in_offset1, multiplier1, shift1;
  tm_i32 out_offset, multiplier, shift;
  tm_i32 lo, hi;
} tm_nn_sum;
#define TM_NN_SUM_BITS 20 /* that the library shifts inputs to the left first */

/* Codes 0 to 255 to -128 to 127, and back; y may be x. */
TM_INLINE void tm_nn_lower(const tm_u8* x, tm_i32 n, tm_i8* y) {
  tm_i32 i;
  for (i = 0; i < n; ++i) {
    y[i] = (tm_i8)(x[i] - 128);
  }
}
TM_INLINE void tm_nn_raise(const tm_i8* x, tm_i32 n, tm_u8* y) {
  tm_i32 i;
  for (i = 0; i < n; ++i) {
    y[i] = (tm_u8)(x[i] + 128);
  }
}

TM_INLINE cmsis_nn_dims tm_nn_dims(tm_i32 n, tm_i32 h, tm_i32 w, tm_i32 c) {
  cmsis_nn_dims d;
  d.n = n;
  d.h = h;
  d.w = w;
  d.c = c;
  return d;
}

TM_INLINE cmsis_nn_tile tm_nn_tile(tm_i32 h, tm_i32 w) {
  cmsis_nn_tile t;
  t.h = h;
  t.w = w;
  return t;
}

/* The library refuses sizes, never values. */
TM_INLINE tm_status tm_nn_status(arm_cmsis_nn_status status) {
  return status == ARM_CMSIS_NN_SUCCESS ? TM_OK : TM_ERROR_SIZE;
}

/* weight: [output channel][height][width][channel of the group]. The library's functions for
 * windows of one row are left out: with Helium the last result of even lines is wrong for a stride
 * of 2. */
TM_INLINE tm_status tm_nn_conv(const tm_i8* x, const tm_i8* weight, tm_i32 groups, tm_shape s,
                               tm_nn_factors f, void* scratch, tm_i32 octets, tm_i8* y) {
  const cmsis_nn_dims in = tm_nn_dims(1, s.in_h, s.in_w, s.in_c);
  const cmsis_nn_dims filter = tm_nn_dims(s.out_c, s.kernel_h, s.kernel_w, s.in_c / groups);
  const cmsis_nn_dims bias = tm_nn_dims(1, 1, 1, s.out_c);
  const cmsis_nn_dims out = tm_nn_dims(1, s.out_h, s.out_w, s.out_c);
  const int points = groups == 1 && s.kernel_h == 1 && s.kernel_w == 1 && s.stride_h == 1 &&
                     s.stride_w == 1 && s.out_h == s.in_h && s.out_w == s.in_w;
  cmsis_nn_per_channel_quant_params factors;
  cmsis_nn_conv_params p;
  cmsis_nn_context memory;
  factors.multiplier = (int32_t*)f.multiplier;
  factors.shift = (int32_t*)f.shift;
  p.input_offset = f.in_offset;
  p.output_offset = f.out_offset;
  p.stride = tm_nn_tile(s.stride_h, s.stride_w);
  p.padding = tm_nn_tile(s.pad_h, s.pad_w);
  p.dilation = tm_nn_tile(s.dilation_h, s.dilation_w);
  p.activation.min = f.lo;
  p.activation.max = f.hi;
  memory.buf = scratch;
  memory.size = octets;
  if (points) {
    return tm_nn_status(arm_convolve_1x1_s8_fast(&memory, &p, &factors, &in, x, &filter, weight,
                                                 &bias, f.bias, &out, y));
  }
  if (arm_convolve_s8_get_buffer_size(&in, &filter) > octets) {
    return TM_ERROR_SIZE;
  }
  return tm_nn_status(arm_convolve_s8(&memory, &p, &factors, &in, x, &filter, weight, &bias, f.bias,
                                      NULL, &out, y));
}

/* weight: [output][input]. With Helium the library's own function for it wants sums of the weights
 * in RAM, and as one position of a convolution the layer is not slower. */
TM_INLINE tm_status tm_nn_linear(const tm_i8* x, const tm_i8* weight, tm_shape s, tm_nn_factors f,
                                 tm_i8* y) {
#if defined(__ARM_FEATURE_MVE)
  return tm_nn_conv(x, weight, 1, s, f, NULL, 0, y);
#else
  const cmsis_nn_dims in = tm_nn_dims(1, 1, 1, s.in_c);
  const cmsis_nn_dims filter = tm_nn_dims(s.in_c, 1, 1, s.out_c);
  const cmsis_nn_dims out = tm_nn_dims(1, 1, 1, s.out_c);
  cmsis_nn_per_channel_quant_params factors;
  cmsis_nn_fc_params p;
  cmsis_nn_context memory;
  factors.multiplier = (int32_t*)f.multiplier;
  factors.shift = (int32_t*)f.shift;
  p.input_offset = f.in_offset;
  p.filter_offset = 0;
  p.output_offset = f.out_offset;
  p.activation.min = f.lo;
  p.activation.max = f.hi;
  memory.buf = NULL;
  memory.size = 0;
  return tm_nn_status(arm_fully_connected_per_channel_s8(&memory, &p, &factors, &in, x, &filter,
                                                         weight, &out, f.bias, &out, y));
#endif
}

/* weight: [height][width][channel]. */
TM_INLINE tm_status tm_nn_depthwise(const tm_i8* x, const tm_i8* weight, tm_shape s,
                                    tm_nn_factors f, void* scratch, tm_i32 octets, tm_i8* y) {
  const cmsis_nn_dims in = tm_nn_dims(1, s.in_h, s.in_w, s.in_c);
  const cmsis_nn_dims filter = tm_nn_dims(1, s.kernel_h, s.kernel_w, s.out_c);
  const cmsis_nn_dims bias = tm_nn_dims(1, 1, 1, s.out_c);
  const cmsis_nn_dims out = tm_nn_dims(1, s.out_h, s.out_w, s.out_c);
  cmsis_nn_per_channel_quant_params factors;
  cmsis_nn_dw_conv_params p;
  cmsis_nn_context memory;
  factors.multiplier = (int32_t*)f.multiplier;
  factors.shift = (int32_t*)f.shift;
  p.input_offset = f.in_offset;
  p.output_offset = f.out_offset;
  p.ch_mult = 1;
  p.stride = tm_nn_tile(s.stride_h, s.stride_w);
  p.padding = tm_nn_tile(s.pad_h, s.pad_w);
  p.dilation = tm_nn_tile(s.dilation_h, s.dilation_w);
  p.activation.min = f.lo;
  p.activation.max = f.hi;
  memory.buf = scratch;
  memory.size = octets;
  if (arm_depthwise_conv_wrapper_s8_get_buffer_size(&p, &in, &filter, &out) > octets) {
    return TM_ERROR_SIZE;
  }
  return tm_nn_status(arm_depthwise_conv_wrapper_s8(&memory, &p, &factors, &in, x, &filter, weight,
                                                    &bias, f.bias, &out, y));
}

TM_INLINE cmsis_nn_pool_params tm_nn_pool_params(tm_shape s, tm_i32 lo, tm_i32 hi) {
  cmsis_nn_pool_params p;
  p.stride = tm_nn_tile(s.stride_h, s.stride_w);
  p.padding = tm_nn_tile(s.pad_h, s.pad_w);
  p.activation.min = lo;
  p.activation.max = hi;
  return p;
}

TM_INLINE tm_status tm_nn_max_pool(const tm_i8* x, tm_shape s, tm_i8* y) {
  const cmsis_nn_dims in = tm_nn_dims(1, s.in_h, s.in_w, s.in_c);
  const cmsis_nn_dims filter = tm_nn_dims(1, s.kernel_h, s.kernel_w, 1);
  const cmsis_nn_dims out = tm_nn_dims(1, s.out_h, s.out_w, s.out_c);
  const cmsis_nn_pool_params p = tm_nn_pool_params(s, -128, 127);
  cmsis_nn_context memory;
  memory.buf = NULL;
  memory.size = 0;
  return tm_nn_status(arm_max_pool_s8(&memory, &p, &in, x, &filter, &out, y));
}

TM_INLINE tm_status tm_nn_avg_pool(const tm_i8* x, tm_shape s, tm_i32 lo, tm_i32 hi, void* scratch,
                                   tm_i32 octets, tm_i8* y) {
  const cmsis_nn_dims in = tm_nn_dims(1, s.in_h, s.in_w, s.in_c);
  const cmsis_nn_dims filter = tm_nn_dims(1, s.kernel_h, s.kernel_w, 1);
  const cmsis_nn_dims out = tm_nn_dims(1, s.out_h, s.out_w, s.out_c);
  const cmsis_nn_pool_params p = tm_nn_pool_params(s, lo, hi);
  cmsis_nn_context memory;
  memory.buf = scratch;
  memory.size = octets;
  if (arm_avgpool_s8_get_buffer_size((int)s.out_w, (int)s.in_c) > octets) {
    return TM_ERROR_SIZE;
  }
  return tm_nn_status(arm_avgpool_s8(&memory, &p, &in, x, &filter, &out, y));
}

TM_INLINE tm_status tm_nn_add(const tm_i8* x, const tm_i8* y, tm_i32 n, tm_nn_sum p, tm_i8* z) {
  return tm_nn_status(arm_elementwise_add_s8(
      x, y, p.in_offset0, p.multiplier0, p.shift0, p.in_offset1, p.multiplier1, p.shift1,
      TM_NN_SUM_BITS, z, p.out_offset, p.multiplier, p.shift, p.lo, p.hi, n));
}

#endif /* TM_CMSIS_NN_H */
