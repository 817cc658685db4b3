#include <algorithm>
#include <limits>

#include "platypus/exec/kernels.h"

namespace platypus::exec {
namespace {

// Calls visit(out, lanes of one tap) for every tap inside the input; begin and end frame each
// window.
template <typename T, typename Begin, typename Visit, typename End>
[[gnu::always_inline]] inline void Slide(graph::Size2 kernel, graph::Size2 stride,
                                         graph::Size2 dilation, const graph::Padding2& padding,
                                         const T* in, Dims in_dims, T* out, Dims out_dims,
                                         Begin begin, Visit visit, End end) {
  for (int64_t c = 0; c < out_dims.c; ++c) {
    const T* plane = in + c * in_dims.h * in_dims.w * kLanes;
    for (int64_t y = 0; y < out_dims.h; ++y) {
      for (int64_t x = 0; x < out_dims.w; ++x, out += kLanes) {
        T window[kLanes];
        begin(window);
        for (int r = 0; r < kernel.h; ++r) {
          const int64_t row = y * stride.h - padding.top + int64_t{r} * dilation.h;
          if (row < 0 || row >= in_dims.h) continue;
          for (int k = 0; k < kernel.w; ++k) {
            const int64_t column = x * stride.w - padding.left + int64_t{k} * dilation.w;
            if (column < 0 || column >= in_dims.w) continue;
            visit(window, plane + (row * in_dims.w + column) * kLanes);
          }
        }
        end(window, out);
      }
    }
  }
}

template <typename T>
[[gnu::always_inline]] inline void Max(const graph::MaxPool& op, const T* in, Dims in_dims, T* out,
                                       Dims out_dims) {
  Slide(
      op.kernel, op.stride, op.dilation, op.padding, in, in_dims, out, out_dims,
      [](T* window) { std::fill(window, window + kLanes, std::numeric_limits<T>::lowest()); },
      [](T* window, const T* tap) {
        for (int i = 0; i < kLanes; ++i) window[i] = std::max(window[i], tap[i]);
      },
      [](const T* window, T* target) { std::copy(window, window + kLanes, target); });
}

template <typename T>
[[gnu::always_inline]] inline void Sum(graph::Size2 kernel, graph::Size2 stride,
                                       const graph::Padding2& padding, const T* in, Dims in_dims,
                                       T* out, Dims out_dims, T divisor) {
  Slide(
      kernel, stride, {}, padding, in, in_dims, out, out_dims,
      [](T* window) { std::fill(window, window + kLanes, T{0}); },
      [](T* window, const T* tap) {
        for (int i = 0; i < kLanes; ++i) window[i] += tap[i];
      },
      [divisor](const T* window, T* target) {
        for (int i = 0; i < kLanes; ++i) target[i] = window[i] / divisor;
      });
}

}  // namespace

PLATYPUS_CLONES void Pool(const graph::MaxPool& op, const float* in, Dims in_dims, float* out,
                          Dims out_dims) {
  Max(op, in, in_dims, out, out_dims);
}

PLATYPUS_CLONES void Pool(const graph::MaxPool& op, const int32_t* in, Dims in_dims, int32_t* out,
                          Dims out_dims) {
  Max(op, in, in_dims, out, out_dims);
}

PLATYPUS_CLONES void Pool(const graph::AvgPool& op, const float* in, Dims in_dims, float* out,
                          Dims out_dims) {
  Sum(op.kernel, op.stride, op.padding, in, in_dims, out, out_dims,
      static_cast<float>(op.kernel.h * op.kernel.w));
}

PLATYPUS_CLONES void Pool(const graph::SumPool& op, const int32_t* in, Dims in_dims, int32_t* out,
                          Dims out_dims) {
  Sum(op.kernel, op.stride, op.padding, in, in_dims, out, out_dims, int32_t{1});
}

PLATYPUS_CLONES void Pool(const graph::AdaptiveAvgPool&, const float* in, Dims in_dims, float* out,
                          Dims out_dims) {
  for (int64_t c = 0; c < out_dims.c; ++c) {
    const float* plane = in + c * in_dims.h * in_dims.w * kLanes;
    for (int64_t y = 0; y < out_dims.h; ++y) {
      const int64_t top = y * in_dims.h / out_dims.h;
      const int64_t bottom = ((y + 1) * in_dims.h + out_dims.h - 1) / out_dims.h;
      for (int64_t x = 0; x < out_dims.w; ++x, out += kLanes) {
        const int64_t left = x * in_dims.w / out_dims.w;
        const int64_t right = ((x + 1) * in_dims.w + out_dims.w - 1) / out_dims.w;
        float sum[kLanes] = {};
        for (int64_t row = top; row < bottom; ++row) {
          for (int64_t column = left; column < right; ++column) {
            const float* tap = plane + (row * in_dims.w + column) * kLanes;
            for (int i = 0; i < kLanes; ++i) sum[i] += tap[i];
          }
        }
        const auto area = static_cast<float>((bottom - top) * (right - left));
        for (int i = 0; i < kLanes; ++i) out[i] = sum[i] / area;
      }
    }
  }
}

}  // namespace platypus::exec
