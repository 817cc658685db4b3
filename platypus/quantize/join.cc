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
  const double left = double{x.left.codes.scale} / codes.scale;
  const double right = double{x.right.codes.scale} / codes.scale;
  const auto exact = [](double v, int t) {
    return std::ldexp(v, t) == std::floor(std::ldexp(v, t));
  };
  int t = 14;
  for (int shift = 0; shift < t; ++shift) {
    if (exact(left, shift) && exact(right, shift)) t = shift;
  }
  graph::AddRequantize op;
  int64_t bound = 0;
  for (;; --t) {
    const double m0 = std::nearbyint(std::ldexp(left, t));
    const double m1 = std::nearbyint(std::ldexp(right, t));
    const double sum = m0 * static_cast<double>(LargestMagnitude(x.left.codes)) +
                       m1 * static_cast<double>(LargestMagnitude(x.right.codes)) +
                       std::ldexp(0.5, t);
    if (sum < std::ldexp(1.0, kExactBits) || t == 0) {
      if (sum > std::numeric_limits<int32_t>::max()) {
        Fail(Category::kModel, "layer {}: the sum can reach {}, more than 32 bits hold", x.layer,
             sum);
      }
      bound = static_cast<int64_t>(sum);
      op = {static_cast<int32_t>(m0), static_cast<int32_t>(m1), t, codes.lo, codes.hi};
      break;
    }
  }
  RequireInt32(x.layer, 0, bound, "sum");
  return conversion.Emit(x.layer, op, {x.left.tensor, x.right.tensor}, codes);
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
    const Factor factor =
        MakeFactor(std::min(double{part.codes.scale} / codes.scale, kWholeRange), 8);
    inputs.push_back(
        conversion.Emit(name, graph::Requantize{codes.lo, codes.hi}, {part.tensor}, codes).tensor);
    conversion.SetFactors(name, Integers({RoundingOffset(0.0, factor)}), {factor.multiplier},
                          {factor.shift});
  }
  return conversion.Emit(x.layer, graph::Concat{x.axis}, inputs, codes);
}

}  // namespace platypus::quantize
