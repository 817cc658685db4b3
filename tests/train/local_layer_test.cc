// Local layers by themselves, against formulas in double where a whole network's tolerance is too
// wide: tails, large offsets, values that are not numbers.
#include "platypus/train/local_layer.h"

#include <gtest/gtest.h>
#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <vector>

#include "platypus/base/random.h"

namespace platypus::train {
namespace {

using Floats = hwy::AlignedFreeUniquePtr<float[]>;

Floats Make(int64_t count, const std::function<float(int64_t)>& value) {
  Floats floats = hwy::AllocateAligned<float>(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) floats[static_cast<size_t>(i)] = value(i);
  return floats;
}

// y and dx of a layer without parameters for `elements` x 16 values of x; dy = 1.
struct Ran {
  Floats y, dx;
};
template <typename Layer>
Ran RunLayer(const Layer& layer, int64_t elements, const Floats& x) {
  const auto zero = [](int64_t) { return 0.0f; };
  Ran ran{Make(elements * kLanes, zero), Make(elements * kLanes, zero)};
  const Floats dy = Make(elements * kLanes, [](int64_t) { return 1.0f; });
  Pass pass;
  pass.x = x.get();
  pass.y = ran.y.get();
  layer.Forward(pass);
  Return back;
  back.dy = dy.get();
  back.dx = ran.dx.get();
  layer.Backward(pass, back);
  return ran;
}

TEST(LocalLayerTest, GeluFollowsTheErrorFunctionIntoItsTails) {
  constexpr int64_t kElements = 100;
  const Floats x =
      Make(kElements * kLanes, [](int64_t i) { return static_cast<float>(i - 800) / 100; });
  const Ran ran = RunLayer(Elementwise<graph::Gelu>({}, kElements), kElements, x);
  for (size_t i = 0; i < kElements * kLanes; ++i) {
    const double v = x[i];
    const double integral = std::erfc(-v / std::numbers::sqrt2) / 2;
    const double density = std::exp(-v * v / 2) / std::sqrt(2 * std::numbers::pi);
    EXPECT_NEAR(ran.y[i], v * integral, 2e-7 * std::max(1.0, std::abs(v))) << v;
    EXPECT_NEAR(ran.dx[i], integral + v * density, 5e-7) << v;
  }
}

TEST(LocalLayerTest, FunctionsAndSlopes) {
  constexpr int64_t kElements = 8;
  const Floats x =
      Make(kElements * kLanes, [](int64_t i) { return static_cast<float>(i - 64) / 8; });
  const auto expect = [&](const Ran& ran, const std::function<double(double)>& f,
                          const char* name) {
    for (size_t i = 0; i < kElements * kLanes; ++i) {
      constexpr double kStep = 1e-6;
      const double v = x[i];
      EXPECT_NEAR(ran.y[i], f(v), 1e-6 + 1e-6 * std::abs(f(v))) << name << " " << v;
      // At a kink the slope is that of one side.
      const double above = (f(v + kStep) - f(v)) / kStep;
      const double below = (f(v) - f(v - kStep)) / kStep;
      EXPECT_LT(std::min(std::abs(ran.dx[i] - above), std::abs(ran.dx[i] - below)), 2e-6)
          << name << " " << v;
    }
  };
  expect(
      RunLayer(Elementwise<graph::Clamp>({-1.0f, 2.5f}, kElements), kElements, x),
      [](double v) { return std::clamp(v, -1.0, 2.5); }, "clamp");
  expect(
      RunLayer(Elementwise<graph::LeakyRelu>({0.25f}, kElements), kElements, x),
      [](double v) { return v >= 0 ? v : v / 4; }, "leaky");
  expect(
      RunLayer(Elementwise<graph::Sigmoid>({}, kElements), kElements, x),
      [](double v) { return 1 / (1 + std::exp(-v)); }, "sigmoid");
  expect(
      RunLayer(Elementwise<graph::Tanh>({}, kElements), kElements, x),
      [](double v) { return std::tanh(v); }, "tanh");
}

// A training that went astray must show: nothing turns a NaN into a number.
TEST(LocalLayerTest, NotANumberStaysOne) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Floats x = Make(2 * kLanes, [&](int64_t i) { return i == 5 ? nan : 0.5f; });
  const auto expect = [&](const Ran& ran, const char* name) {
    EXPECT_TRUE(std::isnan(ran.y[5])) << name;
    EXPECT_FALSE(std::isnan(ran.y[6])) << name;
  };
  expect(RunLayer(Elementwise<graph::Clamp>({-1.0f, 1.0f}, 2), 2, x), "clamp");
  expect(RunLayer(Elementwise<graph::LeakyRelu>({0.25f}, 2), 2, x), "leaky");
  expect(RunLayer(Elementwise<graph::Sigmoid>({}, 2), 2, x), "sigmoid");
  expect(RunLayer(Elementwise<graph::Tanh>({}, 2), 2, x), "tanh");
  expect(RunLayer(Elementwise<graph::Gelu>({}, 2), 2, x), "gelu");
  expect(RunLayer(SoftmaxLayer(2, 1, false), 2, x), "softmax");
  expect(RunLayer(SoftmaxLayer(2, 1, true), 2, x), "log softmax");
}

// Far beyond the range of an exponential of floats.
TEST(LocalLayerTest, SigmoidAndTanhOfLargeValues) {
  const float values[] = {-1e30f, -1e4f, -200, -105, -89, -20, 20, 89, 105, 200, 1e4f, 1e30f};
  const Floats x = Make(kLanes, [&](int64_t i) { return values[static_cast<size_t>(i) % 12]; });
  const Ran sigmoid = RunLayer(Elementwise<graph::Sigmoid>({}, 1), 1, x);
  const Ran tanh = RunLayer(Elementwise<graph::Tanh>({}, 1), 1, x);
  for (size_t i = 0; i < kLanes; ++i) {
    EXPECT_NEAR(sigmoid.y[i], 1 / (1 + std::exp(-double{x[i]})), 1e-6) << x[i];
    EXPECT_NEAR(sigmoid.dx[i], 0, 1e-6) << x[i];
    EXPECT_NEAR(tanh.y[i], std::tanh(double{x[i]}), 1e-6) << x[i];
    EXPECT_NEAR(tanh.dx[i], 0, 1e-6) << x[i];
  }
}

// Every gate by weights of one unit that only looks at its input.
TEST(LocalLayerTest, RecurrentCellsOfLargeValuesAndOfNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Floats x = Make(kLanes, [&](int64_t i) {
    return i == 5 ? nan : i % 2 == 0 ? 1e4f : -1e4f;
  });
  using Cell = graph::Recurrent::Cell;
  for (const Cell cell : {Cell::kRnn, Cell::kGru, Cell::kLstm}) {
    const RecurrentLayer layer({cell, 1, 1, true}, {1, 1, 1});
    const Floats parameters =
        Make(static_cast<int64_t>(layer.Parameters()), [](int64_t) { return 1.0f; });
    const auto zero = [](int64_t) { return 0.0f; };
    const Floats packed = Make(static_cast<int64_t>(layer.Packed()), zero);
    const Floats kept = Make(static_cast<int64_t>(layer.Kept()), zero);
    const Floats scratch = Make(static_cast<int64_t>(layer.Scratch()), zero);
    const Floats y = Make(kLanes, zero);
    layer.Pack(parameters.get(), packed.get());
    Pass pass;
    pass.x = x.get();
    pass.y = y.get();
    pass.kept = kept.get();
    pass.scratch = scratch.get();
    pass.parameters = parameters.get();
    pass.packed = packed.get();
    layer.Forward(pass);
    const double up = cell == Cell::kRnn ? 1 : cell == Cell::kGru ? 0 : std::tanh(1.0);
    const double down = cell == Cell::kLstm ? 0 : -1;
    for (size_t i = 0; i < kLanes; ++i) {
      if (i == 5) {
        EXPECT_TRUE(std::isnan(y[i])) << static_cast<int>(cell);
      } else {
        EXPECT_NEAR(y[i], i % 2 == 0 ? up : down, 1e-6) << static_cast<int>(cell);
      }
    }
  }
}

TEST(LocalLayerTest, SoftmaxOfLargeScores) {
  const Floats x = Make(3 * kLanes, [](int64_t i) { return i < kLanes ? 1000.0f : -1000.0f; });
  const Ran ran = RunLayer(SoftmaxLayer(3, 1, false), 3, x);
  EXPECT_EQ(ran.y[0], 1.0f);
  EXPECT_EQ(ran.y[kLanes], 0.0f);
  const Ran logs = RunLayer(SoftmaxLayer(3, 1, true), 3, x);
  EXPECT_EQ(logs.y[0], 0.0f);
  EXPECT_EQ(logs.y[kLanes], -2000.0f);
}

// Values around 1000 that differ in their last digits only.
TEST(LocalLayerTest, LayerNormOfALargeOffset) {
  constexpr int64_t kElements = 1000;
  Random random(8, "values");
  const Floats x = Make(kElements * kLanes, [&](int64_t) {
    return 1000.0f + static_cast<float>(random.Uniform(-0.5, 0.5));
  });
  const Floats parameters =
      Make(2 * kElements, [](int64_t i) { return i < kElements ? 1.0f : 0.0f; });
  const LayerNormLayer layer(1e-5f, kElements);
  const Floats y = Make(kElements * kLanes, [](int64_t) { return 0.0f; });
  const Floats kept = Make(2 * kLanes, [](int64_t) { return 0.0f; });
  Pass pass;
  pass.x = x.get();
  pass.y = y.get();
  pass.kept = kept.get();
  pass.parameters = parameters.get();
  layer.Forward(pass);
  for (size_t lane = 0; lane < kLanes; ++lane) {
    double mean = 0;
    double variance = 0;
    for (size_t i = 0; i < kElements; ++i) mean += double{x[i * kLanes + lane]} / kElements;
    for (size_t i = 0; i < kElements; ++i) {
      variance += std::pow(x[i * kLanes + lane] - mean, 2) / kElements;
    }
    for (size_t i = 0; i < kElements; ++i) {
      const double expected = (x[i * kLanes + lane] - mean) / std::sqrt(variance + 1e-5);
      EXPECT_NEAR(y[i * kLanes + lane], expected, 3e-4);
    }
  }
}

}  // namespace
}  // namespace platypus::train
