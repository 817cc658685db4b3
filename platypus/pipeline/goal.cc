#include "platypus/pipeline/goal.h"

#include "platypus/base/error.h"

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

void RequireOutputs(const Goal& goal, const graph::Graph& network, const Shape& input,
                    const std::string& name) {
  const int64_t outputs = NumElements(network.Output().shape);
  const int64_t wanted = goal.Outputs(input);
  if (outputs == wanted) return;
  throw Error(Category::kModel,
              fmt::format("{} has {} outputs, the data ask for {}", name, outputs, wanted),
              goal.Forecasts()          ? fmt::format("forecast_horizon {} x {} target variables",
                                                      goal.horizon, goal.targets.size())
              : goal.DetectsAnomalies() ? "an autoencoder has as many outputs as inputs"
                                        : fmt::format("{} target variables", goal.targets.size()));
}

}  // namespace platypus::pipeline
