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

// Epochs of the quantised phase: training_epochs / 5, at least 10, of regression at least 50; of
// PTQ none.
int QuantizedEpochs(const config::Config& config);

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
  graph::Graph reference;  // the float network, batch norms folded, in the layers of `integer`
  quantize::Settings settings;              // that were used
  std::optional<AutoPrecision> precision;  // how their bits were chosen, if automatically
};

// The quantised phase, from the best float epoch: learning rate / 100, no warm-up, every epoch
// judged on the INTEGER graph run by the reference interpreter.
QuantizedResult TrainQuantized(const graph::Graph& trained, const Lesson& lesson,
                               const config::Config& config, const std::filesystem::path& folder,
                               RunLog& log, ThreadPool& pool, ProgressSink& sink,
                               const train::EpochObserver& on_epoch = {});

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_TRAINING_H_
