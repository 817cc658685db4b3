#ifndef PLATYPUS_PIPELINE_UNITS_H_
#define PLATYPUS_PIPELINE_UNITS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "platypus/graph/graph.h"

namespace platypus::pipeline {

// Targets of networks that give values, as training sees them: (value - mean) / deviation, channel
// by channel of the output. Without it a network would first have to learn that a pressure is near
// 1000, in steps of the learning rate. The deployed network gives real values again: it ends in the
// inverse, which folds into its last layer where that has weights.
struct Units {
  std::vector<float> mean;       // [channel]
  std::vector<float> deviation;  // [channel], > 0
  int64_t per_channel = 1;       // elements of the output that share a channel's values

  std::vector<float> ToTraining(std::span<const float> values) const;  // [sample][output]
  std::vector<float> ToReal(std::span<const float> values) const;
};

// Of targets [sample][output] for an output of `shape`, whose first axis is the channel.
// `common_deviation`: one deviation for all channels (the root of their mean variance), so that the
// mean squared error weighs them as it does in real units. Constant channels have deviation 1.
Units MeasureUnits(std::span<const float> targets, const Shape& shape, bool common_deviation);

// The graph with a batch norm behind it that gives real values: weight = deviation, bias = mean.
graph::Graph WithUnits(graph::Graph graph, const Units& units);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_UNITS_H_
