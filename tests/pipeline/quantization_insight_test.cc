#include "platypus/pipeline/quantization_insight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "platypus/exec/interpreter.h"
#include "platypus/pipeline/samples.h"

namespace platypus::pipeline {
namespace {

// y = W x on two values, ranges set by hand, so that every figure can be told beforehand.
class QuantizationInsightTest : public ::testing::Test {
 protected:
  QuantizationInsightTest() {
    graph::Append(reference_, "fc", graph::Linear{1, false, {}}, {reference_.output});
    reference_.parameters["fc.weight"] = {{1, 2}, std::vector<float>{1.0f, 0.26f}};
    samples_.shape = {2};
    std::vector<float> inputs;
    for (int i = 0; i < 32; ++i) {
      inputs.push_back(static_cast<float>(i - 16) / 8);  // -2 ... 1.875
      inputs.push_back(0.5f);
      samples_.targets.push_back(inputs[inputs.size() - 2] + 0.13f);
    }
    samples_.inputs = Floats(std::move(inputs));
    samples_.recording.assign(32, 0);
    settings_.output_int = false;
  }

  QuantizationInsight Analyze() {
    graph::Graph prepared = quantize::PrepareForTraining(reference_, settings_);
    prepared.parameters["input.quantize.range"] = {{2}, std::vector<float>{-1, 1}};
    prepared.parameters["fc.quantize.range"] = {{2}, std::vector<float>{-4, 4}};
    integer_ = quantize::Convert(prepared, settings_);
    return AnalyzeQuantization({reference_, integer_, settings_, training_, goal_}, samples_,
                               pool_);
  }

  graph::Graph reference_ = graph::MakeGraph("g", {2});
  graph::Graph integer_;
  SampleSet samples_;
  quantize::Settings settings_;
  config::Training training_;
  const Goal goal_{.category = config::TaskCategory::kTimeseriesRegression, .targets = {"y"}};
  ThreadPool pool_{1};
};

TEST_F(QuantizationInsightTest, RangesAndCodesAtTheirEnds) {
  const QuantizationInsight insight = Analyze();
  ASSERT_EQ(insight.layers.size(), 2u);
  const QuantizedLayer& input = insight.layers[0];
  EXPECT_EQ(input.name, "input");
  EXPECT_EQ(input.activation_bits, 8);
  // 1 / 127, rounded up to 1 / 64.
  EXPECT_DOUBLE_EQ(input.low, -128.0 / 64);
  EXPECT_DOUBLE_EQ(input.high, 127.0 / 64);
  EXPECT_EQ(input.values.counts.size(), 48u);
  EXPECT_EQ(std::accumulate(input.values.counts.begin(), input.values.counts.end(), int64_t{0}),
            64);
  EXPECT_DOUBLE_EQ(input.at_low, 1.0 / 64) << "-2 alone";
  EXPECT_EQ(input.at_high, 0);
  EXPECT_EQ(input.weights, 0);
  const QuantizedLayer& fc = insight.layers[1];
  EXPECT_EQ(fc.weights, 2);
  EXPECT_EQ(fc.weight_bits, 8);
  EXPECT_EQ(fc.octets_at_8, 2);
  EXPECT_EQ(fc.octets_at_4, 2) << "a row of its own fills elements of four codes";
  EXPECT_EQ(fc.octets_at_2, 1);
  EXPECT_EQ(fc.why_float, "");
  EXPECT_EQ(fc.weight_values.low, 0.26f);
  EXPECT_EQ(fc.weight_values.high, 1.0f);
  EXPECT_DOUBLE_EQ(fc.high, 127.0 / 16);
  ASSERT_TRUE(fc.signal_to_noise.has_value());
  EXPECT_GT(*fc.signal_to_noise, 20);
}

// R2 of the float network whose layer alone is rounded, against the same by hand.
TEST_F(QuantizationInsightTest, TheMetricOfOneLayerAlone) {
  settings_.layers["fc"] = {2, 8};  // ternary: 1 and 0
  const QuantizationInsight insight = Analyze();
  const QuantizedLayer& fc = insight.layers[1];
  EXPECT_EQ(fc.weight_bits, 2);
  EXPECT_DOUBLE_EQ(fc.weights_at_ends, 0.5);
  double residual = 0;
  double total = 0;
  const double mean = std::accumulate(samples_.targets.begin(), samples_.targets.end(), 0.0) / 32;
  for (size_t i = 0; i < 32; ++i) {
    const double scale = 1.4 * (1.0 + 0.26) / 2;
    const double y = std::floor(scale * double{samples_.inputs[2 * i]} * 16 + 0.5) / 16;
    residual += std::pow(y - samples_.targets[i], 2);
    total += std::pow(samples_.targets[i] - mean, 2);
  }
  ASSERT_TRUE(fc.metric_alone.has_value());
  EXPECT_NEAR(*fc.metric_alone, 1 - residual / total, 1e-6);
  EXPECT_NEAR(insight.float_metric, 1, 1e-9);
  // Values of the input are whole eighths, which its codes hold.
  EXPECT_NEAR(*insight.layers[0].metric_alone, 1, 1e-3);
  EXPECT_EQ(insight.metric, "r2");
  EXPECT_THAT(TableOf(insight), ::testing::HasSubstr("fc"));
}

TEST_F(QuantizationInsightTest, LayersInFloatSayWhy) {
  graph::Append(reference_, "out", graph::Linear{1, false, {}}, {reference_.output});
  reference_.parameters["out.weight"] = {{1, 1}, std::vector<float>{1.0f}};
  training_.layer_precision = {{"out", 32, {}}};
  settings_.layers["out"] = {quantize::Precision::kFloat, 8};
  const QuantizationInsight insight = Analyze();
  EXPECT_EQ(insight.layers.back().name, "out");
  EXPECT_EQ(insight.layers.back().weight_bits, 32);
  EXPECT_EQ(insight.layers.back().why_float, "training.layer_precision");
  EXPECT_FALSE(insight.layers.back().metric_alone.has_value());
}

}  // namespace
}  // namespace platypus::pipeline
