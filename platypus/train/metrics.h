#ifndef PLATYPUS_TRAIN_METRICS_H_
#define PLATYPUS_TRAIN_METRICS_H_

#include <cstdint>
#include <span>
#include <variant>
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

// Of a network that gives values: regression, forecasting, and anomaly detection (its input again).
struct RegressionMetrics {
  struct OfOutput {  // means over the samples
    double mse = 0;
    double mae = 0;
    double smape = 0;  // 100 |y - t| / ((|y| + |t|) / 2), below the line at least 1e-8: 0 ... 200
    // 1 - sum of (y - t)^2 / sum of (t - mean t)^2: the variance of the TARGETS. NaN if that is 0.
    double r2 = 0;
  };
  int64_t samples = 0;
  double loss = 0;   // as trained, in the units of the training's targets
  double error = 0;  // what the best epoch has least of, by Criterion
  OfOutput mean;     // over the outputs; r2 over those that have one
  std::vector<OfOutput> outputs;
};

enum class Criterion { kMse, kSmape };

// outputs, targets: [count][width], in the units that the user knows. `loss` is left 0.
RegressionMetrics EvaluateRegression(std::span<const float> outputs, std::span<const float> targets,
                                     int64_t width, Criterion criterion);

using Metrics = std::variant<ClassificationMetrics, RegressionMetrics>;

// Whether an epoch's validation is better than that of an earlier one: higher accuracy, on a draw
// lower loss; lower error. Both of the same kind.
bool IsBetter(const Metrics& candidate, const Metrics& best);

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
