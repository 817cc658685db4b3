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

// Two outputs of three samples.
TEST(RegressionMetricsTest, ClosedForms) {
  const std::vector<float> targets = {1, 10, 2, 20, 3, 60};
  const std::vector<float> outputs = {1, 10, 3, 20, 2, 30};
  const RegressionMetrics m = EvaluateRegression(outputs, targets, 2, Criterion::kMse);
  EXPECT_EQ(m.samples, 3);
  ASSERT_EQ(m.outputs.size(), 2u);
  EXPECT_NEAR(m.outputs[0].mse, 2.0 / 3, 1e-12);
  EXPECT_NEAR(m.outputs[0].mae, 2.0 / 3, 1e-12);
  EXPECT_NEAR(m.outputs[0].smape, (100 / 2.5 + 100 / 2.5) / 3, 1e-12);
  // The variance is that of the targets, not of the outputs: 1 - 2 / 2 and 1 - 900 / 1400.
  EXPECT_NEAR(m.outputs[0].r2, 0, 1e-12);
  EXPECT_NEAR(m.outputs[1].r2, 1 - 900.0 / 1400, 1e-12);
  EXPECT_NEAR(m.mean.mse, (2.0 / 3 + 300) / 2, 1e-12);
  EXPECT_EQ(m.error, m.mean.mse);
  EXPECT_EQ(EvaluateRegression(outputs, targets, 2, Criterion::kSmape).error, m.mean.smape);
}

TEST(RegressionMetricsTest, ZerosAndConstants) {
  const std::vector<float> zeros = {0, 0};
  EXPECT_EQ(EvaluateRegression(zeros, zeros, 1, Criterion::kSmape).error, 0);
  EXPECT_TRUE(std::isnan(EvaluateRegression(zeros, zeros, 1, Criterion::kMse).mean.r2));
  const std::vector<float> opposite = {5, -5};
  const std::vector<float> other = {-5, 5};
  EXPECT_NEAR(EvaluateRegression(opposite, other, 1, Criterion::kSmape).error, 200, 1e-9);
  EXPECT_THROW(EvaluateRegression(zeros, opposite, 3, Criterion::kMse), Error);
}

TEST(MetricsTest, BetterMeansMoreAccurateOrLessWrong) {
  ClassificationMetrics a;
  ClassificationMetrics b;
  a.accuracy = b.accuracy = 0.5;
  a.loss = 1;
  b.loss = 2;
  EXPECT_TRUE(IsBetter(a, b));
  EXPECT_FALSE(IsBetter(b, a));
  EXPECT_FALSE(IsBetter(a, a));
  b.accuracy = 0.6;
  EXPECT_TRUE(IsBetter(b, a));
  RegressionMetrics c;
  RegressionMetrics d;
  c.error = 1;
  d.error = 2;
  EXPECT_TRUE(IsBetter(c, d));
  EXPECT_FALSE(IsBetter(d, c));
  EXPECT_FALSE(IsBetter(c, c));
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
