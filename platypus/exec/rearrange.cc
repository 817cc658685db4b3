// Operators that move elements.
#include <algorithm>
#include <array>

#include "platypus/exec/kernels.h"
#include "tm_resize.h"

namespace platypus::exec {
namespace {

template <typename T>
T* CopyLanes(const T* from, T* to) {
  return std::copy(from, from + kLanes, to);
}

// The elements of `out_dims` in order, each from where it stands in `in`:
// source(c, h, w) = (c * strides[0] + h * strides[1] + w * strides[2]).
template <typename T>
void Pick(const T* in, std::array<int64_t, 3> strides, T* out, Dims out_dims) {
  for (int64_t c = 0; c < out_dims.c; ++c) {
    for (int64_t h = 0; h < out_dims.h; ++h) {
      for (int64_t w = 0; w < out_dims.w; ++w) {
        out = CopyLanes(in + (c * strides[0] + h * strides[1] + w * strides[2]) * kLanes, out);
      }
    }
  }
}

std::array<int64_t, 3> Extents(Dims dims) { return {dims.c, dims.h, dims.w}; }
std::array<int64_t, 3> Strides(Dims dims) { return {dims.h * dims.w, dims.w, 1}; }

template <typename T>
void TransposeAny(const graph::Transpose& op, const T* in, Dims in_dims, T* out) {
  std::array<int64_t, 3> extents{};
  std::array<int64_t, 3> strides{};
  for (size_t axis = 0; axis < 3; ++axis) {
    const auto from = static_cast<size_t>(op.order[axis]);
    extents[axis] = Extents(in_dims)[from];
    strides[axis] = Strides(in_dims)[from];
  }
  Pick(in, strides, out, {extents[0], extents[1], extents[2]});
}

template <typename T>
void SliceAny(const graph::Slice& op, const T* in, Dims in_dims, T* out) {
  const auto axis = static_cast<size_t>(op.axis);
  std::array<int64_t, 3> extents = Extents(in_dims);
  std::array<int64_t, 3> strides = Strides(in_dims);
  extents[axis] = (op.end - op.begin + op.step - 1) / op.step;
  const T* first = in + op.begin * strides[axis] * kLanes;
  strides[axis] *= op.step;
  Pick(first, strides, out, {extents[0], extents[1], extents[2]});
}

template <typename T>
void PadAny(const graph::Padding2& p, T value, const T* in, Dims in_dims, T* out) {
  const int64_t width = in_dims.w + p.left + p.right;
  for (int64_t c = 0; c < in_dims.c; ++c) {
    out = std::fill_n(out, p.top * width * kLanes, value);
    for (int64_t h = 0; h < in_dims.h; ++h) {
      out = std::fill_n(out, p.left * kLanes, value);
      out = std::copy(in, in + in_dims.w * kLanes, out);
      out = std::fill_n(out, p.right * kLanes, value);
      in += in_dims.w * kLanes;
    }
    out = std::fill_n(out, p.bottom * width * kLanes, value);
  }
}

template <typename T>
void Nearest(const T* in, Dims in_dims, T* out, Dims out_dims) {
  for (int64_t c = 0; c < out_dims.c; ++c) {
    for (int64_t y = 0; y < out_dims.h; ++y) {
      for (int64_t x = 0; x < out_dims.w; ++x) {
        const int64_t row = y * in_dims.h / out_dims.h;
        const int64_t column = x * in_dims.w / out_dims.w;
        out = CopyLanes(in + ((c * in_dims.h + row) * in_dims.w + column) * kLanes, out);
      }
    }
  }
}

// The two neighbours of an output along one axis.
template <typename T>
struct Weighted {
  int64_t first = 0;
  int64_t second = 0;
  T weight_first = 0;
  T weight_second = 0;
};

// rows_at(output row) and columns_at(output column): their neighbours.
template <typename T, typename At>
[[gnu::always_inline]] inline void Blend(const T* in, Dims in_dims, T* out, Dims out_dims,
                                         At rows_at, At columns_at) {
  for (int64_t c = 0; c < out_dims.c; ++c) {
    const T* plane = in + c * in_dims.h * in_dims.w * kLanes;
    for (int64_t y = 0; y < out_dims.h; ++y) {
      const Weighted<T> rows = rows_at(y);
      const T* upper = plane + rows.first * in_dims.w * kLanes;
      const T* lower = plane + rows.second * in_dims.w * kLanes;
      for (int64_t x = 0; x < out_dims.w; ++x, out += kLanes) {
        const Weighted<T> columns = columns_at(x);
        const int64_t left = columns.first * kLanes;
        const int64_t right = columns.second * kLanes;
        for (int i = 0; i < kLanes; ++i) {
          const T above =
              upper[left + i] * columns.weight_first + upper[right + i] * columns.weight_second;
          const T below =
              lower[left + i] * columns.weight_first + lower[right + i] * columns.weight_second;
          out[i] = above * rows.weight_first + below * rows.weight_second;
        }
      }
    }
  }
}

}  // namespace

void Transpose(const graph::Transpose& op, const float* in, Dims in_dims, float* out) {
  TransposeAny(op, in, in_dims, out);
}

void Transpose(const graph::Transpose& op, const int32_t* in, Dims in_dims, int32_t* out) {
  TransposeAny(op, in, in_dims, out);
}

void Pad(const graph::Pad& op, const float* in, Dims in_dims, float* out) {
  PadAny(op.padding, op.value, in, in_dims, out);
}

void Pad(const graph::Pad& op, const int32_t* in, Dims in_dims, int32_t* out) {
  PadAny(op.padding, static_cast<int32_t>(op.value), in, in_dims, out);
}

void Slice(const graph::Slice& op, const float* in, Dims in_dims, float* out) {
  SliceAny(op, in, in_dims, out);
}

void Slice(const graph::Slice& op, const int32_t* in, Dims in_dims, int32_t* out) {
  SliceAny(op, in, in_dims, out);
}

void ResizeNearest(const float* in, Dims in_dims, float* out, Dims out_dims) {
  Nearest(in, in_dims, out, out_dims);
}

void ResizeNearest(const int32_t* in, Dims in_dims, int32_t* out, Dims out_dims) {
  Nearest(in, in_dims, out, out_dims);
}

PLATYPUS_CLONES void ResizeBilinear(const float* in, Dims in_dims, float* out, Dims out_dims) {
  const auto along = [](int64_t ins, int64_t outs) {
    return [in = static_cast<int>(ins), out = static_cast<int>(outs)](int64_t i) {
      const tm_neighbours n = tm_half_pixel(static_cast<int>(i), in, out);
      return Weighted<float>{n.first, n.second, 1.0f - n.part, n.part};
    };
  };
  Blend(in, in_dims, out, out_dims, along(in_dims.h, out_dims.h), along(in_dims.w, out_dims.w));
}

PLATYPUS_CLONES void ResizeBilinear(const int32_t* in, Dims in_dims, int32_t* out, Dims out_dims) {
  const auto along = [](int64_t ins, int64_t outs) {
    const tm_stretch stretch = tm_stretch_of(static_cast<int>(ins), static_cast<int>(outs));
    return [in = static_cast<int>(ins), stretch](int64_t i) {
      const tm_blend b = tm_blend_at(static_cast<int>(i), stretch, in);
      return Weighted<int32_t>{b.first, b.second, b.weight_first, b.weight_second};
    };
  };
  Blend(in, in_dims, out, out_dims, along(in_dims.h, out_dims.h), along(in_dims.w, out_dims.w));
}

}  // namespace platypus::exec
