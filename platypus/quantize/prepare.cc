// The fake-quantised graph.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "platypus/base/error.h"
#include "platypus/quantize/activation_bits.h"
#include "platypus/quantize/form.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {
namespace {

using graph::Node;
using graph::TensorId;

bool IsNorm(const Node& node) { return std::holds_alternative<graph::BatchNorm>(node.op); }

// A batch norm that could not be folded, as the depthwise 1x1 convolution that computes the same.
TensorId AppendNormAsConvolution(graph::Graph& out, const graph::Graph& source, const Node& node,
                                 TensorId input, const graph::WeightQuantizer& quantizer) {
  const Shape shape = out.At(input).shape;
  const int64_t channels = shape[0];
  std::vector<float> gain = source.Parameter(node, "weight").Floats();
  std::vector<float> bias = source.Parameter(node, "bias").Floats();
  const auto& mean = source.Parameter(node, "running_mean").Floats();
  const auto& variance = source.Parameter(node, "running_var").Floats();
  const float epsilon = std::get<graph::BatchNorm>(node.op).epsilon;
  for (size_t c = 0; c < gain.size(); ++c) {
    gain[c] /= std::sqrt(variance[c] + epsilon);
    bias[c] -= mean[c] * gain[c];
  }
  graph::Conv2d conv;
  conv.out_channels = static_cast<int>(channels);
  conv.groups = conv.out_channels;
  conv.weight_quantizer = quantizer;
  const bool flat = shape.size() == 1;
  if (flat) {
    input = graph::Append(out, node.name + ".image", graph::Reshape{{channels, 1, 1}}, {input});
  }
  TensorId output = graph::Append(out, node.name, conv, {input});
  if (flat) output = graph::Append(out, node.name + ".flat", graph::Flatten{}, {output});
  out.parameters[node.name + ".weight"] = {{channels, 1, 1, 1}, std::move(gain)};
  out.parameters[node.name + ".bias"] = {{channels}, std::move(bias)};
  return output;
}

class Preparation {
 public:
  Preparation(const graph::Graph& source, const Settings& settings)
      : source_(source),
        settings_(settings),
        out_(graph::MakeGraph(source.name, source.Input().shape)) {}

  graph::Graph Run() {
    renamed_[source_.input] = out_.input;
    real_.insert(source_.input);
    for (const Node& node : source_.nodes) Visit(node);
    out_.output = renamed_.at(source_.output);
    graph::Verify(out_);
    return std::move(out_);
  }

 private:
  void Visit(const Node& node) {
    if (StaysReal(node)) {
      AppendReal(node);
      return;
    }
    std::vector<TensorId> inputs;
    for (const TensorId id : node.inputs) inputs.push_back(Coded(id, node.name));
    const bool waited = waiting_.contains(node.inputs[0]);
    TensorId output = Append(node, inputs);
    if (FormOf(node.op) == Form::kMakes && IsLimited(node)) {
      waiting_.insert(node.output);
    } else if (FormOf(node.op) == Form::kMakes || waited) {
      const Node& maker = waited ? *graph::Producer(source_, node.inputs[0]) : node;
      output = Quantize(node.name, node.output, output, settings_.Of(maker.name));
    }
    renamed_[node.output] = output;
  }

  // Whether a layer computes with floats: one that must, and behind floats what normalises or
  // limits them before they become codes, or moves them to where no codes are wanted.
  bool StaysReal(const Node& node) const {
    if (WhyFloat(source_, node, settings_)) return true;
    return real_.contains(node.inputs[0]) && (IsNorm(node) || !WantsCodes(node));
  }

  bool WantsCodes(const Node& node) const {
    if (WhyFloat(source_, node, settings_)) return false;
    if (FormOf(node.op) != Form::kKeeps) return FormOf(node.op) == Form::kMakes;
    const std::vector<const Node*> readers = graph::Consumers(source_, node.output);
    return node.output != source_.output && !readers.empty() &&
           std::ranges::all_of(readers, [&](const Node* reader) { return WantsCodes(*reader); });
  }

  // Whether the codes of what a node makes come behind its only reader, which limits its values.
  bool IsLimited(const Node& node) const {
    const std::vector<const Node*> readers = graph::Consumers(source_, node.output);
    return node.output != source_.output && readers.size() == 1 &&
           FormOf(readers[0]->op) == Form::kLimits;
  }

