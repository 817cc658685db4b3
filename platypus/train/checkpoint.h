#ifndef PLATYPUS_TRAIN_CHECKPOINT_H_
#define PLATYPUS_TRAIN_CHECKPOINT_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "platypus/base/random.h"
#include "platypus/train/network.h"
#include "platypus/train/train.h"

namespace platypus::train {

// Everything that Fit needs to go on after an epoch as if nothing had happened.
struct Checkpoint {
  std::string key;  // hash of options, graph and data: a checkpoint of anything else is of no use
  std::vector<float> parameters, state, first, second;
  std::vector<NamedShape> parameter_names, state_names;  // what stands in the rows, in their order
  std::vector<float> averaged_parameters, averaged_state;  // of the EMA; empty without
  std::vector<float> best_parameters, best_state;
  int64_t steps = 0;
  int64_t averages = 0;
  int best_epoch = 0;
  Random::State random{};
  std::vector<Epoch> history;
};

// What a checkpoint belongs to: everything that the bits of a training depend on, the instruction
// set included.
std::string CheckpointKey(const graph::Graph& graph, const LabelledSet& train,
                          const LabelledSet& val, const Options& options);

// Binary, little-endian, closed by a SHA-256; written atomically.
void Save(const Checkpoint& checkpoint, const std::filesystem::path& file);
// nullopt and `problem` filled when the file is there but damaged; nullopt alone when it is not
// there.
std::optional<Checkpoint> LoadCheckpoint(const std::filesystem::path& file, std::string& problem);

// The best epoch's parameters and running statistics under the graph's names.
std::map<std::string, Array> BestWeights(const Checkpoint& checkpoint);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_CHECKPOINT_H_
