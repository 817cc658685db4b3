#include "platypus/pipeline/goal.h"

namespace platypus::pipeline {

int Goal::Outputs(const Shape& input) const {
  switch (category) {
    case config::TaskCategory::kTimeseriesClassification:
      return static_cast<int>(classes.size());
    case config::TaskCategory::kTimeseriesRegression:
      return static_cast<int>(targets.size());
    case config::TaskCategory::kTimeseriesForecasting:
      return horizon * static_cast<int>(targets.size());
    case config::TaskCategory::kTimeseriesAnomalyDetection:
      return static_cast<int>(NumElements(input));
  }
  return 0;
}

train::Loss Goal::Loss() const {
  switch (category) {
    case config::TaskCategory::kTimeseriesClassification:
      return train::CrossEntropy{};
    case config::TaskCategory::kTimeseriesForecasting:
      return train::Huber{};
    case config::TaskCategory::kTimeseriesRegression:
    case config::TaskCategory::kTimeseriesAnomalyDetection:
      return train::MeanSquaredError{};
  }
  return train::MeanSquaredError{};
}

train::Criterion Goal::Criterion() const {
  return Forecasts() ? train::Criterion::kSmape : train::Criterion::kMse;
}

}  // namespace platypus::pipeline
