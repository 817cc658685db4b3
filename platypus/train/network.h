#ifndef PLATYPUS_TRAIN_NETWORK_H_
#define PLATYPUS_TRAIN_NETWORK_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/graph/graph.h"
#include "platypus/train/loss.h"

namespace platypus::train {

// A tensor of the graph in a row of values.
struct NamedShape {
  std::string name;
  Shape shape;
};

// A graph compiled for training with one batch size: kernels chosen, memory planned, nothing
// allocated or looked up in a step.
//
// Activations are [block][channel][height][width][lane], 16 samples a block. Blocks are the unit of
// work: a fixed range of them belongs to each thread, and whatever is summed over the batch
// (statistics, weight gradients, loss) is summed block by block in order, so that results do not
// depend on the number of threads.
class Network {
 public:
  // Error (internal) for operators of integer graphs. `batch` is the largest number of samples of a
  // step.
  Network(const graph::Graph& graph, int64_t batch);
  ~Network();

  // One step's samples: [elements] floats each, and the class of each.
  struct Batch {
    std::span<const float* const> samples;
    std::span<const int32_t> labels;  // empty when there are none to compare with
    // What the loss compares with, [outputs] each: values, or with CrossEntropy probabilities to be
    // learnt instead of the labels (empty: the labels).
    std::span<const float* const> targets = {};
    uint64_t draw = 0;  // seed of the step's random numbers (dropout)
    // How far a training is, from 0: what soft rounding of weights hardens by (rounding.h).
    int epoch = 0;
    int epochs = 1;
    // Batch norms normalise with the batch's statistics, which their running ones follow; else
    // with the running ones. (The input's of a fake-quantised graph always does that.)
    bool norms_move = true;
    // Ranges that are not learned follow the batch's extremes.
    bool ranges_move = false;
  };
  struct Outcome {
    double loss = 0;    // sum over the samples
    double weight = 0;  // what to divide it by for the mean
    int64_t correct = 0;
    bool finite = true;
  };

  // Forward and backward, weights rounded softly where their quantizer says so; fills Gradients().
  // All other passes compute with the codes that conversion gives.
  Outcome Train(const Batch& batch, const Loss& loss, ThreadPool& pool);
  // After a step of the optimiser: learned steps that have become smaller than any scale end there.
  void KeepStepsPositive();
  // Forward only: every FakeQuantize's range grows to hold what it sees.
  void Observe(const Batch& batch, ThreadPool& pool);
  // Forward with running statistics; writes logits [sample][class].
  void Predict(const Batch& batch, std::span<float> logits, ThreadPool& pool);

  // The first layer whose values of the last step are not all finite; empty: all are.
  std::string FirstNotFinite() const;

  // All trained values in one row, in the graph's node order; and their gradients (means over the
  // batch), which the next step overwrites.
  std::span<float> Parameters();
  std::span<float> Gradients();
  // Running statistics and ranges, in one row: what else a checkpoint must hold.
  std::span<float> State();
  // What stands in the two rows, in their order, under the graph's names.
  std::vector<NamedShape> ParameterNames() const;
  std::vector<NamedShape> StateNames() const;

  // Copies parameters, statistics and ranges into a graph of the same structure.
  void Save(graph::Graph& graph) const;
  int64_t Outputs() const;  // elements of the output

  struct Impl;  // engine.h, of this room and its benchmarks

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_NETWORK_H_
