#include "platypus/pipeline/convert_diff.h"

#include <gtest/gtest.h>

#include <cmath>

namespace platypus::pipeline {
namespace {

// Q24. By hand: d = 1, -1, 0, 2; mean square 1.5, mean 0.5, sample deviation sqrt(5 / 3).
TEST(ConvertDiffTest, FollowsItsFormulas) {
  const std::vector<float> before = {3, -4, 0, 5};
  const std::vector<float> after = {2, -3, 0, 3};
  const ConvertDiff diff = MeasureConvertDiff(before, after);
  EXPECT_NEAR(diff.snr_db, 10 * std::log10(50.0 / 6), 1e-12);
  EXPECT_NEAR(diff.psnr_db, 10 * std::log10(25.0 / 1.5), 1e-12);
  EXPECT_NEAR(diff.absmu_by_sigma, 3 / std::sqrt(5.0 / 3), 1e-12);
  EXPECT_NEAR(diff.mean, 1, 1e-12);
  EXPECT_EQ(diff.min, 0);
  EXPECT_EQ(diff.max, 2);
  EXPECT_EQ(ToText(diff),
            "{'snr_db': 9.20819, 'psnr_db': 12.2185, 'absmu_by_sigma': 2.32379, 'mean': 1, 'min': "
            "0, 'max': 2}");
}

TEST(ConvertDiffTest, NothingDiffers) {
  const std::vector<float> same = {1, 2};
  EXPECT_TRUE(std::isinf(MeasureConvertDiff(same, same).snr_db));
  EXPECT_EQ(MeasureConvertDiff(same, same).max, 0);
}

}  // namespace
}  // namespace platypus::pipeline
