#include "platypus/quantize/bit_choice.h"

#include <gtest/gtest.h>

#include <limits>

#include "platypus/base/random.h"

namespace platypus::quantize {
namespace {

// The smallest sum of losses within the budget, by trying everything; infinite if nothing fits.
double BruteForce(const std::vector<std::vector<BitChoice>>& layers, int64_t budget, size_t l = 0) {
  if (budget < 0) return std::numeric_limits<double>::infinity();
  if (l == layers.size()) return 0;
  double best = std::numeric_limits<double>::infinity();
  for (const BitChoice& choice : layers[l])
    best = std::min(best, choice.loss + BruteForce(layers, budget - choice.cost, l + 1));
  return best;
}

TEST(BitChoiceTest, IsAsGoodAsTryingEverything) {
  Random random(7, "knapsack");
  int feasible = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::vector<BitChoice>> layers(1 + random.Below(6));
    int64_t all = 0;
    for (auto& layer : layers) {
      const auto weights = static_cast<int64_t>(1 + random.Below(50));
      for (const int bits : {2, 4, 8}) {
        // Losses need not fall with the bits: a layer may be hurt by its range.
        layer.push_back({bits, weights * bits, random.Uniform(0, 2) / bits});
      }
      all += 8 * weights;
    }
    const auto budget = static_cast<int64_t>(random.Below(static_cast<uint64_t>(all + 1)));
    const double best = BruteForce(layers, budget);
    const auto chosen = ChooseWithinBudget(layers, budget);
    ASSERT_EQ(chosen.has_value(), std::isfinite(best)) << round;
    if (!chosen) continue;
    ++feasible;
    double loss = 0;
    int64_t cost = 0;
    for (size_t l = 0; l < layers.size(); ++l) {
      loss += layers[l][(*chosen)[l]].loss;
      cost += layers[l][(*chosen)[l]].cost;
    }
    EXPECT_LE(cost, budget) << round;
    EXPECT_NEAR(loss, best, 1e-12) << round;
  }
  EXPECT_GT(feasible, 100);
}

TEST(BitChoiceTest, OfEqualLossesTheCheaper) {
  const std::vector<std::vector<BitChoice>> layers = {{{8, 80, 0.5}, {4, 40, 0.5}, {2, 20, 1.0}}};
  EXPECT_EQ(ChooseWithinBudget(layers, 100), std::vector<size_t>{1});
  EXPECT_EQ(ChooseWithinBudget(layers, 20), std::vector<size_t>{2});
  EXPECT_EQ(ChooseWithinBudget(layers, 19), std::nullopt);
}

// Scales by hand: 7 steps of 4 bits, and of ternary weights.
TEST(BitChoiceTest, RoundingErrorIsThatOfTheCodes) {
  graph::Graph g = graph::MakeGraph("g", {2});
  graph::Append(g, "fc", graph::Linear{2, false, {}}, {g.output});
  g.parameters["fc.weight"] = {{2, 2}, std::vector<float>{7.0f, 2.25f, -0.7f, 0.1f}};
  const graph::WeightQuantizer four{4, false, true, graph::Rounding::kNearest};
  EXPECT_NEAR(RoundingError(g, g.nodes[0], four), 0.25 * 0.25, 1e-9)
      << "rows have scales 1 and 0.1: only 2.25 is between codes";
  const graph::WeightQuantizer ternary{2, false, true, graph::Rounding::kTernary};
  EXPECT_NEAR(RoundingError(g, g.nodes[0], ternary),
              0.525 * 0.525 + 2.25 * 2.25 + 0.14 * 0.14 + 0.1 * 0.1, 1e-6)
      << "scales 1.4 * 4.625 and 1.4 * 0.4";
  const graph::WeightQuantizer whole{4, false, false, graph::Rounding::kNearest};
  EXPECT_NEAR(RoundingError(g, g.nodes[0], whole), 0.25 * 0.25 + 0.3 * 0.3 + 0.1 * 0.1, 1e-6)
      << "one scale for both rows";
  EXPECT_EQ(CountWeights(g, g.nodes[0]), 4);
}

// Five channels of three weights: one block of four, then a row that stands alone.
TEST(BitChoiceTest, PackedOctetsAreThoseOfTheKernels) {
  graph::Graph g = graph::MakeGraph("g", {3});
  graph::Append(g, "fc", graph::Linear{5, true, {}}, {g.output});
  g.parameters["fc.weight"] = {{5, 3}, std::vector<float>(15)};
  g.parameters["fc.bias"] = {{5}, std::vector<float>(5)};
  EXPECT_EQ(PackedOctets(g, g.nodes[0], 32), 60);
  EXPECT_EQ(PackedOctets(g, g.nodes[0], 8), 15);
  EXPECT_EQ(PackedOctets(g, g.nodes[0], 4), 3 * 2 + 2);
  EXPECT_EQ(PackedOctets(g, g.nodes[0], 2), 3 + 1);
}

// A transposed convolution's output channels lie on the second axis: each has its own scale.
TEST(BitChoiceTest, ChannelsOfATransposedConvolution) {
  graph::Graph g = graph::MakeGraph("g", {2, 4, 1});
  graph::ConvTranspose2d op;
  op.out_channels = 2;
  op.has_bias = false;
  graph::Append(g, "up", op, {g.output});
  g.parameters["up.weight"] = {{2, 2, 1, 1}, std::vector<float>{7.0f, 0.7f, 3.0f, 0.3f}};
  const graph::WeightQuantizer four{4, false, true, graph::Rounding::kNearest};
  EXPECT_NEAR(RoundingError(g, g.nodes[0], four), 0, 1e-12);
}

}  // namespace
}  // namespace platypus::quantize
