#include <algorithm>

#include "platypus/exec/kernels.h"
#include "tm_cells.h"

namespace platypus::exec {
namespace {

// finish(sum, rows of the cell, columns of the cell) is its result.
template <typename T, typename Finish>
[[gnu::always_inline]] inline void PoolCells(const T* in, Dims in_dims, T* out, Dims out_dims,
                                             Finish finish) {
  const auto cell = [](int64_t i, int64_t ins, int64_t outs) {
    return tm_cell_at(static_cast<tm_i32>(i), static_cast<tm_i32>(ins), static_cast<tm_i32>(outs));
  };
  for (int64_t c = 0; c < out_dims.c; ++c) {
    const T* plane = in + c * in_dims.h * in_dims.w * kLanes;
    for (int64_t y = 0; y < out_dims.h; ++y) {
      const tm_range rows = cell(y, in_dims.h, out_dims.h);
      for (int64_t x = 0; x < out_dims.w; ++x, out += kLanes) {
        const tm_range columns = cell(x, in_dims.w, out_dims.w);
        T sum[kLanes] = {};
        for (int64_t row = rows.first; row < rows.last; ++row) {
          for (int64_t column = columns.first; column < columns.last; ++column) {
            const T* tap = plane + (row * in_dims.w + column) * kLanes;
            for (int i = 0; i < kLanes; ++i) sum[i] += tap[i];
          }
        }
        for (int i = 0; i < kLanes; ++i) {
          out[i] = finish(sum[i], rows.last - rows.first, columns.last - columns.first);
        }
      }
    }
  }
}

}  // namespace

PLATYPUS_CLONES void Pool(const graph::AdaptiveAvgPool&, const float* in, Dims in_dims, float* out,
                          Dims out_dims) {
  PoolCells(in, in_dims, out, out_dims, [](float sum, tm_i32 rows, tm_i32 columns) {
    return sum / static_cast<float>(rows * columns);
  });
}

PLATYPUS_CLONES void Pool(const graph::AdaptiveAvgPool&, const int32_t* in, Dims in_dims,
                          int32_t* out, Dims out_dims) {
  const auto parts = [](int64_t ins, int64_t outs) {
    return static_cast<int32_t>(tm_cell_parts(static_cast<tm_i32>(ins), static_cast<tm_i32>(outs)));
  };
  const int32_t of_rows = parts(in_dims.h, out_dims.h);
  const int32_t of_columns = parts(in_dims.w, out_dims.w);
  PoolCells(in, in_dims, out, out_dims, [=](int32_t sum, tm_i32 rows, tm_i32 columns) {
    return sum * (of_rows / rows) * (of_columns / columns);
  });
}

}  // namespace platypus::exec
