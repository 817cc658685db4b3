#ifndef PLATYPUS_EXEC_COMPILE_H_
#define PLATYPUS_EXEC_COMPILE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "platypus/graph/graph.h"

// Nodes to calls of kernels.
namespace platypus::exec {

// The values of all tensors of one block of samples, by tensor id.
struct Values {
  std::vector<std::vector<float>> floats;
  std::vector<std::vector<int32_t>> integers;
};

using Step = std::function<void(Values&)>;

// What a node does to a block. Parameters are copied: the graph may go.
Step Compile(const graph::Graph& graph, const graph::Node& node);

}  // namespace platypus::exec

#endif  // PLATYPUS_EXEC_COMPILE_H_
