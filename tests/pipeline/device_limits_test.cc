#include "platypus/pipeline/device_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/zoo/zoo.h"

namespace platypus::pipeline {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class DeviceLimitsTest : public testing::Test {
 protected:
  DeviceLimitsTest() {
    config_.common.task_type = "generic_timeseries_classification";
    Use("CLS_55k_NPU", "MSPM0G3507");
  }
  void Use(const std::string& model, const std::string& device) {
    config_.common.target_device = device;
    config_.training.model_name = model;
    config_.training.model_training_id = registry_.models.Find(model)->Text("network");
  }
  graph::Graph Network() const { return zoo::Build(config_.training, registry_, input_, 4, 1); }
  ModelCost Cost() const {
    return EstimateCost(Network(), CostModelOf("Cortex-M0+"),
                        {config_.training.quantization != config::Quantization::kNone,
                         config_.training.quantization_weight_bitwidth});
  }
  std::string Remedy(const Need& need) const {
    return SmallestRemedy(registry_, config_, input_, 4, need);
  }

  config::Registry registry_ = config::LoadRegistry();
  config::Config config_;
  Shape input_ = {3, 256, 1};
};

TEST_F(DeviceLimitsTest, WarningsAbove80PercentErrorsAbove100) {
  DeviceFacts device;
  device.name = "part";
  device.flash_octets = 1000;
  EXPECT_TRUE(CheckLimits(device, {800, 999999}).empty());  // its RAM is not known
  device.ram_octets = 1000;
  const auto findings = CheckLimits(device, {801, 1001, Evidence::kLinked});
  ASSERT_EQ(findings.size(), 2);
  EXPECT_TRUE(findings[0].fits);
  EXPECT_EQ(findings[0].text, "flash of part: 801 of 1000 octets (80 %, linked)");
  EXPECT_FALSE(findings[1].fits);
  EXPECT_EQ(findings[1].text, "RAM of part: 1001 of 1000 octets (100 %, linked)");
  EXPECT_TRUE(CheckLimits(device, {1000, 1000})[0].fits);
}

TEST_F(DeviceLimitsTest, IntegersAreTheSmallestChangeOfFloats) {
  const ModelCost floats = Cost();
  ASSERT_FALSE(floats.integers);
  ASSERT_GT(floats.flash_octets, 128 * 1024);
  EXPECT_THAT(Remedy({floats.flash_octets, floats.ram_octets}),
              StartsWith("training.quantization: 2 (estimated: "));
}

TEST_F(DeviceLimitsTest, ThenFewerBitsThenAModelThenADevice) {
  config_.training.quantization = config::Quantization::kTinpu;
  const ModelCost integers = Cost();
  const int64_t flash = 128 * 1024;
  // What the features and the application take makes it too large.
  const int64_t beyond = flash - integers.flash_octets + 1000;
  EXPECT_THAT(Remedy({integers.flash_octets + beyond, integers.ram_octets}),
              StartsWith("training.quantization_weight_bitwidth: 4"));
  config_.training.quantization_weight_bitwidth = 2;
  const ModelCost few = Cost();
  ASSERT_LT(few.flash_octets, integers.flash_octets);
  EXPECT_THAT(Remedy({flash + 1000, few.ram_octets}), StartsWith("training.model_name: "));
  // Beyond every model of this device.
  EXPECT_THAT(Remedy({few.flash_octets + flash, few.ram_octets}),
              StartsWith("common.target_device: "));
  EXPECT_EQ(Remedy({few.flash_octets + (1 << 30), few.ram_octets}), "");
}

TEST_F(DeviceLimitsTest, WhatCanNeverFitIsRefusedBeforeTraining) {
  EXPECT_NO_THROW([&] {
    config_.training.quantization = config::Quantization::kTinpu;
    RequireRoom(registry_, config_, Network());
  }());
  config_.training.quantization = config::Quantization::kNone;
  try {
    RequireRoom(registry_, config_, Network());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kConfiguration);
    EXPECT_THAT(error.what(), HasSubstr("the network alone does not fit: flash of MSPM0G3507: "));
    EXPECT_THAT(error.what(), HasSubstr(" %, exact)"));
    EXPECT_THAT(error.hint(), HasSubstr("the smallest change: training.quantization: 2"));
  }
}

TEST_F(DeviceLimitsTest, TheReportNamesTheRemedyOnce) {
  const LimitReport report =
      ReportLimits(registry_, config_, input_, 4, {200 * 1024, 27 * 1024, Evidence::kLinked});
  EXPECT_FALSE(report.fits);
  ASSERT_EQ(report.texts.size(), 2);
  EXPECT_THAT(report.texts[0], HasSubstr("it does not fit; the smallest change: "));
  EXPECT_THAT(report.texts[1],
              HasSubstr("RAM of MSPM0G3507: 27648 of 32768 octets (84 %, linked)"));
  EXPECT_TRUE(ReportLimits(registry_, config_, input_, 4, {1000, 1000}).texts.empty());
}

}  // namespace
}  // namespace platypus::pipeline
