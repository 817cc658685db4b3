// What quantised training costs beside float training, for the zoo's networks:
// QuantisedEpoch/<index of the network>/<bits of the weights>. An epoch is 3072 training samples
// and validation on half as many: the engine's forward pass for the float network; conversion and
// the integer interpreter for the quantised one. Both take turns, and the shortest of each counts.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>

#include "bench/networks.h"
#include "platypus/exec/interpreter.h"
#include "platypus/quantize/quantize.h"

namespace platypus::bench {
namespace {

constexpr int64_t kSamples = 12 * kBatch;

const Peer& Find(const char* name) {
  for (const Peer& peer : Peers()) {
    if (std::strcmp(peer.name, name) == 0) return peer;
  }
  std::abort();
}

constexpr const char* kNetworks[] = {"CLS_1k",        "CLS_13k", "CLS_55k",
                                     "CLS_ResAdd_3k", "AD_17k",  "REGR_10k"};

double Seconds(const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Counters: seconds of a float epoch; how many times as long the quantised phase takes for its
// training steps while batch norms and ranges move, once they are frozen, and for a whole epoch
// (half of them each) with its validation.
void QuantisedEpoch(benchmark::State& state) {
  const Peer& peer = Find(kNetworks[state.range(0)]);
  const auto bits = static_cast<int>(state.range(1));
  const graph::Graph graph = Build(peer);
  const Batches batches(graph, peer.loss, kSamples);
  const Samples val(graph, kSamples / 2);
  ThreadPool pool(1);
  quantize::Settings settings;
  settings.precision.weight_bits = bits;
  const graph::Graph quantised =
      train::Calibrate(quantize::PrepareForTraining(graph, settings), val.Set(), pool);
  TrainingSteps float_steps(graph);
  TrainingSteps quantised_steps(quantised);
  const auto train = [&](TrainingSteps& steps, bool norms_move, bool ranges_move) {
    return Seconds([&] {
      for (train::Network::Batch batch : batches.All()) {
        batch.norms_move = norms_move;
        batch.ranges_move = ranges_move;
        steps.Run(batch, peer.loss, pool);
      }
    });
  };
  double floats = 1e9, float_val = 1e9, moving = 1e9, frozen = 1e9, val_time = 1e9;
  for (auto _ : state) {
    floats = std::min(floats, train(float_steps, true, false));
    moving = std::min(moving, train(quantised_steps, true, true));
    frozen = std::min(frozen, train(quantised_steps, false, false));
    float_val = std::min(float_val, Seconds([&] { train::Predict(graph, val.Set(), pool); }));
    val_time = std::min(val_time, Seconds([&] {
                          const graph::Graph integer = quantize::Convert(quantised, settings);
                          exec::Interpreter(integer).Run(val.Set().inputs, val.Set().Count(), pool);
                        }));
  }
  state.counters["float epoch s"] = floats + float_val;
  state.counters["x moving"] = moving / floats;
  state.counters["x frozen"] = frozen / floats;
  state.counters["x epoch"] = ((moving + frozen) / 2 + val_time) / (floats + float_val);
  state.SetLabel(peer.name);
}
BENCHMARK(QuantisedEpoch)
    ->ArgsProduct({{0, 1, 2, 3, 4, 5}, {8, 4, 2}})
    ->ArgNames({"network", "bits"})
    ->UseRealTime()
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace platypus::bench
