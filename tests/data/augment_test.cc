#include "platypus/data/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

using Values = std::vector<float>;

class AugmentTest : public ::testing::Test {
 protected:
  std::vector<Augmenter> Parse(const std::string& yaml) {
    WriteFile(folder_.Path() / "augment.yaml", yaml);
    return ReadAugmenters(folder_.Path() / "augment.yaml");
  }
  std::string ErrorFor(const std::string& yaml) {
    return ErrorOf([&] { Parse(yaml); });
  }
  Values One(const std::string& yaml, const Values& window, int64_t channels = 1,
             uint64_t index = 0) {
    return Augment(Parse(yaml), window, channels, 42, index).at(0);
  }
  static Values Ramp(int n, float step = 1) {
    Values values;
    for (int i = 0; i < n; ++i) values.push_back(step * static_cast<float>(i));
    return values;
  }
  TemporaryFolder folder_;
};

TEST_F(AugmentTest, DrawsDependOnSeedAndIndexAlone) {
  const auto augmenters = Parse("AddNoise: {scale: 0.1, repeats: 2}\nTimeWarp:\n");
  const Values window = Ramp(50);
  const auto first = Augment(augmenters, window, 1, 42, 3);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_NE(first[0], first[1]);
  EXPECT_EQ(Augment(augmenters, window, 1, 42, 3), first);
  EXPECT_NE(Augment(augmenters, window, 1, 42, 4), first);
  EXPECT_NE(Augment(augmenters, window, 1, 43, 3), first);
  const auto seeded = Parse("AddNoise: {seed: 7}");
  EXPECT_EQ(Augment(seeded, window, 1, 42, 3), Augment(seeded, window, 1, 1, 3));
  EXPECT_NE(Augment(seeded, window, 1, 42, 3), Augment(seeded, window, 1, 42, 4))
      << "a seed of its own does not repeat the draws of every window";
}

TEST_F(AugmentTest, NoiseHasTheSizeAsked) {
  const Values window = Ramp(20000, 1.0F / 19999);  // range 1
  for (const auto& [distribution, deviation] :
       {std::pair("gaussian", 0.1), std::pair("laplace", 0.1 * std::sqrt(2.0)),
        std::pair("uniform", 0.1)}) {
    const Values noisy =
        One(fmt::format("AddNoise: {{loc: 0.5, distr: {}}}", distribution), window);
    double mean = 0;
    double squares = 0;
    for (size_t i = 0; i < window.size(); ++i) {
      const double e = double{noisy[i]} - window[i];
      mean += e / 20000;
      squares += (e - 0.5) * (e - 0.5) / 20000;
    }
    EXPECT_NEAR(mean, 0.5, 0.01) << distribution;
    EXPECT_NEAR(std::sqrt(squares), deviation, 0.005) << distribution;
  }
  EXPECT_EQ(One("AddNoise: {scale: 0, loc: 0.5, kind: multiplicative}", {2, 4}), (Values{3, 6}));
  EXPECT_EQ(One("AddNoise: {scale: 0, loc: 0.5}", {2, 6}), (Values{4, 8})) << "half the range";
  EXPECT_EQ(One("AddNoise: {scale: 0, loc: 0.5, normalize: false}", {2, 6}), (Values{2.5, 6.5}));
  const Values flat = One("AddNoise: {normalize: false, per_channel: false}", {0, 0, 0, 0}, 2);
  EXPECT_EQ(flat[0], flat[1]);
  EXPECT_NE(flat[0], flat[2]);
}

TEST_F(AugmentTest, Convolve) {
  EXPECT_EQ(One("Convolve: {window: boxcar, size: 3}", {3, 0, 0, 6}), (Values{2, 1, 2, 4}));
  EXPECT_EQ(One("Convolve: {window: boxcar, size: 2}", {2, 4, 6}), (Values{3, 5, 6}));
  EXPECT_EQ(One("Convolve: {window: triang, size: 3}", {0, 4, 0, 0}), (Values{1, 2, 1, 0}));
  for (const char* name : {"hann", "hamming", "blackman", "bartlett", "flattop"}) {
    const Values same = One(fmt::format("Convolve: {{window: {}, size: 7}}", name), Values(20, 5));
    for (const float v : same) EXPECT_NEAR(v, 5, 1e-5) << name;
  }
  EXPECT_EQ(One("Convolve: {size: 50}", {1, 2, 3}).size(), 3U) << "longer than the window";
}

