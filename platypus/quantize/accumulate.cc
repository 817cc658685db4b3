// Sums of products: convolutions and linear layers.
#include <algorithm>
#include <cmath>
#include <span>

#include "platypus/base/error.h"
#include "platypus/quantize/conversion.h"

namespace platypus::quantize {
namespace {

template <typename Layer>
Accumulated Accumulate(Conversion& conversion, const graph::Node& node, const Layer& op) {
  const std::optional<graph::WeightQuantizer>& quantizer = op.weight_quantizer;
  Check(quantizer.has_value(), "node {}: weights without a quantizer", node.name);
  const graph::Graph& source = conversion.Source();
  const Quantized& x = conversion.Input(node, 0);
  const Array& weight = source.Parameter(node, "weight");
  const auto channels = static_cast<size_t>(weight.shape[0]);
  const size_t row = weight.Floats().size() / channels;
  const std::vector<graph::Codes> all_codes =
      graph::ChannelCodes(source, node, "weight", weight.Floats());
  Accumulated value;
  value.layer = node.name;
  std::vector<int8_t> integers(weight.Floats().size());
  for (size_t c = 0; c < channels; ++c) {
    const std::span<const float> floats(weight.Floats().data() + c * row, row);
    const double bias = op.has_bias ? source.Parameter(node, "bias").Floats()[c] : 0.0;
    graph::Codes codes = all_codes[c];
    codes.scale = graph::ScaleForBias(codes.scale, x.codes, bias);
    int64_t sum = 0;
    int64_t magnitude = 0;
    for (size_t i = 0; i < row; ++i) {
      const int32_t q = graph::QuantizeWeight(*quantizer, floats[i], codes);
      integers[c * row + i] = static_cast<int8_t>(q);
      sum += q;
      magnitude += std::abs(q);
    }
    value.scale.push_back(double{codes.scale} * x.codes.scale);
    value.bias.push_back(bias);
    value.bound.push_back(magnitude * LargestMagnitude(x.codes));
    value.zero.push_back(sum * x.codes.zero_point);
  }
  Layer integer = op;
  integer.has_bias = false;
  integer.weight_quantizer.reset();
  graph::TensorId input = x.tensor;
  if constexpr (std::is_same_v<Layer, graph::Conv2d>) {
    input = conversion.Pad(node.name, x, integer.padding);
  }
  value.tensor = graph::Append(conversion.Out(), node.name, integer, {input});
  conversion.Out().parameters[node.name + ".weight"] = {weight.shape, std::move(integers)};
  return value;
}

void ClearWeights(graph::Graph& out, const std::string& layer, size_t channel) {
  Array& weight = out.parameters.at(layer + ".weight");
  auto& values = std::get<std::vector<int8_t>>(weight.values);
  const auto node = std::ranges::find(out.nodes, layer, &graph::Node::name);
  const graph::WeightLayout layout = graph::LayoutOf(node->op, weight.shape);
  layout.ForRuns(channel, [&](size_t first) {
    std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(first), layout.length, int8_t{0});
  });
}

}  // namespace

Accumulated Begin(Conversion& conversion, const graph::Node& node, const graph::Conv2d& op) {
  return Accumulate(conversion, node, op);
}

Accumulated Begin(Conversion& conversion, const graph::Node& node, const graph::Linear& op) {
  return Accumulate(conversion, node, op);
}

Quantized Finish(Conversion& conversion, const Accumulated& x, const graph::Codes& codes) {
  std::vector<int64_t> offset;
  std::vector<int64_t> multiplier;
  std::vector<int64_t> shift;
  for (size_t c = 0; c < x.scale.size(); ++c) {
    const double ratio = x.scale[c] / codes.scale;
    Factor factor;
    if (ratio < 0x1.0p-30) {  // the sum never moves the code; only the bias is left
      factor = {1, LargestMagnitude(codes) < 256 ? 22 : 14};
      const double code = CodeOf(x.bias[c], codes);
      offset.push_back(std::llrint(std::ldexp(
          conversion.RoundsToNearest() ? code - codes.zero_point : code + 0.5, factor.shift)));
      ClearWeights(conversion.Out(), x.layer, c);
    } else {
      factor = conversion.FactorTo(ratio, codes, conversion.MultiplierBits(codes));
      const double zero = x.zero.empty() ? 0.0 : static_cast<double>(x.zero[c]);
      // As files keep it: a whole number of sums.
      const double unit = conversion.RoundsToNearest() ? factor.Value() * codes.scale : x.scale[c];
      const double bias = std::nearbyint(x.bias[c] / unit);
      offset.push_back(conversion.OffsetTo(bias - zero, codes, factor));
    }
    multiplier.push_back(factor.multiplier);
    shift.push_back(factor.shift);
    RequireInt32(x.layer, c, x.bound[c] + std::abs(offset.back()), "accumulator");
  }
  const std::string name = x.layer + ".requantize";
  const Quantized result = conversion.Emit(name, conversion.Rounder(codes), {x.tensor}, codes);
  conversion.SetFactors(name, Integers(offset), multiplier, shift);
  return result;
}

}  // namespace platypus::quantize
