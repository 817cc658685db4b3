#ifndef PLATYPUS_EXEC_COMPILE_H_
#define PLATYPUS_EXEC_COMPILE_H_

#include <hwy/aligned_allocator.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "platypus/exec/convolution.h"
#include "platypus/graph/graph.h"

// Nodes to calls of kernels.
namespace platypus::exec {

// The values of one block of samples by tensor id; null where a tensor is of the other type. They
// begin on cache lines: a vector that lies across two of them is read at half the speed.
struct Values {
  std::vector<float*> floats;
  std::vector<int32_t*> integers;
  PairRoom pairs;
  std::vector<hwy::AlignedFreeUniquePtr<int32_t[]>> memory;  // behind the pointers
};

using Step = std::function<void(Values&)>;

// What a node does to a block. Parameters are copied: the graph may go.
Step Compile(const graph::Graph& graph, const graph::Node& node);

}  // namespace platypus::exec

#endif  // PLATYPUS_EXEC_COMPILE_H_
