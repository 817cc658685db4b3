// Every operator of the engine, forward and backward, on one block of 16 samples and one core:
//   Operator/<name>/<input shape>/<way>
// Operators that multiply: GFLOP/s and the fraction of the peak that FusedMultiplyAddPeak shows.
// Others: GB/s, each value of their inputs and outputs (backward: of their gradients) counted once,
// and the fraction of what copying as many octets between two arrays takes.
// RoundWeights/<rounding>/<way>: GB/s of weights that are read and written.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/peak.h"
#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "platypus/graph/graph.h"
#include "platypus/train/engine.h"
#include "platypus/train/rounding.h"

namespace platypus::train {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point from) {
  return std::chrono::duration<double>(Clock::now() - from).count();
}

// Smallest time of body() over a fifth of a second, of runs of about a millisecond.
template <typename Body>
double BestTime(Body body) {
  const auto start = Clock::now();
  body();
  int64_t runs = 1;
  double best = Seconds(start);
  while (Seconds(start) < 0.2) {
    const auto begin = Clock::now();
    for (int64_t i = 0; i < runs; ++i) body();
    const double took = Seconds(begin);
    best = std::min(best, took / static_cast<double>(runs));
    if (took < 1e-3) runs *= 2;
  }
  return best;
}

using Floats = hwy::AlignedFreeUniquePtr<float[]>;

Floats Noise(size_t count) {
  Floats values = hwy::AllocateAligned<float>(count);
  Random random(3, "values");
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(random.Uniform(-1.5, 1.5));
  return values;
}

double PeakFlops() {
  static const double kPeak = [] {
    const PeakTile tile;
    return PeakTile::Flops() / BestTime([&] {
             tile.Run();
             benchmark::ClobberMemory();
           });
  }();
  return kPeak;
}

// Octets per second that are read and written while `octets` of both together are copied.
double CopyRate(double octets) {
  const auto floats = static_cast<size_t>(octets / 8);
  const Floats from = Noise(floats);
  const Floats to = Noise(floats);
  return octets / BestTime([&] {
           std::memcpy(to.get(), from.get(), floats * sizeof(float));
           benchmark::ClobberMemory();
         });
}

struct Row {
  graph::Op op;
  Shape input;
  int inputs = 1;
  const char* variant = "";  // tells rows of one operator apart
};

