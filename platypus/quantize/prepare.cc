// The fake-quantised graph.
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "platypus/base/error.h"
#include "platypus/graph/quantization.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {
namespace {

using graph::Node;
using graph::TensorId;

template <typename T>
bool Is(const Node* node) {
  return node != nullptr && std::holds_alternative<T>(node->op);
}

// Whether an operator's result has values that no input had: then it gets codes of its own. Nothing
// for an operator that has no integer form.
std::optional<bool> MakesNewValues(const graph::Op& op) {
  return std::visit(
      graph::Overloaded{[](const graph::Identity&) { return std::optional(false); },
                        [](const graph::Relu&) { return std::optional(false); },
                        [](const graph::Clamp&) { return std::optional(false); },
                        [](const graph::MaxPool&) { return std::optional(false); },
                        [](const graph::Flatten&) { return std::optional(false); },
                        [](const graph::Reshape&) { return std::optional(false); },
                        [](const graph::Transpose&) { return std::optional(false); },
                        [](const graph::Slice&) { return std::optional(false); },
                        [](const graph::Resize& resize) {
                          return std::optional(resize.mode == graph::Resize::Mode::kBilinear);
                        },
                        [](const graph::Conv2d&) { return std::optional(true); },
                        [](const graph::Linear&) { return std::optional(true); },
                        [](const graph::BatchNorm&) { return std::optional(true); },
                        [](const graph::AvgPool&) { return std::optional(true); },
                        [](const graph::AdaptiveAvgPool&) { return std::optional(true); },
                        [](const graph::Add&) { return std::optional(true); },
                        [](const graph::Concat&) { return std::optional(true); },
                        [](const auto&) { return std::optional<bool>(); }},
      op);
}

bool IsInputStage(const graph::Graph& g, const Node& node) {
  return std::holds_alternative<graph::BatchNorm>(node.op) && node.inputs[0] == g.input;
}

// A batch norm that will be folded: it stays in the graph, so that training moves its statistics
// and its parameters, and its layer's weights are rounded as they will be when it has gone.
bool IsFolded(const graph::Graph& g, const Node& node) {
  const Node* layer = graph::Producer(g, node.inputs[0]);
  return layer != nullptr && graph::FoldingNorm(g, *layer) == &node;
}

// Why a node has no integer form.
std::optional<std::string> Obstacle(const graph::Graph& folded, const Node& node) {
  if (!MakesNewValues(node.op)) {
    return fmt::format("layer {}: {} has no integer form", node.name, graph::Name(node.op));
  }
  const Shape& shape = folded.At(node.inputs[0]).shape;
  if (std::holds_alternative<graph::BatchNorm>(node.op) && !IsInputStage(folded, node) &&
      !IsFolded(folded, node) && shape.size() != 3) {
    return fmt::format(
        "layer {}: a batch norm on {} that follows no convolution or linear layer has no integer "
        "form",
        node.name, ToString(shape));
  }
  return std::nullopt;
}

// Operators that a layer's codes take in: they only bound its values.
bool IsLimit(const Node* node) { return Is<graph::Relu>(node) || Is<graph::Clamp>(node); }

// A batch norm that could not be folded, as the depthwise 1x1 convolution that computes the same.
void AppendBatchNormAsConvolution(graph::Graph& out, const graph::Graph& source, const Node& node,
                                  TensorId input, const graph::WeightQuantizer& quantizer) {
  const Shape& shape = out.At(input).shape;
  const auto channels = static_cast<size_t>(shape[0]);
  std::vector<float> gain = source.Parameter(node, "weight").Floats();
  std::vector<float> bias = source.Parameter(node, "bias").Floats();
  const auto& mean = source.Parameter(node, "running_mean").Floats();
  const auto& variance = source.Parameter(node, "running_var").Floats();
  const float epsilon = std::get<graph::BatchNorm>(node.op).epsilon;
  for (size_t c = 0; c < channels; ++c) {
    gain[c] /= std::sqrt(variance[c] + epsilon);
    bias[c] -= mean[c] * gain[c];
  }
  graph::Conv2d conv;
  conv.out_channels = static_cast<int>(channels);
  conv.groups = conv.out_channels;
  conv.weight_quantizer = quantizer;
  graph::Append(out, node.name, conv, {input});
  out.parameters[node.name + ".weight"] = {{shape[0], 1, 1, 1}, std::move(gain)};
  out.parameters[node.name + ".bias"] = {{shape[0]}, std::move(bias)};
}

class Preparation {
 public:
  Preparation(const graph::Graph& source, const Settings& settings)
      : source_(source),
        settings_(settings),
        out_(graph::MakeGraph(source.name, source.Input().shape)) {}

