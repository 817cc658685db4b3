// Fake-quantised graph -> integer graph. Each float tensor is followed as a Value: codes that stand
// for it already, or the operator that waits for the FakeQuantize which decides its codes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "platypus/base/error.h"
#include "platypus/graph/quantization.h"
#include "platypus/quantize/affine.h"
#include "platypus/quantize/quantize.h"
#include "tm_resize.h"

namespace platypus::quantize {
namespace {

using graph::Node;
using graph::TensorId;

// Products and sums below this are exact in float32, which is how ONNX files are evaluated.
constexpr int kExactBits = 24;
// A step of this many codes crosses the whole range of 8 bits, as any larger one does: layers whose
// results were all 0 when their range was observed have such steps.
constexpr double kWholeRange = 256.0;
constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// A tensor of integers: real = scale * code.
struct Quantized {
  TensorId tensor = -1;
  graph::Codes codes;
};
// Float input, possibly normalised: x * gain[c] + shift[c].
struct Normalized {
  std::vector<double> gain;
  std::vector<double> shift;
};
// int32 accumulators of a Conv2d or Linear: real = scale[c] * accumulator + bias[c].
struct Accumulated {
  TensorId tensor = -1;
  std::string layer;
  std::vector<double> scale;
  std::vector<double> bias;
  std::vector<int64_t> bound;  // largest magnitude of the accumulator
};
// int32 sums over windows or neighbours: real = scale * sum.
struct Summed {
  TensorId tensor = -1;
  std::string layer;
  double scale = 1.0;
  int64_t bound = 0;
};
struct Added {
  std::string layer;
  Quantized left;
  Quantized right;
};
struct Joined {
  std::string layer;
  int axis = 0;
  std::vector<Quantized> parts;
};

using Pending = std::variant<Quantized, Normalized, Accumulated, Summed, Added, Joined>;

int64_t LargestMagnitude(const graph::Codes& codes) {
  return std::max<int64_t>(std::abs(int64_t{codes.lo}), std::abs(int64_t{codes.hi}));
}

Array Integers(const std::vector<int64_t>& values) {
  return {{static_cast<int64_t>(values.size())},
          std::vector<int32_t>(values.begin(), values.end())};
}

class Conversion {
 public:
  Conversion(const graph::Graph& source, const Settings& settings)
      : source_(source),
        settings_(settings),
        out_(graph::MakeGraph(source.name, source.Input().shape)) {}

