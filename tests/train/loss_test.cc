// Losses: closed forms, and gradients by central differences of the reference in double.
#include "platypus/train/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "platypus/base/random.h"
#include "platypus/graph/graph.h"
#include "platypus/train/kernels.h"
#include "reference.h"

namespace platypus::train {
namespace {

struct Compared {
  double mean;
  Reference::Values gradients;
  int64_t correct;
  bool finite;
};

// A batch of at most one block.
Compared Compare(const Loss& loss, const Reference::Values& outputs,
                 const Reference::Wanted& wanted) {
  const size_t elements = outputs[0].size();
  std::vector<float> y(elements * kLanes), gradient(elements * kLanes);
  for (size_t n = 0; n < outputs.size(); ++n) {
    for (size_t k = 0; k < elements; ++k) y[k * kLanes + n] = static_cast<float>(outputs[n][k]);
  }
  std::vector<std::vector<float>> rows;
  for (const auto& row : wanted.targets) rows.emplace_back(row.begin(), row.end());
  std::vector<const float*> targets;
  for (const auto& row : rows) targets.push_back(row.data());
  const auto count = static_cast<int64_t>(outputs.size());
  const double weight =
      TotalWeight(loss, wanted.targets.empty() ? wanted.labels : std::vector<int32_t>(), count);
  const BlockLoss block =
      LossAndGradient(loss, {y.data(), gradient.data(), static_cast<int64_t>(elements), count,
                             wanted.labels, targets, 1 / weight});
  Compared compared{block.sum / weight, {}, block.correct, block.finite};
  for (size_t n = 0; n < outputs.size(); ++n) {
    compared.gradients.emplace_back();
    for (size_t k = 0; k < elements; ++k) {
      compared.gradients.back().push_back(gradient[k * kLanes + n]);
    }
  }
  return compared;
}

TEST(LossTest, ClosedForms) {
  const Reference::Wanted wanted = {{}, {{1, -2}}};
  const auto of = [&](const Loss& loss, double a, double b) {
    return Compare(loss, {{a, b}}, wanted).mean;
  };
  EXPECT_DOUBLE_EQ(of(MeanSquaredError{}, 3, -1), (4.0 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(of(MeanAbsoluteError{}, 3, -1), (2.0 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(of(Huber{}, 3, -1.5), (1.5 + 0.125) / 2);
  EXPECT_DOUBLE_EQ(of(Huber{2.5f}, 4, 0), (2.5 * 1.75 + 2) / 2);
  EXPECT_DOUBLE_EQ(of(Smape{}, 3, -2), (100 * 2.0 / 2) / 2);
  EXPECT_DOUBLE_EQ(of(Smape{}, -1, 2), 200);
  EXPECT_DOUBLE_EQ(Compare(Smape{}, {{0, 0}}, {{}, {{0, 0}}}).mean, 0);
  // Two classes of equal score: log 2 whatever the weights.
  const Loss weighted = CrossEntropy{0, {0.25f, 4}};
  EXPECT_NEAR(Compare(weighted, {{0, 0}, {1, 1}, {2, 2}}, {{0, 1, 1}}).mean, std::log(2), 1e-12);
  // (1 * log(1 + e) + 3 * log(1 + e^2)) / 4
  const Compared two = Compare(CrossEntropy{0, {1, 3}}, {{0, 1}, {2, 0}}, {{0, 1}});
  EXPECT_NEAR(two.mean, (std::log(1 + std::exp(1)) + 3 * std::log(1 + std::exp(2))) / 4, 1e-12);
  EXPECT_EQ(two.correct, 0);
  EXPECT_DOUBLE_EQ(TotalWeight(CrossEntropy{0, {1, 3}}, std::vector<int32_t>{0, 1, 1}, 3), 7);
  EXPECT_DOUBLE_EQ(TotalWeight(Huber{}, {}, 3), 3);
}

TEST(LossTest, LargeScoresAndNotANumber) {
  const Compared large = Compare(CrossEntropy{}, {{1000, -1000}}, {{1}});
  EXPECT_TRUE(large.finite);
  EXPECT_NEAR(large.mean, 2000, 1e-9);
  EXPECT_NEAR(large.gradients[0][1], -1, 1e-6);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(Compare(CrossEntropy{}, {{nan, 0}}, {{1}}).finite);
  EXPECT_FALSE(Compare(MeanSquaredError{}, {{nan, 0}}, {{}, {{0, 0}}}).finite);
}

TEST(LossTest, GradientsAgreeWithCentralDifferences) {
  Random random(5, "losses");
  const graph::Graph nothing = graph::MakeGraph("nothing", {1});
  Reference reference(nothing);
  const std::pair<Loss, bool> losses[] = {{CrossEntropy{}, false},
                                          {CrossEntropy{0.2f}, false},
                                          {CrossEntropy{0, {0.5f, 2, 3, 0.1f}}, false},
                                          {CrossEntropy{0.2f, {0.5f, 2, 3, 0.1f}}, false},
                                          {CrossEntropy{0.2f}, true},
                                          {CrossEntropy{0.2f, {0.5f, 2, 3, 0.1f}}, true},
                                          {MeanSquaredError{}, true},
                                          {MeanAbsoluteError{}, true},
                                          {Huber{}, true},
                                          {Huber{0.3f}, true},
                                          {Smape{}, true}};
  for (const auto& [loss, with_targets] : losses) {
    const bool classes = std::holds_alternative<CrossEntropy>(loss);
    Reference::Values outputs;
    Reference::Wanted wanted;
    for (int n = 0; n < 11; ++n) {
      outputs.emplace_back();
      for (int k = 0; k < 4; ++k) {
        outputs.back().push_back(static_cast<float>(random.Uniform(-2, 2)));
      }
      wanted.labels.push_back(static_cast<int32_t>(random.Below(4)));
      if (!with_targets) continue;
      wanted.targets.emplace_back();
      double sum = 0;
      for (int k = 0; k < 4; ++k) {
        wanted.targets.back().push_back(random.Uniform(classes ? 0 : -2, 2));
        sum += wanted.targets.back().back();
      }
      for (double& t : wanted.targets.back()) t = static_cast<float>(classes ? t / sum : t);
    }
    const Compared compared = Compare(loss, outputs, wanted);
    EXPECT_NEAR(compared.mean, reference.LossOf(loss, outputs, wanted), 1e-6 * compared.mean);
    for (size_t n = 0; n < outputs.size(); ++n) {
      for (size_t k = 0; k < 4; ++k) {
        Reference::Values moved = outputs;
        moved[n][k] += 1e-6;
        const double above = reference.LossOf(loss, moved, wanted);
        moved[n][k] -= 2e-6;
        const double numeric = (above - reference.LossOf(loss, moved, wanted)) / 2e-6;
        EXPECT_NEAR(compared.gradients[n][k], numeric, 1e-7 + 1e-5 * std::abs(numeric))
            << "loss " << loss.index() << " sample " << n << " output " << k;
      }
    }
    // Without labels nothing but targets is read.
    if (!with_targets) continue;
    EXPECT_DOUBLE_EQ(Compare(loss, outputs, {{}, wanted.targets}).mean, compared.mean);
  }
}

}  // namespace
}  // namespace platypus::train
