#ifndef PLATYPUS_TRAIN_TRAIN_H_
#define PLATYPUS_TRAIN_TRAIN_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "platypus/base/array.h"
#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"
#include "platypus/config/config.h"
#include "platypus/graph/graph.h"
#include "platypus/train/metrics.h"

// The room's first header: training of a float or fake-quantised graph.
namespace platypus::train {

// Samples with their classes; the memory is the caller's.
struct LabelledSet {
  Shape shape;                    // of one sample, [C, H, W]
  std::span<const float> inputs;  // [count][C*H*W]
  std::span<const int32_t> labels;
  // Told of a sample that the next step will read, so that it can be fetched meanwhile; empty where
  // all are in memory.
  std::function<void(int64_t)> prefetch = {};
  int64_t Count() const { return static_cast<int64_t>(labels.size()); }
};

// One pass over the data. Loss and accuracy are means over ALL samples of the set; train_loss holds
// settings.lambda_reg's share, as it was before each step, validation does not.
struct Epoch {
  int number = 0;  // from 1; 0 is the graph as it came (Options::judge_start)
  double learning_rate = 0;
  double train_loss = 0;
  double train_accuracy = 0;
  ClassificationMetrics val;
  double seconds = 0;
};

struct Options {
  int epochs = 10;
  double learning_rate = 0.002;
  config::Training
      settings;  // optimiser, schedule, batch size, smoothing, lambda_reg, clipping, ...
  uint64_t seed = 42;
  std::string stage = "train";  // of progress events
  // After every epoch everything needed to go on is written here (atomically); resumed if it exists
  // and was written with the same options, graph and data. Empty: none.
  std::filesystem::path checkpoint;
  // The graph as it comes is the first candidate for the best one, epoch 0 of the history: what
  // training does not improve stays as it was.
  bool judge_start = false;
  // [training sample][class] probabilities to learn (MixTargets); empty: the labels, smoothed.
  std::vector<float> targets;
};

// Judges the graph after an epoch on the validation set. Default (empty): the training engine's own
// forward pass. Quantised training passes the integer graph's metrics here.
using Evaluator = std::function<ClassificationMetrics(const graph::Graph&)>;

struct Result {
  graph::Graph best;  // weights and ranges of the best epoch, nothing else changed
  int best_epoch = 0;
  std::vector<Epoch> history;
};

// Trains `graph` (a classifier with logits output); ranges of a fake-quantised graph stay. The best
// epoch has the highest validation accuracy; ties: the lower validation loss, then the earlier
// epoch. Deterministic: the same bits for any thread count. Error (model) if a loss is not finite,
// naming epoch and batch, with what to try.
Result Fit(const graph::Graph& graph, const LabelledSet& train, const LabelledSet& val,
           const Options& options, const Evaluator& evaluate, ThreadPool& pool, ProgressSink& sink);

// What a network learns that shall stay close to another one (distillation: Hinton, Vinyals, Dean
// 2015, at temperature 1): (1 - share) of the label, smoothed, and `share` of the other one's
// softmax(logits). logits and result [count][classes].
std::vector<float> MixTargets(std::span<const float> logits, std::span<const int32_t> labels,
                              double label_smoothing, double share);

// Logits [count][classes] by the training engine's forward pass (evaluation mode).
std::vector<float> Predict(const graph::Graph& graph, const LabelledSet& set, ThreadPool& pool);

// The graph with the range of every FakeQuantize set to the smallest and the largest value that
// comes by when the set runs through it, each range acting on what stands behind it.
graph::Graph Calibrate(const graph::Graph& graph, const LabelledSet& set, ThreadPool& pool);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_TRAIN_H_
