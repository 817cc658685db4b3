#ifndef PLATYPUS_PIPELINE_STATISTICS_H_
#define PLATYPUS_PIPELINE_STATISTICS_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "platypus/pipeline/goal.h"
#include "platypus/pipeline/samples.h"

// What the samples of a split are like, before anything is trained.
namespace platypus::pipeline {

struct Statistics {
  double minimum = 0, maximum = 0, mean = 0;
  double deviation = 0;  // divisor: the count
};
// Of every `stride`-th value from `first` on; zeros without values.
Statistics StatisticsOf(std::span<const float> values, size_t first = 0, size_t stride = 1);

struct SplitStatistics {
  Statistics features;                                      // all values of all samples
  std::vector<std::pair<std::string, int64_t>> classes;     // samples of each
  std::vector<std::pair<std::string, Statistics>> targets;  // over the rows ahead of a forecast
};
SplitStatistics StatisticsOf(const SampleSet& set, const Goal& goal);

// "normal(0): 20;\tworn(1): 4"
std::string ClassCounts(const SplitStatistics& split);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_STATISTICS_H_
