#ifndef PLATYPUS_DEPLOY_ARENA_H_
#define PLATYPUS_DEPLOY_ARENA_H_

#include <map>
#include <string>
#include <vector>

#include "platypus/deploy/layers.h"

namespace platypus::deploy {

// How a value is kept: "i8", "u8", "i16" or "f32", and its size.
struct Storage {
  std::string type;
  int64_t octets = 0;
};

// The arena for the layers' values; `in` and `out` are the caller's memory.
MemoryPlan PlanArena(const std::vector<CLayer>& layers,
                     const std::map<graph::TensorId, Storage>& storage, graph::TensorId in,
                     graph::TensorId out);

// Plans a network's arena, and replaces every "@id" in its layers' code by an expression: "in",
// "out" or a place in the arena. Sets memory, arena_type and the layers' offsets.
void PlaceInArena(CNetwork& network, const std::map<graph::TensorId, Storage>& storage,
                  graph::TensorId in, graph::TensorId out);

// Size of the arena in a context: at least 4 octets, and whole elements of its type.
int64_t ArenaOctets(const CNetwork& network);
int64_t ArenaElements(const CNetwork& network);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_ARENA_H_
