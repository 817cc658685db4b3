// One training step of every float operator against a reference in double: loss, gradients by
// central differences, running statistics; prediction against the interpreter; all instruction sets
// against each other.
#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>

#include "networks.h"
#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"
#include "platypus/train/kernels.h"
#include "platypus/train/network.h"
#include "platypus/train/train.h"
#include "reference.h"

namespace platypus::train {
namespace {

using graph::Graph;

// Random samples with labels below 3.
struct Samples {
  Samples(const Graph& graph, int64_t count, uint64_t seed) {
    Random random(seed, "data");
    const auto elements = static_cast<size_t>(NumElements(graph.Input().shape));
    values.resize(static_cast<size_t>(count) * elements);
    for (float& value : values) value = static_cast<float>(random.Uniform(-1.5, 1.5));
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      const float* first = values.data() + i * elements;
      pointers.push_back(first);
      doubles.emplace_back(first, first + elements);
      labels.push_back(static_cast<int32_t>(random.Below(3)));
    }
  }
  Network::Batch Batch() const { return {pointers, labels}; }

  std::vector<float> values;
  std::vector<const float*> pointers;
  std::vector<int32_t> labels;
  Reference::Values doubles;
};

constexpr int64_t kCount = 19;  // not a multiple of the 16 lanes

class GradientTest : public testing::TestWithParam<size_t> {};

TEST_P(GradientTest, AgreesWithCentralDifferences) {
  const Graph graph = Cases()[GetParam()].graph;
  const Samples samples(graph, kCount, 11);
  ThreadPool pool(2);
  Network network(graph, 40);
  const Loss loss = CrossEntropy{0.1f};
  const double mean = network.Train(samples.Batch(), loss, pool).loss / kCount;
  const std::span<const float> gradients = network.Gradients();

  Reference reference(graph);
  const Reference::Wanted wanted = {samples.labels};
  EXPECT_NEAR(mean, reference.LossAt(samples.doubles, wanted, loss), 1e-5);
  size_t offset = 0;  // of the array in the row of parameters: nodes and their roles in order
  for (const graph::Node& node : graph.nodes) {
    for (const std::string& role : TrainedRoles(graph, node)) {
      std::vector<double>& values = reference.parameters.at(node.name + "." + role);
      for (size_t i = 0; i < values.size(); i += 1 + values.size() / 12) {
        constexpr double kStep = 1e-6;
        const double kept = values[i];
        values[i] = kept + kStep;
        const double above = reference.LossAt(samples.doubles, wanted, loss);
        values[i] = kept - kStep;
        const double below = reference.LossAt(samples.doubles, wanted, loss);
        values[i] = kept;
        const double numeric = (above - below) / (2 * kStep);
        EXPECT_NEAR(gradients[offset + i], numeric, 2e-6 + 1e-4 * std::abs(numeric))
            << node.name << "." << role << " " << i;
      }
      offset += values.size();
    }
  }
  EXPECT_EQ(offset, gradients.size());
  EXPECT_GT(*std::max_element(gradients.begin(), gradients.end()), 1e-4f) << "all gradients vanish";
}

TEST_P(GradientTest, TracksRunningStatistics) {
  const Graph graph = Cases()[GetParam()].graph;
  const Samples samples(graph, kCount, 12);
  ThreadPool pool(1);
  Network network(graph, kCount);
  network.Train(samples.Batch(), CrossEntropy{}, pool);
  Graph after = graph;
  network.Save(after);
  Reference reference(graph);
  reference.LossAt(samples.doubles, {samples.labels}, CrossEntropy{});
  for (const auto& entry : reference.means) {
    const std::string& name = entry.first;
    const std::vector<double>& means = entry.second;
    for (size_t c = 0; c < means.size(); ++c) {
      const auto expect = [&](const std::string& role, double batch) {
        const double before = graph.parameters.at(name + role).Floats()[c];
        EXPECT_NEAR(after.parameters.at(name + role).Floats()[c], 0.9 * before + 0.1 * batch, 1e-6)
            << name << role;
      };
      expect(".running_mean", means[c]);
      expect(".running_var", reference.variances.at(name)[c]);
    }
  }
}

TEST_P(GradientTest, PredictsWhatTheInterpreterComputes) {
  const Graph graph = Cases()[GetParam()].graph;
  constexpr int64_t kMany = 35;
  const Samples samples(graph, kMany, 13);
  for (const int threads : {1, 2, 5}) {  // 5: more than blocks
    ThreadPool pool(threads);
    Network network(graph, kMany);
    std::vector<float> logits(kMany * 3);
    network.Predict(samples.Batch(), logits, pool);
    const std::vector<float> expected = exec::Interpreter(graph).Run(samples.values, kMany, pool);
    for (size_t i = 0; i < logits.size(); ++i) {
      EXPECT_NEAR(logits[i], expected[i], 2e-5 * std::max(1.0f, std::abs(expected[i])));
    }
  }
}

// Chooses instruction sets; at the end of the scope the best again.
class Targets {
 public:
  ~Targets() { Choose(0); }
  static void Choose(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

TEST_P(GradientTest, AllInstructionSetsAgree) {
  const Graph graph = Cases()[GetParam()].graph;
  const Samples samples(graph, kCount, 14);
  ThreadPool pool(1);
  const auto run = [&] {
    Network network(graph, kCount);
    network.Train(samples.Batch(), CrossEntropy{}, pool);
    std::vector<float> values(network.Gradients().begin(), network.Gradients().end());
    const size_t first = values.size();
    values.resize(first + static_cast<size_t>(kCount) * 3);
    network.Predict(samples.Batch(), std::span(values).subspan(first), pool);
    return values;
  };
  const std::vector<float> expected = run();
  const std::string best = TargetName();
  const Targets targets;
  std::vector<std::string> names;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    Targets::Choose(target);
    names.emplace_back(TargetName());
    const std::vector<float> values = run();
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(values[i], expected[i], 1e-5 + 1e-4 * std::abs(expected[i])) << names.back();
    }
  }
  EXPECT_NE(std::find(names.begin(), names.end(), best), names.end());
}

INSTANTIATE_TEST_SUITE_P(Operators, GradientTest, testing::Range(size_t{0}, Cases().size()),
                         [](const auto& info) { return Cases()[info.param].name; });

TEST(NetworkTest, OneValueKeepsRunningStatistics) {
  Maker maker({4, 1, 1});
  maker.Norm();
  const Graph graph = maker.Classifier(3);
  const Samples samples(graph, 1, 3);
  ThreadPool pool(1);
  Network network(graph, 16);
  const double loss = network.Train(samples.Batch(), CrossEntropy{}, pool).loss;
  Graph after = graph;
  network.Save(after);
  EXPECT_EQ(after.parameters, graph.parameters);
  std::vector<float> z(3);
  network.Predict(samples.Batch(), z, pool);
  const double sum = std::exp(z[0]) + std::exp(z[1]) + std::exp(z[2]);
  EXPECT_NEAR(loss, std::log(sum) - z[static_cast<size_t>(samples.labels[0])], 1e-5);
}

TEST(NetworkTest, SmoothsLabels) {
  Maker maker({1, 1, 1});
  Graph graph = maker.Classifier(3);
  const std::string name = graph.nodes.back().name;
  graph.parameters[name + ".weight"].Floats() = {0, 0, 0};
  graph.parameters[name + ".bias"].Floats() = {1, 0, -1};
  const float x = 1;
  const std::vector<const float*> samples = {&x};
  const std::vector<int32_t> labels = {0};
  ThreadPool pool(1);
  Network network(graph, 1);
  const double loss = network.Train({samples, labels}, CrossEntropy{0.1f}, pool).loss;
  // targets 0.9333, 0.0333, 0.0333
  const double log_sum = std::log(std::exp(1) + 1 + std::exp(-1));
  EXPECT_NEAR(loss, log_sum - (0.9 + 0.1 / 3) * 1 + 0.1 / 3, 1e-6);
}

TEST(NetworkTest, LearnsProbabilities) {
  Maker maker({1, 1, 1});
  Graph graph = maker.Classifier(3);
  const std::string name = graph.nodes.back().name;
  graph.parameters[name + ".weight"].Floats() = {0, 0, 0};
  graph.parameters[name + ".bias"].Floats() = {1, 0, -1};
  const float x = 1;
  const std::vector<const float*> samples = {&x};
  const std::vector<int32_t> labels = {0};
  const std::vector<float> probabilities = {0.2f, 0.7f, 0.1f};
  const std::vector<const float*> targets = {probabilities.data()};
  ThreadPool pool(1);
  Network network(graph, 1);
  const double loss = network.Train({samples, labels, targets}, CrossEntropy{0.1f}, pool).loss;
  const double log_sum = std::log(std::exp(1) + 1 + std::exp(-1));
  EXPECT_NEAR(loss, log_sum - 0.2 * 1 - 0.1 * -1, 1e-6);
  // The bias comes last; its gradient is softmax - target.
  const std::span<const float> bias = network.Gradients().last(3);
  for (size_t k = 0; k < 3; ++k)
    EXPECT_NEAR(bias[k], std::exp(1.0 - static_cast<double>(k) - log_sum) - probabilities[k], 1e-6);
}

TEST(TargetsTest, MixLabelsAndAnswers) {
  const std::vector<float> logits = {0, 0, std::log(2.0f), 0};
  const std::vector<int32_t> labels = {0, 1};
  const std::vector<float> targets = MixTargets(logits, labels, 0.1, 0.25);
  const std::vector<double> expected = {0.75 * 0.95 + 0.25 / 2, 0.75 * 0.05 + 0.25 / 2,
                                        0.75 * 0.05 + 0.25 * 2 / 3, 0.75 * 0.95 + 0.25 / 3};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(targets[i], expected[i], 1e-6);
}

// x -> w x -> codes -> u_k q: the gradient of w passes where the code is not clamped.
TEST(NetworkTest, GradientPassesRoundingInsideTheRangeOnly) {
  Graph graph = graph::MakeGraph("codes", {1});
  graph::Append(graph, "first", graph::Linear{1, false, {}}, {graph.output});
  graph.parameters["first.weight"] = {{1, 1}, std::vector<float>{1.0f}};
  graph::Append(graph, "codes", graph::FakeQuantize{}, {graph.output});
  graph.parameters["codes.range"] = {{2}, std::vector<float>{-1.0f, 1.0f}};
  graph::Append(graph, "second", graph::Linear{2, false, graph::WeightQuantizer{}}, {graph.output});
  graph.parameters["second.weight"] = {{2, 1}, std::vector<float>{0.3f, -0.7f}};
  graph::Verify(graph);
  // One sample each; scale 2^-6, codes -128 ... 127; a row's scale is 2^-8 for 0.3 and 2^-7 for
  // 0.7.
  const double u0 = std::nearbyint(0.3f * 256) / 256;
  const double u1 = std::nearbyint(-0.7f * 128) / 128;
  ThreadPool pool(1);
  for (const float x : {0.5f, 0.507f, -1.9f, 1.99f, -1.99f, -2.1f, 2.5f}) {
    const double q = std::clamp(std::floor(x * 64.0 + 0.5), -128.0, 127.0) / 64;
    const double p1 = 1 / (1 + std::exp((u0 - u1) * q));
    const std::vector<const float*> samples = {&x};
    const std::vector<int32_t> labels = {1};
    Network network(graph, 1);
    const Network::Outcome outcome = network.Train({samples, labels}, CrossEntropy{}, pool);
    EXPECT_NEAR(outcome.loss, -std::log(p1), 1e-6);
    const std::span<const float> g = network.Gradients();
    const double code = std::floor(x * 64.0 + 0.5);
    const bool inside = code >= -128 && code <= 127;
    EXPECT_NEAR(g[0], inside ? (1 - p1) * (u0 - u1) * x : 0.0, 1e-6) << x;
    EXPECT_NEAR(g[1], (1 - p1) * q, 1e-6) << x;
    EXPECT_NEAR(g[2], -(1 - p1) * q, 1e-6) << x;
  }
}

TEST(NetworkTest, RangesHoldWhatCalibrationSaw) {
  Graph graph = graph::MakeGraph("range", {2});
  graph::Append(graph, "codes", graph::FakeQuantize{}, {graph.output});
  graph.parameters["codes.range"] = {{2}, std::vector<float>{1.0f, -1.0f}};
  graph::Append(graph, "out", graph::Linear{2, false, {}}, {graph.output});
  graph.parameters["out.weight"] = {{2, 2}, std::vector<float>{1, 0, 0, 1}};
  Network network(graph, 32);
  ThreadPool pool(2);
  const auto step = [&](float low, float high, bool observe) {
    // 20 samples of two values; the lanes without a sample hold zeros and must not count.
    std::vector<std::vector<float>> rows(20, {low, high});
    rows[17] = {low + 0.25f, high - 0.25f};
    std::vector<const float*> samples;
    for (const auto& row : rows) samples.push_back(row.data());
    const std::vector<int32_t> labels(20, 0);
    if (observe) {
      network.Observe({samples, labels}, pool);
    } else {
      network.Train({samples, labels}, CrossEntropy{}, pool);
    }
    return std::pair{network.State()[0], network.State()[1]};
  };
  EXPECT_EQ(step(1, 3, false), std::pair(1.0f, -1.0f));
  EXPECT_EQ(step(1, 3, true), std::pair(1.0f, 3.0f));
  EXPECT_EQ(step(2, 5, true), std::pair(1.0f, 5.0f));
  EXPECT_EQ(step(-4, 2, true), std::pair(-4.0f, 5.0f));
  EXPECT_EQ(step(7, 9, false), std::pair(-4.0f, 5.0f));
}

TEST(NetworkTest, RejectsIntegerOperators) {
  Graph graph = graph::MakeGraph("integers", {4}, DType::kFloat32);
  graph::Append(graph, "in", graph::QuantizeInput{}, {graph.output});
  EXPECT_THROW(Network(graph, 1), Error);
}

}  // namespace
}  // namespace platypus::train
