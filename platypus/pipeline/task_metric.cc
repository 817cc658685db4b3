#include "platypus/pipeline/task_metric.h"

namespace platypus::pipeline {
namespace {

const train::RegressionMetrics::OfOutput& Mean(const train::Metrics& metrics) {
  return std::get<train::RegressionMetrics>(metrics).mean;
}

}  // namespace

TaskMetric MetricOf(const Goal& goal) {
  if (goal.Classifies()) {
    return {"accuracy", true, [](const train::Metrics& metrics) {
              return std::get<train::ClassificationMetrics>(metrics).accuracy;
            }};
  }
  if (goal.Forecasts())
    return {"smape", false, [](const train::Metrics& metrics) { return Mean(metrics).smape; }};
  if (goal.DetectsAnomalies())
    return {"mse", false, [](const train::Metrics& metrics) { return Mean(metrics).mse; }};
  return {"r2", true, [](const train::Metrics& metrics) { return Mean(metrics).r2; }};
}

}  // namespace platypus::pipeline
