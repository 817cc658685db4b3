#include <algorithm>

#include "platypus/exec/kernels.h"

namespace platypus::exec {
namespace {

// Taps of a kernel axis that hit the input: [first, last).
struct Taps {
  int first;
  int last;
};

inline Taps Valid(int64_t start, int dilation, int kernel, int64_t in) {
  Taps taps{0, kernel};
  while (taps.first < kernel && start + int64_t{taps.first} * dilation < 0) ++taps.first;
  while (taps.last > taps.first && start + int64_t{taps.last - 1} * dilation >= in) --taps.last;
  return taps;
}

// One output position of kOuts output channels of one group.
template <int kOuts, typename T>
[[gnu::always_inline]] inline void Position(const graph::Conv2d& op, const T* weight,
                                            int64_t channels, const T* in, Dims in_dims,
                                            int64_t top, int64_t left, T (&sum)[kOuts][kLanes]) {
  const Taps rows = Valid(top, op.dilation.h, op.kernel.h, in_dims.h);
  const Taps columns = Valid(left, op.dilation.w, op.kernel.w, in_dims.w);
  const int64_t taps = int64_t{op.kernel.h} * op.kernel.w;
  for (int r = rows.first; r < rows.last; ++r) {
    for (int k = columns.first; k < columns.last; ++k) {
      const int64_t y = top + int64_t{r} * op.dilation.h;
      const int64_t x = left + int64_t{k} * op.dilation.w;
      const T* source = in + (y * in_dims.w + x) * kLanes;
      const T* tap = weight + r * op.kernel.w + k;
      for (int64_t c = 0; c < channels; ++c) {
        for (int o = 0; o < kOuts; ++o) {
          const T factor = tap[(o * channels + c) * taps];
          for (int lane = 0; lane < kLanes; ++lane) sum[o][lane] += factor * source[lane];
        }
        source += in_dims.h * in_dims.w * kLanes;
      }
    }
  }
}

template <int kOuts, typename T>
[[gnu::always_inline]] inline void Channels(const graph::Conv2d& op, const T* weight, const T* bias,
                                            const T* in, Dims in_dims, T* out, Dims out_dims,
                                            int64_t first) {
  const int64_t channels = in_dims.c / op.groups;
  const int64_t group = first / (out_dims.c / op.groups);
  const int64_t row_size = channels * op.kernel.h * op.kernel.w;
  const int64_t plane = out_dims.h * out_dims.w * kLanes;
  const T* source = in + group * channels * in_dims.h * in_dims.w * kLanes;
  for (int64_t y = 0; y < out_dims.h; ++y) {
    for (int64_t x = 0; x < out_dims.w; ++x) {
      T sum[kOuts][kLanes];
      for (int o = 0; o < kOuts; ++o) {
        std::fill(sum[o], sum[o] + kLanes, bias != nullptr ? bias[first + o] : T{0});
      }
      Position<kOuts>(op, weight + first * row_size, channels, source, in_dims,
                      y * op.stride.h - op.padding.top, x * op.stride.w - op.padding.left, sum);
      T* target = out + first * plane + (y * out_dims.w + x) * kLanes;
      for (int o = 0; o < kOuts; ++o) std::copy(sum[o], sum[o] + kLanes, target + o * plane);
    }
  }
}

// Four output channels of a group share the loads of the input.
template <typename T>
[[gnu::always_inline]] inline void ConvolveAll(const graph::Conv2d& op, const T* weight,
                                               const T* bias, const T* in, Dims in_dims, T* out,
                                               Dims out_dims) {
  constexpr int kBlock = 4;
  const int64_t per_group = out_dims.c / op.groups;
  for (int64_t first = 0; first < out_dims.c; first += per_group) {
    int64_t o = 0;
    for (; o + kBlock <= per_group; o += kBlock) {
      Channels<kBlock>(op, weight, bias, in, in_dims, out, out_dims, first + o);
    }
    for (; o < per_group; ++o) Channels<1>(op, weight, bias, in, in_dims, out, out_dims, first + o);
  }
}

}  // namespace

PLATYPUS_CLONES void Convolve(const graph::Conv2d& op, const float* weight, const float* bias,
                              const float* in, Dims in_dims, float* out, Dims out_dims) {
  ConvolveAll(op, weight, bias, in, in_dims, out, out_dims);
}

PLATYPUS_CLONES void Convolve(const graph::Conv2d& op, const int32_t* weight, const int32_t* in,
                              Dims in_dims, int32_t* out, Dims out_dims) {
  ConvolveAll(op, weight, static_cast<const int32_t*>(nullptr), in, in_dims, out, out_dims);
}

PLATYPUS_CLONES void ConvolveTransposed(const graph::ConvTranspose2d& op, const float* weight,
                                        const float* bias, const float* in, Dims in_dims,
                                        float* out, Dims out_dims) {
  const int64_t channels = in_dims.c / op.groups;
  const int64_t outs = out_dims.c / op.groups;
  const int64_t taps = int64_t{op.kernel.h} * op.kernel.w;
  for (int64_t o = 0; o < out_dims.c; ++o) {
    const int64_t first = o / outs * channels;  // input channel
    for (int64_t y = 0; y < out_dims.h; ++y) {
      for (int64_t x = 0; x < out_dims.w; ++x, out += kLanes) {
        float sum[kLanes];
        std::fill(sum, sum + kLanes, bias != nullptr ? bias[o] : 0.0f);
        for (int r = 0; r < op.kernel.h; ++r) {
          // The row that reaches y through tap r: row * stride + r * dilation - padding = y.
          const int64_t top = y + op.padding.top - int64_t{r} * op.dilation.h;
          if (top < 0 || top % op.stride.h != 0 || top / op.stride.h >= in_dims.h) continue;
          for (int k = 0; k < op.kernel.w; ++k) {
            const int64_t left = x + op.padding.left - int64_t{k} * op.dilation.w;
            if (left < 0 || left % op.stride.w != 0 || left / op.stride.w >= in_dims.w) continue;
            for (int64_t c = first; c < first + channels; ++c) {
              const float factor = weight[(c * outs + o % outs) * taps + r * op.kernel.w + k];
              const float* source =
                  in +
                  ((c * in_dims.h + top / op.stride.h) * in_dims.w + left / op.stride.w) * kLanes;
              for (int lane = 0; lane < kLanes; ++lane) sum[lane] += factor * source[lane];
            }
          }
        }
        std::copy(sum, sum + kLanes, out);
      }
    }
  }
}

}  // namespace platypus::exec
