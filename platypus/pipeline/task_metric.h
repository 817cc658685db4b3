#ifndef PLATYPUS_PIPELINE_TASK_METRIC_H_
#define PLATYPUS_PIPELINE_TASK_METRIC_H_

#include "platypus/pipeline/goal.h"
#include "platypus/train/metrics.h"

namespace platypus::pipeline {

// The one figure that networks of a task are compared by: accuracy (a share), R2, SMAPE in percent,
// or the mean squared error of a reconstruction.
struct TaskMetric {
  const char* name;  // "accuracy", "r2", "smape", "mse"
  bool higher_is_better;
  double (*of)(const train::Metrics& metrics);
};

TaskMetric MetricOf(const Goal& goal);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_TASK_METRIC_H_
