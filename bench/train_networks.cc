// Whole training steps (forward, backward, Adam) of the zoo's networks at batch 256, the ones that
// bench/peers trains with PyTorch: TrainNetwork/<name>/threads:<n>.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "platypus/config/registry.h"
#include "platypus/train/kernels.h"
#include "platypus/train/network.h"
#include "platypus/train/optimizer.h"
#include "platypus/zoo/zoo.h"

namespace platypus::train {
namespace {

constexpr int64_t kBatch = 256;

struct Peer {
  const char* name;
  const char* network;
  Shape input;
  int outputs;
  Loss loss = CrossEntropy{};
};

std::vector<Peer> Peers() {
  return {{"CLS_100", "CNN_TS_GEN_BASE_100_NPU", {1, 512, 1}, 3},
          {"CLS_1k", "CNN_TS_GEN_BASE_1K_NPU", {1, 512, 1}, 3},
          {"CLS_6k", "CNN_TS_GEN_BASE_6K_NPU", {1, 512, 1}, 3},
          {"CLS_13k", "CNN_TS_GEN_BASE_13K_NPU", {1, 512, 1}, 3},
          {"CLS_55k", "CNN_TS_GEN_BASE_55K_NPU", {1, 512, 1}, 3},
          {"CLS_ResAdd_3k", "RES_ADD_CNN_TS_GEN_BASE_3K", {1, 512, 1}, 3},
          {"AD_17k", "AD_CNN_TS_17K", {1, 96, 1}, 96, MeanSquaredError{}},
          {"FCST_LSTM10", "LSTM10_TS_GEN_BASE", {1, 32, 1}, 2, Huber{}},
          {"REGR_10k", "REG_TS_GEN_BASE_10K", {4, 16, 1}, 1, MeanSquaredError{}},
          {"Lenet5", "CNN_LENET5", {1, 28, 28}, 10},
          {"DSCNN", "CNN_AUDIO_DSCNN", {1, 49, 10}, 12}};
}

std::vector<float> Noise(int64_t count, Random& random) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(random.Normal());
  return values;
}

std::vector<const float*> Rows(const std::vector<float>& values, int64_t width) {
  std::vector<const float*> rows;
  for (int64_t i = 0; i < kBatch; ++i) rows.push_back(values.data() + i * width);
  return rows;
}

void TrainNetwork(benchmark::State& state, const graph::Graph& graph, const Loss& loss) {
  Random random(1, "samples");
  const int64_t outputs = NumElements(graph.Output().shape);
  const std::vector<float> inputs = Noise(kBatch * NumElements(graph.Input().shape), random);
  const std::vector<float> values = Noise(kBatch * outputs, random);
  const std::vector<const float*> samples = Rows(inputs, NumElements(graph.Input().shape));
  const std::vector<const float*> targets = Rows(values, outputs);
  std::vector<int32_t> labels;
  const bool classes = std::holds_alternative<CrossEntropy>(loss);
  for (int64_t i = 0; classes && i < kBatch; ++i) {
    labels.push_back(static_cast<int32_t>(random.Below(static_cast<uint64_t>(outputs))));
  }
  Network::Batch batch{samples, labels};
  if (!classes) batch.targets = targets;
  ThreadPool pool(static_cast<int>(state.range(0)));
  Network network(graph, kBatch);
  config::Training settings;
  settings.optimizer = "adam";
  Optimizer optimizer(settings, network.Parameters().size());
  network.Train(batch, loss, pool);  // the first step takes the memory
  using Clock = std::chrono::steady_clock;
  std::chrono::duration<double> best = Clock::duration::max();
  for (auto _ : state) {
    const Clock::time_point start = Clock::now();
    benchmark::DoNotOptimize(network.Train(batch, loss, pool).loss);
    optimizer.Step(network.Parameters(), network.Gradients(), 1e-4);
    best = std::min<std::chrono::duration<double>>(best, Clock::now() - start);
    ++batch.draw;
  }
  // What a machine with other guests reaches when they are silent.
  state.counters["best samples/s"] = static_cast<double>(kBatch) / best.count();
  state.counters["samples/s"] = benchmark::Counter(static_cast<double>(kBatch),
                                                   benchmark::Counter::kIsIterationInvariantRate);
  // Forward, gradient of the weights, gradient of the input: two operations per multiplication.
  state.counters["FLOP/s"] =
      benchmark::Counter(6.0 * static_cast<double>(kBatch * graph::CountMacs(graph)),
                         benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(TargetName());
}

// How long a plan takes to make: what every run and every stage pays once.
void CompileNetwork(benchmark::State& state, const graph::Graph& graph) {
  ThreadPool pool(1);
  for (auto _ : state) {
    Network network(graph, kBatch);
    benchmark::DoNotOptimize(network.Outputs());
  }
}

void RegisterNetworks() {
  const config::Registry registry = config::LoadRegistry();
  for (const Peer& peer : Peers()) {
    config::Training training;
    training.model_name = training.model_training_id = peer.network;
    try {
      const graph::Graph graph = zoo::Build(training, registry, peer.input, peer.outputs, 1);
      benchmark::RegisterBenchmark(
          fmt::format("TrainNetwork/{}", peer.name).c_str(),
          [graph, loss = peer.loss](benchmark::State& state) { TrainNetwork(state, graph, loss); })
          ->Arg(1)
          ->Arg(2)
          ->ArgName("threads")
          ->UseRealTime();
      benchmark::RegisterBenchmark(
          fmt::format("CompileNetwork/{}", peer.name).c_str(),
          [graph](benchmark::State& state) { CompileNetwork(state, graph); });
    } catch (const Error& error) {
      fmt::print(stderr, "{} is left out: {}\n", peer.name, error.what());
    }
  }
}

}  // namespace
}  // namespace platypus::train

int main(int argc, char** argv) {
  platypus::train::RegisterNetworks();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
