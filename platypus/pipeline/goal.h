#ifndef PLATYPUS_PIPELINE_GOAL_H_
#define PLATYPUS_PIPELINE_GOAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "platypus/base/array.h"
#include "platypus/config/config.h"
#include "platypus/graph/graph.h"
#include "platypus/train/loss.h"
#include "platypus/train/metrics.h"

namespace platypus::pipeline {

// What a run's network shall give: what the stages ask instead of the name of the task.
struct Goal {
  config::TaskCategory category = config::TaskCategory::kTimeseriesClassification;
  std::vector<std::string> classes = {};  // classification; anomaly detection: Anomaly, Normal
  std::vector<std::string> targets = {};  // regression, forecasting: columns
  int horizon = 1;                        // forecasting: rows ahead

  bool Classifies() const { return category == config::TaskCategory::kTimeseriesClassification; }
  bool Forecasts() const { return category == config::TaskCategory::kTimeseriesForecasting; }
  bool DetectsAnomalies() const {  // by giving its input again
    return category == config::TaskCategory::kTimeseriesAnomalyDetection;
  }
  // Elements of the output for samples of `input`: classes; targets; [row ahead][target]; or those
  // of the input.
  int Outputs(const Shape& input) const;
  // The reference's: cross-entropy; mean squared error; Huber, delta 1 (spec training 10). Values
  // are compared in units of their deviation (units.h).
  train::Loss Loss() const;
  train::Criterion Criterion() const;
};

// Error (model) for a network that gives other than what the goal asks for samples of `input`, as
// one whose number of outputs is fixed. `name` is the model's.
void RequireOutputs(const Goal& goal, const graph::Graph& network, const Shape& input,
                    const std::string& name);

// Index of the class that anomalies have: the classes are sorted by name.
constexpr int kAnomaly = 0;

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_GOAL_H_
