#ifndef PLATYPUS_PIPELINE_TRAINING_H_
#define PLATYPUS_PIPELINE_TRAINING_H_

#include <filesystem>

#include "platypus/config/config.h"
#include "platypus/pipeline/run_log.h"
#include "platypus/pipeline/samples.h"
#include "platypus/train/train.h"

namespace platypus::pipeline {

// Train, validation and test samples of one run.
struct Splits {
  SampleSet train;
  SampleSet val;
  SampleSet test;
};

// Epochs of the quantised phase: max(10, training_epochs / 5).
int QuantizedEpochs(int training_epochs);

// The float phase: Fit with the configuration's settings; checkpoint and log in `folder`.
train::Result TrainFloat(const graph::Graph& initial, const Splits& splits,
                         const config::Config& config, const std::filesystem::path& folder,
                         RunLog& log, ThreadPool& pool, ProgressSink& sink);

struct QuantizedResult {
  train::Result training;
  graph::Graph integer;  // converted from the best epoch
};

// The quantised phase, from the best float epoch: learning rate / 100, no warm-up, every epoch
// judged on the INTEGER graph run by the reference interpreter.
QuantizedResult TrainQuantized(const graph::Graph& trained, const Splits& splits,
                               const config::Config& config, const std::filesystem::path& folder,
                               RunLog& log, ThreadPool& pool, ProgressSink& sink);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_TRAINING_H_
