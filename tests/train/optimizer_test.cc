#include "platypus/train/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
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
    ThreadPool pool(1);
    for (const float g : {0.5f, -0.25f}) {
      std::vector<float> gradient = {g};
      EXPECT_TRUE(optimizer.Step(p, gradient, 0.1, pool).finite);
    }
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
  config::Training settings;
  settings.optimizer = "sgd";
  settings.momentum = settings.weight_decay = 0;
  settings.clip_grad_norm = 1.0;
  Optimizer optimizer(settings, 2);
  std::vector<float> p = {0, 0};
  std::vector<float> g = {3, 4};
  ThreadPool pool(1);
  optimizer.Step(p, g, 1.0, pool);
  EXPECT_FLOAT_EQ(p[0], -0.6f);
  EXPECT_FLOAT_EQ(p[1], -0.8f);
  g = {0.3f, 0.4f};  // below the limit
  optimizer.Step(p, g, 1.0, pool);
  EXPECT_FLOAT_EQ(p[0], -0.9f);
  EXPECT_FLOAT_EQ(p[1], -1.2f);
}

// 3 chunks and a rest that fills no vector.
constexpr size_t kMany = 3 * 1024 + 77;

std::vector<float> Normals(size_t count, uint64_t seed) {
  Random random(seed, "numbers");
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.Normal());
  return values;
}

TEST(OptimizerTest, SameBitsForAnyNumberOfThreads) {
  struct State {
    std::vector<float> parameters, first, second, averages;
    std::vector<double> penalties;
    bool operator==(const State&) const = default;
  };
  for (const char* name : {"sgd", "sgd_nesterov", "rmsprop", "adam", "adamw"}) {
    for (const bool clip : {false, true}) {
      config::Training settings;
      settings.optimizer = name;
      settings.momentum = 0.9;
      settings.weight_decay = 1e-3;
      settings.lambda_reg = 0.01;
      if (clip) {
        settings.clip_grad_value = 2.0;
        settings.clip_grad_norm = 10.0;
      }
      const auto run = [&](int threads) {
        ThreadPool pool(threads);
        Optimizer optimizer(settings, kMany);
        State state;
        state.parameters = Normals(kMany, 1);
        state.averages = state.parameters;
        for (uint64_t step = 0; step < 3; ++step) {
          std::vector<float> gradients = Normals(kMany, 2 + step);
          const Optimizer::Outcome outcome =
              optimizer.Step(state.parameters, gradients, 0.01, pool);
          EXPECT_TRUE(outcome.finite);
          state.penalties.push_back(outcome.penalty);
          MoveAverage(0.75, state.parameters, state.averages, pool);
        }
        state.first = optimizer.First();
        state.second = optimizer.Second();
        return state;
      };
      const State expected = run(1);
      EXPECT_NE(expected.parameters, Normals(kMany, 1)) << name;
      EXPECT_GT(expected.penalties[0], 0);
      for (const int threads : {2, 3}) EXPECT_EQ(run(threads), expected) << name << " " << threads;
    }
  }
}

TEST(OptimizerTest, ClipsTheNormOfAllChunksTogether) {
  config::Training settings;
  settings.optimizer = "sgd";
  settings.momentum = settings.weight_decay = 0;
  settings.clip_grad_norm = 0.5;
  Optimizer optimizer(settings, kMany);
  std::vector<float> p(kMany, 0.0f);
  std::vector<float> g = Normals(kMany, 1);
  ThreadPool pool(2);
  optimizer.Step(p, g, 1.0, pool);
  double squares = 0;
  for (const float x : p) squares += double{x} * x;
  EXPECT_NEAR(std::sqrt(squares), 0.5, 1e-6);
}

TEST(OptimizerTest, SeesEveryGradientThatIsNotFinite) {
  config::Training settings;
  settings.clip_grad_value = 1.0;  // would hide an infinity
  ThreadPool pool(2);
  for (const size_t at : {size_t{0}, size_t{1023}, size_t{1024}, kMany - 1}) {
    for (const float bad :
         {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
          std::numeric_limits<float>::quiet_NaN()}) {
      Optimizer optimizer(settings, kMany);
      std::vector<float> p(kMany, 0.0f);
      std::vector<float> g = Normals(kMany, 1);
      g[at] = bad;
      EXPECT_FALSE(optimizer.Step(p, g, 0.1, pool).finite) << at << " " << bad;
    }
  }
}

TEST(OptimizerTest, AveragesFollowTheFormula) {
  const std::vector<float> values = Normals(kMany, 1);
  const std::vector<float> before = Normals(kMany, 2);
  std::vector<float> mean = before;
  ThreadPool pool(2);
  MoveAverage(0.75, values, mean, pool);
  for (size_t i = 0; i < kMany; ++i) {
    EXPECT_EQ(mean[i], 0.75f * before[i] + 0.25f * values[i]) << i;
  }
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