std::vector<Row> OperatorRows() {
  const auto conv = [](int out, graph::Size2 kernel, graph::Size2 stride, int groups) {
    const graph::Padding2 around{kernel.h / 2, kernel.w / 2, kernel.h / 2, kernel.w / 2};
    return graph::Conv2d{out, kernel, stride, {}, around, groups, true, {}};
  };
  const Shape row = {8, 512, 1};
  const Shape image = {8, 28, 28};
  const Shape features = {256};
  return {
      {graph::BatchNorm{}, row},
      {graph::BatchNorm{}, image},
      {conv(8, {5, 1}, {1, 1}, 1), {1, 512, 1}, 1, "one_input"},
      {conv(8, {5, 1}, {1, 1}, 1), row},
      {conv(16, {3, 1}, {2, 1}, 1), row, 1, "stride2"},
      {conv(8, {3, 1}, {1, 1}, 8), row, 1, "depthwise"},
      {conv(32, {1, 1}, {1, 1}, 1), row, 1, "pointwise"},
      {graph::Conv2d{8, {3, 1}, {1, 1}, {4, 1}, {4, 0, 4, 0}, 1, true, {}}, row, 1, "dilated"},
      {conv(16, {3, 3}, {1, 1}, 1), image},
      {conv(8, {3, 3}, {1, 1}, 8), image, 1, "depthwise"},
      {graph::ConvTranspose2d{8, {3, 1}, {2, 1}, {1, 1}, {1, 0, 1, 0}, {1, 0}, 1, true}, row},
      {graph::Linear{64, true, {}}, features},
      {graph::Linear{10, true, {}}, {1024}},
      {graph::Relu{}, row},
      {graph::Clamp{}, row},
      {graph::LeakyRelu{}, row},
      {graph::Sigmoid{}, row},
      {graph::Tanh{}, row},
      {graph::Gelu{}, row},
      {graph::Softmax{}, {10}},
      {graph::Softmax{}, row},
      {graph::LogSoftmax{}, {10}},
      {graph::LogSoftmax{}, row},
      {graph::MaxPool{{3, 1}, {2, 1}, {1, 1}, {1, 0, 1, 0}}, row},
      {graph::MaxPool{{2, 2}, {2, 2}, {1, 1}, {}}, image},
      {graph::AvgPool{{4, 1}, {4, 1}, {}}, row},
      {graph::AvgPool{{3, 3}, {1, 1}, {1, 1, 1, 1}}, image, 1, "overlapping"},
      {graph::AdaptiveAvgPool{{1, 1}}, row, 1, "global"},
      {graph::AdaptiveAvgPool{{4, 1}}, row, 1, "even"},
      {graph::AdaptiveAvgPool{{5, 3}}, image, 1, "uneven"},
      {graph::Transpose{{1, 0, 2}}, row},
      {graph::Transpose{{0, 2, 1}}, image},
      {graph::Pad{{2, 2, 2, 2}, 0.5f}, image},
      {graph::Slice{1, 8, 504, 1}, row},
      {graph::Slice{1, 0, 512, 2}, row, 1, "step2"},
      {graph::Resize{{1024, 1}, graph::Resize::Mode::kNearest}, row, 1, "nearest"},
      {graph::Resize{{1024, 1}, graph::Resize::Mode::kBilinear}, row, 1, "linear"},
      {graph::Resize{{49, 49}, graph::Resize::Mode::kBilinear}, image, 1, "bilinear"},
      {graph::Dropout{0.25f}, row},
      {graph::LayerNorm{}, row},
      {graph::LayerNorm{}, features},
      {graph::Recurrent{graph::Recurrent::Cell::kRnn, 16, 1, true}, {4, 64, 1}, 1, "rnn"},
      {graph::Recurrent{graph::Recurrent::Cell::kGru, 16, 1, true}, {4, 64, 1}, 1, "gru"},
      {graph::Recurrent{graph::Recurrent::Cell::kLstm, 16, 1, true}, {4, 64, 1}, 1, "lstm"},
      {graph::Recurrent{graph::Recurrent::Cell::kLstm, 10, 2, false},
       {1, 32, 1},
       1,
       "lstm_two_layers"},
      {graph::Add{}, row, 2},
      {graph::Mul{}, row, 2},
      {graph::Scale{}, row},
      {graph::Concat{0}, row, 2},
      {graph::Concat{1}, row, 2, "rows"},
      {graph::FakeQuantize{}, row},
  };
}

// Places in graph::Op of operators that ought to have a row and have none. The same memory under
// another shape takes no time, and integers are not trained.
std::string WithoutRow(const std::vector<Row>& rows) {
  const std::vector<graph::Op> none = {
      graph::Identity{}, graph::Flatten{},    graph::Reshape{},       graph::QuantizeInput{},
      graph::SumPool{},  graph::Requantize{}, graph::AddRequantize{}, graph::Dequantize{}};
  std::vector<char> seen(std::variant_size_v<graph::AnyOp>, 0);
  for (const graph::Op& op : none) seen[op.index()] = 1;
  for (const Row& row : rows) seen[row.op.index()] = 1;
  std::string missing;
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i] == 0) missing += fmt::format(" {}", i);
  }
  return missing;
}

