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

// Why a layer stays float inside an integer graph: "Lstm has no integer form". Operators that make
// no values are of the kind of what they read.
std::optional<std::string> WhyFloat(const graph::Graph& graph, const graph::Node& node,
                                    const Settings& settings);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_FORM_H_
