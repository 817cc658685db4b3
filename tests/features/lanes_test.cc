#include "platypus/features/lanes.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>

#include "platypus/base/random.h"
#include "platypus/features/pipeline.h"
#include "tm_fe.h"
#include "tm_fft.h"

namespace platypus::features::lanes {
namespace {

using Values = std::vector<float>;

Values RandomValues(Random& random, size_t count) {
  Values values(count);
  for (float& v : values)
    v = static_cast<float>(random.Normal() * std::pow(10.0, random.Uniform(-6.0, 6.0)));
  return values;
}

// Frame l of kLanes frames of `count` values.
Values Lane(const Values& values, size_t l, size_t count) {
  Values lane;
  for (size_t k = 0; k < count; ++k) lane.push_back(values[k * kLanes + l]);
  return lane;
}

void ExpectSameBits(const Values& values, const Values& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t k = 0; k < values.size(); ++k) {
    ASSERT_EQ(std::bit_cast<uint32_t>(values[k]), std::bit_cast<uint32_t>(expected[k]))
        << "value " << k << ": " << values[k] << ", " << expected[k];
  }
}

// The functions of lanes.h beside those that run on microcontrollers.
class LanesTest : public testing::TestWithParam<int> {};

TEST_P(LanesTest, FramesTogetherHaveTheBitsOfEachAlone) {
  const int n = GetParam();
  const auto size = static_cast<size_t>(n);
  Random random(static_cast<uint64_t>(n), "lanes");
  const Values frames = RandomValues(random, 2 * size * kLanes);  // real: the first half
  const Values window = HannWindow(n);
  const Values twiddle = TwiddleTable(n);
  const int width = 1 + n / 5;
  const float divisor = static_cast<float>(width);
  Values work(4 * size * kLanes);
  Values spectra(2 * size * kLanes);
  Values windowed(size * kLanes), centred = windowed, magnitudes = windowed;
  Values bins(4 * kLanes);
  Window(frames.data(), window.data(), n, windowed.data());
  SubtractMean(frames.data(), n, centred.data());
  Fft(frames.data(), n, twiddle.data(), work.data(), spectra.data(), n);
  Magnitude(frames.data(), n, magnitudes.data());
  Bin(frames.data(), n, 1, width, 4, divisor, bins.data());
  for (size_t l = 0; l < kLanes; ++l) {
    const Values frame = Lane(frames, l, size);
    Values out(size);
    tm_fe_window(frame.data(), window.data(), n, out.data());
    ExpectSameBits(Lane(windowed, l, size), out);
    tm_fe_subtract_mean(frame.data(), n, out.data());
    ExpectSameBits(Lane(centred, l, size), out);
    tm_fe_magnitude(Lane(frames, l, 2 * size).data(), n, out.data());
    ExpectSameBits(Lane(magnitudes, l, size), out);
    out.resize(4);
    tm_fe_bin(frame.data(), n, 1, width, 4, divisor, out.data());
    ExpectSameBits(Lane(bins, l, 4), out);
    out.resize(2 * size);
    tm_rfft(frame.data(), n, twiddle.data(), work.data(), out.data(), n);
    ExpectSameBits(Lane(spectra, l, 2 * size), out);
  }
}

INSTANTIATE_TEST_SUITE_P(Lengths, LanesTest,
                         testing::Values(1, 2, 3, 4, 8, 15, 60, 64, 127, 128, 140, 500, 1024));

TEST(ExtractTest, FeaturesOfAFrameDoNotDependOnItsNeighbours) {
  Random random(1, "neighbours");
  NullSink sink;
  const std::vector<std::vector<std::string>> chains = {
      {"FFT_FE", "FFT_POS_HALF", "DC_REMOVE", "ABS", "BINNING", "LOG_DB"},
      {"FFT_FE", "NORMALIZE", "ROUND_OFF", "FFT_POS_HALF", "WINDOWING", "ABS"},
      {"RAW_FE", "ABS", "BINNING", "LOG_DB"}};
  for (const std::vector<std::string>& chain : chains) {
    for (const int variables : {1, 3}) {
      config::FeatureExtraction settings;
      settings.data_proc_transforms = {"SimpleWindow"};
      settings.stride_size = 0.5;
      settings.feat_ext_transform = chain;
      settings.frame_size = 60;
      settings.feature_size_per_frame = 10;
      settings.scale = 3.0;
      const Pipeline pipeline = MakePipeline(settings, variables, sink);
      const auto frame = static_cast<size_t>(60 * variables);
      for (size_t count = 1; count <= 2 * kLanes + 1; ++count) {
        const Values rows = RandomValues(random, frame * (count + 1) / 2);
        Values together;
        Values alone;
        ASSERT_EQ(Extract(pipeline, rows, together), static_cast<int64_t>(count));
        for (size_t f = 0; f < count; ++f)
          ASSERT_EQ(Extract(pipeline, std::span(rows).subspan(f * frame / 2, frame), alone), 1);
        ExpectSameBits(together, alone);
      }
    }
  }
}

}  // namespace
}  // namespace platypus::features::lanes
