#include "platypus/deploy/vendor_compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace platypus::deploy {
namespace {

using config::Quantization;
using config::TaskCategory;
using testing::ElementsAre;

constexpr const char* kHard = "c, ti-npu type=hard skip_normalize=true output_int=true";

std::string Target(const std::string& target, Quantization quantization, TaskCategory category,
                   std::optional<bool> output_int = {}, bool partial = false) {
  config::Training training;
  training.quantization = quantization;
  training.output_int = output_int;
  training.partial_quantization = partial;
  return VendorTarget(target, training, category);
}

// The table of the reference: skip_normalize and output_int by quantisation and task.
TEST(VendorTargetTest, TokensFollowTheNetwork) {
  const auto classification = TaskCategory::kTimeseriesClassification;
  const auto regression = TaskCategory::kTimeseriesRegression;
  EXPECT_EQ(Target(kHard, Quantization::kTinpu, classification), kHard);
  EXPECT_EQ(Target(kHard, Quantization::kNone, classification),
            "c, ti-npu type=soft skip_normalize=false output_int=false");
  EXPECT_EQ(Target(kHard, Quantization::kGeneric, classification),
            "c, ti-npu type=soft skip_normalize=true output_int=true");
  EXPECT_EQ(Target(kHard, Quantization::kTinpu, regression),
            "c, ti-npu type=hard skip_normalize=true output_int=false");
  EXPECT_EQ(Target(kHard, Quantization::kTinpu, regression, {}, true),
            "c, ti-npu type=hard skip_normalize=false output_int=false");
  EXPECT_EQ(Target(kHard, Quantization::kTinpu, TaskCategory::kTimeseriesAnomalyDetection),
            "c, ti-npu type=hard skip_normalize=true output_int=false");
  EXPECT_EQ(Target(kHard, Quantization::kTinpu, regression, true),
            "c, ti-npu type=hard skip_normalize=true output_int=true");
}

// What does not stand in a preset is not added, but no float network gets to the accelerator.
TEST(VendorTargetTest, PresetsKeepWhatTheySay) {
  const auto forecasting = TaskCategory::kTimeseriesForecasting;
  EXPECT_EQ(Target("c, ti-npu type=soft", Quantization::kTinpu, forecasting),
            "c, ti-npu type=soft");
  EXPECT_EQ(Target("c, ti-npu", Quantization::kTinpu, forecasting), "c, ti-npu");
  EXPECT_EQ(Target("c, ti-npu", Quantization::kNone, forecasting), "c, ti-npu type=soft");
  EXPECT_EQ(Target("c", Quantization::kNone, forecasting), "c");
}

TEST(VendorCommandTest, ArgumentsOfTheVendorsCompiler) {
  const VendorJob job{"run/model.onnx", "run/artifacts/mod.a", kHard, "c28",
                      "cl2000",         "--abi=eabi -O3"};
  const std::vector<std::string> command = VendorCommand("/opt/tvmc", job);
  EXPECT_THAT(
      command,
      ElementsAre("/opt/tvmc", "compile", "--output-format=a", "--opt-level=3", "--runtime=crt",
                  "--executor=aot", "--executor-aot-interface-api=c",
                  "--executor-aot-unpacked-api=1", "--pass-config", "tir.disable_vectorize=1",
                  "--pass-config", "tir.usmp.algorithm=hill_climb", "--module-name=default",
                  std::string("--target=") + kHard, "--target-c-mcpu=c28",
                  "--cross-compiler=cl2000", "--cross-compiler-options=--abi=eabi -O3", "-o",
                  "run/artifacts/mod.a", "run/model.onnx"));
  EXPECT_EQ(AsTyped({"a", "--b=c d", "it's"}), "a '--b=c d' 'it'\\''s'");
}

}  // namespace
}  // namespace platypus::deploy