  graph::Graph Run() {
    const auto channels = static_cast<size_t>(source_.Input().shape.at(0));
    values_[source_.input] =
        Normalized{std::vector<double>(channels, 1.0), std::vector<double>(channels, 0.0)};
    for (const Node& node : source_.nodes) values_[node.output] = Convert(node);
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

 private:
  const Quantized& Input(const Node& node, size_t i) const {
    const auto* value = std::get_if<Quantized>(&values_.at(node.inputs.at(i)));
    if (value == nullptr) {
      Fail(Category::kModel, "layer {}: {} has no integer form here: its input has no codes",
           node.name, graph::Name(node.op));
    }
    return *value;
  }

  Quantized Emit(const std::string& name, graph::Op op, std::vector<TensorId> inputs,
                 const graph::Codes& codes) {
    const TensorId tensor = graph::Append(out_, name, std::move(op), std::move(inputs));
    out_.At(tensor).scale = codes.scale;
    return {tensor, codes};
  }

  Pending Convert(const Node& node) {
    return std::visit(
        graph::Overloaded{
            [&](const graph::Identity&) -> Pending { return values_.at(node.inputs[0]); },
            [&](const graph::BatchNorm& op) -> Pending { return Normalize(node, op); },
            [&](const graph::Conv2d& op) -> Pending {
              return Accumulate(node, op, op.weight_quantizer);
            },
            [&](const graph::Linear& op) -> Pending {
              return Accumulate(node, op, op.weight_quantizer);
            },
            [&](const graph::Relu&) -> Pending { return Limit(node, 0.0, kNoLimit); },
            [&](const graph::Clamp& op) -> Pending { return Limit(node, op.low, op.high); },
            [&](const graph::MaxPool& op) -> Pending { return Move(node, op); },
            [&](const graph::Flatten& op) -> Pending { return Move(node, op); },
            [&](const graph::Reshape& op) -> Pending { return Move(node, op); },
            [&](const graph::Transpose& op) -> Pending { return Move(node, op); },
            [&](const graph::Slice& op) -> Pending { return Move(node, op); },
            [&](const graph::Resize& op) -> Pending {
              if (op.mode == graph::Resize::Mode::kNearest) return Move(node, op);
              return Blend(node, op);
            },
            [&](const graph::AvgPool& op) -> Pending {
              return Sum(node, {op.kernel, op.stride, op.padding});
            },
            [&](const graph::AdaptiveAvgPool& op) -> Pending {
              return Sum(node, EvenWindows(node, op));
            },
            [&](const graph::Add&) -> Pending {
              return Added{node.name, Input(node, 0), Input(node, 1)};
            },
            [&](const graph::Concat& op) -> Pending {
              Joined joined{node.name, op.axis, {}};
              for (size_t i = 0; i < node.inputs.size(); ++i)
                joined.parts.push_back(Input(node, i));
              return joined;
            },
            [&](const graph::FakeQuantize& op) -> Pending { return Quantize(node, op); },
            [&](const auto&) -> Pending {
              Check(false, "node {}: {} in a fake-quantised graph", node.name,
                    graph::Name(node.op));
              return {};
            }},
        node.op);
  }

  Normalized Normalize(const Node& node, const graph::BatchNorm& op) {
    auto value = std::get<Normalized>(values_.at(node.inputs[0]));
    const auto& gamma = source_.Parameter(node, "weight").Floats();
    const auto& beta = source_.Parameter(node, "bias").Floats();
    const auto& mean = source_.Parameter(node, "running_mean").Floats();
    const auto& variance = source_.Parameter(node, "running_var").Floats();
    for (size_t c = 0; c < gamma.size(); ++c) {
      const double gain = gamma[c] / std::sqrt(double{variance[c]} + double{op.epsilon});
      value.gain[c] *= gain;
      value.shift[c] = (value.shift[c] - mean[c]) * gain + beta[c];
    }
    return value;
  }

  template <typename Layer>
  Accumulated Accumulate(const Node& node, const Layer& op,
                         const std::optional<graph::WeightQuantizer>& quantizer) {
    Check(quantizer.has_value(), "node {}: weights without a quantizer", node.name);
    const Quantized& x = Input(node, 0);
    const Array& weight = source_.Parameter(node, "weight");
    const auto channels = static_cast<size_t>(weight.shape[0]);
    const size_t row = weight.Floats().size() / channels;
    const std::vector<graph::Codes> all_codes =
        graph::ChannelCodes(source_, node, "weight", weight.Floats());
    Accumulated value;
    value.layer = node.name;
    std::vector<int8_t> integers(weight.Floats().size());
    for (size_t c = 0; c < channels; ++c) {
      const std::span<const float> floats(weight.Floats().data() + c * row, row);
      const double bias = op.has_bias ? source_.Parameter(node, "bias").Floats()[c] : 0.0;
      graph::Codes codes = all_codes[c];
      // A channel of (nearly) nothing but bias: coarser weights keep its offset within the
      // accumulator.
      constexpr double kLargestBias = 1 << 22;
      while (std::abs(bias) > kLargestBias * codes.scale * x.codes.scale) codes.scale *= 2.0f;
      int64_t sum = 0;
      for (size_t i = 0; i < row; ++i) {
        const int32_t q = graph::QuantizeWeight(*quantizer, floats[i], codes);
        integers[c * row + i] = static_cast<int8_t>(q);
        sum += std::abs(q);
      }
      value.scale.push_back(double{codes.scale} * x.codes.scale);
      value.bias.push_back(bias);
      value.bound.push_back(sum * LargestMagnitude(x.codes));
    }
    Layer integer = op;
    integer.has_bias = false;
    integer.weight_quantizer.reset();
    value.tensor = graph::Append(out_, node.name, integer, {x.tensor});
    out_.parameters[node.name + ".weight"] = {weight.shape, std::move(integers)};
    return value;
  }

  // The windows of an adaptive pool when they are all alike.
  graph::AvgPool EvenWindows(const Node& node, const graph::AdaptiveAvgPool& op) const {
    const Shape& in = source_.At(node.inputs[0]).shape;
    const auto axis = [&](int64_t n, int o, const char* name) {
      if (n % o != 0) {
        throw Error(
            Category::kModel,
            fmt::format("layer {}: adaptive average pool from {} to {} along {} has windows of "
                        "different sizes, which have no integer form",
                        node.name, n, o, name),
            fmt::format("choose a frame size that makes {} a multiple of {}", n, o));
      }
      return static_cast<int>(n / o);
    };
    const graph::Size2 kernel = {axis(in[1], op.output.h, "height"),
                                 axis(in[2], op.output.w, "width")};
    return {kernel, kernel, {}};
  }

  Summed Sum(const Node& node, const graph::AvgPool& windows) {
    const Quantized& x = Input(node, 0);
    const int64_t area = int64_t{windows.kernel.h} * windows.kernel.w;
    Summed value;
    value.layer = node.name;
    value.scale = double{x.codes.scale} / static_cast<double>(area);
    value.bound = area * LargestMagnitude(x.codes);
    RequireInt32(node.name, 0, value.bound, "window sum");
    value.tensor =
        graph::Append(out_, node.name,
                      graph::SumPool{windows.kernel, windows.stride, windows.padding}, {x.tensor});
    return value;
  }

  // The weights of tm_resize.h are `parts` times too large.
  Summed Blend(const Node& node, const graph::Resize& op) {
    const Quantized& x = Input(node, 0);
    const Shape& in = source_.At(node.inputs[0]).shape;
    const auto parts = [](int64_t ins, int outs) {
      return int64_t{tm_stretch_of(static_cast<tm_i32>(ins), outs).parts};
    };
    const int64_t all = parts(in[1], op.output.h) * parts(in[2], op.output.w);
    Summed value;
    value.layer = node.name;
    value.scale = double{x.codes.scale} / static_cast<double>(all);
    value.bound = all * LargestMagnitude(x.codes);
    RequireInt32(node.name, 0, value.bound, "sum of neighbours");
    value.tensor = graph::Append(out_, node.name, op, {x.tensor});
    return value;
  }

  // The same codes in other places.
  Quantized Move(const Node& node, graph::Op op) {
    const Quantized& x = Input(node, 0);
    return Emit(node.name, std::move(op), {x.tensor}, x.codes);
  }

  // The codes of values from low to high.
  static graph::Codes Limited(const graph::Codes& codes, double low, double high) {
    const auto code = [&](double value) {
      return static_cast<int32_t>(std::clamp(std::floor(value / codes.scale + 0.5),
                                             static_cast<double>(codes.lo),
                                             static_cast<double>(codes.hi)));
    };
    return {codes.scale, code(low), code(high)};
  }

  // Pending values keep the limits for the FakeQuantize behind them.
  Pending Limit(const Node& node, double low, double high) {
    const Pending& value = values_.at(node.inputs[0]);
    const auto* x = std::get_if<Quantized>(&value);
    if (x == nullptr) {
      limits_[node.output] = {low, high};
      return value;
    }
    const graph::Codes codes = Limited(x->codes, low, high);
    if (codes == x->codes) return value;
    const Quantized result =
        Emit(node.name, graph::Requantize{codes.lo, codes.hi}, {x->tensor}, codes);
    SetRequantize(node.name, {0}, {1}, {0});
    return result;
  }

  void SetRequantize(const std::string& name, const std::vector<int64_t>& offset,
                     const std::vector<int64_t>& multiplier, const std::vector<int64_t>& shift) {
    out_.parameters[name + ".offset"] = Integers(offset);
    out_.parameters[name + ".multiplier"] = Integers(multiplier);
    out_.parameters[name + ".shift"] = Integers(shift);
  }

  static void RequireInt32(const std::string& layer, size_t channel, int64_t bound,
                           const char* what) {
    if (bound <= std::numeric_limits<int32_t>::max()) return;
    throw Error(
        Category::kModel,
        fmt::format("layer {}, output channel {}: the {} can reach {}, more than 32 bits hold",
                    layer, channel, what, bound),
        "use fewer input channels or a smaller kernel");
  }

  Quantized Quantize(const Node& node, const graph::FakeQuantize& op) {
    const auto& range = source_.Parameter(node, "range").Floats();
    if (range[0] > range[1]) {
      Fail(Category::kModel, "node {}: no range was observed; calibrate or train first", node.name);
    }
    graph::Codes codes = graph::ActivationCodes(op, range[0], range[1]);
    if (const auto found = limits_.find(node.inputs[0]); found != limits_.end()) {
      codes = Limited(codes, found->second.first, found->second.second);
    }
    return std::visit(
        graph::Overloaded{[&](const Quantized& x) { return x; },
                          [&](const Normalized& x) { return QuantizeInput(node.name, x, codes); },
                          [&](const Accumulated& x) { return Requantize(x, codes); },
                          [&](const Summed& x) { return Requantize(x, codes); },
                          [&](const Added& x) { return Requantize(x, codes); },
                          [&](const Joined& x) { return Requantize(x, codes); }},
        values_.at(node.inputs[0]));
  }

  // floor(((x + offset) * multiplier) * 2^-shift) with (x * gain + shift) / scale + 1/2 inside the
  // floor. A channel that hardly varies has a large gain: its multiplier is 12 bits and zeros,
  // which float32 holds exactly.
  Quantized QuantizeInput(const std::string& name, const Normalized& x, const graph::Codes& codes) {
    constexpr int kBits = 12;
    constexpr int kMaxShift = 60;  // floats: no integer is shifted here
    const size_t channels = x.gain.size();
    std::vector<float> offset(channels);
    std::vector<int64_t> multiplier(channels);
    std::vector<int64_t> shift(channels);
    for (size_t c = 0; c < channels; ++c) {
      const double w = x.gain[c] / codes.scale;
      if (std::abs(w) < 0x1.0p-48) {  // a constant channel: one code, whatever the input
        const double code =
            std::clamp(std::floor(x.shift[c] / codes.scale + 0.5), static_cast<double>(codes.lo),
                       static_cast<double>(codes.hi));
        offset[c] = static_cast<float>((code + 0.5) * 0x1.0p31);
        multiplier[c] = 1;
        shift[c] = 31;
        continue;
      }
      const Factor factor = MakeFactor(w, kBits, kMaxShift);
      // The offset belongs to the exact gain; half a code is half / gain in units of x.
      offset[c] = static_cast<float>(x.shift[c] / x.gain[c] + 0.5 / factor.Value());
      multiplier[c] = factor.multiplier;
      shift[c] = factor.shift;
    }
    const Quantized result =
        Emit(name, graph::QuantizeInput{codes.lo, codes.hi}, {out_.input}, codes);
    out_.parameters[name + ".offset"] = {{static_cast<int64_t>(channels)}, std::move(offset)};
    out_.parameters[name + ".multiplier"] = Integers(multiplier);
    out_.parameters[name + ".shift"] = Integers(shift);
    return result;
  }

  void ClearWeights(const std::string& layer, size_t channel) {
    Array& weight = out_.parameters.at(layer + ".weight");
    auto& values = std::get<std::vector<int8_t>>(weight.values);
    const auto row = static_cast<std::ptrdiff_t>(values.size()) / weight.shape[0];
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(channel) * row;
    std::fill(first, first + row, int8_t{0});
  }

  Quantized Requantize(const Accumulated& x, const graph::Codes& codes) {
    std::vector<int64_t> offset;
    std::vector<int64_t> multiplier;
    std::vector<int64_t> shift;
    for (size_t c = 0; c < x.scale.size(); ++c) {
      const double ratio = x.scale[c] / codes.scale;
      Factor factor;
      if (ratio < 0x1.0p-30) {  // the sum never moves the code; only the bias is left
        factor = {1, 22};
        const double code = std::clamp(x.bias[c] / codes.scale, -256.0, 256.0);
        offset.push_back(std::llrint(std::ldexp(code + 0.5, factor.shift)));
        ClearWeights(x.layer, c);
      } else {
        factor = MakeFactor(std::min(ratio, kWholeRange), settings_.MultiplierBits());
        offset.push_back(RoundingOffset(x.bias[c] / x.scale[c], factor));
      }
      multiplier.push_back(factor.multiplier);
      shift.push_back(factor.shift);
      const int64_t sum = x.bound[c] + std::abs(offset.back());
      RequireInt32(x.layer, c, sum, "accumulator");
    }
    const std::string name = x.layer + ".requantize";
    const Quantized result = Emit(name, graph::Requantize{codes.lo, codes.hi}, {x.tensor}, codes);
    SetRequantize(name, offset, multiplier, shift);
    return result;
  }

  Quantized Requantize(const Summed& x, const graph::Codes& codes) {
    // As many multiplier bits as keep (sum + offset) * multiplier exact in float32.
    constexpr int kMostBits = 12;
    constexpr int kFewestBits = 6;
    const double ratio = std::min(x.scale / codes.scale, kWholeRange);
    Factor factor;
    int64_t offset = 0;
    for (int bits = kMostBits; bits >= kFewestBits; --bits) {
      factor = MakeFactor(ratio, bits);
      offset = RoundingOffset(0.0, factor);
      if ((x.bound + offset) * factor.multiplier < int64_t{1} << kExactBits) break;
    }
    RequireInt32(x.layer, 0, x.bound + offset, "window sum");
    const std::string name = x.layer + ".requantize";
    const Quantized result = Emit(name, graph::Requantize{codes.lo, codes.hi}, {x.tensor}, codes);
    SetRequantize(name, {offset}, {factor.multiplier}, {factor.shift});
    return result;
  }

  Quantized Requantize(const Added& x, const graph::Codes& codes) {
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
    return Emit(x.layer, op, {x.left.tensor, x.right.tensor}, codes);
  }

  Quantized Requantize(const Joined& x, const graph::Codes& codes) {
    std::vector<TensorId> inputs;
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
          Emit(name, graph::Requantize{codes.lo, codes.hi}, {part.tensor}, codes).tensor);
      SetRequantize(name, {RoundingOffset(0.0, factor)}, {factor.multiplier}, {factor.shift});
    }
    return Emit(x.layer, graph::Concat{x.axis}, inputs, codes);
  }

  const graph::Graph& source_;
  const Settings& settings_;
  graph::Graph out_;
  std::map<TensorId, Pending> values_;                    // what stands for each tensor of source_
  std::map<TensorId, std::pair<double, double>> limits_;  // of pending values
};

}  // namespace

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
