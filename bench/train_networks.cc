// Whole training steps (forward, backward, Adam) of the zoo's networks at batch 256, the ones that
// bench/peers trains with PyTorch: TrainNetwork/<name>/threads:<n>.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/networks.h"
#include "platypus/base/error.h"
#include "platypus/train/kernels.h"

namespace platypus::bench {
namespace {

void TrainNetwork(benchmark::State& state, const graph::Graph& graph, const train::Loss& loss) {
  const Batches batches(graph, loss, kBatch);
  ThreadPool pool(static_cast<int>(state.range(0)));
  TrainingSteps steps(graph);
  steps.Run(batches.All()[0], loss, pool);  // the first step takes the memory
  using Clock = std::chrono::steady_clock;
  std::chrono::duration<double> best = Clock::duration::max();
  for (auto _ : state) {
    const Clock::time_point start = Clock::now();
    benchmark::DoNotOptimize(steps.Run(batches.All()[0], loss, pool));
    best = std::min<std::chrono::duration<double>>(best, Clock::now() - start);
  }
  // What a machine with other guests reaches when they are silent.
  state.counters["best samples/s"] = static_cast<double>(kBatch) / best.count();
  state.counters["samples/s"] = benchmark::Counter(static_cast<double>(kBatch),
                                                   benchmark::Counter::kIsIterationInvariantRate);
  // Forward, gradient of the weights, gradient of the input: two operations per multiplication.
  state.counters["FLOP/s"] =
      benchmark::Counter(6.0 * static_cast<double>(kBatch * graph::CountMacs(graph)),
                         benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(train::TargetName());
}

// How long a plan takes to make: what every run and every stage pays once.
void CompileNetwork(benchmark::State& state, const graph::Graph& graph) {
  for (auto _ : state) {
    train::Network network(graph, kBatch);
    benchmark::DoNotOptimize(network.Outputs());
  }
}

void RegisterNetworks() {
  for (const Peer& peer : Peers()) {
    try {
      const graph::Graph graph = Build(peer);
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
}  // namespace platypus::bench

int main(int argc, char** argv) {
  if (!platypus::bench::ChooseTarget()) return 1;
  platypus::bench::RegisterNetworks();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print(stderr, "peak memory of this process: {:.1f} MB\n",
             static_cast<double>(usage.ru_maxrss) / 1000.0);
  return 0;
}
