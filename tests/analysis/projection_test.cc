#include "platypus/analysis/projection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/random.h"

namespace platypus::analysis {
namespace {

// 50 samples of 7 features; the expected values were computed by NumPy's singular value
// decomposition of the same ones.
std::vector<float> Waves() {
  std::vector<float> samples;
  for (int i = 0; i < 50; ++i) {
    for (int d = 0; d < 7; ++d) {
      samples.push_back(static_cast<float>(std::sin(0.37 * i * (d + 1)) * (d + 1) + 0.1 * i +
                                           std::cos(1.3 * i) * (7 - d)));
    }
  }
  return samples;
}

TEST(PcaTest, EqualsASingularValueDecomposition) {
  ThreadPool pool(2);
  const std::vector<float> samples = Waves();
  const PrincipalComponents pca = FitPca(samples, 7, 3, pool);
  ASSERT_EQ(pca.Count(), 3);
  const std::vector<double> variance = {89.4280220688385, 26.13084013812832, 18.464532039131058};
  const std::vector<double> directions = {
      0.529669245716121,     0.46185297530868863,  0.3684600451962356,   0.4167621568520675,
      0.32016613407141903,   0.2501416562833499,   0.177796561936988,    -0.10508355174958599,
      -0.08732786593469695,  -0.06014504282607529, -0.08935897207147805, -0.055134837228089116,
      -0.007031091342766792, 0.9831782912550115,   -0.11577252711144134, -0.10120884046608665,
      -0.07838311756508237,  -0.13289591198608444, -0.13259642337629744, 0.9661593206546201,
      -0.03876353512849906};
  for (size_t k = 0; k < 3; ++k) EXPECT_NEAR(pca.variance[k], variance[k], 1e-6);
  for (size_t i = 0; i < directions.size(); ++i)
    EXPECT_NEAR(pca.directions[i], directions[i], 1e-6) << i;
  EXPECT_NEAR(pca.total_variance, 158.02630916196918, 1e-6);
  EXPECT_NEAR(pca.Shares()[0], 89.4280220688385 / 158.02630916196918, 1e-8);
  const std::vector<double> points = Project(pca, samples, pool);
  EXPECT_NEAR(points[0], 4.999298947641479, 1e-5);
  EXPECT_NEAR(points[1], -2.5632622842774015, 1e-5);
  EXPECT_NEAR(points[2 * 3 + 2], -5.691168059015094, 1e-5);
}

TEST(PcaTest, SameBitsForAnyNumberOfThreads) {
  Random random(3, "test");
  std::vector<float> samples(700 * 40);
  for (float& x : samples) x = static_cast<float>(random.Normal());
  ThreadPool one(1);
  ThreadPool four(4);
  EXPECT_EQ(FitPca(samples, 40, 3, one).directions, FitPca(samples, 40, 3, four).directions);
}

// Directions of equal variance: any orthogonal ones, but all of them.
TEST(PcaTest, FindsEqualVariances) {
  ThreadPool pool(1);
  const std::vector<float> samples = {1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1};
  const PrincipalComponents pca = FitPca(samples, 3, 3, pool);
  ASSERT_EQ(pca.Count(), 3);
  for (const double v : pca.variance) EXPECT_NEAR(v, 0.4, 1e-9);
}

TEST(PcaTest, TakesWhatThereIs) {
  ThreadPool pool(1);
  EXPECT_EQ(FitPca({}, 4, 3, pool).Count(), 0);
  EXPECT_EQ(FitPca(std::vector<float>{1, 2, 3}, 3, 3, pool).Count(), 0) << "one sample";
  EXPECT_EQ(FitPca(std::vector<float>(30, 7.F), 3, 3, pool).Count(), 0) << "no variance";
  EXPECT_EQ(FitPca(std::vector<float>{1, 2, 3, 4}, 2, 3, pool).Count(), 1) << "two samples";
  const PrincipalComponents odd = FitPca(std::vector<float>{NAN, 1, 2, INFINITY, 5, 6}, 2, 2, pool);
  for (const double x : odd.directions) EXPECT_TRUE(std::isfinite(x));
}

// Three clouds in ten dimensions.
struct Clouds {
  std::vector<float> samples;
  std::vector<int> labels;
};
Clouds ThreeClouds(int each) {
  Random random(5, "clouds");
  Clouds clouds;
  for (int i = 0; i < 3 * each; ++i) {
    clouds.labels.push_back(i % 3);
    for (int d = 0; d < 10; ++d)
      clouds.samples.push_back(static_cast<float>(random.Normal() + (d % 3 == i % 3 ? 8 : 0)));
  }
  return clouds;
}

TEST(TsneTest, KeepsCloudsApartAndLowersTheDivergence) {
  ThreadPool pool(2);
  NullSink sink;
  const Clouds clouds = ThreeClouds(50);
  for (const int dimensions : {2, 3}) {
    TsneOptions options;
    options.dimensions = dimensions;
    options.iterations = 500;
    const TsneResult result = Tsne(clouds.samples, 10, options, pool, sink);
    EXPECT_LT(result.divergence, 0.5 * result.divergence_at_start);
    EXPECT_GT(result.divergence, 0);
    const auto width = static_cast<size_t>(dimensions);
    ASSERT_EQ(result.points.size(), clouds.labels.size() * width);
    // The nearest neighbour of every sample is one of its own cloud.
    for (size_t i = 0; i < clouds.labels.size(); ++i) {
      double best = INFINITY;
      int label = -1;
      for (size_t j = 0; j < clouds.labels.size(); ++j) {
        double distance = 0;
        for (size_t d = 0; d < width; ++d)
          distance += std::pow(result.points[i * width + d] - result.points[j * width + d], 2);
        if (j != i && distance < best) best = distance, label = clouds.labels[j];
      }
      EXPECT_EQ(label, clouds.labels[i]);
    }
  }
}

TEST(TsneTest, SameBitsForAnyNumberOfThreadsAndBySeed) {
  ThreadPool one(1);
  ThreadPool four(4);
  NullSink sink;
  const Clouds clouds = ThreeClouds(20);
  TsneOptions options;
  options.iterations = 100;
  const std::vector<double> points = Tsne(clouds.samples, 10, options, one, sink).points;
  EXPECT_EQ(points, Tsne(clouds.samples, 10, options, four, sink).points);
  options.seed = 7;
  EXPECT_NE(points, Tsne(clouds.samples, 10, options, one, sink).points);
}

TEST(TsneTest, TakesFewEqualAndBrokenSamples) {
  ThreadPool pool(1);
  NullSink sink;
  TsneOptions options;
  options.iterations = 50;
  for (const int count : {0, 1, 3, 4, 5, 17}) {
    for (const float value : {1.F, NAN}) {
      const std::vector<float> samples(static_cast<size_t>(count) * 3, value);
      const TsneResult result = Tsne(samples, 3, options, pool, sink);
      EXPECT_EQ(result.points.size(), static_cast<size_t>(count) * 2);
      for (const double x : result.points) EXPECT_TRUE(std::isfinite(x)) << count;
    }
  }
}

class Stopping : public NullSink {
 public:
  bool Cancelled() override { return true; }
};

TEST(TsneTest, CanBeCancelled) {
  ThreadPool pool(1);
  Stopping sink;
  EXPECT_ANY_THROW(Tsne(ThreeClouds(5).samples, 10, {}, pool, sink));
}

}  // namespace
}  // namespace platypus::analysis
