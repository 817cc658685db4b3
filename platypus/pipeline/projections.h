#ifndef PLATYPUS_PIPELINE_PROJECTIONS_H_
#define PLATYPUS_PIPELINE_PROJECTIONS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"
#include "platypus/pipeline/insight.h"

// Samples of many features as points, computed once for the files and for the page.
namespace platypus::pipeline {

// Samples of one split, by class (labels) or by value.
struct FeatureCloud {
  std::span<const float> features;  // [sample][width]
  std::span<const int32_t> labels = {};
  std::span<const float> values = {};
};

// Some of a cloud's samples, spread evenly, as points.
struct Points {
  int dimensions = 0;
  std::vector<double> coordinates;  // [sample][dimensions]
  std::vector<int32_t> labels;      // as the cloud's
  std::vector<float> values;
};

struct Projections {
  Points train, validation;    // principal components of the training samples, at most three
  std::vector<double> shares;  // of the variance, of each component
  Points tsne;                 // of training samples, two dimensions
  double perplexity = 0;
};

// At most a few thousand samples of each split, t-SNE of some hundred. Without components (all
// training samples are equal): everything is empty. Error (usage) when cancelled.
Projections Project(const FeatureCloud& train, const FeatureCloud& validation, int64_t width,
                    ThreadPool& pool, ProgressSink& sink);

// The first two dimensions of at most 1500 points each.
std::vector<Projection> ForPage(const Projections& projections);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_PROJECTIONS_H_