TEST_F(AugmentTest, LengthsOfCropAndResize) {
  EXPECT_EQ(One("Resize: {size: 5}", {0, 2, 4}), (Values{0, 1, 2, 3, 4}));
  EXPECT_EQ(One("Resize: {size: 1}", {2, 9, 4}), (Values{3}));
  EXPECT_EQ(One("Resize: {size: 2}", {1, 10, 2, 20, 3, 30}, 2), (Values{1, 10, 3, 30}));
  EXPECT_EQ(One("Crop: {size: 4}", Ramp(10)).size(), 10U) << "resized to what it was";
  const Values cropped = One("Crop: {size: 4, resize: 4}", Ramp(10));
  ASSERT_EQ(cropped.size(), 4U);
  for (size_t i = 1; i < 4; ++i) EXPECT_EQ(cropped[i] - cropped[i - 1], 1);
  std::set<float> starts;
  for (uint64_t i = 0; i < 100; ++i)
    starts.insert(One("Crop: {size: 4, resize: 4}", Ramp(10), 1, i)[0]);
  EXPECT_EQ(starts.size(), 7U);
}

TEST_F(AugmentTest, DriftBeginsAtZeroAndReachesItsSize) {
  const Values flat(100, 1.0F);
  for (int points = 1; points < 8; ++points) {
    const Values drifted =
        One(fmt::format("Drift: {{max_drift: 0.5, normalize: false, n_drift_points: {}}}", points),
            flat);
    EXPECT_EQ(drifted[0], 1.0F);
    float largest = 0;
    float jump = 0;
    for (size_t i = 0; i < 100; ++i) {
      largest = std::max(largest, std::abs(drifted[i] - 1));
      if (i > 0) jump = std::max(jump, std::abs(drifted[i] - drifted[i - 1]));
    }
    EXPECT_NEAR(largest, 0.5, 1e-6) << points;
    EXPECT_LT(jump, 0.2F) << points;
  }
}

TEST_F(AugmentTest, DropoutFillsBlocks) {
  EXPECT_EQ(One("Dropout: {p: 0}", Ramp(5)), Ramp(5));
  EXPECT_EQ(One("Dropout: {p: 1, fill: ffill}", Ramp(5)), (Values{0, 0, 1, 2, 3}));
  EXPECT_EQ(One("Dropout: {p: 1, fill: bfill}", Ramp(5)), (Values{1, 2, 3, 4, 4}));
  EXPECT_EQ(One("Dropout: {p: 1, fill: mean}", Ramp(5)), (Values{0, 2, 2, 2, 2}));
  EXPECT_EQ(One("Dropout: {p: 1, fill: -3}", Ramp(4)), (Values{0, -3, -3, -3}));
  const Values window = Ramp(10000);
  const Values dropped = One("Dropout: {p: 0.2, size: [2, 5], fill: -1}", window);
  EXPECT_NEAR(static_cast<double>(std::count(dropped.begin(), dropped.end(), -1.0F)), 1800, 250);
}

TEST_F(AugmentTest, PoolAndReverse) {
  EXPECT_EQ(One("Pool: {size: 2}", {1, 3, 5, 7, 10}), (Values{2, 2, 6, 6, 10}));
  EXPECT_EQ(One("Pool: {size: 3, kind: max}", {1, 3, 2, 7}), (Values{3, 3, 3, 7}));
  EXPECT_EQ(One("Pool: {size: 3, kind: min}", {4, 3, 2, 7}), (Values{2, 2, 2, 7}));
  EXPECT_EQ(One("Reverse:", {1, 10, 2, 20}, 2), (Values{2, 20, 1, 10}));
}

TEST_F(AugmentTest, Quantize) {
  EXPECT_EQ(One("Quantize: {n_levels: 2}", {0, 1, 3, 4}), (Values{1, 1, 3, 3}))
      << "0, 0.5, 1.5, 2 of 2 levels round to even and stop at the last";
  const Values values = {0, 0, 0, 1, 100, 101};
  const Values means = One("Quantize: {n_levels: 2, how: kmeans}", values);
  EXPECT_EQ(means, (Values{0.25, 0.25, 0.25, 0.25, 100.5, 100.5}));
  const Values thirds = One("Quantize: {n_levels: 4, how: quantile}", Ramp(101));
  EXPECT_EQ(std::set<float>(thirds.begin(), thirds.end()),
            (std::set<float>{12.5, 37.5, 62.5, 87.5}))
      << "levels spread over the values, not collapsed at the smallest";
  EXPECT_EQ(One("Quantize:", {5, 5}), (Values{5.05F, 5.05F}));
}

