#ifndef PLATYPUS_QUANTIZE_POST_TRAINING_H_
#define PLATYPUS_QUANTIZE_POST_TRAINING_H_

#include <cstdint>
#include <span>

#include "platypus/base/parallel.h"
#include "platypus/quantize/quantize.h"

// Quantisation of a trained network without training: ranges and biases from samples.
namespace platypus::quantize {

// What to calibrate with; the memory is the caller's.
struct Samples {
  std::span<const float> inputs;  // [count][elements of the graph's input]
  int64_t batch_size = 64;        // what an observer sees at a time
};

// The graph with the range of every FakeQuantize from the values that come by. One pass with all
// ranges open, weights rounded: a range does not act on those behind it, whatever the observer
// makes of it. kLoss gives the extremes here.
graph::Graph ObserveRanges(const graph::Graph& prepared, const Samples& samples,
                           config::RangeObserver observer, ThreadPool& pool);

// PrepareForTraining, ObserveRanges, and with kLoss ChooseRanges by `loss`, which no other observer
// asks.
graph::Graph Calibrate(const graph::Graph& trained, const Settings& settings,
                       config::RangeObserver observer, const Samples& samples, const LossOf& loss,
                       ThreadPool& pool);

// Takes from the bias of every convolution and linear layer, channel by channel, what quantisation
// adds to its output in the mean over the samples (Nagel et al. 2019, 4.2, with data): b -=
// E[quantised] - E[float]. In the order of the graph, each layer behind those that are corrected
// already; layers without a bias get one. `reference`: the float graph, batch norms folded, with
// the same layer names.
graph::Graph CorrectBiases(graph::Graph quantized, const graph::Graph& reference,
                           const Samples& samples, ThreadPool& pool);

// Mean squared distance to what a float graph makes of the samples: a loss where there are no
// labels.
LossOf DistanceTo(const graph::Graph& reference, std::span<const float> inputs, ThreadPool& pool);

struct PostTraining {
  config::RangeObserver observer = config::RangeObserver::kLoss;
  bool bias_correction = true;
  bool equalization = false;
};
struct PostTrained {
  graph::Graph reference;  // the float graph, batch norms folded, equalised if asked
  graph::Graph quantized;  // fake-quantised, ready for Convert
};
// All of it: folds batch norms, equalises, calibrates with `seen`, corrects biases with `some`,
// which are gone over once for every layer.
PostTrained QuantizeAfterTraining(const graph::Graph& trained, const Settings& settings,
                                  const PostTraining& how, const Samples& seen, const Samples& some,
                                  const LossOf& loss, ThreadPool& pool);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_POST_TRAINING_H_
