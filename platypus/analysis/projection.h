#ifndef PLATYPUS_ANALYSIS_PROJECTION_H_
#define PLATYPUS_ANALYSIS_PROJECTION_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"

// The room's first header: samples of many features as points of two or three.
namespace platypus::analysis {

// Principal components: directions of the largest variance, orthogonal, of length 1, each with its
// largest entry (by magnitude) positive.
struct PrincipalComponents {
  std::vector<double> mean;        // [width]
  std::vector<double> directions;  // [component][width]
  std::vector<double> variance;    // [component], divisor count - 1, falling
  double total_variance = 0;       // of all features
  int Count() const { return static_cast<int>(variance.size()); }
  std::vector<double> Shares() const;  // of the total variance; NaN if that is 0
};

// samples [count][width], not scaled. As many components as asked for, or fewer: at most width and
// count - 1, and none without variance. Lanczos' method with full orthogonalisation: exact to about
// 1e-10 of the largest variance. Values that are not finite count as 0.
PrincipalComponents FitPca(std::span<const float> samples, int64_t width, int components,
                           ThreadPool& pool);

// [count][components]; the same bits for any number of threads.
std::vector<double> Project(const PrincipalComponents& pca, std::span<const float> samples,
                            ThreadPool& pool);

struct TsneOptions {
  int dimensions = 2;  // 2 or 3
  double perplexity = 30;
  int iterations = 1000;
  uint64_t seed = 42;
  std::string stage = "t-SNE";  // of progress events
};

struct TsneResult {
  std::vector<double> points;      // [count][dimensions]
  double perplexity = 0;           // in effect: at most (count - 1) / 3
  double divergence_at_start = 0;  // Kullback-Leibler, of the points that it starts with
  double divergence = 0;           // and of the result
};

// Exact t-SNE (van der Maaten, Hinton 2008): early exaggeration 12 for a quarter of the iterations,
// learning rate max(count / 48, 50), started from principal components with deviation 1e-4. Work
// and memory grow with the square of the samples: meant for a few thousand. The same bits for any
// number of threads. Progress events in iterations; Error (usage) when cancelled.
TsneResult Tsne(std::span<const float> samples, int64_t width, const TsneOptions& options,
                ThreadPool& pool, ProgressSink& sink);

}  // namespace platypus::analysis

#endif  // PLATYPUS_ANALYSIS_PROJECTION_H_
