#include "platypus/train/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "platypus/train/sampler.h"

namespace platypus::train {
namespace {

TEST(OptimizerTest, FollowsTheFormulas) {
  const auto run = [](const char* name, double decay) {
    config::Training settings;
    settings.optimizer = name;
    settings.weight_decay = decay;
    Optimizer optimizer(settings, 1);
    std::vector<float> p = {1.0f};
    for (const float g : {0.5f, -0.25f}) optimizer.Step(p, std::vector<float>{g}, 0.1);
    return p[0];
  };
  // v1 = 0.5, p = 0.95; v2 = 0.45 - 0.25 = 0.2, p = 0.93
  EXPECT_NEAR(run("sgd", 0.0), 0.93, 1e-6);
  // p1 = 1 - 0.1 (0.5 + 0.45) = 0.905; v2 = 0.2; p2 = 0.905 - 0.1 (-0.25 + 0.18) = 0.912
  EXPECT_NEAR(run("sgd_nesterov", 0.0), 0.912, 1e-6);
  // g1 = 0.5 + 0.01 = 0.51, p = 0.949; g2 = -0.25 + 0.00949, v2 = 0.459 - 0.24051 = 0.21849, p =
  // 0.927151
  EXPECT_NEAR(run("sgd", 0.01), 0.927151, 1e-6);
  // m/c1 = 0.5, v/c2 = 0.25: step 0.1; then m = 0.045 - 0.025 = 0.02, /0.19; v = 0.00024975 +
  // 0.0000625, /0.001999
  const double second = 0.02 / 0.19 / (std::sqrt((0.00025 * 0.999 + 0.0000625) / 0.001999) + 1e-8);
  EXPECT_NEAR(run("adam", 0.0), 0.9 - 0.1 * second, 1e-5);
  EXPECT_NEAR(run("adamw", 0.1), (1 - 0.01 - 0.1) * 0.99 - 0.1 * second, 1e-5);
  // s = 0.025, b = 0.5 / (0.158114 + 0.0316)
  const double b1 = 0.5 / (std::sqrt(0.025) + 0.0316);
  const double b2 = 0.9 * b1 - 0.25 / (std::sqrt(0.0225 + 0.00625) + 0.0316);
  EXPECT_NEAR(run("rmsprop", 0.0), 1 - 0.1 * b1 - 0.1 * b2, 1e-5);
}

TEST(OptimizerTest, RegularisesAsTheFormulaSays) {
  const std::vector<float> p = {0.5f, -2, 0};
  std::vector<float> g = {1, 1, 1};
  EXPECT_NEAR(Regularize(0.25, p, g), 0.25 * (0.5 + 2 + 0.25 + 4), 1e-12);
  EXPECT_EQ(g, (std::vector<float>{1 + 0.25f * (1 + 1), 1 + 0.25f * (-1 - 4), 1}));
  // The gradient is the penalty's slope.
  for (const size_t i : {0, 1}) {
    constexpr float kStep = 0x1.0p-8f;
    std::vector<float> moved = p;
    std::vector<float> unused(3);
    moved[i] += kStep;
    const double above = Regularize(0.25, moved, unused);
    moved[i] -= 2 * kStep;
    const double numeric = (above - Regularize(0.25, moved, unused)) / (2 * kStep);
    EXPECT_NEAR(g[i] - 1, numeric, 1e-6) << i;
  }
}

TEST(OptimizerTest, ClipsTheNorm) {
  std::vector<float> g = {3, 4};
  EXPECT_DOUBLE_EQ(ClipNorm(g, 1.0), 5.0);
  EXPECT_FLOAT_EQ(g[0], 0.6f);
  EXPECT_FLOAT_EQ(g[1], 0.8f);
}

TEST(OptimizerTest, ClipsValues) {
  std::vector<float> g = {3, -4, 0.5f};
  ClipValue(g, 1.0);
  EXPECT_EQ(g, (std::vector<float>{1, -1, 0.5f}));
}

TEST(ScheduleTest, CosineWithWarmUp) {
  config::Training s;  // the defaults: one epoch at a hundredth, then half a cosine
  const double expected[] = {2.0e-5,   2.000e-3, 1.940e-3, 1.766e-3, 1.500e-3,
                             1.174e-3, 8.264e-4, 5.000e-4, 2.340e-4, 6.031e-5};
  for (int e = 0; e < 10; ++e) EXPECT_NEAR(LearningRate(s, 0.002, e, 10), expected[e], 5e-7) << e;
  EXPECT_NEAR(LearningRate(s, 0.002, 9, 10), 6.031e-5, 5e-9);
  s.lr_warmup_epochs = 0;
  const double quantized[] = {2.0e-5, 1.951e-5, 1.809e-5, 1.588e-5, 1.309e-5,
                              1.0e-5, 6.910e-6, 4.122e-6, 1.910e-6, 4.894e-7};
  for (int e = 0; e < 10; ++e) EXPECT_NEAR(LearningRate(s, 2e-5, e, 10), quantized[e], 5e-9) << e;
  s.lr_warmup_epochs = 4;
  s.lr_warmup_method = "linear";
  EXPECT_NEAR(LearningRate(s, 1.0, 3, 10), 0.01 + 0.99 * 3 / 4, 1e-12);
  s.lr_warmup_epochs = 1;
  EXPECT_NEAR(LearningRate(s, 1.0, 0, 1), 1.0, 1e-12);  // a single epoch has no warm-up
}

TEST(ScheduleTest, FollowsTheTables) {
  config::Training s;
  s.lr_warmup_epochs = 1;
  EXPECT_NEAR(LearningRate(s, 0.1, 0, 5), 0.001, 1e-12);
  EXPECT_NEAR(LearningRate(s, 0.1, 1, 5), 0.1, 1e-12);
  EXPECT_NEAR(LearningRate(s, 0.1, 3, 5), 0.05, 1e-12);
  s.lr_warmup_epochs = 0;
  s.lr_scheduler = "steplr";
  s.lr_step_size = 2;
  EXPECT_NEAR(LearningRate(s, 1, 5, 9), 0.01, 1e-12);
  s.lr_scheduler = "exponentiallr";
  s.lr_gamma = 0.5;
  EXPECT_NEAR(LearningRate(s, 1, 3, 9), 0.125, 1e-12);
  s.lr_scheduler = "multisteplr";
  s.lr_milestones = {2, 4};
  EXPECT_NEAR(LearningRate(s, 1, 1, 9), 1, 1e-12);
  EXPECT_NEAR(LearningRate(s, 1, 4, 9), 0.25, 1e-12);
  s.lr_scheduler = "none";
  s.lr_warmup_epochs = 3;
  EXPECT_NEAR(LearningRate(s, 1, 0, 9), 1, 1e-12);
}

TEST(SamplerTest, BalancedEpochsGiveEveryClassAndSampleItsShare) {
  std::vector<int32_t> labels(1000, 0);
  std::fill(labels.begin() + 900, labels.end(), 3);  // classes 1 and 2 do not occur
  Random random(1, "order");
  std::vector<int> drawn(labels.size());
  constexpr int kEpochs = 50;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    std::vector<int> now(labels.size());
    for (const int64_t i : DrawOrder(labels, true, random)) ++now[static_cast<size_t>(i)];
    for (size_t i = 0; i < labels.size(); ++i) {
      if (i < 900) {
        EXPECT_LE(now[i], 1) << i;  // 500 places for 900 samples
      } else {
        EXPECT_EQ(now[i], 5) << i;  // 500 places for 100 samples
      }
      drawn[i] += now[i];
    }
  }
  // Which of the frequent samples come is left to chance: binomial, 50 draws with 5/9.
  for (size_t i = 0; i < 900; ++i) EXPECT_NEAR(drawn[i], 50 * 5.0 / 9, 5 * 3.52) << i;
}

TEST(SamplerTest, UnbalancedOrderIsAPermutation) {
  const std::vector<int32_t> labels(50, 0);
  Random random(1, "order");
  std::vector<int64_t> first = DrawOrder(labels, false, random);
  std::vector<int64_t> second = DrawOrder(labels, false, random);
  EXPECT_NE(first, second);
  Random again(1, "order");
  EXPECT_EQ(DrawOrder(labels, false, again), first);
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  EXPECT_EQ(first, second);
  for (int64_t i = 0; i < 50; ++i) EXPECT_EQ(first[static_cast<size_t>(i)], i);
}

}  // namespace
}  // namespace platypus::train
