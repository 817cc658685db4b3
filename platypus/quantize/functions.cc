// Functions of codes: tables of one value, softmax, layer norm, products, one factor for all.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "platypus/base/error.h"
#include "platypus/quantize/conversion.h"

namespace platypus::quantize {
namespace {

constexpr size_t kTableSize = 256;

// What tables and sums of squares take: codes of 8 bits. More are shifted to where 8 hold them.
Quantized InOctets(Conversion& conversion, const graph::Node& node) {
  const Quantized& x = conversion.Input(node, 0);
  const bool is_signed = x.codes.lo < 0;
  const graph::Codes octets =
      is_signed ? graph::Codes{1.0f, -128, 127} : graph::Codes{1.0f, 0, 255};
  if (x.codes.lo >= octets.lo && x.codes.hi <= octets.hi) return x;
  int shift = 0;
  while (x.codes.hi >> shift > octets.hi || x.codes.lo >> shift < octets.lo) ++shift;
  graph::Codes codes = octets;
  codes.scale = std::ldexp(x.codes.scale, shift);
  const std::string name = node.name + ".octets";
  const Quantized result =
      conversion.Emit(name, graph::Requantize{codes.lo, codes.hi}, {x.tensor}, codes);
  conversion.SetFactors(name, Integers({(int64_t{1} << shift) / 2 - x.codes.zero_point}), {1},
                        {shift});
  return result;
}

Mapped Map(Conversion& conversion, const graph::Node& node, double largest,
           std::function<double(double)> function) {
  return {node.name, InOctets(conversion, node), largest, std::move(function)};
}

// A table of 256 entries, `entry(code)` for every code that there is.
template <typename Entry>
Array Table(const graph::Codes& codes, Entry entry) {
  std::vector<int32_t> table(kTableSize);
  for (int32_t code = codes.lo; code <= codes.hi; ++code) {
    table[static_cast<size_t>(code & 255)] = entry(code);
  }
  return {{static_cast<int64_t>(kTableSize)}, std::move(table)};
}

int32_t WithinInt32(const std::string& layer, double value) {
  RequireInt32(layer, 0, static_cast<int64_t>(std::abs(value)), "offset");
  return static_cast<int32_t>(value);
}

}  // namespace

Mapped Begin(Conversion& conversion, const graph::Node& node, const graph::Sigmoid&) {
  return Map(conversion, node, 1.0, [](double x) { return 1 / (1 + std::exp(-x)); });
}

Mapped Begin(Conversion& conversion, const graph::Node& node, const graph::Tanh&) {
  return Map(conversion, node, 1.0, [](double x) { return std::tanh(x); });
}

Mapped Begin(Conversion& conversion, const graph::Node& node, const graph::LeakyRelu& op) {
  return Map(conversion, node, kNoLimit,
             [slope = double{op.slope}](double x) { return x >= 0 ? x : slope * x; });
}

Mapped Begin(Conversion& conversion, const graph::Node& node, const graph::Gelu&) {
  return Map(conversion, node, kNoLimit,
             [](double x) { return x * (1 + std::erf(x / std::numbers::sqrt2)) / 2; });
}

// Scales that are powers of two are up to twice as coarse as the range needs: for the last code of
// a function with a bound that is a waste of all others.
Quantized Finish(Conversion& conversion, const Mapped& x, const graph::Codes& observed) {
  const graph::Codes& in = x.input.codes;
  graph::Codes codes = observed;
  const double end = (1.0 + codes.hi - codes.zero_point) * codes.scale;
  if (end >= 2 * x.largest) codes.scale /= 2;
  const Quantized result =
      conversion.Emit(x.layer, graph::Lookup{codes.lo, codes.hi}, {x.input.tensor}, codes);
  conversion.Out().parameters[x.layer + ".table"] = Table(in, [&](int32_t code) {
    return CodeOf(x.function(double{in.scale} * (code - in.zero_point)), codes);
  });
  return result;
}

// The codes are the operator's own, whatever range was observed behind it.
Quantized Begin(Conversion& conversion, const graph::Node& node, const graph::Softmax&) {
  const Quantized x = InOctets(conversion, node);
  const Quantized result = conversion.Emit(node.name, graph::IntegerSoftmax{}, {x.tensor},
                                           {graph::IntegerSoftmax::kScale, 0, 255});
  conversion.Out().parameters[node.name + ".table"] =
      Table({1.0f, 0, 255}, [&](int32_t codes_below) {
        const double power = std::exp(-double{x.codes.scale} * codes_below);
        return static_cast<int32_t>(
            std::nearbyint(std::ldexp(power, graph::IntegerSoftmax::kFractionBits)));
      });
  return result;
}

Standardized Begin(Conversion& conversion, const graph::Node& node, const graph::LayerNorm&) {
  return {&node, InOctets(conversion, node)};
}

// t multiplier + offset: |t| < 2^16, |multiplier| <= 2^14, |offset| < 2^30.
Quantized Finish(Conversion& conversion, const Standardized& x, const graph::Codes& codes) {
  const graph::Node& node = *x.node;
  const std::vector<float>& weight = conversion.Source().Parameter(node, "weight").Floats();
  const std::vector<float>& bias = conversion.Source().Parameter(node, "bias").Floats();
  const auto count = static_cast<double>(weight.size());
  constexpr double kLargest = 0x1.0p46;
  const double epsilon = std::get<graph::LayerNorm>(node.op).epsilon * count * count /
                         (double{x.input.codes.scale} * x.input.codes.scale);
  graph::IntegerLayerNorm op;
  op.epsilon = static_cast<int64_t>(std::clamp(std::nearbyint(epsilon), 1.0, kLargest));
  op.lo = codes.lo;
  op.hi = codes.hi;
  // sqrt(n - 1) is the largest normalised value; its reciprocal root may be 2^-14 too large.
  op.fraction = 15;
  while (std::ldexp(std::sqrt(count) * (1 + 0x1.0p-13), op.fraction) > 0xffff) --op.fraction;
  const double gain = graph::MaxAbs(weight) / double{codes.scale};
  const double base = graph::MaxAbs(bias) / double{codes.scale} + std::abs(codes.zero_point) + 1;
  // As many bits as both bounds leave.
  const auto room = [](double value, int bits) {
    return bits - static_cast<int>(std::ceil(std::log2(std::max(value, 0x1.0p-14))));
  };
  op.shift = std::min({30, op.fraction + room(gain, 14), room(base, 29)});
  if (op.shift < 0) {
    Fail(Category::kModel, "layer {}: gains up to {} steps and biases up to {} have no 32-bit form",
         node.name, gain, base);
  }
  std::vector<int32_t> multiplier;
  std::vector<int32_t> offset;
  const double half = op.shift > 0 ? std::ldexp(0.5, op.shift) : 0.0;
  for (size_t i = 0; i < weight.size(); ++i) {
    multiplier.push_back(static_cast<int32_t>(
        std::nearbyint(std::ldexp(weight[i] / double{codes.scale}, op.shift - op.fraction))));
    const double at = bias[i] / double{codes.scale} + codes.zero_point;
    offset.push_back(WithinInt32(node.name, std::nearbyint(std::ldexp(at, op.shift) + half)));
  }
  const Shape shape = conversion.Source().At(node.inputs[0]).shape;
  const Quantized result = conversion.Emit(node.name, op, {x.input.tensor}, codes);
  conversion.Out().parameters[node.name + ".multiplier"] = {shape, std::move(multiplier)};
  conversion.Out().parameters[node.name + ".offset"] = {shape, std::move(offset)};
  return result;
}

Multiplied Begin(const Conversion& conversion, const graph::Node& node, const graph::Mul&) {
  return {node.name, conversion.Input(node, 0), conversion.Input(node, 1)};
}

// As many multiplier bits as 32 bits leave.
Quantized Finish(Conversion& conversion, const Multiplied& x, const graph::Codes& codes) {
  const auto largest = [](const graph::Codes& c) {
    return std::max(std::abs(int64_t{c.lo} - c.zero_point), std::abs(int64_t{c.hi} - c.zero_point));
  };
  const int64_t product = largest(x.left.codes) * largest(x.right.codes);
  const double ratio =
      std::min(double{x.left.codes.scale} * x.right.codes.scale / codes.scale, WholeRange(codes));
  constexpr int kMostBits = 14;
  constexpr int kFewestBits = 6;
  constexpr int kMaxShift = 22;
  graph::MulRequantize op;
  int64_t bound = 0;
  for (int bits = kMostBits; bits >= kFewestBits; --bits) {
    const Factor factor = MakeFactor(ratio, bits, kMaxShift);
    op = {x.left.codes.zero_point,
          x.right.codes.zero_point,
          factor.multiplier,
          factor.shift,
          codes.lo,
          codes.hi,
          codes.zero_point * (1 << factor.shift)};
    bound = product * factor.multiplier + std::abs(int64_t{op.Added()});
    if (bound <= std::numeric_limits<int32_t>::max()) break;
  }
  RequireInt32(x.layer, 0, bound, "product");
  return conversion.Emit(x.layer, op, {x.left.tensor, x.right.tensor}, codes);
}

// The same codes of another scale. A factor below 0 mirrors them, 0 leaves the code of 0.
Quantized Begin(Conversion& conversion, const graph::Node& node, const graph::Scale&) {
  const Quantized& x = conversion.Input(node, 0);
  const float factor = conversion.Source().Parameter(node, "weight").Floats()[0];
  graph::Codes codes = x.codes;
  if (factor > 0.0f) {
    codes.scale *= factor;
    return conversion.Emit(node.name, graph::Identity{}, {x.tensor}, codes);
  }
  if (factor == 0.0f) {
    codes.lo = codes.hi = codes.zero_point;
  } else {
    codes.scale *= -factor;
    codes.zero_point = codes.lo + codes.hi - codes.zero_point;
  }
  const Quantized result =
      conversion.Emit(node.name, graph::Requantize{codes.lo, codes.hi}, {x.tensor}, codes);
  conversion.SetFactors(node.name, Integers({-int64_t{x.codes.lo} - x.codes.hi}), {-1}, {0});
  return result;
}

}  // namespace platypus::quantize
