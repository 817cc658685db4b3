// What is quantised to which bits.
#include "platypus/base/error.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {
namespace {

using config::Quantization;

graph::Rounding RoundingOf(config::WeightRounding wanted, int bits) {
  switch (wanted) {
    case config::WeightRounding::kNearest:
      return graph::Rounding::kNearest;
    case config::WeightRounding::kSoftSigmoid:
      return graph::Rounding::kSoftSigmoid;
    case config::WeightRounding::kSoftTanh:
      return graph::Rounding::kSoftTanh;
    case config::WeightRounding::kTernary:
      return graph::Rounding::kTernary;
    case config::WeightRounding::kLearnedStep:
      return graph::Rounding::kLearnedStep;
    case config::WeightRounding::kByBits:
      break;
  }
  return bits == 2   ? graph::Rounding::kTernary
         : bits == 4 ? graph::Rounding::kSoftSigmoid
                     : graph::Rounding::kNearest;
}

}  // namespace

const Precision& Settings::Of(const std::string& layer) const {
  const auto found = layers.find(layer);
  return found == layers.end() ? precision : found->second;
}

graph::WeightQuantizer Settings::Weights(const std::string& layer) const {
  const int bits = Of(layer).weight_bits;
  return {bits, power_of_two_scale.value_or(dialect == Quantization::kTinpu && bits == 8),
          per_channel, RoundingOf(rounding, bits)};
}

graph::FakeQuantize Settings::Activations(const std::string& layer) const {
  return {Of(layer).activation_bits, power_of_two_scale.value_or(dialect == Quantization::kTinpu),
          affine, rounding == config::WeightRounding::kLearnedStep && !affine};
}

Settings MakeSettings(const config::Training& training, config::TaskCategory category,
                      const graph::Graph&) {
  Settings settings;
  settings.dialect = training.quantization;
  settings.precision = {training.quantization_weight_bitwidth,
                        training.quantization_activation_bitwidth};
  settings.rounding = training.quantization_rounding;
  settings.power_of_two_scale = training.quantization_power2_scale;
  settings.affine = training.quantization_affine;
  settings.per_channel = training.quantization_per_channel;
  settings.output_int =
      training.output_int.value_or(category == config::TaskCategory::kTimeseriesClassification);
  return settings;
}

}  // namespace platypus::quantize
