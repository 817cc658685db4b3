// The keys of quantisation: names or numbers, any case, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/config/load.h"

namespace platypus::config {
namespace {

using ::testing::HasSubstr;

Training Load(const std::vector<std::string>& sets) {
  static const Registry kRegistry = LoadRegistry();
  return LoadText(R"(
common: {task_type: generic_timeseries_classification, target_device: F28P55}
dataset: {input_data_path: ./d}
training: {model_name: CLS_1k_NPU}
)",
                  "test.yaml", "/tmp", sets, kRegistry)
      .config.training;
}

std::string ErrorOf(const std::string& set) {
  try {
    Load({set});
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(QuantizationKeysTest, WeightsHaveEightFourOrTwoBits) {
  const auto bits = [](const std::string& text) {
    return Load({"training.quantization_weight_bitwidth=" + text}).quantization_weight_bitwidth;
  };
  EXPECT_EQ(bits("8"), 8);
  EXPECT_EQ(bits("'4'"), 4);
  EXPECT_EQ(bits("2"), 2);
  EXPECT_EQ(bits("1.58"), 2);
  EXPECT_EQ(bits("Ternary"), 2);
}

// Q3: the reference takes 16 and fails later.
TEST(QuantizationKeysTest, WeightsOfSixteenBitsAreRefusedAtOnce) {
  const std::string error = ErrorOf("training.quantization_weight_bitwidth=16");
  EXPECT_THAT(error, HasSubstr("there are no weights of 16 bits"));
  EXPECT_THAT(error, HasSubstr("legal: 8, 4, 2"));
  EXPECT_EQ(Load({"training.quantization_activation_bitwidth=16"}).quantization_activation_bitwidth,
            16);
  EXPECT_THAT(ErrorOf("training.quantization_activation_bitwidth=3"),
              HasSubstr("legal: 16, 8, 4, 2"));
}

TEST(QuantizationKeysTest, LayersHaveBitsOfTheirOwn) {
  const Training training =
      Load({"training.layer_precision={'features.0*': 4, classifier: Float, a: {weights: ternary, "
            "activations: 16}, b: {activations: 8}, c: {weights: float}}"});
  EXPECT_THAT(
      training.layer_precision,
      ::testing::ElementsAre(LayerPrecision{"features.0*", 4, {}},
                             LayerPrecision{"classifier", 32, {}}, LayerPrecision{"a", 2, 16},
                             LayerPrecision{"b", {}, 8}, LayerPrecision{"c", 32, {}}));
  EXPECT_THAT(ErrorOf("training.layer_precision={a: {weight: 4}}"),
              HasSubstr("did you mean 'weights'?"));
  EXPECT_THAT(ErrorOf("training.layer_precision={a: 16}"), HasSubstr("no weights of 16 bits"));
  EXPECT_THAT(ErrorOf("training.layer_precision={a: 5}"), HasSubstr("is not legal"));
  EXPECT_THAT(ErrorOf("training.layer_precision=[4]"), HasSubstr("is not legal"));
}

// Q23: radar's spelling is one more name of the key.
TEST(QuantizationKeysTest, AutomaticBits) {
  EXPECT_FALSE(Load({}).auto_quantization);
  EXPECT_TRUE(Load({"training.auto_quantization=true"}).auto_quantization);
  EXPECT_TRUE(Load({"training.autoquantization=true"}).auto_quantization);
  const Training training =
      Load({"training.auto_quantization_goal=FLASH", "training.auto_quantization_budget=1200",
            "training.autoquant_tolerance_classification=0.01",
            "training.autoquant_tolerance_anomaly=1"});
  EXPECT_EQ(training.auto_quantization_goal, AutoGoal::kFlash);
  EXPECT_EQ(training.auto_quantization_budget, 1200);
  EXPECT_EQ(training.autoquant_tolerance_classification, 0.01);
  EXPECT_EQ(training.autoquant_tolerance_regression, 0.05);
  EXPECT_EQ(training.autoquant_tolerance_forecasting, 2.0);
  EXPECT_EQ(training.autoquant_tolerance_anomaly, 1.0);
  EXPECT_THAT(ErrorOf("training.auto_quantization_goal=ram"),
              HasSubstr("legal values: tolerance, flash, instructions"));
  EXPECT_THAT(ErrorOf("training.auto_quantization_budget=0"), HasSubstr("above 0"));
}

TEST(QuantizationKeysTest, MeansHaveNames) {
  const Training training =
      Load({"training.quantization_observer=Histogram", "training.quantization_rounding=DBQ",
            "training.quantization_power2_scale=false", "training.quantization_per_channel=off",
            "training.quantization_calibration_batches=10",
            "training.quantization_bias_correction=false", "training.quantization_equalization=1",
            "training.quantization_batch_norm_epochs=3", "training.quantization_observer_epochs=0",
            "training.quantization_error_logging=false", "training.partial_quantization=true"});
  EXPECT_EQ(training.quantization_observer, RangeObserver::kPercentile);
  EXPECT_EQ(training.quantization_rounding, WeightRounding::kTernary);
  EXPECT_EQ(training.quantization_power2_scale, false);
  EXPECT_FALSE(training.quantization_per_channel);
  EXPECT_EQ(training.quantization_calibration_batches, 10);
  EXPECT_FALSE(training.quantization_bias_correction);
  EXPECT_TRUE(training.quantization_equalization);
  EXPECT_EQ(training.quantization_batch_norm_epochs, 3);
  EXPECT_EQ(training.quantization_observer_epochs, 0);
  EXPECT_FALSE(training.quantization_error_logging);
  EXPECT_TRUE(training.partial_quantization);
  EXPECT_EQ(Load({"training.quantization_rounding=lsq"}).quantization_rounding,
            WeightRounding::kLearnedStep);
  EXPECT_EQ(Load({}).quantization_power2_scale, std::nullopt);
}

TEST(QuantizationKeysTest, ZeroPointsAreOfDialectOne) {
  EXPECT_THAT(ErrorOf("training.quantization_affine=true"),
              HasSubstr("the TI-NPU's integers have no zero points; legal with "
                        "training.quantization: 1"));
  EXPECT_TRUE(
      Load({"training.quantization_affine=true", "training.quantization=QUANTIZATION_generic"})
          .quantization_affine);
  EXPECT_THROW(Load({"training.quantization_affine=true", "training.quantization=1",
                     "training.quantization_activation_bitwidth=16"}),
               Error);
}

}  // namespace
}  // namespace platypus::config
