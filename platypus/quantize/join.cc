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
  const bool exact_in_float = conversion.ExactInFloat(x.left.codes) &&
                              conversion.ExactInFloat(x.right.codes) &&
                              conversion.ExactInFloat(codes);
  const double most =
      exact_in_float ? std::ldexp(1.0, kExactBits) : double{std::numeric_limits<int32_t>::max()};
  for (;; --t) {
    const double m0 = std::nearbyint(std::ldexp(left, t));
    const double m1 = std::nearbyint(std::ldexp(right, t));
    const double offset = std::ldexp(codes.zero_point, t) - m0 * x.left.codes.zero_point -
                          m1 * x.right.codes.zero_point;
    const double sum = m0 * static_cast<double>(LargestMagnitude(x.left.codes)) +
                       m1 * static_cast<double>(LargestMagnitude(x.right.codes)) +
                       std::abs(offset) + std::ldexp(0.5, t);
    if (sum >= most && t > 0) continue;
    if (sum > std::numeric_limits<int32_t>::max()) {
      Fail(Category::kModel, "layer {}: the sum can reach {}, more than 32 bits hold", x.layer,
           sum);
    }
    const graph::AddRequantize op{
        static_cast<int32_t>(m0),    static_cast<int32_t>(m1), t, codes.lo, codes.hi,
        static_cast<int32_t>(offset)};
    return conversion.Emit(x.layer, op, {x.left.tensor, x.right.tensor}, codes);
  }
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
