// What judging a network costs beside training it, for the zoo's networks: samples per second of
// training steps, of the engine's forward pass (validation of a float epoch) and of the interpreter
// (test set), and the share of a quantised epoch that its validation takes: conversion to integers
// and the integer interpreter on half as many samples as are trained (the split 60/30/10).
//
// bench_evaluate [--threads N] [--seconds S] [--samples N] [network ...]
// Fewer samples make repetitions short enough for the gaps that other work leaves.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "bench/networks.h"
#include "platypus/base/error.h"
#include "platypus/exec/interpreter.h"
#include "platypus/quantize/quantize.h"
#include "platypus/train/kernels.h"

namespace platypus::bench {
namespace {

// The shortest of the repetitions that fit into `seconds`, at least three.
double Shortest(double seconds, const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  work();
  const Clock::time_point begin = Clock::now();
  double best = 1e9;
  for (int n = 0; n < 3 || since(begin) < seconds; ++n) {
    const Clock::time_point start = Clock::now();
    work();
    best = std::min(best, since(start));
  }
  return best;
}

struct Options {
  int threads = 1;
  double seconds = 0.5;
  int64_t samples = 3072;  // of training
  std::vector<std::string> networks;
};

// Seconds of an epoch of training steps.
double TrainEpoch(const graph::Graph& graph, const train::Loss& loss, const Options& options,
                  ThreadPool& pool) {
  const Batches batches(graph, loss, options.samples);
  TrainingSteps steps(graph);
  return Shortest(options.seconds, [&] {
    for (const train::Network::Batch& batch : batches.All()) steps.Run(batch, loss, pool);
  });
}

void Judge(const Peer& peer, const graph::Graph& graph, const Options& options, ThreadPool& pool) {
  const auto samples = static_cast<double>(options.samples);
  const int64_t count = options.samples / 2;  // of validation
  const auto validated = static_cast<double>(count);
  const double training = TrainEpoch(graph, peer.loss, options, pool) / samples;
  const Samples val(graph, count);
  const double engine =
      Shortest(options.seconds, [&] { train::Predict(graph, val.Set(), pool); }) / validated;
  const graph::Graph folded = graph::FoldBatchNorm(graph);
  const double interpreter =
      Shortest(options.seconds,
               [&] { exec::Interpreter(folded).Run(val.Set().inputs, count, pool); }) /
      validated;
  fmt::print("| {} | {} | {:.0f} | {:.0f} | {:.1f} | {:.0f} | {:.1f} |", peer.name, options.threads,
             1 / training, 1 / engine, training / engine, 1 / interpreter, training / interpreter);
  try {
    const quantize::Settings settings;
    const graph::Graph quantised =
        train::Calibrate(quantize::PrepareForTraining(graph, settings), val.Set(), pool);
    const double epoch = TrainEpoch(quantised, peer.loss, options, pool);
    const double validation = Shortest(options.seconds, [&] {
      const graph::Graph integer = quantize::Convert(quantised, settings);
      exec::Interpreter(integer).Run(val.Set().inputs, count, pool);
    });
    fmt::print(" {:.0f} | {:.0f} | {:.1f} % |\n", samples / epoch, validated / validation,
               100 * validation / (validation + epoch));
  } catch (const Error&) {  // an operator that has no integer form
    fmt::print(" - | - | - |\n");
  }
  std::fflush(stdout);
}

int Main(const std::vector<std::string>& arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const bool more = i + 1 < arguments.size();
    if (arguments[i] == "--threads" && more) {
      options.threads = std::atoi(arguments[++i].c_str());
    } else if (arguments[i] == "--samples" && more) {
      options.samples = std::max<int64_t>(2, std::atoll(arguments[++i].c_str()));
    } else if (arguments[i] == "--seconds" && more) {
      options.seconds = std::atof(arguments[++i].c_str());
    } else {
      options.networks.push_back(arguments[i]);
    }
  }
  ThreadPool pool(options.threads);
  fmt::print(
      "| network | threads | training samples/s | engine samples/s | x training | interpreter "
      "samples/s | x training | quantised training samples/s | integer validation samples/s | "
      "share "
      "of the epoch |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
  for (const Peer& peer : Peers()) {
    const bool wanted = options.networks.empty() ||
                        std::ranges::count(options.networks, std::string(peer.name)) > 0;
    if (wanted) Judge(peer, Build(peer), options, pool);
  }
  fmt::print("\n{}, {} training samples, {} of validation\n", train::TargetName(), options.samples,
             options.samples / 2);
  return 0;
}

}  // namespace
}  // namespace platypus::bench

int main(int argc, char** argv) {
  if (!platypus::bench::ChooseTarget()) return 1;
  return platypus::bench::Main({argv + 1, argv + argc});
}
