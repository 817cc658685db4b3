#ifndef PLATYPUS_QUANTIZE_FORM_H_
#define PLATYPUS_QUANTIZE_FORM_H_

#include <optional>
#include <string>

#include "platypus/graph/graph.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {

// What an operator does to codes.
enum class Form {
  kNone,    // it has no integer form
  kKeeps,   // the same codes, some of them, or in other places
  kLimits,  // the same codes within bounds; behind kMakes a part of that operator
  kMakes,   // values that no input had: codes of their own
};
Form FormOf(const graph::Op& op);

// How many times the mean the sums of an integer pool are (tm_cells.h).
int64_t CellParts(const Shape& in, const graph::AdaptiveAvgPool& pool);

// The layer that a node is a part of: a batch norm that will be folded, of the layer before it; any
// other node, of itself.
const graph::Node& LayerOf(const graph::Graph& graph, const graph::Node& node);

// Why a layer stays float inside an integer graph: "Lstm has no integer form". Operators that make
// no values are of the kind of what they read.
std::optional<std::string> WhyFloat(const graph::Graph& graph, const graph::Node& node,
                                    const Settings& settings);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_FORM_H_
