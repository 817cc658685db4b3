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

}  // namespace

std::vector<LayerWork> WorkOf(const Graph& network, const deploy::CNetwork& lowered) {
  std::vector<LayerWork> works;
  for (const deploy::CLayer& layer : lowered.layers) {
    LayerWork work;
    work.name = layer.name;
    work.work = static_cast<double>(layer.macs);
    const auto node = std::ranges::find(network.nodes, layer.name, &Node::name);
    if (node == network.nodes.end()) {  // brings input or output into another order
      work.kind = "move";
      work.outputs = Values(network, layer.name == "input" ? network.input : network.output);
      work.work = work.outputs;
      works.push_back(std::move(work));
      continue;
    }
    const graph::Tensor& in = network.At(node->inputs[0]);
    work.outputs = Values(network, node->output);
    if (work.work == 0) work.work = WindowValues(network, *node);
    if (work.work == 0) {
      for (const graph::TensorId id : node->inputs) work.work += Values(network, id);
    }
    work.kind = KindOf(network, *node);
    if (in.dtype == DType::kFloat32) work.kind = "float " + work.kind;
    if (in.dtype == DType::kInt16) work.kind += ", 16 bits";
    if (layer.weight_bits == 4 || layer.weight_bits == 2)
      work.kind += ", weights of " + std::to_string(layer.weight_bits);
    works.push_back(std::move(work));
  }
  return works;
}

}  // namespace platypus::pipeline
