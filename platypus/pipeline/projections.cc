#include "platypus/pipeline/projections.h"

#include <algorithm>

#include "platypus/analysis/projection.h"

namespace platypus::pipeline {
namespace {

// Some samples of a split, spread evenly, with their colours.
struct Picked {
  std::vector<float> features;
  Points points;
};

Picked Pick(const FeatureCloud& cloud, int64_t width, size_t most) {
  const auto size = static_cast<size_t>(width);
  const size_t count = cloud.features.size() / size;
  const size_t taken = std::min(count, most);
  Picked picked;
  for (size_t k = 0; k < taken; ++k) {
    const size_t i = k * count / taken;
    const auto sample = cloud.features.subspan(i * size, size);
    picked.features.insert(picked.features.end(), sample.begin(), sample.end());
    if (i < cloud.labels.size()) picked.points.labels.push_back(cloud.labels[i]);
    if (i < cloud.values.size()) picked.points.values.push_back(cloud.values[i]);
  }
  return picked;
}

Projection FirstTwo(const Points& points, const std::string& method, const std::string& split) {
  constexpr size_t kMost = 1500;
  Projection projection;
  projection.method = method;
  projection.split = split;
  const auto dimensions = static_cast<size_t>(points.dimensions);
  const size_t count = dimensions == 0 ? 0 : points.coordinates.size() / dimensions;
  const size_t taken = std::min(count, kMost);
  for (size_t k = 0; k < taken; ++k) {
    const size_t i = k * count / taken;
    const double* at = points.coordinates.data() + i * dimensions;
    projection.x.push_back(static_cast<float>(at[0]));
    projection.y.push_back(dimensions > 1 ? static_cast<float>(at[1]) : 0.0f);
    if (i < points.labels.size()) projection.labels.push_back(points.labels[i]);
    if (i < points.values.size()) projection.values.push_back(points.values[i]);
  }
  return projection;
}

}  // namespace

Projections Project(const FeatureCloud& train, const FeatureCloud& validation, int64_t width,
                    ThreadPool& pool, ProgressSink& sink) {
  constexpr int64_t kMostValues = 8'000'000;
  constexpr int64_t kMostForPca = 20'000;
  constexpr size_t kMostForTsne = 500;
  Projections projections;
  const auto most = static_cast<size_t>(std::clamp<int64_t>(kMostValues / width, 200, kMostForPca));
  Picked of_train = Pick(train, width, most);
  const analysis::PrincipalComponents pca = analysis::FitPca(of_train.features, width, 3, pool);
  if (pca.Count() == 0) return projections;
  const auto project = [&](Picked picked) {
    picked.points.dimensions = pca.Count();
    picked.points.coordinates = analysis::Project(pca, picked.features, pool);
    return std::move(picked.points);
  };
  projections.train = project(std::move(of_train));
  projections.validation = project(Pick(validation, width, most));
  projections.shares = pca.Shares();
  Picked few = Pick(train, width, kMostForTsne);
  analysis::TsneOptions options;
  options.iterations = 500;
  analysis::TsneResult tsne = analysis::Tsne(few.features, width, options, pool, sink);
  projections.tsne = std::move(few.points);
  projections.tsne.dimensions = 2;
  projections.tsne.coordinates = std::move(tsne.points);
  projections.perplexity = tsne.perplexity;
  return projections;
}

std::vector<Projection> ForPage(const Projections& projections) {
  std::vector<Projection> page;
  if (projections.train.dimensions == 0) return page;
  const std::vector<double>& shares = projections.shares;
  for (const auto& [points, split] :
       {std::pair{&projections.train, "train"}, {&projections.validation, "val"}}) {
    page.push_back(FirstTwo(*points, "PCA", split));
    page.back().explained = {shares[0], shares.size() > 1 ? shares[1] : 0.0};
  }
  page.push_back(FirstTwo(projections.tsne, "t-SNE", "train"));
  return page;
}

}  // namespace platypus::pipeline
