#include "platypus/deploy/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "platypus/base/random.h"

namespace platypus::deploy {
namespace {

using Buffer = MemoryPlan::Buffer;

bool AliveTogether(const Buffer& a, const Buffer& b) {
  return a.first_layer <= b.last_layer && b.first_layer <= a.last_layer;
}

// The offsets of buffer `b` that buffer `other`, where it stands, leaves no room for: begin <
// offset < end.
struct Taken {
  int64_t begin, end;
};
Taken TakenBy(const std::vector<Buffer>& buffers, size_t other, size_t b) {
  const Buffer& there = buffers[other];
  const Buffer& here = buffers[b];
  Taken taken = {there.offset - here.size, there.offset + there.size};
  if (here.over == static_cast<int>(other)) taken.begin = there.offset - here.lead;
  if (there.over == static_cast<int>(b)) taken.end = there.offset + there.lead;
  return taken;
}

// Places buffers in the given order, each at the lowest offset that is free during its life.
int64_t PlaceInOrder(std::vector<Buffer>& buffers, const std::vector<size_t>& order,
                     int64_t alignment) {
  int64_t arena = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    Buffer& buffer = buffers[order[i]];
    std::vector<Taken> taken;
    for (size_t j = 0; j < i; ++j) {
      if (AliveTogether(buffer, buffers[order[j]]))
        taken.push_back(TakenBy(buffers, order[j], order[i]));
    }
    std::ranges::sort(taken, {}, &Taken::begin);
    int64_t offset = 0;
    for (const Taken& t : taken) {
      if (t.begin >= offset) break;
      offset = std::max(offset, (t.end + alignment - 1) / alignment * alignment);
    }
    buffer.offset = offset;
    arena = std::max(arena, offset + buffer.size);
  }
  return arena;
}

// An output and an input that it may lie over need no less than the longer of the output and the
// input behind its lead.
int64_t LowerBound(const std::vector<Buffer>& buffers) {
  int64_t bound = 0;
  for (const Buffer& at : buffers) {  // the sum can only grow where a life begins
    const auto alive = [&](const Buffer& other) {
      return other.first_layer <= at.first_layer && at.first_layer <= other.last_layer;
    };
    int64_t sum = 0;
    for (const Buffer& other : buffers) {
      if (!alive(other)) continue;
      sum += other.size;
      if (other.over < 0) continue;
      const Buffer& input = buffers[static_cast<size_t>(other.over)];
      if (alive(input)) sum -= std::clamp<int64_t>(other.size - other.lead, 0, input.size);
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
