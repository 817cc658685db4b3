#include "platypus/config/config.h"

#include <gtest/gtest.h>

namespace platypus::config {
namespace {

TEST(TaskCategoryTest, NamesAreReadBack) {
  EXPECT_EQ(CategoryNamed("timeseries_forecasting"), TaskCategory::kTimeseriesForecasting);
  EXPECT_EQ(CategoryNamed(Name(TaskCategory::kTimeseriesAnomalyDetection)),
            TaskCategory::kTimeseriesAnomalyDetection);
  EXPECT_FALSE(CategoryNamed("image_classification")) << "does not run";
}

}  // namespace
}  // namespace platypus::config
