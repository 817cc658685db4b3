#include <algorithm>

#include "platypus/exec/kernels.h"

namespace platypus::exec {
namespace {

template <typename T>
[[gnu::always_inline]] inline void Spread(const graph::ConvTranspose2d& op, const T* weight,
                                          const T* bias, const T* in, Dims in_dims, T* out,
                                          Dims out_dims) {
  const int64_t channels = in_dims.c / op.groups;
  const int64_t outs = out_dims.c / op.groups;
  const int64_t taps = int64_t{op.kernel.h} * op.kernel.w;
  for (int64_t o = 0; o < out_dims.c; ++o) {
    const int64_t first = o / outs * channels;  // input channel
    for (int64_t y = 0; y < out_dims.h; ++y) {
      for (int64_t x = 0; x < out_dims.w; ++x, out += kLanes) {
        T sum[kLanes];
        std::fill(sum, sum + kLanes, bias != nullptr ? bias[o] : T{0});
        for (int r = 0; r < op.kernel.h; ++r) {
          // The row that reaches y through tap r: row * stride + r * dilation - padding = y.
          const int64_t top = y + op.padding.top - int64_t{r} * op.dilation.h;
          if (top < 0 || top % op.stride.h != 0 || top / op.stride.h >= in_dims.h) continue;
          for (int k = 0; k < op.kernel.w; ++k) {
            const int64_t left = x + op.padding.left - int64_t{k} * op.dilation.w;
            if (left < 0 || left % op.stride.w != 0 || left / op.stride.w >= in_dims.w) continue;
            for (int64_t c = first; c < first + channels; ++c) {
              const T factor = weight[(c * outs + o % outs) * taps + r * op.kernel.w + k];
              const T* source =
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

}  // namespace

PLATYPUS_CLONES void ConvolveTransposed(const graph::ConvTranspose2d& op, const float* weight,
                                        const float* bias, const float* in, Dims in_dims,
                                        float* out, Dims out_dims) {
  Spread(op, weight, bias, in, in_dims, out, out_dims);
}

PLATYPUS_CLONES void ConvolveTransposed(const graph::ConvTranspose2d& op, const int32_t* weight,
                                        const int32_t* in, Dims in_dims, int32_t* out,
                                        Dims out_dims) {
  Spread<int32_t>(op, weight, nullptr, in, in_dims, out, out_dims);
}

}  // namespace platypus::exec
