#include "platypus/analysis/goodness_of_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "platypus/base/random.h"

namespace platypus::analysis {
namespace {

std::vector<double> Wave(int count) {
  std::vector<double> wave;
  for (int t = 0; t < count; ++t) wave.push_back(std::sin(0.7 * t) + 0.05 * t);
  return wave;
}

// Expected values by NumPy: convolutions of the mirrored signal.
TEST(WaveletTest, EqualsConvolutionsOfTheMirroredSignal) {
  const auto levels = WaveletLevels(Wave(20));
  ASSERT_EQ(levels.size(), 4u);
  const std::vector<size_t> sizes = {8, 8, 10, 13};
  const double first[4][2] = {{1.5741989385665063, 1.7143393754799154},
                              {0.10462262494279267, 0.40208090279717545},
                              {-0.3299510476186503, -1.0227117558071113},
                              {0.03838250117797373, 0.07952086092547053}};
  const double last[4] = {3.25257441885458, -1.8606592400103088, -0.8128500351576965,
                          0.0984224780145995};
  for (size_t l = 0; l < 4; ++l) {
    ASSERT_EQ(levels[l].size(), sizes[l]);
    EXPECT_NEAR(levels[l][0], first[l][0], 1e-12);
    EXPECT_NEAR(levels[l][1], first[l][1], 1e-12);
    EXPECT_NEAR(levels[l].back(), last[l], 1e-12);
  }
}

TEST(WaveletTest, SeesNothingInACubic) {
  std::vector<double> cubic;
  for (int t = 0; t < 40; ++t) cubic.push_back(0.01 * t * t * t - t * t + 3);
  const std::vector<double> details = WaveletLevels(cubic).back();
  for (size_t k = 4; k + 4 < details.size(); ++k) EXPECT_NEAR(details[k], 0, 1e-6);
  EXPECT_EQ(WaveletLevels(std::vector<double>{5}).size(), 4u) << "shorter than the filter";
}

TEST(SpectrumTest, EqualsTheSumForAnySize) {
  const std::vector<double> of30 = SpectrumMagnitudes(Wave(30));
  ASSERT_EQ(of30.size(), 15u);
  EXPECT_NEAR(of30[0], 23.45168374440904, 1e-10);
  EXPECT_NEAR(of30[3], 10.628858656011548, 1e-10);
  for (const int size : {1, 2, 7, 64, 105, 313}) {
    const std::vector<double> wave = Wave(size);
    const std::vector<double> spectrum = SpectrumMagnitudes(wave);
    ASSERT_EQ(spectrum.size(), wave.size() / 2);
    for (size_t k = 0; k < spectrum.size(); ++k) {
      double re = 0;
      double im = 0;
      for (size_t t = 0; t < wave.size(); ++t) {
        const double angle = 2 * M_PI * static_cast<double>(k * t % wave.size()) / size;
        re += wave[t] * std::cos(angle);
        im += wave[t] * std::sin(angle);
      }
      EXPECT_NEAR(spectrum[k], std::hypot(re, im), 1e-9) << size;
    }
  }
}

TEST(ScaleTest, MeansDeviationsAndRanges) {
  std::vector<float> samples = {1, 5, 2, 5, 6, 5};  // columns 1 2 6 and 5 5 5
  std::vector<float> unit = samples;
  Standardise(samples, 2);
  EXPECT_NEAR(samples[0] + samples[2] + samples[4], 0, 1e-6);
  EXPECT_NEAR(samples[0] * samples[0] + samples[2] * samples[2] + samples[4] * samples[4], 3, 1e-5);
  EXPECT_EQ(samples[1], 0);
  ScaleToUnit(unit, 2);
  EXPECT_EQ(unit, (std::vector<float>{0, 0, 0.2F, 0, 1, 0}));
}

TEST(GoodnessOfFitTest, TellsTonesFromNoise) {
  Random random(1, "recordings");
  std::vector<std::vector<float>> values(4);
  std::vector<RawRecording> recordings;
  for (size_t r = 0; r < values.size(); ++r) {
    for (int t = 0; t < 64 * 15 + 9; ++t) {
      for (int column = 0; column < 2; ++column) {
        values[r].push_back(
            static_cast<float>((r % 2 == 0 ? 3 * std::sin(0.5 * t) : 0) + random.Normal()));
      }
    }
    recordings.push_back({values[r], 64 * 15 + 9, static_cast<int>(r % 2)});
  }
  ThreadPool pool(2);
  NullSink sink;
  const FrameFeatures features = DescribeFrames(recordings, 64, pool);
  EXPECT_EQ(features.skip, 1);
  EXPECT_EQ(features.labels.size(), 60u);
  EXPECT_EQ(features.fourier_width, 64);
  EXPECT_EQ(features.wavelet_width, 40);
  const std::vector<FitView> views = GoodnessOfFit(features, 40, 42, pool, sink);
  ASSERT_EQ(views.size(), 8u);
  EXPECT_EQ(views[0].title, "FFT+Abs+Log+Standard Scaler+PCA");
  EXPECT_EQ(views[7].title, "WT+MinMax Scaler+TSNE");
  for (const FitView& view : views) {
    EXPECT_EQ(view.labels.size(), view.title.ends_with("PCA") ? 60u : 30u);
    EXPECT_EQ(view.points.size(), 3 * view.labels.size());
    EXPECT_GT(view.purity, 0.7) << view.title;
  }
}

TEST(GoodnessOfFitTest, TakesWhatThereIs) {
  ThreadPool pool(1);
  NullSink sink;
  EXPECT_TRUE(GoodnessOfFit(DescribeFrames({}, 64, pool), 100, 1, pool, sink).empty());
  const std::vector<float> values(12, NAN);
  const std::vector<float> other(8, 1);
  const std::vector<RawRecording> recordings = {{values, 12, 0}, {{}, 0, 0}, {other, 4, 1}};
  for (const int64_t frame : {1, 2, 20}) {
    const FrameFeatures features = DescribeFrames(recordings, frame, pool);
    EXPECT_EQ(features.labels.size(), static_cast<size_t>(12 / frame));
    for (const FitView& view : GoodnessOfFit(features, 100, 1, pool, sink)) {
      for (const double x : view.points) EXPECT_TRUE(std::isfinite(x)) << view.title;
    }
  }
  const std::vector<float> many(10000, 1);
  EXPECT_EQ(DescribeFrames(std::vector<RawRecording>{{many, 10000, 0}}, 2, pool).skip, 2);
}

}  // namespace
}  // namespace platypus::analysis
