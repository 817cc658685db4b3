// Traces of Hessians against their closed forms.
#include "platypus/train/hessian.h"

#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/random.h"

namespace platypus::train {
namespace {

constexpr int kInputs = 6;
constexpr int kOutputs = 3;
constexpr int64_t kSamples = 40;

std::vector<float> Normals(size_t count, uint64_t seed) {
  Random random(seed, "hessian test");
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.Normal());
  return values;
}

graph::Graph LinearModel(bool with_norm) {
  graph::Graph g = graph::MakeGraph("linear", {kInputs});
  if (with_norm) {
    graph::Append(g, "norm", graph::BatchNorm{}, {g.output});
    g.parameters["norm.weight"] = {{kInputs}, std::vector<float>(kInputs, 0.5f)};
    g.parameters["norm.bias"] = {{kInputs}, std::vector<float>(kInputs, 0.25f)};
    g.parameters["norm.running_mean"] = {{kInputs}, std::vector<float>(kInputs, 1.0f)};
    g.parameters["norm.running_var"] = {{kInputs}, std::vector<float>(kInputs, 4.0f)};
  }
  graph::Append(g, "fc", graph::Linear{kOutputs, true, {}}, {g.output});
  g.parameters["fc.weight"] = {{kOutputs, kInputs}, Normals(kOutputs * kInputs, 2)};
  g.parameters["fc.bias"] = {{kOutputs}, Normals(kOutputs, 3)};
  return g;
}

const std::vector<std::string> kWeight = {"fc.weight"};

std::vector<TraceEstimate> Traces(const graph::Graph& g, const LabelledSet& set, const Loss& loss,
                                  std::vector<std::vector<std::string>> blocks, int probes) {
  ThreadPool pool(2);
  NullSink sink;
  return HessianTraces(g, set, loss, blocks, {.probes = probes}, pool, sink);
}

// The mean over samples and outputs of (W x + b - t)^2: every output's weights have the Hessian
// 2 / outputs * mean x x', the biases 2 / outputs.
TEST(HessianTest, MeanSquaredErrorOfALinearModel) {
  const std::vector<float> inputs = Normals(kSamples * kInputs, 4);
  const std::vector<float> targets = Normals(kSamples * kOutputs, 5);
  double squares = 0;
  for (const float x : inputs) squares += double{x} * x;
  const double exact = 2 * squares / kSamples;
  const auto traces =
      Traces(LinearModel(false), {.shape = {kInputs}, .inputs = inputs, .targets = targets},
             MeanSquaredError{}, {kWeight, {"fc.bias"}}, 400);
  EXPECT_NEAR(traces[0].trace, exact, 4 * traces[0].error);
  EXPECT_LT(traces[0].error, 0.05 * exact);
  // The biases' block is diagonal, but shares its probes with the weights.
  EXPECT_NEAR(traces[1].trace, 2.0, 4 * traces[1].error);
}

// One element of each sample is not 0: the Hessian is diagonal and a single probe exact.
TEST(HessianTest, ADiagonalHessianNeedsOneProbe) {
  std::vector<float> inputs(kSamples * kInputs, 0.0f);
  double squares = 0;
  for (int64_t n = 0; n < kSamples; ++n) {
    const float x = 0.5f + static_cast<float>(n) / kSamples;
    inputs[static_cast<size_t>(n * kInputs + n % kInputs)] = x;
    squares += double{x} * x;
  }
  const std::vector<float> targets(kSamples * kOutputs, 1.0f);
  const auto traces =
      Traces(LinearModel(false), {.shape = {kInputs}, .inputs = inputs, .targets = targets},
             MeanSquaredError{}, {kWeight}, 1);
  EXPECT_NEAR(traces[0].trace, 2 * squares / kSamples, 1e-3 * 2 * squares / kSamples);
}

// Softmax regression: mean over samples of sum_k p_k (1 - p_k) |x|^2.
TEST(HessianTest, CrossEntropyOfALinearModel) {
  const std::vector<float> inputs = Normals(kSamples * kInputs, 6);
  std::vector<int32_t> labels;
  for (int64_t n = 0; n < kSamples; ++n) labels.push_back(static_cast<int32_t>(n % kOutputs));
  const graph::Graph g = LinearModel(false);
  const auto& w = g.parameters.at("fc.weight").Floats();
  const auto& b = g.parameters.at("fc.bias").Floats();
  double exact = 0;
  for (size_t n = 0; n < kSamples; ++n) {
    double p[kOutputs];
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < kInputs; ++i)
      squares += double{inputs[n * kInputs + i]} * inputs[n * kInputs + i];
    for (size_t k = 0; k < kOutputs; ++k) {
      double y = b[k];
      for (size_t i = 0; i < kInputs; ++i)
        y += double{w[k * kInputs + i]} * inputs[n * kInputs + i];
      sum += p[k] = std::exp(y);
    }
    for (const double e : p) exact += e / sum * (1 - e / sum) * squares / kSamples;
  }
  const auto traces = Traces(g, {.shape = {kInputs}, .inputs = inputs, .labels = labels},
                             CrossEntropy{}, {kWeight}, 400);
  EXPECT_NEAR(traces[0].trace, exact, 4 * traces[0].error + 0.01 * exact);
  EXPECT_LT(traces[0].error, 0.1 * exact);
}

// (x - 1) / 2 * 0.5 + 0.25, whatever the batch holds.
TEST(HessianTest, BatchNormsUseTheirRunningStatistics) {
  std::vector<float> inputs(kSamples * kInputs, 1.0f);  // becomes 0.25
  for (int64_t n = 0; n < kSamples; ++n)
    inputs[static_cast<size_t>(n * kInputs + n % kInputs)] = 7.0f;
  double squares = 0;
  for (const float x : inputs) squares += std::pow((x - 1) / std::sqrt(4 + 1e-5) * 0.5 + 0.25, 2);
  const std::vector<float> targets(kSamples * kOutputs, 0.0f);
  const auto traces =
      Traces(LinearModel(true), {.shape = {kInputs}, .inputs = inputs, .targets = targets},
             MeanSquaredError{}, {kWeight}, 400);
  EXPECT_NEAR(traces[0].trace, 2 * squares / kSamples, 4 * traces[0].error);
  EXPECT_LT(traces[0].error, 0.1 * 2 * squares / kSamples);
}

TEST(HessianTest, ThreadsDoNotMatter) {
  const std::vector<float> inputs = Normals(kSamples * kInputs, 4);
  const std::vector<float> targets = Normals(kSamples * kOutputs, 5);
  const LabelledSet set{.shape = {kInputs}, .inputs = inputs, .targets = targets};
  NullSink sink;
  ThreadPool one(1);
  ThreadPool three(3);
  const std::vector<std::vector<std::string>> blocks = {kWeight};
  const graph::Graph g = LinearModel(true);
  EXPECT_EQ(HessianTraces(g, set, MeanSquaredError{}, blocks, {}, one, sink)[0].trace,
            HessianTraces(g, set, MeanSquaredError{}, blocks, {}, three, sink)[0].trace);
}

}  // namespace
}  // namespace platypus::train
