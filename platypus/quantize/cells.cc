// Recurrent layers.
#include <algorithm>
#include <cmath>
#include <span>

#include "platypus/base/error.h"
#include "platypus/quantize/conversion.h"

namespace platypus::quantize {
namespace {

using graph::IntegerRecurrent;

// Whether the codes behind a layer have more than 8 bits.
bool WantsWideResult(const graph::Graph& source, const graph::Node& node) {
  for (const graph::Node* reader : graph::Consumers(source, node.output)) {
    const auto* codes = std::get_if<graph::FakeQuantize>(&reader->op);
    if (codes != nullptr && codes->bits > 8) return true;
  }
  return false;
}

// One weight matrix and its bias as a part of the gates, from codes x: parameters "weight_<of>",
// "offset_<of>", "multiplier_<of>" and "shift_<of>".
void SetPart(Conversion& conversion, const graph::Node& node, const std::string& of,
             const graph::WeightQuantizer& quantizer, const graph::Codes& x) {
  const graph::Graph& source = conversion.Source();
  const std::string role = "weight_" + of;
  const Array& weight = source.Parameter(node, role);
  const std::vector<float>& floats = weight.Floats();
  const std::vector<float>& bias = source.Parameter(node, "bias_" + of).Floats();
  const std::vector<graph::Codes> codes = graph::ChannelCodes(source, node, role, floats);
  const size_t row = floats.size() / bias.size();
  std::vector<int8_t> integers(floats.size());
  std::vector<int64_t> offset, multiplier, shift;
  for (size_t r = 0; r < bias.size(); ++r) {
    graph::Codes own = codes[r];
    own.scale = graph::ScaleForBias(own.scale, x, double{bias[r]});
    const double scale = double{own.scale} * x.scale;
    int64_t sum = 0;
    int64_t magnitude = 0;
    for (size_t i = r * row; i < (r + 1) * row; ++i) {
      const int32_t code = graph::QuantizeWeight(quantizer, floats[i], own);
      integers[i] = static_cast<int8_t>(code);
      sum += code;
      magnitude += std::abs(code);
    }
    // 12 bits and more where they keep products in 32 bits, else 15: those take 64.
    constexpr int kMostBits = 15;
    constexpr int kFewestBits = 12;
    const double ratio = std::ldexp(scale, IntegerRecurrent::kPartFraction);
    Factor factor;
    int64_t base = 0;
    const auto choose = [&](int bits) {
      factor = MakeFactor(ratio, bits);
      base =
          graph::RoundingOffset(bias[r] / scale - static_cast<double>(sum * x.zero_point), factor);
      return magnitude * LargestMagnitude(x) + std::abs(base);
    };
    int bits = kMostBits;
    while (bits >= kFewestBits &&
           choose(bits) * factor.multiplier > std::numeric_limits<int32_t>::max()) {
      --bits;
    }
    const int64_t bound = bits >= kFewestBits ? choose(bits) : choose(kMostBits);
    RequireInt32(node.name, r, bound, "gate's sum");
    offset.push_back(base);
    multiplier.push_back(factor.multiplier);
    shift.push_back(factor.shift);
  }
  auto& parameters = conversion.Out().parameters;
  const auto name = [&](const char* what) { return fmt::format("{}.{}_{}", node.name, what, of); };
  parameters[name("weight")] = {weight.shape, std::move(integers)};
  parameters[name("offset")] = Integers(offset);
  parameters[name("multiplier")] = Integers(multiplier);
  parameters[name("shift")] = Integers(shift);
}

}  // namespace

// |c| grows by less than 1 a step; beyond 16, where it is kept, its tanh has long been 1.
Quantized Begin(Conversion& conversion, const graph::Node& node, const graph::Recurrent& op) {
  Check(op.weight_quantizer.has_value(), "node {}: weights without a quantizer", node.name);
  const Quantized x = conversion.Input(node, 0);
  const int64_t steps = conversion.Source().At(node.inputs[0]).shape[1];
  IntegerRecurrent integer{op.cell, op.hidden, op.layers, op.last_step_only};
  integer.cell_fraction = steps <= 8 ? 12 : 11;
  graph::Codes state{std::ldexp(1.0f, -IntegerRecurrent::kCodeFraction), -128, 127};
  graph::Codes result = state;
  if (WantsWideResult(conversion.Source(), node)) {
    result = {std::ldexp(1.0f, -IntegerRecurrent::kStateFraction), -32768, 32767};
  }
  integer.lo = result.lo;
  integer.hi = result.hi;
  for (int k = 0; k < op.layers; ++k) {
    SetPart(conversion, node, fmt::format("ih_l{}", k), *op.weight_quantizer,
            k == 0 ? x.codes : state);
    SetPart(conversion, node, fmt::format("hh_l{}", k), *op.weight_quantizer, state);
  }
  return conversion.Emit(node.name, integer, {x.tensor}, result);
}

}  // namespace platypus::quantize
