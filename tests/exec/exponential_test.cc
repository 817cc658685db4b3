#include "platypus/exec/exponential.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace platypus::exec {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Distance of a value from the true one, in units of the true one's last place.
double Units(float found, double expected) {
  const auto rounded = static_cast<float>(expected);
  const double unit =
      std::max(double{std::nextafter(std::fabs(rounded), kInfinity)} - double{std::fabs(rounded)},
               0x1.0p-149);
  return std::abs(double{found} - expected) / unit;
}

TEST(ExponentialTest, IsRightToTheLastPlaces) {
  double worst_exp = 0;
  double worst_logistic = 0;
  double worst_tanh = 0;
  for (int i = -400'000; i <= 400'000; ++i) {
    const float x = static_cast<float>(i) * 0x1.0p-12f;  // -97.6 ... 97.6
    if (x < 88.7f) worst_exp = std::max(worst_exp, Units(Exp(x), std::exp(double{x})));
    if (x > -80) {
      worst_logistic = std::max(worst_logistic, Units(Logistic(x), 1 / (1 + std::exp(-double{x}))));
    }
    worst_tanh = std::max(worst_tanh, Units(Tanh(x), std::tanh(double{x})));
  }
  EXPECT_LE(worst_exp, 2);
  EXPECT_LE(worst_logistic, 3);
  EXPECT_LE(worst_tanh, 3);
}

TEST(ExponentialTest, EndsAreExact) {
  EXPECT_EQ(Exp(0.0f), 1.0f);
  EXPECT_EQ(Exp(kInfinity), kInfinity);
  EXPECT_EQ(Exp(89.0f), kInfinity);
  EXPECT_EQ(Exp(-kInfinity), 0.0f);
  EXPECT_EQ(Exp(-104.0f), 0.0f);
  EXPECT_EQ(Logistic(0.0f), 0.5f);
  EXPECT_EQ(Logistic(kInfinity), 1.0f);
  EXPECT_EQ(Logistic(-kInfinity), 0.0f);
  EXPECT_EQ(Tanh(kInfinity), 1.0f);
  EXPECT_EQ(Tanh(-kInfinity), -1.0f);
  EXPECT_EQ(Tanh(0.0f), 0.0f);
  EXPECT_TRUE(std::signbit(Tanh(-0.0f)));
  EXPECT_TRUE(std::isnan(Exp(kNan)));
  EXPECT_TRUE(std::isnan(Logistic(kNan)));
  EXPECT_TRUE(std::isnan(Tanh(kNan)));
}

}  // namespace
}  // namespace platypus::exec
