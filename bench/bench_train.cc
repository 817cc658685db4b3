// Whole training steps and whole trainings of the zoo's most used classifier: samples per second.
#include <benchmark/benchmark.h>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "platypus/base/random.h"
#include "platypus/train/kernels.h"
#include "platypus/train/network.h"
#include "platypus/train/train.h"

namespace platypus::train {
namespace {

constexpr int64_t kLength = 512;
constexpr int kClasses = 3;

// Layers of a classifier with random weights; `quantized` adds what quantised training adds.
class Builder {
 public:
  explicit Builder(bool quantized)
      : quantized_(quantized), graph_(graph::MakeGraph("bench", {1, kLength, 1})) {}

  void Norm(const std::string& name, int64_t channels) {
    Append(name, graph::BatchNorm{});
    Fill(name + ".weight", {channels}, 1, 1);
    Fill(name + ".bias", {channels}, 0, 0);
    Fill(name + ".running_mean", {channels}, 0, 0);
    Fill(name + ".running_var", {channels}, 1, 1);
  }
  void Conv(const std::string& name, int ins, int outs, int kernel) {
    graph::Conv2d conv{outs, {kernel, 1}, {}, {}, {kernel / 2, 0, kernel / 2, 0}, 1, false, {}};
    if (quantized_) conv.weight_quantizer = graph::WeightQuantizer{};
    Append(name, conv);
    const double bound = std::sqrt(1.0 / (ins * kernel));
    Fill(name + ".weight", {outs, ins, kernel, 1}, -bound, bound);
    Norm(name + ".norm", outs);
    Append(name + ".relu", graph::Relu{});
    Quantize(name + ".codes");
  }
  void Append(const std::string& name, const graph::Op& op) {
    graph::Append(graph_, name, op, {graph_.output});
  }
  void Quantize(const std::string& name) {
    if (!quantized_) return;
    Append(name, graph::FakeQuantize{});
    graph_.parameters[name + ".range"] = {{2}, std::vector<float>{1, -1}};
  }
  void Fill(const std::string& name, const Shape& shape, double low, double high) {
    std::vector<float> values(static_cast<size_t>(NumElements(shape)));
    for (float& value : values) value = static_cast<float>(random_.Uniform(low, high));
    graph_.parameters[name] = {shape, std::move(values)};
  }
  graph::Graph Finish() const {
    graph::Verify(graph_);
    return graph_;
  }

