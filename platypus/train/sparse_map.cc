#include <algorithm>

#include "platypus/train/local_layer.h"

namespace platypus::train {
namespace {

int64_t At(const Shape& shape, int64_t c, int64_t h, int64_t w) {
  return (c * shape[1] + h) * shape[2] + w;
}

struct Index {
  int64_t c, h, w;
};
Index IndexOf(const Shape& shape, int64_t element) {
  return {element / (shape[1] * shape[2]), element / shape[2] % shape[1], element % shape[2]};
}

// Where output `o` of `outs` takes its value from along an axis of `ins`.
std::vector<SparseMap::Term> Along(graph::Resize::Mode mode, int64_t o, int64_t ins, int64_t outs) {
  if (mode == graph::Resize::Mode::kNearest) return {{o * ins / outs, 1.0f}};
  const double source = std::max(
      0.0,
      (static_cast<double>(o) + 0.5) * static_cast<double>(ins) / static_cast<double>(outs) - 0.5);
  const auto low = static_cast<int64_t>(source);
  const auto high = std::min(low + 1, ins - 1);
  const auto share = static_cast<float>(source - static_cast<double>(low));
  if (high == low || share == 0.0f) return {{low, 1.0f}};
  return {{low, 1.0f - share}, {high, share}};
}

}  // namespace

void SparseMap::Forward(const Pass& pass) const {
  const auto outs = static_cast<int64_t>(first.size()) - 1;
  for (int64_t o = 0; o < outs; ++o) {
    float* y = pass.y + o * kLanes;
    const int64_t begin = first[static_cast<size_t>(o)];
    const int64_t end = first[static_cast<size_t>(o) + 1];
    std::fill(y, y + kLanes, begin == end ? constant : 0.0f);
    for (int64_t k = begin; k < end; ++k) {
      const Term& term = terms[static_cast<size_t>(k)];
      const float* x = pass.x + term.source * kLanes;
      for (int lane = 0; lane < kLanes; ++lane) y[lane] += term.weight * x[lane];
    }
  }
}

void SparseMap::Backward(const Pass&, const Return& back) const {
  if (back.dx == nullptr) return;
  std::fill(back.dx, back.dx + inputs * kLanes, 0.0f);
  const auto outs = static_cast<int64_t>(first.size()) - 1;
  for (int64_t o = 0; o < outs; ++o) {
    const float* dy = back.dy + o * kLanes;
    for (int64_t k = first[static_cast<size_t>(o)]; k < first[static_cast<size_t>(o) + 1]; ++k) {
      const Term& term = terms[static_cast<size_t>(k)];
      float* dx = back.dx + term.source * kLanes;
      for (int lane = 0; lane < kLanes; ++lane) dx[lane] += term.weight * dy[lane];
    }
  }
}

SparseMap MakeMap(const graph::Transpose& op, const Shape& in, const Shape& out) {
  return {NumElements(in), NumElements(out), 0.0f, [&](int64_t o) {
            const Index i = IndexOf(out, o);
            const int64_t along[3] = {i.c, i.h, i.w};
            int64_t source[3] = {};
            for (size_t axis = 0; axis < 3; ++axis) source[op.order[axis]] = along[axis];
            return std::vector<SparseMap::Term>{{At(in, source[0], source[1], source[2]), 1.0f}};
          }};
}

SparseMap MakeMap(const graph::Pad& op, const Shape& in, const Shape& out) {
  return {NumElements(in), NumElements(out), op.value, [&](int64_t o) {
            const Index i = IndexOf(out, o);
            const int64_t h = i.h - op.padding.top;
            const int64_t w = i.w - op.padding.left;
            std::vector<SparseMap::Term> terms;
            if (h >= 0 && h < in[1] && w >= 0 && w < in[2]) terms.push_back({At(in, i.c, h, w), 1});
            return terms;
          }};
}

SparseMap MakeMap(const graph::Slice& op, const Shape& in, const Shape& out) {
  const auto axis = static_cast<size_t>(op.axis);
  int64_t inner = 1;  // elements of one index of the axis
  for (size_t a = axis + 1; a < in.size(); ++a) inner *= in[a];
  return {
      NumElements(in), NumElements(out), 0.0f, [&](int64_t o) {
        const int64_t index = op.begin + o / inner % out[axis] * op.step;
        const int64_t outer = o / (inner * out[axis]);
        return std::vector<SparseMap::Term>{{(outer * in[axis] + index) * inner + o % inner, 1.0f}};
      }};
}

SparseMap MakeMap(const graph::Resize& op, const Shape& in, const Shape& out) {
  return {
      NumElements(in), NumElements(out), 0.0f, [&](int64_t o) {
        const Index i = IndexOf(out, o);
        std::vector<SparseMap::Term> terms;
        for (const SparseMap::Term& row : Along(op.mode, i.h, in[1], out[1])) {
          for (const SparseMap::Term& column : Along(op.mode, i.w, in[2], out[2])) {
            terms.push_back({At(in, i.c, row.source, column.source), row.weight * column.weight});
          }
        }
        return terms;
      }};
}

}  // namespace platypus::train
