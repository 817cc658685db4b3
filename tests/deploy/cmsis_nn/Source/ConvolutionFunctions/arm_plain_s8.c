/* The functions of arm_nnfunctions.h by what is documented of them, with single rounding. Scratch
 * memory is overwritten, as the real ones may do. */
#include <stddef.h>
#include <string.h>

#include "arm_nnfunctions.h"

#ifndef CMSIS_NN_USE_SINGLE_ROUNDING
#error "these round once"
#endif

static int32_t requantize(int32_t value, int32_t multiplier, int32_t shift) {
  const int64_t product = (int64_t)value * multiplier;
  return (int32_t)(((product >> (30 - shift)) + 1) >> 1);
}

static int8_t clamped(int32_t value, cmsis_nn_activation limits) {
  return (int8_t)(value < limits.min ? limits.min : value > limits.max ? limits.max : value);
}

static int works_in(const cmsis_nn_context* ctx, int32_t octets) {
  if (octets > 0 && (ctx->buf == NULL || ctx->size < octets)) {
    return 0;
  }
  if (octets > 0) {
    memset(ctx->buf, 0xA5, (size_t)octets);
  }
  return 1;
}

int32_t arm_convolve_s8_get_buffer_size(const cmsis_nn_dims* input_dims,
                                        const cmsis_nn_dims* filter_dims) {
  return 4 * ((input_dims->c * filter_dims->w * filter_dims->h + 15) / 16 * 16);
}

/* Input (y, x, c) with its offset; 0 beside it. */
static int32_t at(const cmsis_nn_dims* d, const int8_t* data, int32_t offset, int32_t y, int32_t x,
                  int32_t c) {
  if (y < 0 || x < 0 || y >= d->h || x >= d->w) {
    return 0;
  }
  return data[(y * d->w + x) * d->c + c] + offset;
}

static void convolve(const cmsis_nn_conv_params* p, const cmsis_nn_per_channel_quant_params* q,
                     const cmsis_nn_dims* in, const int8_t* x, const cmsis_nn_dims* filter,
                     const int8_t* weight, int depthwise, const int32_t* bias,
                     const cmsis_nn_dims* out, int8_t* y) {
  const int32_t inner = depthwise ? 1 : filter->c;
  const int32_t outs_of_group = out->c / (in->c / inner);
  int32_t oy, ox, o, ky, kx, i;
  for (oy = 0; oy < out->h; ++oy) {
    for (ox = 0; ox < out->w; ++ox) {
      for (o = 0; o < out->c; ++o) {
        int32_t sum = bias[o];
        for (ky = 0; ky < filter->h; ++ky) {
          for (kx = 0; kx < filter->w; ++kx) {
            for (i = 0; i < inner; ++i) {
              const int32_t tap = ky * filter->w + kx;
              const int8_t w = depthwise ? weight[tap * out->c + o]
                                         : weight[(o * filter->h * filter->w + tap) * inner + i];
              sum += w * at(in, x, p->input_offset,
                            oy * p->stride.h - p->padding.h + ky * p->dilation.h,
                            ox * p->stride.w - p->padding.w + kx * p->dilation.w,
                            o / outs_of_group * inner + i);
            }
          }
        }
        *y++ = clamped(requantize(sum, q->multiplier[o], q->shift[o]) + p->output_offset,
                       p->activation);
      }
    }
  }
}

