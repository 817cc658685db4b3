#include <algorithm>

#include "platypus/train/local_layer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/sparse_map.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// body(output, its first term, behind its last one, first lane of a vector).
template <typename Body>
HWY_INLINE void ForOutputs(const SparseMap& map, Body body) {
  const SparseMap::Term* terms = map.terms.data();
  for (size_t o = 0; o + 1 < map.first.size(); ++o) {
    for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(D())) {
      body(o, terms + map.first[o], terms + map.first[o + 1], lane);
    }
  }
}

void GatherImpl(const SparseMap& map, const float* HWY_RESTRICT x, float* HWY_RESTRICT y) {
  const D d;
  ForOutputs(map, [&](size_t o, const SparseMap::Term* term, const SparseMap::Term* end,
                      size_t lane) HWY_ATTR {
    V sum = term == end ? hn::Set(d, map.constant) : hn::Zero(d);
    for (; term != end; ++term) {
      const float* from = x + int64_t{term->source} * kLanes + lane;
      sum = hn::MulAdd(hn::Set(d, term->weight), hn::Load(d, from), sum);
    }
    hn::Store(sum, d, y + o * kLanes + lane);
  });
}

void ScatterImpl(const SparseMap& map, const float* HWY_RESTRICT dy, float* HWY_RESTRICT dx) {
  const D d;
  ForOutputs(map, [&](size_t o, const SparseMap::Term* term, const SparseMap::Term* end,
                      size_t lane) HWY_ATTR {
    const V g = hn::Load(d, dy + o * kLanes + lane);
    for (; term != end; ++term) {
      float* to = dx + int64_t{term->source} * kLanes + lane;
      hn::Store(hn::MulAdd(hn::Set(d, term->weight), g, hn::Load(d, to)), d, to);
    }
  });
}

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(GatherImpl);
HWY_EXPORT(ScatterImpl);

namespace {

int32_t At(const Shape& shape, int64_t c, int64_t h, int64_t w) {
  return static_cast<int32_t>((c * shape[1] + h) * shape[2] + w);
}

struct Index {
  int64_t c, h, w;
};
Index IndexOf(const Shape& shape, int64_t element) {
  return {element / (shape[1] * shape[2]), element / shape[2] % shape[1], element % shape[2]};
}

struct Source {
  int64_t index;
  float weight;
};

// Where output `o` of `outs` takes its value from along an axis of `ins`.
std::vector<Source> Along(graph::Resize::Mode mode, int64_t o, int64_t ins, int64_t outs) {
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
  HWY_DYNAMIC_DISPATCH(GatherImpl)(*this, pass.x, pass.y);
}

void SparseMap::Backward(const Pass&, const Return& back) const {
  if (back.dx == nullptr) return;
  std::fill(back.dx, back.dx + inputs * kLanes, 0.0f);
  HWY_DYNAMIC_DISPATCH(ScatterImpl)(*this, back.dy, back.dx);
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
  return {NumElements(in), NumElements(out), 0.0f, [&](int64_t o) {
            const int64_t index = op.begin + o / inner % out[axis] * op.step;
            const int64_t outer = o / (inner * out[axis]);
            const int64_t source = (outer * in[axis] + index) * inner + o % inner;
            return std::vector<SparseMap::Term>{{static_cast<int32_t>(source), 1.0f}};
          }};
}

SparseMap MakeMap(const graph::Resize& op, const Shape& in, const Shape& out) {
  return {NumElements(in), NumElements(out), 0.0f, [&](int64_t o) {
            const Index i = IndexOf(out, o);
            std::vector<SparseMap::Term> terms;
            for (const Source& row : Along(op.mode, i.h, in[1], out[1])) {
              for (const Source& column : Along(op.mode, i.w, in[2], out[2])) {
                terms.push_back({At(in, i.c, row.index, column.index), row.weight * column.weight});
              }
            }
            return terms;
          }};
}

}  // namespace platypus::train
#endif  // HWY_ONCE