// One or two factors, then the operator: it has gradients to give back to what stands before it.
graph::Graph GraphOf(const Row& row) {
  graph::Graph g = graph::MakeGraph("bench", row.input);
  Random random(5, "weights");
  std::vector<graph::TensorId> ins;
  const auto append = [&](const std::string& name, const graph::Op& op,
                          const std::vector<graph::TensorId>& inputs) {
    const graph::TensorId out = graph::Append(g, name, op, inputs);
    for (const graph::Role& role : graph::Roles(op, g.At(inputs[0]).shape)) {
      std::vector<float> values(static_cast<size_t>(NumElements(role.shape)));
      for (float& value : values) value = static_cast<float>(random.Uniform(0.01, 0.2));
      if (role.name == "range") values = {-1.0f, 1.0f};
      g.parameters[name + "." + role.name] = {role.shape, std::move(values)};
    }
    return out;
  };
  for (int i = 0; i < row.inputs; ++i) {
    ins.push_back(append("factor" + std::to_string(i), graph::Scale{}, {g.input}));
    g.parameters["factor" + std::to_string(i) + ".weight"].Floats() = {1.0f};
  }
  append("operator", row.op, ins);
  graph::Verify(g);
  return g;
}

// The layers that one operator becomes, with values and gradients in their places.
class Single {
 public:
  explicit Single(const Row& row)
      : graph_(GraphOf(row)), engine_(graph_, kLanes), first_(static_cast<size_t>(row.inputs)) {
    const auto elements = static_cast<size_t>(NumElements(row.input));
    values_ = Noise(elements * kLanes);
    for (size_t lane = 0; lane < kLanes; ++lane) samples_.push_back(&values_[lane * elements]);
    engine_.training = true;
    engine_.Allocate(1, 1);
    engine_.SetCount({samples_, {}});
    ThreadPool pool(1);
    engine_.Prepare(pool);
    engine_.Load({samples_, {}}, 0, 0);
    Run(0);
    const size_t outputs = OutputFloats();
    gradient_ = Noise(outputs);
    Refill();
    octets_ =
        4.0 * static_cast<double>(outputs) + 4.0 * static_cast<double>(first_ * elements * kLanes);
  }

  void Forward() { Run(first_); }

  // In place: gradients of the output, which Refill brings back.
  void Backward() {
    float* scratch = engine_.scratch.get();
    for (const BackwardPart& part : engine_.plan.parts) {
      for (const size_t layer : part.run) {
        if (layer >= first_) {
          engine_.Backward(layer, 0, scratch);
        } else {  // what stands behind a factor is taken back where the factor reads it
          const int factor = std::get<LocalLayer>(engine_.plan.layers[layer]).out;
          benchmark::DoNotOptimize(engine_.OutputGradient(factor, 0, scratch));
        }
      }
      if (part.measure < 0) continue;
      engine_.MeasureGradient(part.measure, 0);
      engine_.ReduceNormGradient(part.measure);
    }
  }
  void Refill() {
    std::copy_n(gradient_.get(), OutputFloats(), engine_.Gradient(engine_.plan.output, 0));
  }

  double Flops() const { return 2.0 * kLanes * static_cast<double>(graph::CountMacs(graph_)); }
  double Octets() const { return octets_; }

 private:
  size_t OutputFloats() {
    return static_cast<size_t>(engine_.At(engine_.plan.output).dims.Floats());
  }
  void Run(size_t from) {
    float* scratch = engine_.scratch.get();
    for (size_t i = from; i < engine_.plan.layers.size(); ++i) {
      const LayerKind& layer = engine_.plan.layers[i];
      if (const auto* norm = std::get_if<NormLayer>(&layer)) {
        engine_.Measure(*norm, 0);
        engine_.Reduce(*norm);
      } else {
        engine_.Forward(layer, 0, 0, scratch);
      }
    }
    benchmark::DoNotOptimize(engine_.Fetch(engine_.plan.output, 0, scratch));
  }

  graph::Graph graph_;
  Network::Impl engine_;
  size_t first_;  // layer of the operator
  Floats values_;
  std::vector<const float*> samples_;
  Floats gradient_;
  double octets_ = 0;
};

void SetCounters(benchmark::State& state, double seconds, double flops, double octets) {
  const double rate = static_cast<double>(state.iterations()) / seconds;
  if (flops > 0) {
    state.counters["GFLOP/s"] = rate * flops / 1e9;
    state.counters["of_peak"] = rate * flops / PeakFlops();
  } else {
    state.counters["GB/s"] = rate * octets / 1e9;
    state.counters["of_copy"] = rate * octets / CopyRate(octets);
  }
  state.SetLabel(TargetName());
}

