#include "platypus/pipeline/layer_work.h"

#include <algorithm>
#include <cctype>

namespace platypus::pipeline {
namespace {

using graph::Graph;
using graph::Node;

double Values(const Graph& network, graph::TensorId id) {
  return static_cast<double>(NumElements(network.At(id).shape));
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string KindOfConvolution(const graph::Conv2d& op, int64_t in) {
  if (op.groups > 1) return op.groups == in && op.out_channels == in ? "depthwise" : "grouped";
  if (op.kernel == graph::Size2{1, 1}) return "pointwise";
  return in == 1 ? "first conv" : "conv";
}

std::string KindOf(const Graph& network, const Node& node) {
  if (const auto* conv = std::get_if<graph::Conv2d>(&node.op))
    return KindOfConvolution(*conv, network.At(node.inputs[0]).shape.at(0));
  return Lower(graph::Name(node.op));
}

// Values that the windows of a pool cover; 0: it is none.
double WindowValues(const Graph& network, const Node& node) {
  const double outputs = Values(network, node.output);
  const auto area = [&](const auto& op) { return outputs * op.kernel.h * op.kernel.w; };
  if (const auto* op = std::get_if<graph::MaxPool>(&node.op)) return area(*op);
  if (const auto* op = std::get_if<graph::AvgPool>(&node.op)) return area(*op);
  if (const auto* op = std::get_if<graph::SumPool>(&node.op)) return area(*op);
  return 0;
}

LayerWork WorkOf(const Graph& network, const Node& node, int64_t macs, int weight_bits) {
  LayerWork work;
  work.name = node.name;
  work.work = static_cast<double>(macs);
  work.outputs = Values(network, node.output);
  if (work.work == 0) work.work = WindowValues(network, node);
  if (work.work == 0) {
    for (const graph::TensorId id : node.inputs) work.work += Values(network, id);
  }
  const DType type = network.At(node.inputs[0]).dtype;
  work.kind = KindOf(network, node);
  if (type == DType::kFloat32) work.kind = "float " + work.kind;
  if (type == DType::kInt16) work.kind += ", 16 bits";
  if (weight_bits == 4 || weight_bits == 2)
    work.kind += ", weights of " + std::to_string(weight_bits);
  return work;
}

// Of what brings input or output into another order.
LayerWork WorkOfMove(const std::string& name, double values) {
  return {.name = name, .kind = "move", .work = values, .outputs = values};
}

}  // namespace

std::vector<LayerWork> WorkOf(const Graph& network, const deploy::CNetwork& lowered) {
  std::vector<LayerWork> works;
  const auto find = [&](const std::string& name) {
    return std::ranges::find(network.nodes, name, &Node::name);
  };
  for (const deploy::CLayer& layer : lowered.layers) {
    const auto node = find(layer.name);
    if (node == network.nodes.end()) {
      works.push_back(WorkOfMove(
          layer.name, Values(network, layer.name == "input" ? network.input : network.output)));
      continue;
    }
    works.push_back(WorkOf(network, *node, layer.macs, layer.weight_bits));
    if (!layer.pool.empty())
      works.back().within = {WorkOf(network, *find(layer.pool), /*macs=*/0, /*weight_bits=*/0)};
  }
  return works;
}

}  // namespace platypus::pipeline
