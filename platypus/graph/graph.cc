#include "platypus/graph/graph.h"

#include <algorithm>
#include <set>

#include "platypus/base/error.h"
#include "platypus/graph/quantization.h"

namespace platypus::graph {

Graph::Graph() = default;
Graph::Graph(const Graph&) = default;
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(const Graph&) = default;
Graph& Graph::operator=(Graph&&) noexcept = default;
Graph::~Graph() = default;

const Array& Graph::Parameter(const Node& node, std::string_view role) const {
  const auto found = parameters.find(fmt::format("{}.{}", node.name, role));
  Check(found != parameters.end(), "graph {}: node {} ({}) has no parameter '{}'", name, node.name,
        Name(node.op), role);
  return found->second;
}

Array& Graph::Parameter(const Node& node, std::string_view role) {
  return const_cast<Array&>(static_cast<const Graph&>(*this).Parameter(node, role));
}

bool Graph::HasParameter(const Node& node, std::string_view role) const {
  return parameters.contains(fmt::format("{}.{}", node.name, role));
}

Graph MakeGraph(std::string name, Shape input_shape, DType dtype) {
  Graph graph;
  graph.name = std::move(name);
  graph.tensors.push_back({"input", std::move(input_shape), dtype});
  graph.input = graph.output = 0;
  return graph;
}

TensorId Append(Graph& graph, std::string name, Op op, std::vector<TensorId> inputs) {
  std::vector<Shape> shapes;
  std::vector<DType> types;
  for (const TensorId id : inputs) {
    shapes.push_back(graph.At(id).shape);
    types.push_back(graph.At(id).dtype);
  }
  Tensor tensor{name, InferShape(name, op, shapes), InferType(op, types)};
  const auto id = static_cast<TensorId>(graph.tensors.size());
  graph.tensors.push_back(std::move(tensor));
  graph.nodes.push_back({std::move(name), std::move(op), std::move(inputs), id});
  graph.output = id;
  return id;
}

const Node* Producer(const Graph& graph, TensorId tensor) {
  const auto found = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                  [&](const Node& node) { return node.output == tensor; });
  return found == graph.nodes.end() ? nullptr : &*found;
}

std::vector<const Node*> Consumers(const Graph& graph, TensorId tensor) {
  std::vector<const Node*> nodes;
  for (const Node& node : graph.nodes) {
    if (std::count(node.inputs.begin(), node.inputs.end(), tensor) > 0) nodes.push_back(&node);
  }
  return nodes;
}

namespace {

std::vector<Role> OwnRoles(const Op& op, const Shape& input) {
  const int64_t channels = input.empty() ? 1 : input[0];
  return std::visit(
      Overloaded{
          [&](const BatchNorm&) -> std::vector<Role> {
            return {{"weight", {channels}},
                    {"bias", {channels}},
                    {"running_mean", {channels}},
                    {"running_var", {channels}}};
          },
          [&](const Conv2d& conv) -> std::vector<Role> {
            std::vector<Role> roles = {
                {"weight",
                 {conv.out_channels, channels / conv.groups, conv.kernel.h, conv.kernel.w}}};
            if (conv.has_bias) roles.push_back({"bias", {conv.out_channels}});
            return roles;
          },
          [&](const ConvTranspose2d& conv) -> std::vector<Role> {
            std::vector<Role> roles = {
                {"weight",
                 {channels, conv.out_channels / conv.groups, conv.kernel.h, conv.kernel.w}}};
            if (conv.has_bias) roles.push_back({"bias", {conv.out_channels}});
            return roles;
          },
          [&](const LayerNorm&) -> std::vector<Role> {
            return {{"weight", input}, {"bias", input}};
          },
          [&](const Recurrent& r) -> std::vector<Role> {
            std::vector<Role> roles;
            const int64_t rows = int64_t{r.Gates()} * r.hidden;
            for (int k = 0; k < r.layers; ++k) {
              roles.push_back(
                  {fmt::format("weight_ih_l{}", k), {rows, k == 0 ? channels : r.hidden}});
              roles.push_back({fmt::format("weight_hh_l{}", k), {rows, r.hidden}});
              roles.push_back({fmt::format("bias_ih_l{}", k), {rows}});
              roles.push_back({fmt::format("bias_hh_l{}", k), {rows}});
            }
            return roles;
          },
          [&](const IntegerRecurrent& r) -> std::vector<Role> {
            std::vector<Role> roles;
            const int64_t rows = int64_t{r.Float().Gates()} * r.hidden;
            for (int k = 0; k < r.layers; ++k) {
              roles.push_back(
                  {fmt::format("weight_ih_l{}", k), {rows, k == 0 ? channels : r.hidden}});
              roles.push_back({fmt::format("weight_hh_l{}", k), {rows, r.hidden}});
              for (const char* role : {"offset", "multiplier", "shift"}) {
                roles.push_back({fmt::format("{}_ih_l{}", role, k), {rows}});
                roles.push_back({fmt::format("{}_hh_l{}", role, k), {rows}});
              }
            }
            return roles;
          },
          [&](const Scale&) -> std::vector<Role> {
            return {{"weight", {1}}};
          },
          [&](const Lookup&) -> std::vector<Role> {
            return {{"table", {256}}};
          },
          [&](const IntegerSoftmax&) -> std::vector<Role> {
            return {{"table", {256}}};
          },
          [&](const IntegerLayerNorm&) -> std::vector<Role> {
            return {{"multiplier", input}, {"offset", input}};
          },
          [&](const Linear& linear) -> std::vector<Role> {
            std::vector<Role> roles = {{"weight", {linear.out_features, channels}}};
            if (linear.has_bias) roles.push_back({"bias", {linear.out_features}});
            return roles;
          },
          [&](const FakeQuantize&) -> std::vector<Role> {
            return {{"range", {2}}};
          },
          [&](const QuantizeInput&) -> std::vector<Role> {
            return {{"offset", {channels}}, {"multiplier", {channels}}, {"shift", {channels}}};
          },
          [&](const Requantize&) -> std::vector<Role> {
            return {{"offset", {channels}}, {"multiplier", {channels}}, {"shift", {channels}}};
          },
          [](const auto&) -> std::vector<Role> { return {}; }},
      op);
}

}  // namespace

