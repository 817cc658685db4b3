// How far the integers of a graph can go: intervals from operator to operator.
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>

#include "platypus/base/error.h"
#include "platypus/quantize/conversion.h"
#include "tm_resize.h"

namespace platypus::quantize {
namespace {

using graph::Node;

struct Interval {
  int64_t low = 0;
  int64_t high = 0;
  int64_t Magnitude() const { return std::max(std::abs(low), std::abs(high)); }
};

// What one term, or its absence, does to a sum: the interval holds every partial sum, in any order.
void AddTerm(Interval& sum, int64_t weight, const Interval& x) {
  sum.low += std::min({int64_t{0}, weight * x.low, weight * x.high});
  sum.high += std::max({int64_t{0}, weight * x.low, weight * x.high});
}

Interval Union(const Interval& a, const Interval& b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

// Of the codes that a tensor's type holds.
Interval OfType(DType type) {
  switch (type) {
    case DType::kUInt8:
      return {0, 255};
    case DType::kInt8:
      return {-128, 127};
    case DType::kInt16:
      return {-32768, 32767};
    default:
      Check(false, "no codes of type {}", ToString(type));
      return {};
  }
}

// Sums that wait for their Requantize: an interval for each channel, or one for all.
struct Sums {
  std::string layer;
  std::vector<Interval> channels;
};

class Proof {
 public:
  explicit Proof(const graph::Graph& integer) : graph_(integer) {}

  std::vector<LayerBounds> Run() {
    for (const Node& node : graph_.nodes) {
      if (graph_.At(node.output).dtype != DType::kFloat32) Visit(node);
    }
    return std::move(bounds_);
  }

 private:
  void Visit(const Node& node) {
    const auto keep = [&] { codes_[node.output] = codes_.at(node.inputs[0]); };
    std::visit(
        graph::Overloaded{
            [&](const graph::Conv2d&) { AddRows(node); },
            [&](const graph::Linear&) { AddRows(node); },
            [&](const graph::SumPool& op) { AddAlike(node, int64_t{op.kernel.h} * op.kernel.w); },
            [&](const graph::Resize& op) {
              if (op.mode == graph::Resize::Mode::kNearest) return keep();
              const Shape& in = graph_.At(node.inputs[0]).shape;
              const auto parts = [](int64_t ins, int outs) {
                return int64_t{tm_stretch_of(static_cast<tm_i32>(ins), outs).parts};
              };
              AddAlike(node, parts(in[1], op.output.h) * parts(in[2], op.output.w));
            },
            [&](const graph::QuantizeInput& op) {
              codes_[node.output] = {op.lo, op.hi};
            },
            [&](const graph::Requantize& op) {
              Scale(node);
              codes_[node.output] = {op.lo, op.hi};
            },
            [&](const graph::AddRequantize& op) {
              Interval sum;
              AddTerm(sum, op.multiplier0, codes_.at(node.inputs[0]));
              AddTerm(sum, op.multiplier1, codes_.at(node.inputs[1]));
              AddTerm(sum, op.Added(), {1, 1});
              Add({node.name, sum.Magnitude(), sum.Magnitude()});
              codes_[node.output] = {op.lo, op.hi};
            },
            [&](const graph::Concat&) {
              Interval all = codes_.at(node.inputs[0]);
              for (const graph::TensorId id : node.inputs) all = Union(all, codes_.at(id));
              codes_[node.output] = all;
            },
            [&](const graph::Pad& op) {
              const auto value = static_cast<int64_t>(op.value);
              codes_[node.output] = Union(codes_.at(node.inputs[0]), {value, value});
            },
            [&](const graph::MaxPool&) { keep(); }, [&](const graph::Flatten&) { keep(); },
            [&](const graph::Reshape&) { keep(); }, [&](const graph::Transpose&) { keep(); },
            [&](const graph::Slice&) { keep(); },
            [&](const auto&) { codes_[node.output] = OfType(graph_.At(node.output).dtype); }},
        node.op);
  }

  // A row of weights for each output channel.
  void AddRows(const Node& node) {
    const Interval& x = codes_.at(node.inputs[0]);
    const Array& weight = graph_.Parameter(node, "weight");
    const std::vector<int8_t>& values = weight.Int8s();
    Sums sums{node.name, std::vector<Interval>(static_cast<size_t>(weight.shape[0]))};
    const size_t row = values.size() / sums.channels.size();
    for (size_t i = 0; i < values.size(); ++i) AddTerm(sums.channels[i / row], values[i], x);
    sums_[node.output] = std::move(sums);
  }

  // Codes times whole weights, `parts` in all.
  void AddAlike(const Node& node, int64_t parts) {
    Interval sum;
    AddTerm(sum, parts, codes_.at(node.inputs[0]));
    sums_[node.output] = {node.name, {sum}};
  }

  void Scale(const Node& node) {
    const auto found = sums_.find(node.inputs[0]);
    const Sums sums =
        found != sums_.end() ? found->second : Sums{node.name, {codes_.at(node.inputs[0])}};
    const std::vector<int32_t>& offset = graph_.Parameter(node, "offset").Int32s();
    const std::vector<int32_t>& multiplier = graph_.Parameter(node, "multiplier").Int32s();
    LayerBounds bounds;
    bounds.layer = sums.layer;
    for (size_t c = 0; c < std::max(sums.channels.size(), offset.size()); ++c) {
      const Interval& sum = sums.channels[sums.channels.size() == 1 ? 0 : c];
      const size_t p = offset.size() == 1 ? 0 : c;
      const Interval moved{sum.low + offset[p], sum.high + offset[p]};
      const int64_t largest = Union(sum, moved).Magnitude();
      if (largest > bounds.accumulator) {
        bounds.accumulator = largest;
        bounds.channel = static_cast<int64_t>(c);
      }
      bounds.product =
          std::max(bounds.product, moved.Magnitude() * std::abs(int64_t{multiplier[p]}));
    }
    Add(std::move(bounds));
  }

  void Add(LayerBounds bounds) {
    const auto largest = static_cast<uint64_t>(std::max(bounds.accumulator, bounds.product));
    bounds.bits = std::bit_width(largest) + 1;
    bounds.exact_in_float32 = largest <= uint64_t{1} << kExactBits;
    bounds_.push_back(std::move(bounds));
  }

  const graph::Graph& graph_;
  std::map<graph::TensorId, Interval> codes_;
  std::map<graph::TensorId, Sums> sums_;
  std::vector<LayerBounds> bounds_;
};

}  // namespace

std::vector<LayerBounds> ProveBounds(const graph::Graph& integer) { return Proof(integer).Run(); }

void RequireBounds(const graph::Graph& integer) {
  for (const LayerBounds& bounds : ProveBounds(integer)) {
    RequireInt32(bounds.layer, static_cast<size_t>(bounds.channel), bounds.accumulator,
                 "accumulator");
  }
}

}  // namespace platypus::quantize
