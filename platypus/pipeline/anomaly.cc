#include "platypus/pipeline/anomaly.h"

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/pipeline/goal.h"
#include "platypus/train/metrics.h"

namespace platypus::pipeline {
namespace {

double Share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

Detection Detect(double k, double threshold, std::span<const float> anomaly,
                 std::span<const float> normal) {
  const auto above = [&](std::span<const float> errors) {
    return std::count_if(errors.begin(), errors.end(),
                         [&](float error) { return error > threshold; });
  };
  Detection d;
  d.k = k;
  d.threshold = threshold;
  d.true_positives = above(anomaly);
  d.false_positives = above(normal);
  d.false_negatives = static_cast<int64_t>(anomaly.size()) - d.true_positives;
  d.true_negatives = static_cast<int64_t>(normal.size()) - d.false_positives;
  return d;
}

}  // namespace

double Detection::Accuracy() const {
  return Share(true_positives + true_negatives,
               true_positives + true_negatives + false_positives + false_negatives);
}
double Detection::Precision() const {
  return Share(true_positives, true_positives + false_positives);
}
double Detection::Recall() const { return Share(true_positives, true_positives + false_negatives); }
double Detection::F1() const {
  return Share(2 * true_positives, 2 * true_positives + false_positives + false_negatives);
}
double Detection::FalsePositiveRate() const {
  return Share(false_positives, false_positives + true_negatives);
}

std::vector<float> ReconstructionErrors(std::span<const float> outputs,
                                        std::span<const float> inputs, int64_t samples) {
  Check(outputs.size() == inputs.size() && samples > 0, "{} outputs for {} inputs", outputs.size(),
        inputs.size());
  const size_t width = inputs.size() / static_cast<size_t>(samples);
  std::vector<float> errors;
  for (size_t at = 0; at + width <= inputs.size(); at += width) {
    double sum = 0;
    for (size_t i = at; i < at + width; ++i) {
      const double d = double{outputs[i]} - inputs[i];
      sum += d * d;
    }
    errors.push_back(static_cast<float>(sum / static_cast<double>(width)));
  }
  return errors;
}

Threshold FitThreshold(std::span<const float> training_errors, double k) {
  Threshold threshold;
  threshold.k = k;
  const auto count = static_cast<double>(training_errors.size());
  for (const float error : training_errors) threshold.mean += error / count;
  double squares = 0;
  for (const float error : training_errors)
    squares += (error - threshold.mean) * (error - threshold.mean);
  threshold.deviation = count > 1 ? std::sqrt(squares / (count - 1)) : 0.0;
  return threshold;
}

AnomalyTest TestAnomalies(const Threshold& threshold, std::span<const float> errors,
                          std::span<const int32_t> labels) {
  AnomalyTest test;
  test.threshold = threshold;
  std::vector<uint8_t> positive;
  for (size_t i = 0; i < errors.size(); ++i) {
    positive.push_back(labels[i] == kAnomaly ? 1 : 0);
    (labels[i] == kAnomaly ? test.anomaly : test.normal).push_back(errors[i]);
  }
  test.auroc = train::Roc(errors, positive).area;
  test.chosen = Detect(threshold.k, threshold.Value(), test.anomaly, test.normal);
  for (int step = 0; step < 10; ++step) {
    const double k = 0.5 * step;
    test.sweep.push_back(Detect(k, threshold.At(k), test.anomaly, test.normal));
  }
  test.best =
      *std::max_element(test.sweep.begin(), test.sweep.end(),
                        [](const Detection& a, const Detection& b) { return a.F1() < b.F1(); });
  return test;
}

}  // namespace platypus::pipeline