std::vector<Role> Roles(const Op& op, const Shape& input) {
  std::vector<Role> roles = OwnRoles(op, input);
  const std::optional<WeightQuantizer> quantizer = QuantizerOf(op);
  if (!quantizer || quantizer->rounding != Rounding::kLearnedStep) return roles;
  for (size_t i = 0, own = roles.size(); i < own; ++i) {
    if (!roles[i].name.starts_with("weight")) continue;
    const size_t channels = LayoutOf(op, roles[i].shape).channels;
    roles.push_back(
        {StepRole(roles[i].name), {static_cast<int64_t>(CodeRows(*quantizer, channels))}});
  }
  return roles;
}

void Verify(const Graph& graph) {
  const auto known = [&](TensorId id) {
    return id >= 0 && id < static_cast<TensorId>(graph.tensors.size());
  };
  Check(known(graph.input) && known(graph.output), "graph {}: no input or output", graph.name);
  std::set<TensorId> written = {graph.input};
  std::set<std::string> names;
  for (const Node& node : graph.nodes) {
    Check(names.insert(node.name).second, "graph {}: two nodes named {}", graph.name, node.name);
    std::vector<Shape> shapes;
    std::vector<DType> types;
    for (const TensorId id : node.inputs) {
      Check(known(id) && written.contains(id),
            "graph {}: node {} reads a tensor that is not written", graph.name, node.name);
      shapes.push_back(graph.At(id).shape);
      types.push_back(graph.At(id).dtype);
    }
    Check(known(node.output) && written.insert(node.output).second,
          "graph {}: node {} has no output of its own", graph.name, node.name);
    const Tensor& output = graph.At(node.output);
    Check(InferShape(node.name, node.op, shapes) == output.shape,
          "graph {}: node {} has output shape {}", graph.name, node.name, ToString(output.shape));
    Check(InferType(node.op, types) == output.dtype, "graph {}: node {} has output type {}",
          graph.name, node.name, ToString(output.dtype));
    for (const Role& role : Roles(node.op, shapes.at(0))) {
      const Array& array = graph.Parameter(node, role.name);
      const bool may_share = std::holds_alternative<Requantize>(node.op) ||
                             std::holds_alternative<QuantizeInput>(node.op);
      const bool shared = may_share && array.shape == Shape{1};
      const size_t count =
          std::visit([](const auto& values) { return values.size(); }, array.values);
      Check((array.shape == role.shape || shared) &&
                count == static_cast<size_t>(NumElements(array.shape)),
            "graph {}: {}.{} has shape {}, expected {}", graph.name, node.name, role.name,
            ToString(array.shape), ToString(role.shape));
    }
  }
  Check(written.contains(graph.output), "graph {}: the output is never written", graph.name);
}

}  // namespace platypus::graph
