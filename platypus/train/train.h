#ifndef PLATYPUS_TRAIN_TRAIN_H_
#define PLATYPUS_TRAIN_TRAIN_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "platypus/base/array.h"
#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"
#include "platypus/config/config.h"
#include "platypus/graph/graph.h"
#include "platypus/train/loss.h"
#include "platypus/train/metrics.h"

// The room's first header: training of a float or fake-quantised graph.
namespace platypus::train {

// Samples with what they shall become; the memory is the caller's.
struct LabelledSet {
  Shape shape;                           // of one sample, [C, H, W]
  std::span<const float> inputs;         // [count][C*H*W]
  std::span<const int32_t> labels = {};  // [count] classes; empty without
  // [count][output]: values, or with CrossEntropy probabilities to learn instead of the (smoothed)
  // labels. May be empty where there are labels.
  std::span<const float> targets = {};
  // Told of a sample that the next step will read, so that it can be fetched meanwhile; empty where
  // all are in memory.
  std::function<void(int64_t)> prefetch = {};
  int64_t Count() const { return static_cast<int64_t>(inputs.size()) / NumElements(shape); }
};

// One pass over the data. Loss and accuracy are means over ALL samples of the set; train_loss holds
// settings.lambda_reg's share, as it was before each step, validation does not.
struct Epoch {
  int number = 0;  // from 1; 0 is the graph as it came (Options::judge_start)
  double learning_rate = 0;
  double train_loss = 0;
  double train_accuracy = 0;  // NaN without classes
  Metrics val;
  double seconds = 0;
};

// Outputs of the graph after an epoch for the validation set, [sample][output]. Empty: by the
// training engine's own forward pass. Quantised training passes the integer graph's here.
using Predictor = std::function<std::vector<float>(const graph::Graph&)>;
// What such outputs are worth.
using Judge = std::function<Metrics(std::span<const float> outputs)>;

// Told after every epoch (and of epoch 0) of all epochs so far, those before an interruption too,
// and of the best one.
using EpochObserver = std::function<void(std::span<const Epoch> history, int best_epoch)>;

struct Options {
  int epochs = 10;
  double learning_rate = 0.002;
  config::Training
      settings;  // optimiser, schedule, batch size, smoothing, lambda_reg, clipping, ...
  Loss loss = CrossEntropy{};  // its smoothing is settings.label_smoothing
  Judge judge;                 // of the validation set; empty: classification by its labels
  // Batch norms normalise with the batches' statistics in the first so many epochs, with their
  // running ones from then on; ranges of FakeQuantize follow the batches' extremes so long.
  int norm_epochs = std::numeric_limits<int>::max();
  int range_epochs = 0;
  uint64_t seed = 42;
  std::string stage = "train";  // of progress events
  // After every epoch everything needed to go on is written here (atomically); resumed if it exists
  // and was written with the same options, graph and data. Empty: none.
  std::filesystem::path checkpoint;
  // The graph as it comes is the first candidate for the best one, epoch 0 of the history: what
  // training does not improve stays as it was.
  bool judge_start = false;
  EpochObserver on_epoch;  // empty: nobody
};

struct Result {
  graph::Graph best;  // weights and ranges of the best epoch, nothing else changed
  int best_epoch = 0;
  std::vector<Epoch> history;
};

// Trains `graph` (with CrossEntropy its output is logits).
// The best epoch is by IsBetter, of equal ones the earliest. Deterministic: the same bits for any
// thread count. Error (model) if a loss is not finite, naming epoch and batch, with what to try.
Result Fit(const graph::Graph& graph, const LabelledSet& train, const LabelledSet& val,
           const Options& options, const Predictor& predict, ThreadPool& pool, ProgressSink& sink);

// What a network learns that shall stay close to another one (distillation: Hinton, Vinyals, Dean
// 2015, at temperature 1): (1 - share) of the label, smoothed, and `share` of the other one's
// softmax(logits). logits and result [count][classes].
std::vector<float> MixTargets(std::span<const float> logits, std::span<const int32_t> labels,
                              double label_smoothing, double share);
// The same for values: (1 - share) of the target and `share` of the other network's output.
std::vector<float> MixTargets(std::span<const float> outputs, std::span<const float> targets,
                              double share);

// Outputs [count][output] by the training engine's forward pass (evaluation mode).
std::vector<float> Predict(const graph::Graph& graph, const LabelledSet& set, ThreadPool& pool);

// The graph with the range of every FakeQuantize set to the smallest and the largest value that
// comes by when the set runs through it, each range acting on what stands behind it.
graph::Graph Calibrate(const graph::Graph& graph, const LabelledSet& set, ThreadPool& pool);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_TRAIN_H_
