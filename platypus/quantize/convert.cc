// Fake-quantised graph -> integer graph: the table of operators, and those that change no codes.
#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/quantize/conversion.h"
#include "platypus/quantize/form.h"

namespace platypus::quantize {
namespace {

using graph::Node;
using graph::TensorId;

// The codes of values from low to high.
graph::Codes Limited(graph::Codes codes, double low, double high) {
  const graph::Codes all = codes;
  codes.lo = CodeOf(low, all);
  codes.hi = CodeOf(high, all);
  return codes;
}

bool HasMoreThanOctets(const graph::Codes& codes) { return codes.lo < -128 || codes.hi > 255; }

}  // namespace

Conversion::Conversion(const graph::Graph& source, const Settings& settings)
    : source_(source),
      settings_(settings),
      out_(graph::MakeGraph(source.name, source.Input().shape)) {}

graph::Graph Conversion::Run() {
  values_[source_.input] = Normalized{out_.input, {}, {}};
  for (const Node& node : source_.nodes) values_[node.output] = Begin(node);
  const auto* result = std::get_if<Quantized>(&values_.at(source_.output));
  if (result == nullptr) {
    out_.output = Floats(source_.output);
  } else if (settings_.output_int) {
    out_.output = result->tensor;
  } else {
    graph::Append(out_, "output.dequantize",
                  graph::Dequantize{result->codes.scale, result->codes.zero_point},
                  {result->tensor});
  }
  graph::Verify(out_);
  return std::move(out_);
}

bool Conversion::ExactInFloat(const graph::Codes& codes) const {
  return settings_.dialect == config::Quantization::kTinpu && !HasMoreThanOctets(codes);
}

int Conversion::MultiplierBits(const graph::Codes& codes) const {
  constexpr int kMostBits = 15;
  return HasMoreThanOctets(codes) ? kMostBits : settings_.MultiplierBits();
}

graph::Requantize Conversion::Rounder(const graph::Codes& codes) const {
  if (!RoundsToNearest()) return {codes.lo, codes.hi};
  return {codes.lo, codes.hi, codes.zero_point, true};
}

Factor Conversion::FactorTo(double ratio, const graph::Codes& codes, int bits) const {
  if (RoundsToNearest()) return graph::MakeNearestFactor(ratio);
  return MakeFactor(std::min(ratio, WholeRange(codes)), bits);
}

int64_t Conversion::OffsetTo(double base, const graph::Codes& codes, const Factor& factor) const {
  if (RoundsToNearest()) return std::llrint(base);
  return graph::RoundingOffset(base + codes.zero_point / factor.Value(), factor);
}

Pending Conversion::Begin(const Node& node) {
  const bool real = std::holds_alternative<Normalized>(Value(node.inputs[0]));
  const Form form = FormOf(node.op);
  const bool moves = form == Form::kKeeps || form == Form::kLimits;
  const bool codes = std::holds_alternative<graph::FakeQuantize>(node.op);
  if (!codes && (WhyFloat(source_, node, settings_) || (real && moves))) return InFloats(node);
  const auto begin = [&](const auto& op) -> Pending { return quantize::Begin(*this, node, op); };
  const auto move = [&](const auto& op) { return Move(node, op); };
  return std::visit(
      graph::Overloaded{[&](const graph::Identity&) { return Value(node.inputs[0]); },
                        [&](const graph::BatchNorm& op) { return begin(op); },
                        [&](const graph::Conv2d& op) { return begin(op); },
                        [&](const graph::Linear& op) { return begin(op); },
                        [&](const graph::Relu&) { return Limit(node, 0.0, kNoLimit); },
                        [&](const graph::Clamp& op) { return Limit(node, op.low, op.high); },
                        [&](const graph::MaxPool& op) { return move(op); },
                        [&](const graph::Flatten& op) { return move(op); },
                        [&](const graph::Reshape& op) { return move(op); },
                        [&](const graph::Transpose& op) { return move(op); },
                        [&](const graph::Slice& op) { return move(op); },
                        [&](graph::Pad op) {
                          op.value = static_cast<float>(CodeOf(op.value, Input(node, 0).codes));
                          return move(op);
                        },
                        [&](const graph::Resize& op) {
                          return op.mode == graph::Resize::Mode::kNearest ? move(op) : begin(op);
                        },
                        [&](const graph::AvgPool& op) { return begin(op); },
                        [&](const graph::AdaptiveAvgPool& op) { return begin(op); },
                        [&](const graph::Add& op) { return begin(op); },
                        [&](const graph::Concat& op) { return begin(op); },
                        [&](const graph::ConvTranspose2d& op) { return begin(op); },
                        [&](const graph::Recurrent& op) { return begin(op); },
                        [&](const graph::Sigmoid& op) { return begin(op); },
                        [&](const graph::Tanh& op) { return begin(op); },
                        [&](const graph::LeakyRelu& op) { return begin(op); },
                        [&](const graph::Gelu& op) { return begin(op); },
                        [&](const graph::Softmax& op) { return begin(op); },
                        [&](const graph::LayerNorm& op) { return begin(op); },
                        [&](const graph::Mul& op) { return begin(op); },
                        [&](const graph::Scale& op) { return begin(op); },
                        [&](const graph::FakeQuantize& op) -> Pending { return Finish(node, op); },
                        [&](const auto&) -> Pending {
                          Check(false, "node {}: {} in a fake-quantised graph", node.name,
                                graph::Name(node.op));
                          return {};
                        }},
      node.op);
}

// The same codes in other places.
Pending Conversion::Move(const Node& node, graph::Op op) {
  const Quantized& x = Input(node, 0);
  return Emit(node.name, std::move(op), {x.tensor}, x.codes);
}

// A layer that stays float, on floats.
Normalized Conversion::InFloats(const Node& node) {
  std::vector<TensorId> inputs;
  for (const TensorId id : node.inputs) inputs.push_back(Floats(id));
  const TensorId output = graph::Append(out_, node.name, node.op, inputs);
  for (const graph::Role& role : graph::Roles(node.op, source_.At(node.inputs[0]).shape)) {
    out_.parameters[fmt::format("{}.{}", node.name, role.name)] =
        source_.Parameter(node, role.name);
  }
  return {output, {}, {}};
}

// The floats that stand for a tensor of the source.
TensorId Conversion::Floats(TensorId source) {
  const auto [tensor, added] = floats_.try_emplace(source, -1);
  if (!added) return tensor->second;
  const Pending& value = Value(source);
  const std::string& name = source_.At(source).name;
  if (const auto* x = std::get_if<Quantized>(&value)) {
    tensor->second =
        graph::Append(out_, name + ".dequantize",
                      graph::Dequantize{x->codes.scale, x->codes.zero_point}, {x->tensor});
    return tensor->second;
  }
  const auto* x = std::get_if<Normalized>(&value);
  Check(x != nullptr, "tensor {}: a float layer reads what has no codes", name);
  tensor->second = x->gain.empty() ? x->tensor : InFloats(*graph::Producer(source_, source)).tensor;
  return tensor->second;
}

// Pending values keep the limits for the FakeQuantize behind them.
Pending Conversion::Limit(const Node& node, double low, double high) {
  const Pending& value = Value(node.inputs[0]);
  const auto* x = std::get_if<Quantized>(&value);
  if (x == nullptr) {
    limits_[node.output] = {low, high};
    return value;
  }
  const graph::Codes codes = Limited(x->codes, low, high);
  if (codes == x->codes) return value;
  const Quantized result =
      Emit(node.name, graph::Requantize{codes.lo, codes.hi}, {x->tensor}, codes);
  SetFactors(node.name, Integers({0}), {1}, {0});
  return result;
}

Quantized Conversion::Finish(const Node& node, const graph::FakeQuantize& op) {
  const auto& range = source_.Parameter(node, "range").Floats();
  if (range[0] > range[1]) {
    Fail(Category::kModel, "node {}: no range was observed; calibrate or train first", node.name);
  }
  graph::Codes codes = graph::ActivationCodes(op, range[0], range[1]);
  if (const auto found = limits_.find(node.inputs[0]); found != limits_.end()) {
    codes = Limited(codes, found->second.first, found->second.second);
  }
  return std::visit(
      graph::Overloaded{
          [&](const Quantized& x) { return x; },
          [&](const Normalized& x) { return quantize::Finish(*this, node.name, x, codes); },
          [&](const auto& x) { return quantize::Finish(*this, x, codes); }},
      Value(node.inputs[0]));
}

const Quantized& Conversion::Input(const Node& node, size_t i) const {
  const auto* value = std::get_if<Quantized>(&Value(node.inputs.at(i)));
  if (value == nullptr) {
    Fail(Category::kModel, "layer {}: {} has no integer form here: its input has no codes",
         node.name, graph::Name(node.op));
  }
  return *value;
}

Quantized Conversion::Emit(const std::string& name, graph::Op op, std::vector<TensorId> inputs,
                           const graph::Codes& codes) {
  const TensorId tensor = graph::Append(out_, name, std::move(op), std::move(inputs));
  out_.At(tensor).scale = codes.scale;
  out_.At(tensor).zero_point = codes.zero_point;
  return {tensor, codes};
}

TensorId Conversion::Pad(const std::string& layer, const Quantized& x, graph::Padding2& padding) {
  if (x.codes.zero_point == 0 || padding == graph::Padding2{}) return x.tensor;
  const graph::Pad pad{std::exchange(padding, {}), static_cast<float>(x.codes.zero_point)};
  return Emit(layer + ".pad", pad, {x.tensor}, x.codes).tensor;
}

void Conversion::SetFactors(const std::string& name, Array offset,
                            const std::vector<int64_t>& multiplier,
                            const std::vector<int64_t>& shift) {
  out_.parameters[name + ".offset"] = std::move(offset);
  out_.parameters[name + ".multiplier"] = Integers(multiplier);
  out_.parameters[name + ".shift"] = Integers(shift);
}

int64_t LargestMagnitude(const graph::Codes& codes) {
  return std::max<int64_t>(std::abs(int64_t{codes.lo}), std::abs(int64_t{codes.hi}));
}

double WholeRange(const graph::Codes& codes) {
  // Multipliers have 16 bits with their sign.
  return std::clamp(static_cast<double>(int64_t{codes.hi} - codes.lo + 1), 256.0, 0x1.0p14);
}

int32_t CodeOf(double value, const graph::Codes& codes) {
  return static_cast<int32_t>(std::clamp(std::floor(value / codes.scale + 0.5) + codes.zero_point,
                                         static_cast<double>(codes.lo),
                                         static_cast<double>(codes.hi)));
}

Array Integers(const std::vector<int64_t>& values) {
  return {{static_cast<int64_t>(values.size())},
          std::vector<int32_t>(values.begin(), values.end())};
}

void RequireInt32(const std::string& layer, size_t channel, int64_t bound, const char* what) {
  if (bound <= std::numeric_limits<int32_t>::max()) return;
  throw Error(Category::kModel,
              fmt::format("layer {}, output channel {}: the {} can reach {}, more than 32 bits "
                          "hold",
                          layer, channel, what, bound),
              "use fewer input channels or a smaller kernel");
}

graph::Graph Convert(const graph::Graph& fake_quantized, const Settings& settings) {
  for (const auto& [name, array] : fake_quantized.parameters) {
    for (const float value : array.Floats()) {
      if (!std::isfinite(value)) {
        Fail(Category::kModel, "parameter {} is {}: such a network has no integer form", name,
             value);
      }
    }
  }
  graph::Graph folded = graph::FoldBatchNorm(fake_quantized);
  if (settings.dialect != config::Quantization::kTinpu) folded = graph::WithExactSums(folded);
  graph::Graph integer = Conversion(folded, settings).Run();
  RequireBounds(integer);
  return integer;
}

double OutputScale(const graph::Graph& integer) {
  const graph::Tensor& output = integer.Output();
  return output.dtype == DType::kFloat32 ? 1.0 : double{output.scale};
}

}  // namespace platypus::quantize
