#include "platypus/exec/kernels.h"

namespace platypus::exec {
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