  graph::Graph Run() {
    renamed_[source_.input] = out_.input;
    const std::vector<const Node*> first = graph::Consumers(source_, source_.input);
    const bool normalises = first.size() == 1 && Is<graph::BatchNorm>(first[0]);
    if (!normalises) renamed_[source_.input] = Quantize("input", out_.input);
    for (const Node& node : source_.nodes) Visit(node);
    out_.output = renamed_.at(source_.output);
    graph::Verify(out_);
    return std::move(out_);
  }

 private:
  void Visit(const Node& node) {
    if (const std::optional<std::string> obstacle = Obstacle(source_, node)) {
      throw Error(Category::kModel, *obstacle);
    }
    const bool makes_new_values = MakesNewValues(node.op).value();
    std::vector<TensorId> inputs;
    for (const TensorId id : node.inputs) inputs.push_back(renamed_.at(id));
    const bool on_input = inputs[0] == out_.input;  // which has no codes yet
    const graph::WeightQuantizer quantizer = settings_.Weights(node.name);
    const bool folded = IsFolded(source_, node);
    if (std::holds_alternative<graph::BatchNorm>(node.op) && !on_input && !folded) {
      AppendBatchNormAsConvolution(out_, source_, node, inputs[0], quantizer);
    } else {
      graph::Op op = node.op;
      if (auto* conv = std::get_if<graph::Conv2d>(&op)) conv->weight_quantizer = quantizer;
      if (auto* linear = std::get_if<graph::Linear>(&op)) linear->weight_quantizer = quantizer;
      graph::Append(out_, node.name, op, inputs);
      CopyParameters(node);
    }
    if (quantizer.rounding == graph::Rounding::kLearnedStep) AddSteps(node);
    TensorId output = out_.output;
    // A batch norm and a limit behind the operator are part of it: the codes come behind them.
    const std::vector<const Node*> consumers = graph::Consumers(source_, node.output);
    const bool fused = consumers.size() == 1 &&
                       (IsLimit(consumers[0]) || IsFolded(source_, *consumers[0])) &&
                       node.output != source_.output;
    const bool limit_of_new = IsLimit(&node) && pending_.contains(inputs[0]);
    if (makes_new_values && fused) pending_.insert(output);
    const Node& maker = folded ? *graph::Producer(source_, node.inputs[0]) : node;
    if ((makes_new_values && !fused) || limit_of_new) output = Quantize(maker.name, output);
    renamed_[node.output] = output;
  }

  void CopyParameters(const Node& node) {
    for (const char* role : {"weight", "bias", "running_mean", "running_var"}) {
      if (source_.HasParameter(node, role)) {
        out_.parameters[fmt::format("{}.{}", node.name, role)] = source_.Parameter(node, role);
      }
    }
  }

  // Where the steps of a layer begin: by its weights as they are when its batch norm has gone.
  void AddSteps(const Node& node) {
    const Node& layer = out_.nodes.back();
    const std::optional<graph::WeightQuantizer> quantizer = graph::QuantizerOf(layer.op);
    if (!quantizer) return;
    const Node* norm = graph::FoldingNorm(source_, node);
    for (const graph::Role& role : graph::Roles(layer.op, out_.At(layer.inputs[0]).shape)) {
      if (!role.name.starts_with("weight")) continue;
      const graph::WeightLayout layout = graph::LayoutOf(layer.op, role.shape);
      std::vector<float> weights = out_.Parameter(layer, role.name).Floats();
      if (norm != nullptr)
        graph::ScaleChannels(layout, graph::FoldingFactors(source_, *norm), weights);
      std::vector<float> steps = graph::InitialSteps(*quantizer, layout, weights);
      out_.parameters[fmt::format("{}.{}", node.name, graph::StepRole(role.name))] = {
          {static_cast<int64_t>(steps.size())}, std::move(steps)};
    }
  }

  TensorId Quantize(const std::string& name, TensorId tensor) {
    const std::string node = name + ".quantize";
    out_.parameters[node + ".range"] = {{2}, std::vector<float>{1.0f, -1.0f}};
    return graph::Append(out_, node, settings_.Activations(name), {tensor});
  }

  const graph::Graph& source_;
  const Settings& settings_;
  graph::Graph out_;
  std::map<TensorId, TensorId> renamed_;  // tensor of source_ -> tensor of out_ that stands for it
  std::set<TensorId> pending_;            // tensors of out_ whose codes come behind their limit
};

}  // namespace

std::optional<std::string> WithoutIntegerForm(const graph::Graph& trained) {
  const graph::Graph folded = graph::FoldBatchNorm(trained);
  for (const Node& node : folded.nodes) {
    if (std::optional<std::string> obstacle = Obstacle(folded, node)) return obstacle;
  }
  return std::nullopt;
}

graph::Graph PrepareForTraining(const graph::Graph& trained, const Settings& settings) {
  return Preparation(graph::RemoveIdentities(trained), settings).Run();
}

}  // namespace platypus::quantize
