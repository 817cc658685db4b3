// Sums of two tensors and concatenations: operands of different scales.
#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/quantize/conversion.h"

namespace platypus::quantize {

Added Begin(const Conversion& conversion, const graph::Node& node, const graph::Add&) {
  return {node.name, conversion.Input(node, 0), conversion.Input(node, 1)};
}

Joined Begin(const Conversion& conversion, const graph::Node& node, const graph::Concat& op) {
  Joined joined{node.name, op.axis, {}};
  for (size_t i = 0; i < node.inputs.size(); ++i) joined.parts.push_back(conversion.Input(node, i));
  return joined;
}

Quantized Finish(Conversion& conversion, const Added& x, const graph::Codes& codes) {
  const bool exact_in_float = conversion.ExactInFloat(x.left.codes) &&
                              conversion.ExactInFloat(x.right.codes) &&
                              conversion.ExactInFloat(codes);
  const auto op = exact_in_float ? graph::SumOfCodes(x.left.codes, x.right.codes, codes,
                                                     std::ldexp(1.0, kExactBits), 14)
                                 : graph::SumOfCodes(x.left.codes, x.right.codes, codes);
  if (!op) Fail(Category::kModel, "layer {}: the sum can reach more than 32 bits hold", x.layer);
  return conversion.Emit(x.layer, *op, {x.left.tensor, x.right.tensor}, codes);
}

Quantized Finish(Conversion& conversion, const Joined& x, const graph::Codes& codes) {
  std::vector<graph::TensorId> inputs;
  for (size_t i = 0; i < x.parts.size(); ++i) {
    const Quantized& part = x.parts[i];
    if (part.codes == codes) {
      inputs.push_back(part.tensor);
      continue;
    }
    const std::string name = fmt::format("{}.requantize{}", x.layer, i);
    const Factor factor = conversion.FactorTo(double{part.codes.scale} / codes.scale, codes,
                                              conversion.MultiplierBits(codes));
    const int64_t offset =
        conversion.OffsetTo(-static_cast<double>(part.codes.zero_point), codes, factor);
    inputs.push_back(conversion.Emit(name, conversion.Rounder(codes), {part.tensor}, codes).tensor);
    conversion.SetFactors(name, Integers({offset}), {factor.multiplier}, {factor.shift});
  }
  return conversion.Emit(x.layer, graph::Concat{x.axis}, inputs, codes);
}

}  // namespace platypus::quantize
