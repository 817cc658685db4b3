// What is quantised to which bits.
#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {
namespace {

using config::Quantization;

graph::Rounding RoundingOf(config::WeightRounding wanted) {
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
  }
  return graph::Rounding::kNearest;
}

// * stands for any text, ? for any character.
bool Fits(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    for (size_t skipped = 0; skipped <= name.size(); ++skipped) {
      if (Fits(pattern.substr(1), name.substr(skipped))) return true;
    }
    return false;
  }
  return !name.empty() && (pattern[0] == '?' || pattern[0] == name[0]) &&
         Fits(pattern.substr(1), name.substr(1));
}

bool IsDense(const graph::Node& node) {
  return std::holds_alternative<graph::Conv2d>(node.op) ||
         std::holds_alternative<graph::Linear>(node.op);
}

bool IsNorm(const graph::Node& node) { return std::holds_alternative<graph::BatchNorm>(node.op); }

bool IsLimit(const graph::Node& node) {
  return std::holds_alternative<graph::Relu>(node.op) ||
         std::holds_alternative<graph::Clamp>(node.op);
}

// For each node the layer that it is part of: itself, or what its batch norm folds into, or what
// it limits.
std::vector<const graph::Node*> LayersOfNodes(const graph::Graph& trained) {
  std::vector<const graph::Node*> layers;
  for (const graph::Node& node : trained.nodes) {
    const graph::Node* layer = &node;
    const graph::Node* before = graph::Producer(trained, node.inputs[0]);
    const bool alone = graph::Consumers(trained, node.inputs[0]).size() == 1;
    if (before != nullptr && alone && (IsLimit(node) || IsNorm(node))) {
      const graph::Node* taken_by = layers[static_cast<size_t>(before - trained.nodes.data())];
      if (IsLimit(node) || (IsDense(*before) && taken_by == before)) layer = taken_by;
    }
    layers.push_back(layer);
  }
  return layers;
}

class Resolution {
 public:
  Resolution(const graph::Graph& trained, const Precision& precision)
      : trained_(trained), precision_(precision), layers_(LayersOfNodes(trained)) {}

  // The first pattern that fits a layer holds.
  void Name(const std::vector<config::LayerPrecision>& patterns) {
    for (const config::LayerPrecision& pattern : patterns) {
      bool fits = false;
      for (size_t n = 0; n < layers_.size(); ++n) {
        if (layers_[n] != &trained_.nodes[n] || !Fits(pattern.pattern, layers_[n]->name)) continue;
        fits = true;
        result_.try_emplace(
            layers_[n]->name,
            Precision{pattern.weight_bits.value_or(precision_.weight_bits),
                      pattern.activation_bits.value_or(precision_.activation_bits)});
      }
      if (!fits) {
        throw Error(
            Category::kConfiguration,
            fmt::format("training.layer_precision: no layer is called '{}'", pattern.pattern),
            Suggest(pattern.pattern, LayersWithWeights(trained_)));
      }
    }
  }

  void KeepInFloat(const std::vector<std::string>& names) {
    for (const std::string& name : names)
      result_.try_emplace(name, Precision{Precision::kFloat, precision_.activation_bits});
  }

  // Parts of a layer have its bits.
  std::map<std::string, Precision> Result() && {
    for (size_t n = 0; n < layers_.size(); ++n) {
      if (const auto found = result_.find(layers_[n]->name); found != result_.end())
        result_.insert_or_assign(trained_.nodes[n].name, found->second);
    }
    return std::move(result_);
  }

 private:
  const graph::Graph& trained_;
  const Precision precision_;
  const std::vector<const graph::Node*> layers_;
  std::map<std::string, Precision> result_;
};

}  // namespace

std::vector<std::string> LayersWithWeights(const graph::Graph& graph) {
  std::vector<std::string> names;
  for (const graph::Node& node : graph.nodes) {
    if (IsDense(node) || std::holds_alternative<graph::ConvTranspose2d>(node.op) ||
        std::holds_alternative<graph::Recurrent>(node.op)) {
      names.push_back(node.name);
    }
  }
  return names;
}

std::vector<std::string> PartialLayers(const graph::Graph& trained) {
  std::vector<std::string> names;
  if (!trained.nodes.empty() && IsNorm(trained.nodes.front()) &&
      trained.nodes.front().inputs[0] == trained.input) {
    names.push_back(trained.nodes.front().name);
  }
  const auto first = std::ranges::find_if(trained.nodes, IsDense);
  if (first != trained.nodes.end()) names.push_back(first->name);
  const auto last = std::find_if(trained.nodes.rbegin(), trained.nodes.rend(), [](const auto& n) {
    return std::holds_alternative<graph::Linear>(n.op);
  });
  if (last != trained.nodes.rend() && last->name != names.back()) names.push_back(last->name);
  return names;
}

void SetPrecision(Settings& settings, const graph::Graph& trained, const std::string& layer,
                  const Precision& precision) {
  const std::vector<const graph::Node*> layers = LayersOfNodes(trained);
  for (size_t n = 0; n < layers.size(); ++n) {
    if (layers[n]->name == layer) settings.layers[trained.nodes[n].name] = precision;
  }
}

bool StaysInFloat(const Settings& settings, const graph::Graph& trained) {
  const std::vector<FloatLayer> floats = FloatLayers(trained, settings);
  return std::ranges::all_of(LayersWithWeights(trained), [&](const std::string& layer) {
    return std::ranges::find(floats, layer, &FloatLayer::layer) != floats.end();
  });
}

const Precision& Settings::Of(const std::string& layer) const {
  const auto found = layers.find(layer);
  return found == layers.end() ? precision : found->second;
}

int Settings::FewestWeightBits() const {
  int bits = precision.weight_bits;
  for (const auto& [layer, own] : layers) bits = std::min(bits, own.weight_bits);
  return bits;
}

graph::WeightQuantizer Settings::Weights(const std::string& layer) const {
  const int bits = Of(layer).weight_bits;
  return {bits, power_of_two_scale.value_or(dialect == Quantization::kTinpu && bits == 8),
          per_channel, RoundingOf(rounding)};
}

graph::FakeQuantize Settings::Activations(const std::string& layer) const {
  return {Of(layer).activation_bits, power_of_two_scale.value_or(dialect == Quantization::kTinpu),
          affine, rounding == config::WeightRounding::kLearnedStep && !affine};
}

Settings MakeSettings(const config::Training& training, config::TaskCategory category,
                      const graph::Graph& trained) {
  Settings settings;
  settings.dialect = training.quantization;
  settings.precision = {training.quantization_weight_bitwidth,
                        training.quantization_activation_bitwidth};
  settings.rounding = training.quantization_rounding;
  // Without training nothing learns a step.
  if (training.quantization_method == config::QuantizationMethod::kPtq &&
      settings.rounding == config::WeightRounding::kLearnedStep) {
    settings.rounding = config::WeightRounding::kNearest;
  }
  settings.power_of_two_scale = training.quantization_power2_scale;
  settings.affine = training.quantization_affine;
  settings.per_channel = training.quantization_per_channel;
  settings.output_int =
      training.output_int.value_or(category == config::TaskCategory::kTimeseriesClassification);
  Resolution layers(trained, settings.precision);
  layers.Name(training.layer_precision);
  if (training.partial_quantization) layers.KeepInFloat(PartialLayers(trained));
  settings.layers = std::move(layers).Result();
  return settings;
}

}  // namespace platypus::quantize
