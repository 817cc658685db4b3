#ifndef PLATYPUS_PIPELINE_TRAINING_H_
#define PLATYPUS_PIPELINE_TRAINING_H_

#include <filesystem>
#include <optional>
#include <string>

#include "platypus/config/config.h"
#include "platypus/pipeline/auto_precision.h"
#include "platypus/pipeline/lesson.h"
#include "platypus/pipeline/run_log.h"
#include "platypus/train/train.h"

namespace platypus::pipeline {

// How the quantised phase trains.
struct QuantizedPhase {
  int epochs = 0;  // of PTQ none
  double learning_rate = 0;
  int norm_epochs = 0;  // train::Options
  int range_epochs = 0;
};
// Where 8 bits hold every weight the float network is near, and the reference's phase finishes it:
// training_epochs / 5, at least 10, of regression at least 50, at 1/100 of the learning rate, its
// batch norms as they are. Fewer bits are a network far from the float one: as many epochs as that
// took, 1/10 of the rate with 4 bits, all of it with 2, statistics of batch norms moving at first,
// and with 2 bits ranges too. `weight_bits`: the fewest of any layer.
QuantizedPhase PhaseOf(const config::Config& config, int weight_bits);
// What the configuration leads to at the most: automatic bits may be 2.
int FewestWeightBits(const config::Training& training);

// The float phase: Fit with the configuration's settings; checkpoint and log in `folder`. The
// result's graph gives values in the lesson's units. `stage` is that of progress events.
train::Result TrainFloat(const graph::Graph& initial, const Lesson& lesson,
                         const config::Config& config, const std::filesystem::path& folder,
                         RunLog& log, ThreadPool& pool, ProgressSink& sink,
                         const std::string& stage = "train",
                         const train::EpochObserver& on_epoch = {});

struct QuantizedResult {
  train::Result training;
  // Converted from the best epoch; gives real values. Without nodes: all layers stay in float.
  graph::Graph integer;
  graph::Graph reference;       // the float network, batch norms folded, in the layers of `integer`
  quantize::Settings settings;  // that were used
  std::optional<AutoPrecision> precision;  // how their bits were chosen, if automatically
};

// The quantised phase, from the best float epoch: no warm-up, every epoch judged on the INTEGER
// graph run by the reference interpreter.
QuantizedResult TrainQuantized(const graph::Graph& trained, const Lesson& lesson,
                               const config::Config& config, const std::filesystem::path& folder,
                               RunLog& log, ThreadPool& pool, ProgressSink& sink,
                               const train::EpochObserver& on_epoch = {});

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_TRAINING_H_
