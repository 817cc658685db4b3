#include "platypus/deploy/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "platypus/base/random.h"

namespace platypus::deploy {
namespace {

using Buffer = MemoryPlan::Buffer;

bool Overlap(const Buffer& a, const Buffer& b) {
  return a.first_layer <= b.last_layer && b.first_layer <= a.last_layer;
}

// Places buffers in the given order, each at the lowest offset that is free during its life.
int64_t PlaceInOrder(std::vector<Buffer>& buffers, const std::vector<size_t>& order,
                     int64_t alignment) {
  int64_t arena = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    Buffer& buffer = buffers[order[i]];
    std::vector<std::pair<int64_t, int64_t>> taken;
    for (size_t j = 0; j < i; ++j) {
      const Buffer& other = buffers[order[j]];
      if (Overlap(buffer, other)) taken.emplace_back(other.offset, other.offset + other.size);
    }
    std::sort(taken.begin(), taken.end());
    int64_t offset = 0;
    for (const auto& [begin, end] : taken) {
      if (begin >= offset + buffer.size) break;
      offset = std::max(offset, (end + alignment - 1) / alignment * alignment);
    }
    buffer.offset = offset;
    arena = std::max(arena, offset + buffer.size);
  }
  return arena;
}

int64_t LowerBound(const std::vector<Buffer>& buffers) {
  int64_t bound = 0;
  for (const Buffer& at : buffers) {  // the sum can only grow where a life begins
    int64_t sum = 0;
    for (const Buffer& other : buffers) {
      if (other.first_layer <= at.first_layer && at.first_layer <= other.last_layer)
        sum += other.size;
    }
    bound = std::max(bound, sum);
  }
  return bound;
}

}  // namespace

MemoryPlan Plan(std::vector<Buffer> buffers, int64_t alignment) {
  MemoryPlan plan;
  plan.lower_bound_octets = LowerBound(buffers);
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return buffers[a].size > buffers[b].size; });
  plan.arena_octets = PlaceInOrder(buffers, order, alignment);
  plan.buffers = buffers;
  Random random(1, "memory plan");
  constexpr int kTries = 300;
  for (int i = 0; i < kTries && order.size() > 1 && plan.arena_octets > plan.lower_bound_octets;
       ++i) {
    std::vector<size_t> other = order;
    std::swap(other[random.Below(other.size())], other[random.Below(other.size())]);
    const int64_t arena = PlaceInOrder(buffers, other, alignment);
    if (arena > plan.arena_octets) continue;
    order = other;
    if (arena < plan.arena_octets) {
      plan.arena_octets = arena;
      plan.buffers = buffers;
    }
  }
  return plan;
}

}  // namespace platypus::deploy
