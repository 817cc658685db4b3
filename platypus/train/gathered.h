#ifndef PLATYPUS_TRAIN_GATHERED_H_
#define PLATYPUS_TRAIN_GATHERED_H_

#include <cstdint>
#include <span>
#include <vector>

#include "platypus/train/network.h"
#include "platypus/train/train.h"

namespace platypus::train {

// Samples of a pass that changes no weight; their number has no influence on the result.
constexpr int64_t kPredictBatch = 256;

// A step's samples, labels and targets by their numbers; its memory serves the next step again.
struct Gathered {
  std::vector<const float*> samples;
  std::vector<int32_t> labels;
  std::vector<const float*> rows;  // of the targets

  Network::Batch Take(const LabelledSet& set, std::span<const int64_t> indices);
};

// Outputs [count][output] of all samples, in batches of at most kPredictBatch.
std::vector<float> PredictWith(Network& network, const LabelledSet& set, ThreadPool& pool);

// Error (internal) if the set's samples do not fit the graph's input.
void CheckShape(const graph::Graph& graph, const LabelledSet& set);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_GATHERED_H_
