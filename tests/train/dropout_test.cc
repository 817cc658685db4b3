#include <gtest/gtest.h>
#include <hwy/aligned_allocator.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>

#include "networks.h"
#include "platypus/train/local_layer.h"
#include "platypus/train/network.h"

namespace platypus::train {
namespace {

constexpr size_t kCount = 70;  // several blocks, the last one not full
constexpr size_t kElements = 50;

// x -> s x -> dropout -> y, with s = 1.
graph::Graph Dropping(float probability) {
  Maker maker({kElements, 1, 1});
  maker.Add(graph::Flatten{});
  maker.Layer(graph::Scale{});
  maker.graph.parameters["n1.weight"].Floats() = {1.0f};
  maker.Add(graph::Dropout{probability});
  return maker.graph;
}

struct Step {
  double loss;
  std::vector<float> gradients;
};

// Inputs of one, targets of zero: the loss of a sample is the mean of its squared factors, and the
// gradient of s twice that.
Step Train(const graph::Graph& graph, uint64_t draw, size_t count, int threads) {
  const std::vector<float> ones(kElements, 1.0f);
  const std::vector<float> zeros(kElements, 0.0f);
  const std::vector<const float*> samples(count, ones.data());
  const std::vector<const float*> targets(count, zeros.data());
  ThreadPool pool(threads);
  Network network(graph, static_cast<int64_t>(count));
  const Network::Outcome outcome =
      network.Train({samples, {}, targets, draw}, MeanSquaredError{}, pool);
  return {outcome.loss / outcome.weight, {network.Gradients().begin(), network.Gradients().end()}};
}

TEST(DropoutTest, TheSameValuesAreMissingForwardAndBackward) {
  for (const uint64_t draw : {0, 1, 2, 3}) {
    const Step step = Train(Dropping(0.5f), draw, kCount, 2);
    EXPECT_NEAR(step.gradients[0], 2 * step.loss, 1e-5);
  }
}

TEST(DropoutTest, KeepsTheMeanAndDiffersBetweenSamplesAndSteps) {
  // With a weight of zero a layer norm's output is its bias, 1: y = factor, and what comes back to
  // the bias is the mean over the samples of 2 factor^2 / n.
  Maker maker({kElements, 1, 1});
  maker.Add(graph::Flatten{});
  maker.Layer(graph::LayerNorm{});
  maker.graph.parameters["n1.weight"].Floats().assign(kElements, 0.0f);
  maker.graph.parameters["n1.bias"].Floats().assign(kElements, 1.0f);
  maker.Add(graph::Dropout{0.25f});
  const auto factors = [&](uint64_t draw, size_t count) {
    const Step step = Train(maker.graph, draw, count, 1);
    std::vector<double> result;  // sums over the samples of squared factors
    for (size_t i = 0; i < kElements; ++i) {
      result.push_back(step.gradients[kElements + i] * kElements * static_cast<double>(count) / 2);
    }
    return result;
  };
  const double square = 1 / (0.75 * 0.75);
  double kept = 0;
  std::vector<double> before;
  for (uint64_t draw = 0; draw < 40; ++draw) {
    const std::vector<double> now = factors(draw << 20, 1);
    for (const double f : now) {
      EXPECT_TRUE(f == 0 || std::abs(f - square) < 1e-4) << f;
      kept += f > 0 ? 1 : 0;
    }
    EXPECT_NE(now, before);
    EXPECT_EQ(now, factors(draw << 20, 1));
    before = now;
  }
  // 2000 draws: three standard deviations are 0.029. Kept values are 1 / 0.75: the mean stays.
  EXPECT_NEAR(kept / (40 * kElements), 0.75, 0.03);
  // Samples have masks of their own, in one block and across blocks: were they alike, every sum
  // would be 0 or all.
  for (const size_t count : {2u, 17u, 64u}) {
    size_t mixed = 0;
    for (const double f : factors(5, count)) {
      const double share = f / (square * static_cast<double>(count));
      if (share > 1e-3 && share < 1 - 1e-3) ++mixed;
    }
    EXPECT_GT(mixed, kElements / 10) << count;
  }
}

TEST(DropoutTest, TwoLayersDropDifferentValues) {
  Maker maker({kElements, 1, 1});
  maker.Add(graph::Flatten{});
  maker.Layer(graph::Scale{});
  maker.graph.parameters["n1.weight"].Floats() = {1.0f};
  maker.Add(graph::Dropout{0.5f});
  maker.Add(graph::Dropout{0.5f});
  // A quarter stays at 4: mean square 4. The same mask twice would give 8.
  EXPECT_NEAR(Train(maker.graph, 9, 640, 1).loss, 4, 0.3);
}

TEST(DropoutTest, ThreadsMakeNoDifference) {
  const Step one = Train(Dropping(0.3f), 77, kCount, 1);
  for (const int threads : {2, 4}) {
    const Step other = Train(Dropping(0.3f), 77, kCount, threads);
    EXPECT_EQ(other.loss, one.loss);
    EXPECT_EQ(other.gradients, one.gradients);
  }
}

TEST(DropoutTest, PredictionDropsNothing) {
  const graph::Graph graph = Dropping(0.9f);
  std::vector<float> values;
  for (size_t i = 0; i < kElements; ++i) values.push_back(static_cast<float>(i) / 7);
  const std::vector<const float*> samples(kCount, values.data());
  Network network(graph, kCount);
  std::vector<float> y(kCount * kElements);
  ThreadPool pool(2);
  network.Predict({samples, {}, {}, 3}, y, pool);
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], values[i % kElements]);
}