arm_cmsis_nn_status arm_convolve_s8(const cmsis_nn_context* ctx,
                                    const cmsis_nn_conv_params* conv_params,
                                    const cmsis_nn_per_channel_quant_params* quant_params,
                                    const cmsis_nn_dims* input_dims, const int8_t* input_data,
                                    const cmsis_nn_dims* filter_dims, const int8_t* filter_data,
                                    const cmsis_nn_dims* bias_dims, const int32_t* bias_data,
                                    const cmsis_nn_dims* upscale_dims,
                                    const cmsis_nn_dims* output_dims, int8_t* output_data) {
  if (bias_dims->c != output_dims->c || upscale_dims != NULL ||
      !works_in(ctx, arm_convolve_s8_get_buffer_size(input_dims, filter_dims))) {
    return ARM_CMSIS_NN_ARG_ERROR;
  }
  convolve(conv_params, quant_params, input_dims, input_data, filter_dims, filter_data, 0,
           bias_data, output_dims, output_data);
  return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_convolve_1x1_s8_fast(
    const cmsis_nn_context* ctx, const cmsis_nn_conv_params* conv_params,
    const cmsis_nn_per_channel_quant_params* quant_params, const cmsis_nn_dims* input_dims,
    const int8_t* input_data, const cmsis_nn_dims* filter_dims, const int8_t* filter_data,
    const cmsis_nn_dims* bias_dims, const int32_t* bias_data, const cmsis_nn_dims* output_dims,
    int8_t* output_data) {
  (void)ctx;
  if (bias_dims->c != output_dims->c || conv_params->padding.w != 0 ||
      conv_params->padding.h != 0 || conv_params->stride.w != 1 || conv_params->stride.h != 1) {
    return ARM_CMSIS_NN_ARG_ERROR;
  }
  convolve(conv_params, quant_params, input_dims, input_data, filter_dims, filter_data, 0,
           bias_data, output_dims, output_data);
  return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_fully_connected_per_channel_s8(
    const cmsis_nn_context* ctx, const cmsis_nn_fc_params* fc_params,
    const cmsis_nn_per_channel_quant_params* quant_params, const cmsis_nn_dims* input_dims,
    const int8_t* input_data, const cmsis_nn_dims* filter_dims, const int8_t* filter_data,
    const cmsis_nn_dims* bias_dims, const int32_t* bias_data, const cmsis_nn_dims* output_dims,
    int8_t* output_data) {
  int32_t o, i;
  (void)ctx;
  if (bias_dims->c != output_dims->c || input_dims->n != 1 || fc_params->filter_offset != 0) {
    return ARM_CMSIS_NN_ARG_ERROR;
  }
  for (o = 0; o < output_dims->c; ++o) {
    int32_t sum = bias_data[o];
    for (i = 0; i < filter_dims->n; ++i) {
      sum += (input_data[i] + fc_params->input_offset) * filter_data[o * filter_dims->n + i];
    }
    output_data[o] = clamped(requantize(sum, quant_params->multiplier[o], quant_params->shift[o]) +
                                 fc_params->output_offset,
                             fc_params->activation);
  }
  return ARM_CMSIS_NN_SUCCESS;
}

int32_t arm_depthwise_conv_wrapper_s8_get_buffer_size(const cmsis_nn_dw_conv_params* dw_conv_params,
                                                      const cmsis_nn_dims* input_dims,
                                                      const cmsis_nn_dims* filter_dims,
                                                      const cmsis_nn_dims* output_dims) {
  (void)output_dims;
  if (dw_conv_params->dilation.h != 1 || dw_conv_params->dilation.w != 1) {
    return 0;
  }
  return 2 * input_dims->c * filter_dims->w * filter_dims->h;
}

arm_cmsis_nn_status arm_depthwise_conv_wrapper_s8(
    const cmsis_nn_context* ctx, const cmsis_nn_dw_conv_params* dw_conv_params,
    const cmsis_nn_per_channel_quant_params* quant_params, const cmsis_nn_dims* input_dims,
    const int8_t* input_data, const cmsis_nn_dims* filter_dims, const int8_t* filter_data,
    const cmsis_nn_dims* bias_dims, const int32_t* bias_data, const cmsis_nn_dims* output_dims,
    int8_t* output_data) {
  cmsis_nn_conv_params p;
  if (bias_dims->c != output_dims->c || dw_conv_params->ch_mult != 1 ||
      !works_in(ctx, arm_depthwise_conv_wrapper_s8_get_buffer_size(dw_conv_params, input_dims,
                                                                   filter_dims, output_dims))) {
    return ARM_CMSIS_NN_ARG_ERROR;
  }
  p.input_offset = dw_conv_params->input_offset;
  p.output_offset = dw_conv_params->output_offset;
  p.stride = dw_conv_params->stride;
  p.padding = dw_conv_params->padding;
  p.dilation = dw_conv_params->dilation;
  p.activation = dw_conv_params->activation;
  convolve(&p, quant_params, input_dims, input_data, filter_dims, filter_data, 1, bias_data,
           output_dims, output_data);
  return ARM_CMSIS_NN_SUCCESS;
}

int32_t arm_avgpool_s8_get_buffer_size(const int output_x, const int ch_src) {
  (void)output_x;
  return 4 * ch_src;
}

/* The mean of a window, halves away from zero, or its largest value. */
static void pool(const cmsis_nn_pool_params* p, const cmsis_nn_dims* in, const int8_t* x,
                 const cmsis_nn_dims* filter, int mean, const cmsis_nn_dims* out, int8_t* y) {
  int32_t oy, ox, c, ky, kx;
  for (oy = 0; oy < out->h; ++oy) {
    for (ox = 0; ox < out->w; ++ox) {
      for (c = 0; c < in->c; ++c) {
        int32_t sum = 0, count = 0, largest = INT8_MIN;
        for (ky = 0; ky < filter->h; ++ky) {
          for (kx = 0; kx < filter->w; ++kx) {
            const int32_t iy = oy * p->stride.h - p->padding.h + ky;
            const int32_t ix = ox * p->stride.w - p->padding.w + kx;
            if (iy >= 0 && ix >= 0 && iy < in->h && ix < in->w) {
              const int32_t value = at(in, x, 0, iy, ix, c);
              sum += value;
              count += 1;
              largest = value > largest ? value : largest;
            }
          }
        }
        sum = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
        *y++ = clamped(mean ? sum : largest, p->activation);
      }
    }
  }
}

arm_cmsis_nn_status arm_avgpool_s8(const cmsis_nn_context* ctx,
                                   const cmsis_nn_pool_params* pool_params,
                                   const cmsis_nn_dims* input_dims, const int8_t* input_data,
                                   const cmsis_nn_dims* filter_dims,
                                   const cmsis_nn_dims* output_dims, int8_t* output_data) {
  if (!works_in(ctx, arm_avgpool_s8_get_buffer_size(output_dims->w, input_dims->c))) {
    return ARM_CMSIS_NN_ARG_ERROR;
  }
  pool(pool_params, input_dims, input_data, filter_dims, 1, output_dims, output_data);
  return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_max_pool_s8(const cmsis_nn_context* ctx,
                                    const cmsis_nn_pool_params* pool_params,
                                    const cmsis_nn_dims* input_dims, const int8_t* input_data,
                                    const cmsis_nn_dims* filter_dims,
                                    const cmsis_nn_dims* output_dims, int8_t* output_data) {
  (void)ctx;
  pool(pool_params, input_dims, input_data, filter_dims, 0, output_dims, output_data);
  return ARM_CMSIS_NN_SUCCESS;
}

arm_cmsis_nn_status arm_elementwise_add_s8(
    const int8_t* input_1_vect, const int8_t* input_2_vect, const int32_t input_1_offset,
    const int32_t input_1_mult, const int32_t input_1_shift, const int32_t input_2_offset,
    const int32_t input_2_mult, const int32_t input_2_shift, const int32_t left_shift,
    int8_t* output, const int32_t out_offset, const int32_t out_mult, const int32_t out_shift,
    const int32_t out_activation_min, const int32_t out_activation_max, const int32_t block_size) {
  cmsis_nn_activation limits;
  int32_t i;
  limits.min = out_activation_min;
  limits.max = out_activation_max;
  for (i = 0; i < block_size; ++i) {
    const int32_t one = (input_1_vect[i] + input_1_offset) * (1 << left_shift);
    const int32_t two = (input_2_vect[i] + input_2_offset) * (1 << left_shift);
    const int32_t sum =
        requantize(one, input_1_mult, input_1_shift) + requantize(two, input_2_mult, input_2_shift);
    output[i] = clamped(requantize(sum, out_mult, out_shift) + out_offset, limits);
  }
  return ARM_CMSIS_NN_SUCCESS;
}
