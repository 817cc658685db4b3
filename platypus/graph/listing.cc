// Counting and printing.
#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/graph/graph.h"

namespace platypus::graph {
namespace {

bool IsTrained(std::string_view role) {
  return role.starts_with("weight") || role.starts_with("bias");
}

int64_t CountParameters(const Graph& graph, const Node& node) {
  int64_t count = 0;
  for (const Role& role : Roles(node.op, graph.At(node.inputs.at(0)).shape)) {
    if (IsTrained(role.name) && graph.HasParameter(node, role.name)) {
      count += NumElements(graph.Parameter(node, role.name).shape);
    }
  }
  return count;
}

}  // namespace

int64_t CountParameters(const Graph& graph) {
  int64_t count = 0;
  for (const auto& [name, array] : graph.parameters) {
    if (IsTrained(std::string_view(name).substr(name.rfind('.') + 1)))
      count += NumElements(array.shape);
  }
  return count;
}

int64_t CountMacs(const Graph& graph, const Node& node) {
  const Shape& in = graph.At(node.inputs.at(0)).shape;
  const Shape& out = graph.At(node.output).shape;
  const auto recurrent = [&](const Recurrent& r) {
    const int64_t h = r.hidden;
    return in[1] * r.Gates() * h * (in[0] + h + (r.layers - 1) * 2 * h);
  };
  return std::visit(Overloaded{[&](const Conv2d& conv) {
                                 return NumElements(out) * (in[0] / conv.groups) * conv.kernel.h *
                                        conv.kernel.w;
                               },
                               [&](const ConvTranspose2d& conv) {
                                 return NumElements(in) * (conv.out_channels / conv.groups) *
                                        conv.kernel.h * conv.kernel.w;
                               },
                               [&](const Linear&) { return in[0] * out[0]; },
                               [&](const Recurrent& r) { return recurrent(r); },
                               [&](const IntegerRecurrent& r) { return recurrent(r.Float()); },
                               [](const auto&) { return int64_t{0}; }},
                    node.op);
}

int64_t CountMacs(const Graph& graph) {
  int64_t count = 0;
  for (const Node& node : graph.nodes) count += CountMacs(graph, node);
  return count;
}

std::string ToText(const Graph& graph) {
  std::string text = fmt::format("{}: input {} {}\n", graph.name, ToString(graph.Input().shape),
                                 ToString(graph.Input().dtype));
  size_t width = 4;
  for (const Node& node : graph.nodes) width = std::max(width, node.name.size());
  for (const Node& node : graph.nodes) {
    const Tensor& out = graph.At(node.output);
    text += fmt::format("  {:<{}}  {:<15} {:>14} {:<7} {:>7} parameters {:>10} MACs\n", node.name,
                        width, Name(node.op), ToString(out.shape), ToString(out.dtype),
                        CountParameters(graph, node), CountMacs(graph, node));
  }
  return text + fmt::format("  {} parameters, {} MACs\n", CountParameters(graph), CountMacs(graph));
}

std::string ToDot(const Graph& graph) {
  std::string text = "digraph network {\n  node [shape=box];\n";
  const auto id = [](TensorId tensor) { return fmt::format("t{}", tensor); };
  text += fmt::format("  {} [label=\"input\\n{}\", shape=ellipse];\n", id(graph.input),
                      ToString(graph.Input().shape));
  for (const Node& node : graph.nodes) {
    text += fmt::format("  {} [label=\"{}\\n{}\\n{}\"];\n", id(node.output), node.name,
                        Name(node.op), ToString(graph.At(node.output).shape));
    for (const TensorId input : node.inputs) {
      text += fmt::format("  {} -> {};\n", id(input), id(node.output));
    }
  }
  return text + "}\n";
}

}  // namespace platypus::graph
