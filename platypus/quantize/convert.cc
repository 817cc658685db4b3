// Fake-quantised graph -> integer graph: the table of operators, and those that change no codes.
#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/quantize/conversion.h"

namespace platypus::quantize {
namespace {

using graph::Node;
using graph::TensorId;

// The codes of values from low to high.
graph::Codes Limited(const graph::Codes& codes, double low, double high) {
  const auto code = [&](double value) {
    return static_cast<int32_t>(std::clamp(std::floor(value / codes.scale + 0.5),
                                           static_cast<double>(codes.lo),
                                           static_cast<double>(codes.hi)));
  };
  return {codes.scale, code(low), code(high)};
}

}  // namespace

Conversion::Conversion(const graph::Graph& source, const Settings& settings)
    : source_(source),
      settings_(settings),
      out_(graph::MakeGraph(source.name, source.Input().shape)) {}

graph::Graph Conversion::Run() {
  const auto channels = static_cast<size_t>(source_.Input().shape.at(0));
  values_[source_.input] =
      Normalized{std::vector<double>(channels, 1.0), std::vector<double>(channels, 0.0)};
  for (const Node& node : source_.nodes) values_[node.output] = Begin(node);
  const auto* result = std::get_if<Quantized>(&values_.at(source_.output));
  Check(result != nullptr, "graph {}: the output has no codes", source_.name);
  out_.output = result->tensor;
  if (!settings_.output_int) {
    graph::Append(out_, "output.dequantize", graph::Dequantize{result->codes.scale},
                  {result->tensor});
  }
  graph::Verify(out_);
  return std::move(out_);
}

Pending Conversion::Begin(const Node& node) {
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
                        [&](const graph::Resize& op) {
                          return op.mode == graph::Resize::Mode::kNearest ? move(op) : begin(op);
                        },
                        [&](const graph::AvgPool& op) { return begin(op); },
                        [&](const graph::AdaptiveAvgPool& op) { return begin(op); },
                        [&](const graph::Add& op) { return begin(op); },
                        [&](const graph::Concat& op) { return begin(op); },
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
  return {tensor, codes};
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
  return Conversion(graph::FoldBatchNorm(fake_quantized), settings).Run();
}

double OutputScale(const graph::Graph& integer) {
  const graph::Tensor& output = integer.Output();
  return output.dtype == DType::kFloat32 ? 1.0 : double{output.scale};
}

}  // namespace platypus::quantize
