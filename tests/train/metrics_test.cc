#include "platypus/train/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "platypus/base/error.h"

namespace platypus::train {
namespace {

TEST(MetricsTest, ClosedForms) {
  const std::vector<float> logits = {2, 1, 0, 0, 3, 1, 1, 0, 5, 4, 0, 0};
  const std::vector<int32_t> labels = {0, 1, 2, 1};
  const ClassificationMetrics m = Evaluate(logits, labels, 3);
  EXPECT_EQ(m.samples, 4);
  EXPECT_DOUBLE_EQ(m.accuracy, 0.75);
  EXPECT_DOUBLE_EQ(m.f1_micro, 0.75);
  const std::vector<std::vector<int64_t>> confusion = {{1, 0, 0}, {1, 1, 0}, {0, 0, 1}};
  EXPECT_EQ(m.confusion, confusion);
  // class 0: 2*1/(2+1), class 1: 2*1/(1+2), class 2: 1
  EXPECT_NEAR(m.f1_macro, (2.0 / 3 + 2.0 / 3 + 1) / 3, 1e-12);
  const double e = std::exp(1.0);
  const double loss =
      std::log(1 + 1 / e + 1 / (e * e)) + std::log(1 + std::exp(-2.0) + std::exp(-3.0)) +
      std::log(1 + std::exp(-4.0) + std::exp(-5.0)) + 4 + std::log(1 + 2 * std::exp(-4.0));
  EXPECT_NEAR(m.loss, loss / 4, 1e-12);
}

TEST(MetricsTest, ScaleTurnsIntegersIntoLogits) {
  const std::vector<float> real = {0.5f, -1.0f, 2.0f, 0.25f};
  const std::vector<float> codes = {2, -4, 8, 1};
  const std::vector<int32_t> labels = {0, 1};
  const ClassificationMetrics a = Evaluate(real, labels, 2);
  const ClassificationMetrics b = Evaluate(codes, labels, 2, 0.25);
  EXPECT_NEAR(a.loss, b.loss, 1e-12);
  EXPECT_EQ(a.auroc, b.auroc);
}

TEST(MetricsTest, TiesGoToTheLowestClass) {
  const std::vector<float> logits = {1, 1, 0, 2, 2, 2};
  const std::vector<int32_t> labels = {0, 2};
  EXPECT_DOUBLE_EQ(Evaluate(logits, labels, 3).accuracy, 0.5);
}

TEST(MetricsTest, AbsentClassCountsZeroAndHasNoArea) {
  const std::vector<float> logits = {1, 0, -1, 0, 1, -1};
  const std::vector<int32_t> labels = {0, 1};
  const ClassificationMetrics m = Evaluate(logits, labels, 3);
  EXPECT_NEAR(m.f1_macro, 2.0 / 3, 1e-12);
  EXPECT_TRUE(std::isnan(m.auroc));
}

TEST(MetricsTest, LargeLogitsStayFinite) {
  const std::vector<float> logits = {1e6f, -1e6f};
  EXPECT_NEAR(Evaluate(logits, std::vector<int32_t>{1}, 2).loss, 2e6, 1e-3);
}

TEST(MetricsTest, RejectsLabelsOutsideTheClasses) {
  const std::vector<float> logits = {1, 0};
  EXPECT_THROW(Evaluate(logits, std::vector<int32_t>{2}, 2), Error);
  EXPECT_THROW(Evaluate(logits, std::vector<int32_t>{-1}, 2), Error);
}

TEST(RocTest, Areas) {
  const std::vector<float> scores = {0.9f, 0.8f, 0.7f, 0.6f};
  EXPECT_NEAR(Roc(scores, std::vector<uint8_t>{1, 0, 1, 0}).area, 0.75, 1e-12);
  EXPECT_NEAR(Roc(std::vector<float>(4, 1.0f), std::vector<uint8_t>{1, 0, 1, 0}).area, 0.5, 1e-12);
  EXPECT_TRUE(std::isnan(Roc(scores, std::vector<uint8_t>{1, 1, 1, 1}).area));
}

TEST(RocTest, TiesAreOnePoint) {
  const RocCurve curve = Roc(std::vector<float>{3, 2, 2, 1}, std::vector<uint8_t>{1, 1, 0, 0});
  EXPECT_NEAR(curve.area, 0.875, 1e-12);
  EXPECT_EQ(curve.false_positive_rate, (std::vector<double>{0, 0, 0.5, 1}));
  EXPECT_EQ(curve.true_positive_rate, (std::vector<double>{0, 0.5, 1, 1}));
  EXPECT_EQ(curve.threshold,
            (std::vector<double>{std::numeric_limits<double>::infinity(), 3, 2, 1}));
}

}  // namespace
}  // namespace platypus::train
