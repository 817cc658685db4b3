#ifndef PLATYPUS_TRAIN_METRICS_H_
#define PLATYPUS_TRAIN_METRICS_H_

#include <cstdint>
#include <span>
#include <vector>

namespace platypus::train {

struct ClassificationMetrics {
  int64_t samples = 0;
  double loss = 0;  // mean cross-entropy of softmax(logits), without smoothing
  double accuracy =
      0;  // share of samples whose largest logit is their class (lowest index on ties)
  double f1_macro =
      0;  // mean over classes of 2PR/(P+R); a class without any prediction or sample counts 0
  double f1_micro = 0;
  double auroc =
      0;  // mean of one-vs-rest areas (two classes: class 1), ties count half; NaN if undefined
  std::vector<std::vector<int64_t>> confusion;  // [true class][predicted class]
};

// logits: [count][classes]; scaled integers are fine for all but `loss` (pass `scale` to get that
// right).
ClassificationMetrics Evaluate(std::span<const float> logits, std::span<const int32_t> labels,
                               int classes, double scale = 1.0);

// Points of a receiver operating characteristic, thresholds falling. positive[i]: sample i is of
// the class.
struct RocCurve {
  std::vector<double> false_positive_rate;
  std::vector<double> true_positive_rate;
  std::vector<double> threshold;
  double area = 0;
};
RocCurve Roc(std::span<const float> scores, std::span<const uint8_t> positive);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_METRICS_H_