// Which values are missing, of one block.
std::vector<float> Factors(uint64_t draw, float probability, int64_t elements) {
  const auto count = static_cast<size_t>(elements * kLanes);
  const auto x = hwy::AllocateAligned<float>(count);
  const auto y = hwy::AllocateAligned<float>(count);
  const auto kept = hwy::AllocateAligned<float>(count);
  std::fill_n(x.get(), count, 1.0f);
  Pass pass;
  pass.x = x.get();
  pass.y = y.get();
  pass.kept = kept.get();
  pass.training = true;
  pass.draw = draw;
  DropoutLayer(probability, elements).Forward(pass);
  for (size_t i = 0; i < count; ++i) EXPECT_EQ(kept[i], y[i]);
  return {y.get(), y.get() + count};
}

TEST(DropoutTest, TheSameValuesAreMissingOnEveryInstructionSet) {
  const std::vector<float> expected = Factors(9, 0.3f, 37);
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    const std::vector<float> found = Factors(9, 0.3f, 37);
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    EXPECT_EQ(found, expected) << target;
  }
}

// Shares of missing values, overall, of each lane, and of neighbours in all directions: what a
// binomial distribution allows (6 standard deviations).
TEST(DropoutTest, ValuesAreMissingIndependently) {
  constexpr int64_t kMany = 4000;
  for (const float p : {0.0f, 0.1f, 0.5f, 0.9f}) {
    const std::vector<float> one = Factors(1, p, kMany);
    const std::vector<float> two = Factors(2, p, kMany);
    const auto expect = [](int64_t found, int64_t trials, double share, const char* what) {
      const double n = static_cast<double>(trials);
      EXPECT_NEAR(static_cast<double>(found), n * share, 6 * std::sqrt(n * share * (1 - share)))
          << what << " " << share;
    };
    const auto missing = [](float factor) { return factor == 0.0f ? 1 : 0; };
    int64_t all = 0, beside = 0, behind = 0, steps = 0;
    std::vector<int64_t> lanes(kLanes);
    const size_t count = one.size() - kLanes;
    for (size_t i = 0; i < count; ++i) {
      all += missing(one[i]);
      lanes[i % kLanes] += missing(one[i]);
      beside += missing(one[i]) * missing(one[i + 1]);
      behind += missing(one[i]) * missing(one[i + kLanes]);
      steps += missing(one[i]) * missing(two[i]);
    }
    const auto n = static_cast<int64_t>(count);
    const double share = p;
    expect(all, n, share, "all");
    expect(beside, n, share * share, "neighbouring samples");
    expect(behind, n, share * share, "neighbouring elements");
    expect(steps, n, share * share, "two steps");
    for (const int64_t lane : lanes) expect(lane, n / kLanes, share, "a sample");
  }
}

}  // namespace
}  // namespace platypus::train
