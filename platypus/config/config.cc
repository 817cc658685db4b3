#include "platypus/config/config.h"

namespace platypus::config {

const char* Name(TaskCategory category) {
  switch (category) {
    case TaskCategory::kTimeseriesClassification:
      return "timeseries_classification";
    case TaskCategory::kTimeseriesRegression:
      return "timeseries_regression";
    case TaskCategory::kTimeseriesForecasting:
      return "timeseries_forecasting";
    case TaskCategory::kTimeseriesAnomalyDetection:
      return "timeseries_anomalydetection";
  }
  return "";
}

std::optional<TaskCategory> CategoryNamed(std::string_view name) {
  for (const TaskCategory category :
       {TaskCategory::kTimeseriesClassification, TaskCategory::kTimeseriesRegression,
        TaskCategory::kTimeseriesForecasting, TaskCategory::kTimeseriesAnomalyDetection}) {
    if (Name(category) == name) return category;
  }
  return std::nullopt;
}

}  // namespace platypus::config