  // Whether a tensor's codes are the network's output.
  bool IsDelivered(TensorId tensor) const {
    const auto hands_on = [&](const Node* reader) {
      const Form form = FormOf(reader->op);
      return (form == Form::kKeeps || form == Form::kLimits) && IsDelivered(reader->output);
    };
    return tensor == source_.output ||
           std::ranges::any_of(graph::Consumers(source_, tensor), hands_on);
  }

  void CopyParameters(const Node& node) {
    for (const graph::Role& role : graph::Roles(node.op, source_.At(node.inputs[0]).shape)) {
      out_.parameters[fmt::format("{}.{}", node.name, role.name)] =
          source_.Parameter(node, role.name);
    }
  }

  void AppendReal(const Node& node) {
    std::vector<TensorId> inputs;
    for (const TensorId id : node.inputs) inputs.push_back(renamed_.at(id));
    renamed_[node.output] = graph::Append(out_, node.name, node.op, inputs);
    real_.insert(node.output);
    CopyParameters(node);
  }

  TensorId Append(const Node& node, const std::vector<TensorId>& inputs) {
    const graph::WeightQuantizer quantizer = settings_.Weights(node.name);
    if (IsNorm(node)) return AppendNormAsConvolution(out_, source_, node, inputs[0], quantizer);
    graph::Op op = node.op;
    if (auto* conv = std::get_if<graph::Conv2d>(&op)) conv->weight_quantizer = quantizer;
    if (auto* linear = std::get_if<graph::Linear>(&op)) linear->weight_quantizer = quantizer;
    CopyParameters(node);
    return graph::Append(out_, node.name, op, inputs);
  }

  // What an integer layer reads. Floats get codes for it, of its bits if their maker has none.
  TensorId Coded(TensorId tensor, const std::string& reader) {
    if (!real_.contains(tensor)) return renamed_.at(tensor);
    const auto [codes, added] = codes_of_real_.try_emplace(tensor, -1);
    if (added) {
      const Node* maker = graph::Producer(source_, tensor);
      const std::string name = maker == nullptr ? "input" : maker->name;
      const Precision& own = settings_.Of(name);
      codes->second =
          Quantize(name, tensor, renamed_.at(tensor), own.IsFloat() ? settings_.Of(reader) : own);
    }
    return codes->second;
  }

  TensorId Quantize(const std::string& name, TensorId source, TensorId tensor,
                    const Precision& precision) {
    graph::FakeQuantize op = settings_.Activations(name);
    op.bits = ActivationBits(source_, source, precision.activation_bits, settings_);
    op.affine = op.affine && op.bits <= 8 && !IsDelivered(source);
    const std::string node = name + ".quantize";
    out_.parameters[node + ".range"] = {{2}, std::vector<float>{1.0f, -1.0f}};
    return graph::Append(out_, node, op, {tensor});
  }

  const graph::Graph& source_;
  const Settings& settings_;
  graph::Graph out_;
  std::map<TensorId, TensorId> renamed_;  // tensor of source_ -> tensor of out_ that stands for it
  std::set<TensorId> real_;               // tensors of source_ that stay float
  std::map<TensorId, TensorId> codes_of_real_;  // for the integer layers that read them
  std::set<TensorId> waiting_;                  // whose codes come behind their limit
};

}  // namespace

std::vector<FloatLayer> FloatLayers(const graph::Graph& trained, const Settings& settings) {
  const graph::Graph folded = graph::FoldBatchNorm(trained);
  std::vector<FloatLayer> layers;
  for (const Node& node : folded.nodes) {
    if (std::optional<std::string> reason = WhyFloat(folded, node, settings)) {
      layers.push_back({node.name, std::move(*reason)});
    }
  }
  return layers;
}

bool HasIntegerForm(const graph::Graph& trained, const Settings& settings) {
  return std::ranges::any_of(PrepareForTraining(trained, settings).nodes, [](const Node& node) {
    return std::holds_alternative<graph::FakeQuantize>(node.op);
  });
}

graph::Graph PrepareForTraining(const graph::Graph& trained, const Settings& settings) {
  return Preparation(graph::FoldBatchNorm(trained), settings).Run();
}

}  // namespace platypus::quantize
