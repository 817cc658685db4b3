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
  const auto op = graph::SumOfCodes(x.left.codes, x.right.codes, codes,
                                    std::ldexp(1.0, exact_in_float ? kExactBits : 31));
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
    // A sum with nothing rounds behind the factor, which the accelerator's form cannot.
    graph::Codes nothing;
    nothing.scale = 0.0f;
    if (const auto op = graph::SumOfCodes(part.codes, nothing, codes);
        op && !conversion.ExactInFloat(codes)) {
      inputs.push_back(conversion.Emit(name, *op, {part.tensor, part.tensor}, codes).tensor);
      continue;
    }
    const double ratio = double{part.codes.scale} / codes.scale;
    const Factor factor =
        MakeFactor(std::min(ratio, WholeRange(codes)), conversion.MultiplierBits(codes));
    const int64_t offset =
        RoundingOffset(codes.zero_point / factor.Value() - part.codes.zero_point, factor);
    inputs.push_back(
        conversion.Emit(name, graph::Requantize{codes.lo, codes.hi}, {part.tensor}, codes).tensor);
    conversion.SetFactors(name, Integers({offset}), {factor.multiplier}, {factor.shift});
  }
  return conversion.Emit(x.layer, graph::Concat{x.axis}, inputs, codes);
}

}  // namespace platypus::quantize
