#include "platypus/base/error.h"
#include "platypus/graph/graph.h"

namespace platypus::graph {

Graph Chain(const Graph& first, const Graph& second) {
  Check(
      first.Output().shape == second.Input().shape && first.Output().dtype == second.Input().dtype,
      "graph {} gives {}, graph {} takes {}", first.name, ToString(first.Output().shape),
      second.name, ToString(second.Input().shape));
  Graph chain = first;
  chain.name = second.name;
  // Tensors of `second` stand behind those of `first`; its input is the other one's output.
  const auto offset = static_cast<TensorId>(first.tensors.size());
  const auto moved = [&](TensorId id) { return id == second.input ? first.output : id + offset; };
  chain.tensors.insert(chain.tensors.end(), second.tensors.begin(), second.tensors.end());
  for (Node node : second.nodes) {
    for (TensorId& id : node.inputs) id = moved(id);
    node.output = moved(node.output);
    chain.nodes.push_back(std::move(node));
  }
  chain.output = moved(second.output);
  for (const auto& [name, array] : second.parameters) {
    Check(chain.parameters.emplace(name, array).second, "both graphs have a parameter {}", name);
  }
  Verify(chain);
  return chain;
}

}  // namespace platypus::graph
