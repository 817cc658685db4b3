#ifndef PLATYPUS_PIPELINE_BASELINE_H_
#define PLATYPUS_PIPELINE_BASELINE_H_

#include <limits>
#include <string>
#include <vector>

#include "platypus/data/dataset.h"
#include "platypus/features/pipeline.h"
#include "platypus/pipeline/lesson.h"
#include "platypus/train/metrics.h"

// What can be had without a network, on the test split: a network that is not better is not worth
// its flash.
namespace platypus::pipeline {

struct Baseline {
  std::string name;                                         // "last value"
  train::RegressionMetrics values;                          // regression, forecasting
  double auroc = std::numeric_limits<double>::quiet_NaN();  // anomaly detection
};

// Forecasting: the distance in (decimated) rows, at most what a window holds, at which the targets
// of these recordings repeat best, in the mean squared error of every step ahead; 0 if the windows
// are too short for one (a season is longer than the horizon).
int64_t FindSeason(const std::vector<data::Recording>& recordings,
                   const features::Pipeline& pipeline, int horizon);

// Regression: the mean of the training targets; a linear fit (ridge) to the means of the sample's
// channels. Forecasting: the last value; the value one season before (none for season 0); the mean
// of the training targets. Anomaly detection: how far the variance of the sample's values is from
// the training samples' ("variance").
std::vector<Baseline> Baselines(const Splits& splits, const Goal& goal,
                                const features::Pipeline& pipeline,
                                const std::vector<data::Recording>& test_recordings,
                                int64_t season);

// The baselines' names that are at least as good as the network; empty: none is. Figures as for the
// baselines.
std::vector<std::string> NotBeaten(const std::vector<Baseline>& baselines, const Goal& goal,
                                   const Baseline& network);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_BASELINE_H_
