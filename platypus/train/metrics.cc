#include "platypus/train/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "platypus/base/error.h"

namespace platypus::train {
namespace {

double Area(std::span<const float> logits, std::span<const int32_t> labels, int classes,
            int positive_class) {
  std::vector<float> scores(labels.size());
  std::vector<uint8_t> positive(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    scores[i] = logits[i * static_cast<size_t>(classes) + static_cast<size_t>(positive_class)];
    positive[i] = labels[i] == positive_class ? 1 : 0;
  }
  return Roc(scores, positive).area;
}

}  // namespace

ClassificationMetrics Evaluate(std::span<const float> logits, std::span<const int32_t> labels,
                               int classes, double scale) {
  const auto width = static_cast<size_t>(classes);
  Check(classes >= 1 && logits.size() == labels.size() * width,
        "{} logits for {} samples of {} classes", logits.size(), labels.size(), classes);
  ClassificationMetrics metrics;
  metrics.samples = static_cast<int64_t>(labels.size());
  metrics.confusion.assign(width, std::vector<int64_t>(width, 0));
  int64_t correct = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto z = logits.subspan(i * width, width);
    const size_t best = static_cast<size_t>(std::max_element(z.begin(), z.end()) - z.begin());
    const auto label = static_cast<size_t>(labels[i]);
    Check(label < width, "label {} of {} classes", labels[i], classes);
    ++metrics.confusion[label][best];
    correct += best == label ? 1 : 0;
    double sum = 0;
    for (const float value : z) sum += std::exp(scale * (value - z[best]));
    metrics.loss += std::log(sum) - scale * (z[label] - z[best]);
  }
  const auto count = static_cast<double>(std::max<size_t>(1, labels.size()));
  metrics.loss /= count;
  metrics.accuracy = metrics.f1_micro = static_cast<double>(correct) / count;
  for (size_t c = 0; c < width; ++c) {
    int64_t predicted = 0;
    int64_t real = 0;
    for (size_t k = 0; k < width; ++k) {
      predicted += metrics.confusion[k][c];
      real += metrics.confusion[c][k];
    }
    // 2PR / (P + R) = 2 TP / (predicted + real)
    if (predicted + real > 0) {
      metrics.f1_macro += 2.0 * static_cast<double>(metrics.confusion[c][c]) /
                          static_cast<double>(predicted + real);
    }
  }
  metrics.f1_macro /= static_cast<double>(classes);
  if (classes == 2) {
    metrics.auroc = Area(logits, labels, classes, 1);
  } else {
    for (int c = 0; c < classes; ++c) metrics.auroc += Area(logits, labels, classes, c) / classes;
  }
  return metrics;
}

RegressionMetrics EvaluateRegression(std::span<const float> outputs, std::span<const float> targets,
                                     int64_t width, Criterion criterion) {
  Check(width > 0 && outputs.size() == targets.size() &&
            outputs.size() % static_cast<size_t>(width) == 0,
        "{} outputs for {} targets in rows of {}", outputs.size(), targets.size(), width);
  constexpr double kSmallest = 1e-8;
  RegressionMetrics metrics;
  const auto columns = static_cast<size_t>(width);
  const size_t rows = outputs.size() / columns;
  const auto count = static_cast<double>(std::max<size_t>(1, rows));
  metrics.samples = static_cast<int64_t>(rows);
  metrics.outputs.resize(columns);
  std::vector<double> mean(columns, 0);
  std::vector<double> squares(columns, 0);  // of the targets' deviations from their mean
  for (size_t i = 0; i < targets.size(); ++i) mean[i % columns] += targets[i] / count;
  for (size_t i = 0; i < targets.size(); ++i) {
    const double y = outputs[i];
    const double t = targets[i];
    const double d = std::abs(y - t);
    RegressionMetrics::OfOutput& of = metrics.outputs[i % columns];
    of.mse += d * d / count;
    of.mae += d / count;
    of.smape += 100 * d / std::max(kSmallest, (std::abs(y) + std::abs(t)) / 2) / count;
    squares[i % columns] += (t - mean[i % columns]) * (t - mean[i % columns]);
  }
  int defined = 0;
  double r2 = 0;
  for (size_t c = 0; c < columns; ++c) {
    RegressionMetrics::OfOutput& of = metrics.outputs[c];
    of.r2 =
        squares[c] > 0 ? 1 - of.mse * count / squares[c] : std::numeric_limits<double>::quiet_NaN();
    metrics.mean.mse += of.mse / static_cast<double>(width);
    metrics.mean.mae += of.mae / static_cast<double>(width);
    metrics.mean.smape += of.smape / static_cast<double>(width);
    if (std::isfinite(of.r2)) {
      r2 += of.r2;
      ++defined;
    }
  }
  metrics.mean.r2 = defined > 0 ? r2 / defined : std::numeric_limits<double>::quiet_NaN();
  metrics.error = criterion == Criterion::kMse ? metrics.mean.mse : metrics.mean.smape;
  return metrics;
}

bool IsBetter(const Metrics& candidate, const Metrics& best) {
  if (const auto* values = std::get_if<RegressionMetrics>(&candidate))
    return values->error < std::get<RegressionMetrics>(best).error;
  const auto& a = std::get<ClassificationMetrics>(candidate);
  const auto& b = std::get<ClassificationMetrics>(best);
  return a.accuracy > b.accuracy || (a.accuracy == b.accuracy && a.loss < b.loss);
}

RocCurve Roc(std::span<const float> scores, std::span<const uint8_t> positive) {
  Check(scores.size() == positive.size(), "{} scores for {} samples", scores.size(),
        positive.size());
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  const auto positives =
      static_cast<double>(std::count(positive.begin(), positive.end(), uint8_t{1}));
  const double negatives = static_cast<double>(positive.size()) - positives;
  RocCurve curve;
  curve.false_positive_rate.push_back(0);
  curve.true_positive_rate.push_back(0);
  curve.threshold.push_back(std::numeric_limits<double>::infinity());
  double hits = 0;
  double alarms = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    (positive[order[i]] != 0 ? hits : alarms) += 1;
    if (i + 1 < order.size() && scores[order[i]] == scores[order[i + 1]])
      continue;  // one point for a tie
    const double rate = negatives > 0 ? alarms / negatives : 0;
    const double recall = positives > 0 ? hits / positives : 0;
    curve.area +=
        (rate - curve.false_positive_rate.back()) * (recall + curve.true_positive_rate.back()) / 2;
    curve.false_positive_rate.push_back(rate);
    curve.true_positive_rate.push_back(recall);
    curve.threshold.push_back(scores[order[i]]);
  }
  if (positives == 0 || negatives == 0) curve.area = std::numeric_limits<double>::quiet_NaN();
  return curve;
}

}  // namespace platypus::train