 private:
  bool quantized_;
  graph::Graph graph_;
  Random random_{1, "weights"};
};

// CLS_1k_NPU on 512 values. Quantised: codes behind every layer.
graph::Graph MakeClassifier(bool quantized) {
  Builder b(quantized);
  b.Norm("norm", 1);
  b.Quantize("norm.codes");
  b.Conv("conv1", 1, 8, 5);
  b.Conv("conv2", 8, 8, 5);
  b.Append("pool", graph::MaxPool{{3, 1}, {2, 1}, {1, 1}, {1, 0, 1, 0}});
  b.Conv("conv3", 8, 16, 3);
  b.Append("average", graph::AdaptiveAvgPool{{1, 1}});
  b.Quantize("average.codes");
  b.Append("flatten", graph::Flatten{});
  graph::Linear linear{kClasses, true, {}};
  if (quantized) linear.weight_quantizer = graph::WeightQuantizer{};
  b.Append("linear", linear);
  b.Fill("linear.weight", {kClasses, 16}, -0.25, 0.25);
  b.Fill("linear.bias", {kClasses}, -0.25, 0.25);
  b.Quantize("linear.codes");
  return b.Finish();
}

struct Waves {
  std::vector<float> inputs;
  std::vector<int32_t> labels;
  LabelledSet View() const { return {{1, kLength, 1}, inputs, labels}; }
};

// Three frequencies at any phase, in noise.
Waves MakeWaves(int64_t count, uint64_t seed) {
  Random random(seed, "waves");
  Waves waves;
  for (int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<int32_t>(random.Below(kClasses));
    const double phase = random.Uniform();
    for (int64_t t = 0; t < kLength; ++t) {
      const double turns = phase + static_cast<double>(t) * (0.02 + 0.01 * label);
      waves.inputs.push_back(
          static_cast<float>(std::sin(2 * std::numbers::pi * turns) + random.Normal()));
    }
    waves.labels.push_back(label);
  }
  return waves;
}

std::vector<const float*> Pointers(const Waves& waves) {
  std::vector<const float*> samples;
  for (size_t i = 0; i < waves.labels.size(); ++i) {
    samples.push_back(waves.inputs.data() + i * static_cast<size_t>(kLength));
  }
  return samples;
}

void SetRate(benchmark::State& state, int64_t samples) {
  state.counters["samples/s"] = benchmark::Counter(static_cast<double>(samples),
                                                   benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(TargetName());
}

// Arguments: threads, quantised.
void TrainStep(benchmark::State& state) {
  constexpr int64_t kBatch = 256;
  const Waves waves = MakeWaves(kBatch, 1);
  const std::vector<const float*> samples = Pointers(waves);
  ThreadPool pool(static_cast<int>(state.range(0)));
  const bool quantized = state.range(1) != 0;
  Network network(
      quantized ? Calibrate(MakeClassifier(true), waves.View(), pool) : MakeClassifier(false),
      kBatch);
  for (auto _ : state) {
    benchmark::DoNotOptimize(network.Train({samples, waves.labels}, CrossEntropy{}, pool).loss);
  }
  SetRate(state, kBatch);
}
BENCHMARK(TrainStep)
    ->ArgsProduct({{1, 2}, {0, 1}})
    ->ArgNames({"threads", "quantized"})
    ->UseRealTime();

// Arguments: threads.
void PredictBatch(benchmark::State& state) {
  constexpr int64_t kBatch = 256;
  const Waves waves = MakeWaves(kBatch, 1);
  const std::vector<const float*> samples = Pointers(waves);
  ThreadPool pool(static_cast<int>(state.range(0)));
  Network network(MakeClassifier(false), kBatch);
  std::vector<float> logits(static_cast<size_t>(kBatch * network.Outputs()));
  for (auto _ : state) {
    network.Predict({samples, {}}, logits, pool);
    benchmark::DoNotOptimize(logits.data());
  }
  SetRate(state, kBatch);
}
BENCHMARK(PredictBatch)->Arg(1)->Arg(2)->ArgName("threads")->UseRealTime();

// 20 epochs of the float network and 10 of the quantised one on 3960 samples, validation on 1980
// after each.
void WholeTraining(benchmark::State& state) {
  const Waves train = MakeWaves(3960, 1);
  const Waves val = MakeWaves(1980, 2);
  ThreadPool pool(static_cast<int>(state.range(0)));
  NullSink sink;
  double accuracy = 0;
  for (auto _ : state) {
    Options options;
    options.epochs = 20;
    options.learning_rate = 0.04;
    options.settings.batch_size = 256;
    const Result floats =
        Fit(MakeClassifier(false), train.View(), val.View(), options, {}, pool, sink);
    options.stage = "quantize";
    options.epochs = 10;
    options.settings.lr_warmup_epochs = 0;
    const Result codes = Fit(Calibrate(MakeClassifier(true), train.View(), pool), train.View(),
                             val.View(), options, {}, pool, sink);
    benchmark::DoNotOptimize(codes.best_epoch);
    accuracy = std::get<ClassificationMetrics>(
                   floats.history[static_cast<size_t>(floats.best_epoch - 1)].val)
                   .accuracy;
  }
  state.counters["val_accuracy"] = accuracy;
  SetRate(state, 30 * 3960);
}
BENCHMARK(WholeTraining)
    ->Arg(1)
    ->Arg(2)
    ->ArgName("threads")
    ->UseRealTime()
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace platypus::train
