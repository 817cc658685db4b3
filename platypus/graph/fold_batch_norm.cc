#include <cmath>
#include <map>
#include <set>

#include "platypus/base/error.h"
#include "platypus/graph/graph.h"
#include "platypus/graph/quantization.h"

namespace platypus::graph {
namespace {

bool HasWeights(const Op& op) {
  return std::holds_alternative<Conv2d>(op) || std::holds_alternative<ConvTranspose2d>(op) ||
         std::holds_alternative<Linear>(op);
}

void SetBias(Op& op) {
  if (auto* conv = std::get_if<Conv2d>(&op)) conv->has_bias = true;
  if (auto* conv = std::get_if<ConvTranspose2d>(&op)) conv->has_bias = true;
  if (auto* linear = std::get_if<Linear>(&op)) linear->has_bias = true;
}

bool DoesNothing(const Op& op) {
  return std::holds_alternative<Identity>(op) || std::holds_alternative<Dropout>(op);
}

// `node` of `source` with its parameters, reading other tensors.
TensorId Copy(const Graph& source, const Node& node, std::vector<TensorId> inputs, Graph& out) {
  const std::string prefix = node.name + ".";
  for (auto it = source.parameters.lower_bound(prefix);
       it != source.parameters.end() && it->first.starts_with(prefix); ++it) {
    if (it->first.find('.', prefix.size()) == std::string::npos) out.parameters.insert(*it);
  }
  return Append(out, node.name, node.op, std::move(inputs));
}

// Scales each output channel of the last node and shifts its bias as the batch norm would.
void Fold(const Graph& source, const Node& norm, Graph& graph) {
  Node& node = graph.nodes.back();
  Array& weight = graph.Parameter(node, "weight");
  const WeightLayout layout = LayoutOf(node.op, weight.shape);
  const std::vector<float> factors = FoldingFactors(source, norm);
  if (!graph.HasParameter(node, "bias")) {
    graph.parameters[node.name + ".bias"] = {{static_cast<int64_t>(layout.channels)},
                                             std::vector<float>(layout.channels, 0.0f)};
    SetBias(node.op);
  }
  const auto& mean = source.Parameter(norm, "running_mean").Floats();
  const auto& beta = source.Parameter(norm, "bias").Floats();
  auto& bias = graph.Parameter(node, "bias").Floats();
  ScaleChannels(layout, factors, weight.Floats());
  for (size_t c = 0; c < layout.channels; ++c) {
    bias[c] = (bias[c] - mean[c]) * factors[c] + beta[c];
  }
}

}  // namespace

std::vector<float> FoldingFactors(const Graph& graph, const Node& norm) {
  std::vector<float> factors = graph.Parameter(norm, "weight").Floats();
  const auto& variance = graph.Parameter(norm, "running_var").Floats();
  const float epsilon = std::get<BatchNorm>(norm.op).epsilon;
  for (size_t c = 0; c < factors.size(); ++c) {
    factors[c] = FoldingFactor(factors[c], variance[c], epsilon);
  }
  return factors;
}

const Node* FoldingNorm(const Graph& graph, const Node& layer) {
  if (!HasWeights(layer.op) || layer.output == graph.output) return nullptr;
  const std::vector<const Node*> readers = Consumers(graph, layer.output);
  const bool folds = readers.size() == 1 && std::holds_alternative<BatchNorm>(readers[0]->op);
  return folds ? readers[0] : nullptr;
}

Graph RemoveIdentities(const Graph& graph) {
  Graph out = MakeGraph(graph.name, graph.Input().shape, graph.Input().dtype);
  std::map<TensorId, TensorId> renamed = {{graph.input, out.input}};
  for (const Node& node : graph.nodes) {
    std::vector<TensorId> inputs;
    for (const TensorId id : node.inputs) inputs.push_back(renamed.at(id));
    renamed[node.output] =
        DoesNothing(node.op) ? inputs.at(0) : Copy(graph, node, std::move(inputs), out);
  }
  out.output = renamed.at(graph.output);
  return out;
}

Graph FoldBatchNorm(const Graph& graph) {
  const Graph source = RemoveIdentities(graph);
  Graph out = MakeGraph(source.name, source.Input().shape, source.Input().dtype);
  std::map<TensorId, TensorId> renamed = {{source.input, out.input}};
  std::set<const Node*> folded;
  for (const Node& node : source.nodes) {
    std::vector<TensorId> inputs;
    for (const TensorId id : node.inputs) inputs.push_back(renamed.at(id));
    if (folded.contains(&node)) {
      renamed[node.output] = inputs.at(0);
      continue;
    }
    renamed[node.output] = Copy(source, node, std::move(inputs), out);
    if (const Node* norm = FoldingNorm(source, node)) {
      Fold(source, *norm, out);
      folded.insert(norm);
    }
  }
  out.output = renamed.at(source.output);
  return out;
}

}  // namespace platypus::graph
