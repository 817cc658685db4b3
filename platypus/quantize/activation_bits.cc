#include "platypus/quantize/activation_bits.h"

#include <algorithm>

#include "platypus/graph/quantization.h"
#include "platypus/quantize/form.h"
#include "tm_resize.h"

namespace platypus::quantize {
namespace {

int64_t Area(graph::Size2 window) { return int64_t{window.h} * window.w; }

// The largest sum that a layer makes of codes, in units of the largest code; 0 if it makes none.
int64_t LargestSum(const graph::Graph& graph, const graph::Node& node, const Settings& settings) {
  const Shape& in = graph.At(node.inputs[0]).shape;
  const auto weighted = [&](int64_t row) {
    return row * graph::WeightCodes(settings.Weights(node.name), 1.0f).hi;
  };
  const auto parts = [](int64_t ins, int outs) {
    return int64_t{tm_stretch_of(static_cast<tm_i32>(ins), outs).parts};
  };
  return std::visit(
      graph::Overloaded{
          [&](const graph::Conv2d& op) { return weighted(in[0] / op.groups * Area(op.kernel)); },
          [&](const graph::Linear&) { return weighted(in[0]); },
          [&](const graph::BatchNorm&) { return weighted(1); },
          [&](const graph::AvgPool& op) { return Area(op.kernel); },
          [&](const graph::AdaptiveAvgPool& op) { return in[1] * in[2] / Area(op.output); },
          [&](const graph::Resize& op) {
            return parts(in[1], op.output.h) * parts(in[2], op.output.w);
          },
          [](const auto&) { return int64_t{0}; }},
      node.op);
}

// Of all layers that read the codes of a tensor, also behind operators that only move them.
int64_t LargestSumOf(const graph::Graph& graph, graph::TensorId tensor, const Settings& settings) {
  int64_t largest = 0;
  for (const graph::Node* node : graph::Consumers(graph, tensor)) {
    if (WhyFloat(graph, *node, settings)) continue;
    largest = std::max(largest, FormOf(node->op) == Form::kMakes
                                    ? LargestSum(graph, *node, settings)
                                    : LargestSumOf(graph, node->output, settings));
  }
  return largest;
}

}  // namespace

int ActivationBits(const graph::Graph& graph, graph::TensorId tensor, int wanted,
                   const Settings& settings) {
  constexpr int64_t kLargest = int64_t{1} << 30;
  if (wanted <= 8) return wanted;
  const int64_t sum = LargestSumOf(graph, tensor, settings);
  int bits = wanted;
  while (bits > 8 && sum << (bits - 1) > kLargest) --bits;
  return bits;
}

}  // namespace platypus::quantize