TEST_F(AugmentTest, TimeWarpKeepsOrderAndEnds) {
  for (uint64_t i = 0; i < 50; ++i) {
    const Values warped = One("TimeWarp: {max_speed_ratio: 3}", Ramp(200), 1, i);
    EXPECT_NEAR(warped.front(), 0, 1e-4);
    EXPECT_NEAR(warped.back(), 199, 1e-3);
    EXPECT_TRUE(std::is_sorted(warped.begin(), warped.end()));
    EXPECT_NE(warped, Ramp(200));
  }
}

TEST_F(AugmentTest, OnlyAShareIsChanged) {
  const auto augmenters = Parse("- Reverse: {prob: 0.25, repeats: 4000}\n");
  const auto copies = Augment(augmenters, Ramp(3), 1, 42, 0);
  const auto changed = std::count(copies.begin(), copies.end(), Values{2, 1, 0});
  EXPECT_NEAR(static_cast<double>(changed), 1000, 120);
}

TEST_F(AugmentTest, OrderAndRepetition) {
  const auto augmenters = Parse("- Reverse:\n- Resize: {size: 2}\n- Reverse:\n");
  EXPECT_EQ(augmenters.size(), 3U);
  EXPECT_EQ(Augment(augmenters, Ramp(3), 1, 1, 0)[0], (Values{0, 2}));
  EXPECT_EQ(Augment({}, Ramp(3), 1, 1, 0)[0], Ramp(3));
}

TEST_F(AugmentTest, BadFilesSayWhatIsLegal) {
  const std::string file = (folder_.Path() / "augment.yaml").string();
  EXPECT_NE(
      ErrorFor("AddNoice: {}").find("'AddNoice' is not an augmenter; did you mean 'AddNoise'?"),
      std::string::npos);
  EXPECT_NE(ErrorFor("AddNoise: {scale: -1}")
                .find("AddNoise.scale: -1 is not legal; legal: a number from 0"),
            std::string::npos);
  EXPECT_NE(ErrorFor("Pool: {scale: 1}").find("Pool has no parameter 'scale'"), std::string::npos);
  EXPECT_NE(ErrorFor("Resize:").find("Resize.size is missing"), std::string::npos);
  EXPECT_NE(ErrorFor("Resize: {size: 3, prob: 0.5}").find("Resize.prob must be 1"),
            std::string::npos);
  for (const char* yaml :
       {"Pool: {size: []}", "Pool: {size: {min: 3, max: 2}}", "Pool: {kind: sum}",
        "Pool: {prob: 0}", "Pool: {prob: 2}", "Pool: {repeats: 0}", "3", "[3]",
        "Pool: {prob: [0.5, 1]}x", "TimeWarp: {max_speed_ratio: 1}", "Drift: {n_drift_points: 0}",
        "Pool: {size: 2}\nPool: {size: 3}"})
    EXPECT_NE(ErrorFor(yaml), "no error") << yaml;
  EXPECT_EQ(ErrorFor("Drift: {max_drift: {min: 0.1, max: 0.3}, n_drift_points: [2, 5]}"),
            "no error");
}

TEST(VaryGainTest, OneGainForAllChannelsOfAFrame) {
  const std::vector<config::GainVariation> gains = {{"arc", 0.9, 1.1}, {"normal", 2, 2}};
  const Values frame = {1, 2, 4};
  EXPECT_EQ(VaryGain(gains, "normal", frame, 42, 0), (Values{2, 4, 8}));
  EXPECT_EQ(VaryGain(gains, "other", frame, 42, 0), std::nullopt);
  std::set<float> drawn;
  for (uint64_t i = 0; i < 100; ++i) {
    const Values varied = *VaryGain(gains, "arc", frame, 42, i);
    EXPECT_GE(varied[0], 0.9F);
    EXPECT_LE(varied[0], 1.1F);
    EXPECT_NEAR(varied[2], 4 * varied[0], 1e-5);
    drawn.insert(varied[0]);
  }
  EXPECT_EQ(drawn.size(), 100U);
}

}  // namespace
}  // namespace platypus::data
