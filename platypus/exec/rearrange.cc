// Operators that move elements.
#include <algorithm>
#include <array>
#include <vector>

#include "platypus/exec/kernels.h"

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

// Output i of an axis is first * (1 - part) + second * part.
struct Neighbours {
  int64_t first = 0;
  int64_t second = 0;
  float part = 0.0f;
};

std::vector<Neighbours> HalfPixels(int64_t in, int64_t out) {
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  std::vector<Neighbours> neighbours;
  for (int64_t i = 0; i < out; ++i) {
    const float source = std::max(0.0f, (static_cast<float>(i) + 0.5f) * scale - 0.5f);
    const int64_t first = std::min(static_cast<int64_t>(source), in - 1);
    neighbours.push_back({first, std::min(first + 1, in - 1), source - static_cast<float>(first)});
  }
  return neighbours;
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
  const std::vector<Neighbours> of_rows = HalfPixels(in_dims.h, out_dims.h);
  const std::vector<Neighbours> of_columns = HalfPixels(in_dims.w, out_dims.w);
  for (int64_t c = 0; c < out_dims.c; ++c) {
    const float* plane = in + c * in_dims.h * in_dims.w * kLanes;
    for (const Neighbours& rows : of_rows) {
      const float* upper = plane + rows.first * in_dims.w * kLanes;
      const float* lower = plane + rows.second * in_dims.w * kLanes;
      for (const Neighbours& columns : of_columns) {
        const int64_t left = columns.first * kLanes;
        const int64_t right = columns.second * kLanes;
        for (int i = 0; i < kLanes; ++i) {
          const float above =
              upper[left + i] * (1.0f - columns.part) + upper[right + i] * columns.part;
          const float below =
              lower[left + i] * (1.0f - columns.part) + lower[right + i] * columns.part;
          out[i] = above * (1.0f - rows.part) + below * rows.part;
        }
        out += kLanes;
      }
    }
  }
}

}  // namespace platypus::exec