void RunOperator(benchmark::State& state, const Row& row, bool backward) {
  Single single(row);
  double seconds = 0;
  for (auto _ : state) {
    if (backward) single.Refill();
    const auto start = Clock::now();
    if (backward) {
      single.Backward();
    } else {
      single.Forward();
    }
    benchmark::ClobberMemory();
    const double took = Seconds(start);
    seconds += took;
    state.SetIterationTime(took);
  }
  // On the way back: gradients of the weights and of the input.
  SetCounters(state, seconds, (backward ? 2 : 1) * single.Flops(), single.Octets());
}

struct RoundingRow {
  const char* name;
  WeightRounding rounding;
  bool per_channel;
};

// 32 channels of 40 weights.
void RunRounding(benchmark::State& state, const RoundingRow& row, bool backward) {
  constexpr size_t kChannels = 32;
  constexpr size_t kWeights = kChannels * 40;
  const bool ternary = std::holds_alternative<SoftTernaryRounding>(row.rounding) ||
                       std::holds_alternative<TernaryRounding>(row.rounding);
  const graph::WeightQuantizer quantizer{
      ternary ? 2 : 4, false, row.per_channel,
      ternary ? graph::Rounding::kTernary : graph::Rounding::kNearest};
  const Floats weight = Noise(kWeights);
  const Floats to = Noise(kWeights);
  const graph::WeightLayout layout =
      graph::LayoutOf(graph::Linear{kChannels, false, {}},
                      Shape{kChannels, static_cast<int64_t>(kWeights) / kChannels});
  const WeightArray from{quantizer, layout, {weight.get(), kWeights}};
  const auto start = Clock::now();
  for (auto _ : state) {
    if (backward) {
      RoundGradients(row.rounding, from, {to.get(), kWeights}, {});
    } else {
      RoundWeights(row.rounding, from, {to.get(), kWeights});
    }
    benchmark::ClobberMemory();
  }
  SetCounters(state, Seconds(start), 0, 8.0 * kWeights);
}

void RegisterOperators(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    for (const bool backward : {false, true}) {
      std::string name = fmt::format("Operator/{}/", graph::Name(row.op));
      for (size_t i = 0; i < row.input.size(); ++i) {
        name += fmt::format("{}{}", i == 0 ? "" : "x", row.input[i]);
      }
      if (*row.variant != 0) name += fmt::format("/{}", row.variant);
      name += backward ? "/backward" : "/forward";
      benchmark::RegisterBenchmark(name.c_str(), [row, backward](benchmark::State& s) {
        RunOperator(s, row, backward);
      })->UseManualTime();
    }
  }
  const RoundingRow roundings[] = {
      {"nearest", NearestRounding{}, true},      {"nearest_per_tensor", NearestRounding{}, false},
      {"ternary", TernaryRounding{}, true},      {"soft_sigmoid", SoftSigmoidRounding{20}, true},
      {"soft_tanh", SoftTanhRounding{20}, true}, {"soft_ternary", SoftTernaryRounding{8}, true}};
  for (const RoundingRow& row : roundings) {
    for (const bool backward : {false, true}) {
      // Straight through is no work.
      if (backward && !std::holds_alternative<SoftTernaryRounding>(row.rounding)) continue;
      benchmark::RegisterBenchmark(
          fmt::format("RoundWeights/{}/{}", row.name, backward ? "backward" : "forward").c_str(),
          [row, backward](benchmark::State& state) { RunRounding(state, row, backward); });
    }
  }
}

}  // namespace
}  // namespace platypus::train

int main(int argc, char** argv) {
  using namespace platypus::train;  // NOLINT(google-build-using-namespace)
  const std::vector<Row> rows = OperatorRows();
  if (const std::string missing = WithoutRow(rows); !missing.empty()) {
    std::fprintf(stderr, "operators without a row, by their place in graph::Op:%s\n",
                 missing.c_str());
    return 1;
  }
  RegisterOperators(rows);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
