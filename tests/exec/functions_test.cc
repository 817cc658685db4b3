// The functions that host and microcontroller share, against those of the C library in double
// precision.
#include "tm_functions.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace platypus::exec {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Distance of two floats' neighbours at `exact`.
double Unit(double exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  return std::ldexp(1.0, std::max(exponent - 24, -149));
}

// visit(x) for floats of every sign and exponent, one of some thousand.
template <typename Visit>
void ForFloats(Visit visit) {
  constexpr uint32_t kStep = 4099;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += kStep) {
    const auto x = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (std::isfinite(x)) visit(x);
  }
  // Densely where something happens.
  for (int i = -2'000'000; i <= 2'000'000; ++i) visit(static_cast<float>(i) * 5.3e-5f);
}

template <typename Function, typename Exact>
void ExpectUnits(Function function, Exact exact, double units) {
  double worst = 0;
  float at = 0;
  ForFloats([&](float x) {
    const double expected = exact(double{x});
    const float found = function(x);
    if (expected > double{std::numeric_limits<float>::max()}) {
      if (std::isinf(found)) return;
    }
    const double error = std::abs(double{found} - expected) / Unit(expected);
    if (!(error <= worst)) {
      worst = error;
      at = x;
    }
  });
  EXPECT_LE(worst, units) << "at " << at;
  EXPECT_GT(worst, 0.5);  // no double hides in it
}

TEST(FunctionsTest, AreAccurate) {
  ExpectUnits(
      tm_expf, [](double x) { return std::exp(x); }, 1.1);
  ExpectUnits(
      tm_sigmoidf, [](double x) { return 1 / (1 + std::exp(-x)); }, 2.4);
  ExpectUnits(
      tm_tanhf, [](double x) { return std::tanh(x); }, 2.6);
  ForFloats([](float x) {
    const double exact = double{x} * std::erfc(-double{x} / std::sqrt(2.0)) / 2;
    ASSERT_NEAR(tm_geluf(x), exact, 1.3e-7 * std::max(1.0, std::abs(double{x}))) << x;
  });
}

TEST(FunctionsTest, EndsOfTheNumbers) {
  EXPECT_EQ(tm_expf(kInfinity), kInfinity);
  EXPECT_EQ(tm_expf(-kInfinity), 0.0f);
  EXPECT_EQ(tm_expf(88.8f), kInfinity);
  EXPECT_EQ(tm_expf(-104.0f), 0.0f);
  EXPECT_GT(tm_expf(-103.0f), 0.0f);
  EXPECT_EQ(tm_expf(0.0f), 1.0f);
  EXPECT_EQ(tm_sigmoidf(kInfinity), 1.0f);
  EXPECT_EQ(tm_sigmoidf(-kInfinity), 0.0f);
  EXPECT_EQ(tm_sigmoidf(0.0f), 0.5f);
  EXPECT_EQ(tm_tanhf(kInfinity), 1.0f);
  EXPECT_EQ(tm_tanhf(-kInfinity), -1.0f);
  EXPECT_EQ(tm_tanhf(0.0f), 0.0f);
  EXPECT_EQ(tm_tanhf(1e-42f), 1e-42f);
  EXPECT_EQ(tm_geluf(kInfinity), kInfinity);
  for (const auto function : {tm_expf, tm_sigmoidf, tm_tanhf, tm_geluf}) {
    EXPECT_TRUE(std::isnan(function(std::numeric_limits<float>::quiet_NaN())));
    EXPECT_TRUE(std::isnan(function(-std::numeric_limits<float>::quiet_NaN())));
  }
}

}  // namespace
}  // namespace platypus::exec
