#ifndef PLATYPUS_DEPLOY_MEMORY_PLAN_H_
#define PLATYPUS_DEPLOY_MEMORY_PLAN_H_

#include <cstdint>
#include <span>
#include <vector>

namespace platypus::deploy {

// Where activations stand in one arena.
struct MemoryPlan {
  struct Buffer {
    int tensor = -1;     // graph::TensorId
    int64_t offset = 0;  // octets
    int64_t size = 0;
    int first_layer = 0;  // alive from this layer
    int last_layer = 0;   // to this one, both included
  };
  std::vector<Buffer> buffers;
  int64_t arena_octets = 0;
  int64_t lower_bound_octets = 0;  // largest sum of buffers alive at once
};

// Gives every buffer (tensor, size and lifetime set) an offset, a multiple of `alignment`, such
// that no two that are alive at once overlap: largest first at the lowest place that fits, then
// improved by trying other orders.
MemoryPlan Plan(std::vector<MemoryPlan::Buffer> buffers, int64_t alignment = 4);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_MEMORY_PLAN_H_
