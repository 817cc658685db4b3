#ifndef PLATYPUS_BENCH_NETWORKS_H_
#define PLATYPUS_BENCH_NETWORKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "platypus/train/network.h"
#include "platypus/train/optimizer.h"
#include "platypus/train/train.h"

// The zoo's networks that bench/peers trains with PyTorch, and samples for them.
namespace platypus::bench {

constexpr int64_t kBatch = 256;

struct Peer {
  const char* name;
  const char* network;  // model_training_id
  Shape input;
  int outputs;
  train::Loss loss = train::CrossEntropy{};
};

const std::vector<Peer>& Peers();

// Error if the registry does not have it.
graph::Graph Build(const Peer& peer);

// Random samples, labels and values to compare with, for a graph.
class Samples {
 public:
  Samples(const graph::Graph& graph, int64_t count);
  train::LabelledSet Set() const { return {shape_, inputs_, labels_}; }
  const float* Input(int64_t i) const { return inputs_.data() + i * NumElements(shape_); }
  const float* Target(int64_t i) const { return targets_.data() + i * outputs_; }

 private:
  Shape shape_;
  int64_t outputs_;
  std::vector<float> inputs_, targets_;
  std::vector<int32_t> labels_;
};

// The samples in batches of kBatch, as `loss` wants them.
class Batches {
 public:
  Batches(const graph::Graph& graph, const train::Loss& loss, int64_t count);
  const std::vector<train::Network::Batch>& All() const { return all_; }

 private:
  Samples samples_;
  std::vector<const float*> inputs_, targets_;
  std::vector<train::Network::Batch> all_;
};

// A network with Adam.
class TrainingSteps {
 public:
  explicit TrainingSteps(const graph::Graph& graph);
  double Run(train::Network::Batch batch, const train::Loss& loss, ThreadPool& pool);

 private:
  train::Network network_;
  train::Optimizer optimizer_;
  uint64_t draw_ = 0;
};

// PLATYPUS_TARGET=SSE4, AVX2, AVX3, ... in the environment: the best instruction set that the
// kernels of training may use. False (after a message) if the machine does not have it.
bool ChooseTarget();

}  // namespace platypus::bench

#endif  // PLATYPUS_BENCH_NETWORKS_H_
