#ifndef PLATYPUS_DEPLOY_MEMORY_PLAN_H_
#define PLATYPUS_DEPLOY_MEMORY_PLAN_H_

#include <cstdint>
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
    // Index of the buffer that it may lie over if it begins at least `lead` octets before it: that
    // of the input of its first layer, which is done with the front of its input before it writes
    // there.
    int over = -1;
    int64_t lead = 0;
  };
  std::vector<Buffer> buffers;
  int64_t arena_octets = 0;
  int64_t lower_bound_octets = 0;  // what the buffers alive at once need at least
};

// Gives every buffer (all but its offset set) an offset, a multiple of `alignment`, such that no
// two that are alive at once share memory, unless one may lie over the other: largest first at the
// lowest place that fits, then improved by trying other orders.
MemoryPlan Plan(std::vector<MemoryPlan::Buffer> buffers, int64_t alignment = 4);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_MEMORY_PLAN_H_
