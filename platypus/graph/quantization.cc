#include "platypus/graph/quantization.h"

#include <algorithm>

namespace platypus::graph {
namespace {

float Finish(float scale, bool power_of_two) {
  scale = std::max(scale, kSmallestScale);
  return power_of_two ? CeilPowerOfTwo(scale) : scale;
}

}  // namespace

int32_t LargestCode(const WeightQuantizer& quantizer) {
  return quantizer.rounding == Rounding::kTernary ? 1 : (1 << (quantizer.bits - 1)) - 1;
}

float CeilPowerOfTwo(float x) {
  int exponent = 0;
  const float fraction =
      std::frexp(x, &exponent);  // x = fraction * 2^exponent, fraction in [0.5, 1)
  return std::ldexp(1.0f, fraction == 0.5f ? exponent - 1 : exponent);
}

Codes ActivationCodes(const FakeQuantize& op, float min, float max) {
  Codes codes;
  const float magnitude = std::max(std::abs(min), std::abs(max));
  if (op.affine && min < 0.0f) {
    codes.lo = 0;
    codes.hi = (1 << op.bits) - 1;
    codes.scale =
        Finish((std::max(max, 0.0f) - min) / static_cast<float>(codes.hi), op.power_of_two_scale);
    codes.zero_point =
        std::min(static_cast<int32_t>(std::floor(-min / codes.scale + 0.5f)), codes.hi);
    return codes;
  }
  if (min >= 0.0f) {
    codes.lo = 0;
    codes.hi = op.bits > 8 ? (1 << (op.bits - 1)) - 1 : (1 << op.bits) - 1;
  } else {
    codes.lo = -(1 << (op.bits - 1));
    codes.hi = (1 << (op.bits - 1)) - 1;
  }
  codes.scale = Finish(magnitude / static_cast<float>(codes.hi), op.power_of_two_scale);
  return codes;
}

float Magnitude(const WeightQuantizer& quantizer, const WeightLayout& layout, size_t row,
                std::span<const float> weights) {
  float largest = 0.0f;
  double sum = 0;
  size_t count = 0;
  const auto look_at = [&](std::span<const float> run) {
    count += run.size();
    for (const float weight : run) {
      largest = std::max(largest, std::abs(weight));
      sum += std::abs(double{weight});
    }
  };
  if (quantizer.per_channel) {
    layout.ForRuns(row, [&](size_t first) { look_at(weights.subspan(first, layout.length)); });
  } else {
    look_at(weights);
  }
  if (LargestCode(quantizer) > 1 || count == 0) return largest;
  return kTernaryScale * static_cast<float>(sum / static_cast<double>(count));
}

Codes WeightCodes(const WeightQuantizer& quantizer, float magnitude) {
  return StepCodes(quantizer, magnitude / static_cast<float>(LargestCode(quantizer)));
}

Codes StepCodes(const WeightQuantizer& quantizer, float step) {
  const int32_t hi = LargestCode(quantizer);
  return {Finish(step, quantizer.power_of_two_scale), -hi, hi};
}

std::string StepRole(std::string_view weight_role) {
  return "step" + std::string(weight_role.substr(std::string_view("weight").size()));
}

WeightLayout LayoutOf(const Op& op, const Shape& weight) {
  const auto size = static_cast<size_t>(NumElements(weight));
  if (const auto* conv = std::get_if<ConvTranspose2d>(&op)) {
    const auto channels = static_cast<size_t>(conv->out_channels);
    const auto group = static_cast<size_t>(weight[1]);
    const auto length = static_cast<size_t>(weight[2] * weight[3]);
    return {channels, group, size / (channels * length), length, group * length};
  }
  const auto channels = static_cast<size_t>(weight[0]);
  return {channels, channels, 1, size / channels, size};
}

void ScaleChannels(const WeightLayout& layout, std::span<const float> factors,
                   std::span<float> weights) {
  for (size_t c = 0; c < layout.channels; ++c) {
    layout.ForRuns(c, [&](size_t first) {
      for (float& weight : weights.subspan(first, layout.length)) weight *= factors[c];
    });
  }
}

std::optional<WeightQuantizer> QuantizerOf(const Op& op) {
  using Quantizer = std::optional<WeightQuantizer>;
  return std::visit(
      Overloaded{[](const Conv2d& o) -> Quantizer { return o.weight_quantizer; },
                 [](const ConvTranspose2d& o) -> Quantizer { return o.weight_quantizer; },
                 [](const Linear& o) -> Quantizer { return o.weight_quantizer; },
                 [](const Recurrent& o) -> Quantizer { return o.weight_quantizer; },
                 [](const auto&) -> Quantizer { return std::nullopt; }},
      op);
}

std::vector<Codes> ChannelCodes(const Graph& graph, const Node& layer, const std::string& role,
                                std::span<const float> weights) {
  const WeightQuantizer quantizer = QuantizerOf(layer.op).value();
  const WeightLayout layout = LayoutOf(layer.op, graph.Parameter(layer, role).shape);
  std::vector<Codes> codes;
  if (quantizer.rounding == Rounding::kLearnedStep) {
    const std::vector<float>& steps = graph.Parameter(layer, StepRole(role)).Floats();
    for (size_t c = 0; c < layout.channels; ++c) {
      codes.push_back(StepCodes(quantizer, steps[quantizer.per_channel ? c : 0]));
    }
    return codes;
  }
  for (size_t row = 0; row < CodeRows(quantizer, layout.channels); ++row) {
    codes.push_back(WeightCodes(quantizer, Magnitude(quantizer, layout, row, weights)));
  }
  codes.resize(layout.channels, codes[0]);
  return codes;
}

std::vector<float> InitialSteps(const WeightQuantizer& quantizer, const WeightLayout& layout,
                                std::span<const float> weights) {
  const size_t rows = CodeRows(quantizer, layout.channels);
  std::vector<double> sums(rows, 0.0);
  std::vector<float> largest(rows, 0.0f);
  for (size_t c = 0; c < layout.channels; ++c) {
    const size_t row = quantizer.per_channel ? c : 0;
    layout.ForRuns(c, [&](size_t first) {
      const std::span<const float> run = weights.subspan(first, layout.length);
      for (const float w : run) sums[row] += std::abs(double{w});
      largest[row] = std::max(largest[row], MaxAbs(run));
    });
  }
  const double count = static_cast<double>(weights.size()) / static_cast<double>(rows);
  const double hi = LargestCode(quantizer);
  std::vector<float> steps;
  for (size_t row = 0; row < rows; ++row) {
    const double step = std::min(2 * sums[row] / (count * std::sqrt(hi)), largest[row] / hi);
    steps.push_back(std::max(static_cast<float>(step), kSmallestScale));
  }
  return steps;
}

float MaxAbs(std::span<const float> row) {
  float largest = 0.0f;
  for (const float value : row) largest = std::max(largest, std::abs(value));
  return largest;
}

int CodeBits(std::span<const int8_t> codes) {
  int8_t least = 0;
  int8_t most = 0;
  for (const int8_t code : codes) {
    least = std::min(least, code);
    most = std::max(most, code);
  }
  if (least >= -2 && most <= 1) return 2;
  return least >= -8 && most <= 7 ? 4 : 8;
}

int64_t PackedOctets(int bits, int64_t channels, int64_t row) {
  if (bits == 8) return channels * row;
  const int64_t elements = channels / 4 * row + channels % 4 * ((row + 3) / 4);
  return elements * bits / 2;
}

int64_t StoredOctets(const Op& op, const Array& parameter) {
  const auto* codes = std::get_if<std::vector<int8_t>>(&parameter.values);
  const bool packed = std::holds_alternative<Conv2d>(op) || std::holds_alternative<Linear>(op);
  if (codes != nullptr && packed && !codes->empty()) {
    const int64_t channels = parameter.shape.at(0);
    return PackedOctets(CodeBits(*codes), channels, NumElements(parameter.shape) / channels);
  }
  return std::visit(
      [](const auto& values) { return static_cast<int64_t>(values.size() * sizeof(values[0])); },
      parameter.values);
}

}  // namespace platypus::graph
