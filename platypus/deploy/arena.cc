#include "platypus/deploy/arena.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>

namespace platypus::deploy {
namespace {

using graph::TensorId;

// Last layer that reads or writes each value.
std::map<TensorId, int> LastUses(const std::vector<CLayer>& layers) {
  std::map<TensorId, int> last;
  for (size_t i = 0; i < layers.size(); ++i) {
    last[layers[i].output] = static_cast<int>(i);
    for (const TensorId id : layers[i].inputs) last[id] = static_cast<int>(i);
  }
  return last;
}

// Which buffer every value lives in. A layer that may overwrite an input which nobody reads
// afterwards does.
class Buffers {
 public:
  Buffers(const std::vector<CLayer>& layers, const std::map<TensorId, Storage>& storage,
          TensorId in, TensorId out)
      : storage_(storage), last_(LastUses(layers)) {
    for (size_t i = 0; i < layers.size(); ++i) {
      const TensorId id = layers[i].output;
      const auto layer = static_cast<int>(i);
      for (const TensorId scratch : layers[i].scratch) Add(scratch, layer, layer);
      if (id == in || id == out) continue;
      const int shared = Reusable(layers[i], layer);
      if (shared >= 0) {
        owner_[id] = shared;
        list_[static_cast<size_t>(shared)].last_layer = last_.at(id);
      } else {
        Add(id, layer, last_.at(id));
        LayOver(layers[i], layer);
      }
    }
  }

  const std::vector<MemoryPlan::Buffer>& List() const { return list_; }
  // -1: the caller's memory.
  int OwnerOf(TensorId id) const {
    const auto found = owner_.find(id);
    return found == owner_.end() ? -1 : found->second;
  }

 private:
  void Add(TensorId id, int first_layer, int last_layer) {
    owner_[id] = static_cast<int>(list_.size());
    list_.push_back({id, 0, storage_.at(id).octets, first_layer, last_layer});
  }

  // Lets the newest buffer, of the layer's output, lie over that of its input, which nobody reads
  // afterwards.
  void LayOver(const CLayer& layer, int index) {
    if (!layer.lead || last_.at(layer.inputs[0]) != index) return;
    list_.back().over = OwnerOf(layer.inputs[0]);
    list_.back().lead = *layer.lead;
  }

  int Reusable(const CLayer& layer, int index) const {
    const Storage& output = storage_.at(layer.output);
    for (const TensorId id : layer.overwrites) {
      const Storage& input = storage_.at(id);
      // No element may reach beyond the one that it is made of, whatever char has.
      const bool fits = input.octets >= output.octets && ElementOctets("tm_" + input.type, 8) >=
                                                             ElementOctets("tm_" + output.type, 8);
      if (OwnerOf(id) >= 0 && fits && last_.at(id) == index) return OwnerOf(id);
    }
    return -1;
  }

  const std::map<TensorId, Storage>& storage_;
  std::map<TensorId, int> last_;
  std::map<TensorId, int> owner_;
  std::vector<MemoryPlan::Buffer> list_;
};

// The text with expression(id) in the place of every "@id".
std::string WithAddresses(const std::string& text,
                          const std::function<std::string(TensorId)>& expression) {
  std::string placed;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '@') {
      placed += text[i++];
      continue;
    }
    TensorId id = 0;
    for (++i; i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0; ++i)
      id = id * 10 + (text[i] - '0');
    placed += expression(id);
  }
  return placed;
}

}  // namespace

int64_t ArenaOctets(const CNetwork& network) {
  const int64_t each = ElementOctets(network.arena_type, network.char_bits);
  return (std::max<int64_t>(network.memory.arena_octets, 4) + each - 1) / each * each;
}

int64_t ArenaElements(const CNetwork& network) {
  return ArenaOctets(network) / ElementOctets(network.arena_type, network.char_bits);
}

MemoryPlan PlanArena(const std::vector<CLayer>& layers, const std::map<TensorId, Storage>& storage,
                     TensorId in, TensorId out) {
  return Plan(Buffers(layers, storage, in, out).List());
}

void PlaceInArena(CNetwork& network, const std::map<TensorId, Storage>& storage, TensorId in,
                  TensorId out) {
  const Buffers buffers(network.layers, storage, in, out);
  network.memory = Plan(buffers.List());
  // Plan keeps the order of the buffers.
  const auto offset = [&](TensorId id) {
    return network.memory.buffers[static_cast<size_t>(buffers.OwnerOf(id))].offset;
  };
  // The widest type has the arena; octets may stand in memory of any type.
  const auto holds = [&](const char* type) {
    return std::any_of(storage.begin(), storage.end(), [&](const auto& entry) {
      return entry.second.type == type && buffers.OwnerOf(entry.first) >= 0;
    });
  };
  network.arena_type = holds("f32") ? "tm_f32" : holds("i16") ? "tm_i16" : "tm_u8";
  network.arena_mixes = network.arena_type != "tm_u8" && (holds("i8") || holds("u8"));
  const auto expression = [&](TensorId id) -> std::string {
    if (id == in) return "in";
    if (id == out) return "out";
    const std::string& type = storage.at(id).type;
    // In elements of the arena: how many of its own a type has in them depends on the core.
    const int64_t at = offset(id) / ElementOctets(network.arena_type, network.char_bits);
    if ("tm_" + type == network.arena_type) return fmt::format("arena + {}", at);
    return fmt::format("(tm_{} *)(arena + {})", type, at);
  };
  for (CLayer& layer : network.layers) {
    if (layer.output != out) layer.offset = offset(layer.output);
    layer.uses_in = std::count(layer.inputs.begin(), layer.inputs.end(), in) > 0;
    layer.uses_out =
        layer.output == out || std::count(layer.inputs.begin(), layer.inputs.end(), out) > 0;
    layer.uses_arena = layer.output != out || !layer.scratch.empty();
    for (const TensorId id : layer.inputs) layer.uses_arena |= id != in && id != out;
    layer.code = WithAddresses(layer.code, expression);
    if (!layer.call) continue;
    for (Argument& argument : layer.call->arguments)
      argument.text = WithAddresses(argument.text, expression);
  }
}

}  // namespace platypus::deploy
