#ifndef PLATYPUS_PIPELINE_ANOMALY_H_
#define PLATYPUS_PIPELINE_ANOMALY_H_

#include <cstdint>
#include <span>
#include <vector>

// Anomalies are what an autoencoder that was trained on normal samples reconstructs badly (spec
// training 18).
namespace platypus::pipeline {

// Of each sample: the mean over its elements of (output - input)^2.
std::vector<float> ReconstructionErrors(std::span<const float> outputs,
                                        std::span<const float> inputs, int64_t samples);

// threshold = mean + k deviation of the training samples' errors. The one number that header,
// log and report show.
struct Threshold {
  double mean = 0;
  double deviation = 0;  // divisor count - 1
  double k = 3;
  double At(double factor) const { return mean + factor * deviation; }
  float Value() const { return static_cast<float>(At(k)); }
};
Threshold FitThreshold(std::span<const float> training_errors, double k);

// What a threshold does on the test split: positive is an error above it.
struct Detection {
  double k = 0;
  double threshold = 0;
  int64_t true_positives = 0, true_negatives = 0, false_positives = 0, false_negatives = 0;
  // Shares; 0 where nothing is counted.
  double Accuracy() const;
  double Precision() const;
  double Recall() const;
  double F1() const;
  double FalsePositiveRate() const;
};

struct AnomalyTest {
  Threshold threshold;
  std::vector<float> anomaly, normal;  // errors of the test samples
  double auroc = 0;                    // NaN without samples of both kinds
  Detection chosen;                    // at the threshold in effect
  std::vector<Detection> sweep;        // k = 0, 0.5 ... 4.5
  Detection best;                      // the first of the sweep with the highest F1
};
AnomalyTest TestAnomalies(const Threshold& threshold, std::span<const float> errors,
                          std::span<const int32_t> labels);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_ANOMALY_H_
