#include <cmath>
#include <map>

#include "platypus/base/error.h"
#include "platypus/graph/graph.h"

namespace platypus::graph {
namespace {

bool HasWeights(const Op& op) {
  return std::holds_alternative<Conv2d>(op) || std::holds_alternative<Linear>(op);
}

void SetBias(Op& op) {
  if (auto* conv = std::get_if<Conv2d>(&op)) conv->has_bias = true;
  if (auto* linear = std::get_if<Linear>(&op)) linear->has_bias = true;
}

// Scales each output channel of `node` (in `graph`) and shifts its bias as the batch norm would.
void Fold(Graph& graph, Node& node, const Graph& source, const Node& norm) {
  const auto& gamma = source.Parameter(norm, "weight").Floats();
  const auto& beta = source.Parameter(norm, "bias").Floats();
  const auto& mean = source.Parameter(norm, "running_mean").Floats();
  const auto& variance = source.Parameter(norm, "running_var").Floats();
  const float epsilon = std::get<BatchNorm>(norm.op).epsilon;
  Array& weight = graph.Parameter(node, "weight");
  const auto channels = static_cast<size_t>(weight.shape[0]);
  const size_t per_channel = weight.Floats().size() / channels;
  if (!graph.HasParameter(node, "bias")) {
    graph.parameters[node.name + ".bias"] = {{weight.shape[0]}, std::vector<float>(channels, 0.0f)};
    SetBias(node.op);
  }
  auto& bias = graph.Parameter(node, "bias").Floats();
  for (size_t c = 0; c < channels; ++c) {
    const float k = gamma[c] / std::sqrt(variance[c] + epsilon);
    for (size_t i = 0; i < per_channel; ++i) weight.Floats()[c * per_channel + i] *= k;
    bias[c] = (bias[c] - mean[c]) * k + beta[c];
  }
}

}  // namespace

Graph FoldBatchNorm(const Graph& graph) {
  Graph out = MakeGraph(graph.name, graph.Input().shape, graph.Input().dtype);
  std::map<TensorId, TensorId> renamed = {{graph.input, out.input}};
  std::map<TensorId, size_t> writer;  // new tensor -> index of the node that writes it
  for (const Node& node : graph.nodes) {
    const TensorId source = renamed.at(node.inputs.at(0));
    if (std::holds_alternative<Identity>(node.op) || std::holds_alternative<Dropout>(node.op)) {
      renamed[node.output] = source;
      continue;
    }
    if (std::holds_alternative<BatchNorm>(node.op) && writer.contains(source) &&
        HasWeights(out.nodes[writer[source]].op) && Consumers(graph, node.inputs[0]).size() == 1) {
      Fold(out, out.nodes[writer[source]], graph, node);
      renamed[node.output] = source;
      continue;
    }
    std::vector<TensorId> inputs;
    for (const TensorId id : node.inputs) inputs.push_back(renamed.at(id));
    const TensorId id = Append(out, node.name, node.op, inputs);
    writer[id] = out.nodes.size() - 1;
    renamed[node.output] = id;
    const std::string prefix = node.name + ".";
    for (auto it = graph.parameters.lower_bound(prefix);
         it != graph.parameters.end() && it->first.starts_with(prefix); ++it) {
      if (it->first.find('.', prefix.size()) == std::string::npos) out.parameters.insert(*it);
    }
  }
  out.output = renamed.at(graph.output);
  return out;
}

}  // namespace platypus::graph
