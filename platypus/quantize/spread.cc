// Transposed convolutions.
#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/quantize/conversion.h"

namespace platypus::quantize {
namespace {

// Every output sees its own taps, so that no offset stands for the zero point of all: it is taken
// off before.
Quantized WithoutZeroPoint(Conversion& conversion, const graph::Node& node) {
  const Quantized& x = conversion.Input(node, 0);
  if (x.codes.zero_point == 0) return x;
  const int32_t zero = x.codes.zero_point;
  const graph::Codes codes = {x.codes.scale, x.codes.lo - zero, x.codes.hi - zero};
  const std::string name = node.name + ".centred";
  const Quantized result =
      conversion.Emit(name, graph::Requantize{codes.lo, codes.hi}, {x.tensor}, codes);
  conversion.SetFactors(name, Integers({-zero}), {1}, {0});
  return result;
}

}  // namespace

Accumulated Begin(Conversion& conversion, const graph::Node& node,
                  const graph::ConvTranspose2d& op) {
  Check(op.weight_quantizer.has_value(), "node {}: weights without a quantizer", node.name);
  const graph::Graph& source = conversion.Source();
  const Quantized x = WithoutZeroPoint(conversion, node);
  const Array& weight = source.Parameter(node, "weight");
  const std::vector<float>& floats = weight.Floats();
  const graph::WeightLayout layout = graph::LayoutOf(op, weight.shape);
  const std::vector<graph::Codes> all_codes = graph::ChannelCodes(source, node, "weight", floats);
  Accumulated value;
  value.layer = node.name;
  std::vector<int8_t> integers(floats.size());
  for (size_t c = 0; c < layout.channels; ++c) {
    const double bias = op.has_bias ? source.Parameter(node, "bias").Floats()[c] : 0.0;
    graph::Codes codes = all_codes[c];
    codes.scale = graph::ScaleForBias(codes.scale, x.codes, bias);
    int64_t magnitude = 0;
    layout.ForRuns(c, [&](size_t first) {
      for (size_t i = first; i < first + layout.length; ++i) {
        const int32_t q = graph::QuantizeWeight(*op.weight_quantizer, floats[i], codes);
        integers[i] = static_cast<int8_t>(q);
        magnitude += std::abs(q);
      }
    });
    value.scale.push_back(double{codes.scale} * x.codes.scale);
    value.bias.push_back(bias);
    value.bound.push_back(magnitude * LargestMagnitude(x.codes));
  }
  graph::ConvTranspose2d integer = op;
  integer.has_bias = false;
  integer.weight_quantizer.reset();
  value.tensor = graph::Append(conversion.Out(), node.name, integer, {x.tensor});
  conversion.Out().parameters[node.name + ".weight"] = {weight.shape, std::move(integers)};
  return value;
}

}  // namespace platypus::quantize
