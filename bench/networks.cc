#include "bench/networks.h"

#include <fmt/format.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cstdlib>

#include "platypus/base/random.h"
#include "platypus/config/registry.h"
#include "platypus/zoo/zoo.h"

namespace platypus::bench {
namespace {

std::vector<float> Noise(int64_t count, Random& random) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(random.Normal());
  return values;
}

config::Training Adam() {
  config::Training settings;
  settings.optimizer = "adam";
  return settings;
}

}  // namespace

const std::vector<Peer>& Peers() {
  static const std::vector<Peer> peers = {
      {"CLS_100", "CNN_TS_GEN_BASE_100_NPU", {1, 512, 1}, 3},
      {"CLS_1k", "CNN_TS_GEN_BASE_1K_NPU", {1, 512, 1}, 3},
      {"CLS_6k", "CNN_TS_GEN_BASE_6K_NPU", {1, 512, 1}, 3},
      {"CLS_13k", "CNN_TS_GEN_BASE_13K_NPU", {1, 512, 1}, 3},
      {"CLS_55k", "CNN_TS_GEN_BASE_55K_NPU", {1, 512, 1}, 3},
      {"CLS_ResAdd_3k", "RES_ADD_CNN_TS_GEN_BASE_3K", {1, 512, 1}, 3},
      {"AD_17k", "AD_CNN_TS_17K", {1, 96, 1}, 96, train::MeanSquaredError{}},
      {"FCST_LSTM10", "LSTM10_TS_GEN_BASE", {1, 32, 1}, 2, train::Huber{}},
      {"REGR_10k", "REG_TS_GEN_BASE_10K", {4, 16, 1}, 1, train::MeanSquaredError{}},
      {"Lenet5", "CNN_LENET5", {1, 28, 28}, 10},
      {"DSCNN", "CNN_AUDIO_DSCNN", {1, 49, 10}, 12}};
  return peers;
}

graph::Graph Build(const Peer& peer) {
  static const config::Registry registry = config::LoadRegistry();
  config::Training training;
  training.model_name = training.model_training_id = peer.network;
  return zoo::Build(training, registry, peer.input, peer.outputs, 1);
}

Samples::Samples(const graph::Graph& graph, int64_t count)
    : shape_(graph.Input().shape), outputs_(NumElements(graph.Output().shape)) {
  Random random(1, "samples");
  inputs_ = Noise(count * NumElements(shape_), random);
  targets_ = Noise(count * outputs_, random);
  for (int64_t i = 0; i < count; ++i)
    labels_.push_back(static_cast<int32_t>(random.Below(static_cast<uint64_t>(outputs_))));
}

Batches::Batches(const graph::Graph& graph, const train::Loss& loss, int64_t count)
    : samples_(graph, count) {
  for (int64_t i = 0; i < count; ++i) {
    inputs_.push_back(samples_.Input(i));
    targets_.push_back(samples_.Target(i));
  }
  const bool classes = std::holds_alternative<train::CrossEntropy>(loss);
  for (int64_t at = 0; at < count; at += kBatch) {
    const auto first = static_cast<size_t>(at);
    const auto size = static_cast<size_t>(std::min(kBatch, count - at));
    train::Network::Batch batch{std::span(inputs_).subspan(first, size), {}};
    if (classes) {
      batch.labels = samples_.Set().labels.subspan(first, size);
    } else {
      batch.targets = std::span(targets_).subspan(first, size);
    }
    all_.push_back(batch);
  }
}

bool ChooseTarget() {
  const char* wanted = std::getenv("PLATYPUS_TARGET");
  if (wanted == nullptr) return true;
  // Better targets have lower bits.
  std::string known;
  for (int64_t bits = hwy::SupportedTargets(); bits != 0; bits &= bits - 1) {
    const int64_t target = bits & -bits;
    known += std::string(" ") + hwy::TargetName(target);
    if (std::string(wanted) == hwy::TargetName(target)) {
      hwy::DisableTargets(target - 1);
      return true;
    }
  }
  fmt::print(stderr, "PLATYPUS_TARGET={}: this machine has{}\n", wanted, known);
  return false;
}

TrainingSteps::TrainingSteps(const graph::Graph& graph)
    : network_(graph, kBatch), optimizer_(Adam(), network_.Parameters().size()) {}

double TrainingSteps::Run(train::Network::Batch batch, const train::Loss& loss, ThreadPool& pool) {
  batch.draw = draw_++;
  const double sum = network_.Train(batch, loss, pool).loss;
  optimizer_.Step(network_.Parameters(), network_.Gradients(), 1e-4, pool);
  return sum;
}

}  // namespace platypus::bench
