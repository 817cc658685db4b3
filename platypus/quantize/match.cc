// Which integer tensor stands for which float one: by the names that conversion gives.
#include <algorithm>
#include <map>
#include <string_view>

#include "platypus/quantize/form.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {
namespace {

using graph::Node;
using graph::TensorId;

// What an operator makes, behind the limit that its codes take in.
TensorId BehindLimit(const graph::Graph& reference, TensorId tensor) {
  const std::vector<const Node*> readers = graph::Consumers(reference, tensor);
  const bool limited =
      readers.size() == 1 && FormOf(readers[0]->op) == Form::kLimits && tensor != reference.output;
  return limited ? readers[0]->output : tensor;
}

// The layer that a node of the integer graph was made for.
std::string_view LayerOf(std::string_view name) {
  for (const std::string_view suffix : {".requantize", ".quantize"}) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  return name;
}

}  // namespace

std::vector<Match> MatchLayers(const graph::Graph& reference, const graph::Graph& integer) {
  std::map<std::string_view, TensorId> made;
  made["input"] = reference.input;
  for (const Node& node : reference.nodes) made[node.name] = node.output;
  std::map<std::string_view, size_t> positions;
  for (size_t n = 0; n < integer.nodes.size(); ++n) positions[integer.nodes[n].name] = n;
  std::vector<Match> matches;
  for (size_t n = 0; n < integer.nodes.size(); ++n) {
    const Node& node = integer.nodes[n];
    const graph::Tensor& tensor = integer.At(node.output);
    const bool is_float = tensor.dtype == DType::kFloat32;
    if (!is_float && tensor.scale == 0) continue;  // accumulators
    const std::string_view layer = LayerOf(node.name);
    Match match;
    match.integer = node.output;
    if (!is_float) {
      match.scale = double{tensor.scale};
      match.zero_point = tensor.zero_point;
    }
    if (std::holds_alternative<graph::Dequantize>(node.op)) {
      const auto codes = std::ranges::find(matches, node.inputs[0], &Match::integer);
      if (codes == matches.end()) continue;
      match.reference = codes->reference;
    } else if (const auto found = made.find(layer); found != made.end()) {
      const bool takes_limit =
          !is_float &&
          (layer != node.name || std::holds_alternative<graph::AddRequantize>(node.op) ||
           std::holds_alternative<graph::Concat>(node.op));
      match.reference = takes_limit ? BehindLimit(reference, found->second) : found->second;
    } else {
      continue;
    }
    if (NumElements(reference.At(match.reference).shape) != NumElements(tensor.shape)) continue;
    match.nodes = {n};
    if (const auto own = positions.find(layer); own != positions.end() && own->second != n)
      match.nodes.push_back(own->second);
    matches.push_back(std::move(match));
  }
  return matches;
}

}  // namespace platypus::quantize
