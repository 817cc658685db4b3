// Tasks without classes: units, targets, thresholds, baselines, and a training through all of it.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "platypus/base/files.h"
#include "platypus/config/registry.h"
#include "platypus/exec/interpreter.h"
#include "platypus/pipeline/anomaly.h"
#include "platypus/pipeline/baseline.h"
#include "platypus/pipeline/evaluation.h"
#include "platypus/pipeline/lesson.h"
#include "platypus/pipeline/training.h"
#include "platypus/quantize/quantize.h"
#include "platypus/zoo/zoo.h"

namespace platypus::pipeline {
namespace {

using config::TaskCategory;

TEST(UnitsTest, ThereAndBack) {
  const std::vector<float> targets = {1000, 1, 1002, 3, 1004, 5};
  const Units units = MeasureUnits(targets, {2}, false);
  EXPECT_FLOAT_EQ(units.mean[0], 1002);
  EXPECT_FLOAT_EQ(units.mean[1], 3);
  EXPECT_NEAR(units.deviation[0], std::sqrt(8.0 / 3), 1e-6);
  const std::vector<float> inside = units.ToTraining(targets);
  EXPECT_NEAR(inside[0], -std::sqrt(1.5), 1e-6);
  const std::vector<float> back = units.ToReal(inside);
  for (size_t i = 0; i < targets.size(); ++i) EXPECT_NEAR(back[i], targets[i], 1e-3);
}

TEST(UnitsTest, OneDeviationForAllKeepsTheMeanSquaredErrorsProportions) {
  // Two channels of two elements; variances 1 and 9.
  const std::vector<float> targets = {1, -1, 3, -3, -1, 1, -3, 3};
  const Units units = MeasureUnits(targets, {2, 2, 1}, true);
  EXPECT_EQ(units.per_channel, 2);
  EXPECT_NEAR(units.deviation[0], std::sqrt(5.0), 1e-6);
  EXPECT_EQ(units.deviation[0], units.deviation[1]);
}

TEST(UnitsTest, ConstantsHaveDeviationOne) {
  const std::vector<float> targets = {7, 7, 7};
  EXPECT_EQ(MeasureUnits(targets, {1}, false).deviation[0], 1.0f);
}

TEST(UnitsTest, TheGraphGivesRealValues) {
  config::Training training;
  training.model_name = training.model_training_id = "REG_TS_GEN_BASE_1K";
  const graph::Graph graph = zoo::Build(training, config::LoadRegistry(), {1, 16, 1}, 2, 7);
  const Units units{{100, -5}, {20, 0.5f}, 1};
  std::vector<float> inputs(32);
  for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = std::sin(static_cast<float>(i));
  ThreadPool pool(1);
  const std::vector<float> plain = exec::Interpreter(graph).Run(inputs, 2, pool);
  const graph::Graph real = WithUnits(graph, units);
  const std::vector<float> behind = exec::Interpreter(real).Run(inputs, 2, pool);
  const graph::Graph folded = graph::FoldBatchNorm(real);
  EXPECT_EQ(folded.nodes.size(), graph::FoldBatchNorm(graph).nodes.size());
  const std::vector<float> inside = exec::Interpreter(folded).Run(inputs, 2, pool);
  const std::vector<float> expected = units.ToReal(plain);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(behind[i], expected[i], 1e-4);
    EXPECT_NEAR(inside[i], expected[i], 1e-4);
  }
}

TEST(AnomalyTest, ErrorsAndThreshold) {
  const std::vector<float> inputs = {1, 2, 3, 4};
  const std::vector<float> outputs = {1, 0, 3, 5};
  EXPECT_EQ(ReconstructionErrors(outputs, inputs, 2), (std::vector<float>{2, 0.5f}));
  const std::vector<float> errors = {1, 2, 3};
  const Threshold threshold = FitThreshold(errors, 2.5);
  EXPECT_DOUBLE_EQ(threshold.mean, 2);
  EXPECT_DOUBLE_EQ(threshold.deviation, 1);  // divisor 2
  EXPECT_FLOAT_EQ(threshold.Value(), 4.5f);
}

TEST(AnomalyTest, CountsAndSweep) {
  const Threshold threshold{.mean = 1, .deviation = 1, .k = 3};
  const std::vector<float> errors = {5, 3, 0.5f, 1.2f, 4.5f};
  const std::vector<int32_t> labels = {0, 0, 1, 1, 1};
  const AnomalyTest test = TestAnomalies(threshold, errors, labels);
  EXPECT_EQ(test.chosen.true_positives, 1);
  EXPECT_EQ(test.chosen.false_negatives, 1);
  EXPECT_EQ(test.chosen.false_positives, 1);
  EXPECT_EQ(test.chosen.true_negatives, 2);
  EXPECT_DOUBLE_EQ(test.chosen.F1(), 0.5);
  EXPECT_DOUBLE_EQ(test.auroc, 5.0 / 6);
  ASSERT_EQ(test.sweep.size(), 10u);
  EXPECT_DOUBLE_EQ(test.sweep[9].threshold, 5.5);
  EXPECT_DOUBLE_EQ(test.best.k, 0.5);  // 1.5: both anomalies and one normal above
  EXPECT_DOUBLE_EQ(test.best.F1(), 0.8);
}

// Recordings whose target is the sum of two columns (regression) or the next values (forecasting).
class ValuesTest : public ::testing::Test {
 protected:
  static std::vector<data::Recording> Make(int recordings, int64_t rows, int first) {
    std::vector<data::Recording> result;
    for (int r = 0; r < recordings; ++r) {
      data::Recording recording;
      recording.columns = {"a", "b"};
      recording.target_columns = {"t"};
      recording.rows = rows;
      std::vector<float> values;
      for (int64_t i = 0; i < rows; ++i) {
        const double x = static_cast<double>(i + 13 * (first + r));
        const double a = std::sin(2 * std::numbers::pi * x / 12);
        const double b = std::cos(0.11 * x);
        values.push_back(static_cast<float>(a));
        values.push_back(static_cast<float>(b));
        recording.targets.push_back(static_cast<float>(500 + 40 * a + 10 * b));
      }
      recording.values = Floats(std::move(values));
      result.push_back(std::move(recording));
    }
    return result;
  }
  static std::vector<data::RecordingRef> Refs(size_t count) {
    return std::vector<data::RecordingRef>(count);
  }
  SampleSet Extract(std::vector<data::Recording>& recordings, const Goal& goal) {
    if (goal.Forecasts()) HoldBack(recordings, pipeline_, goal.horizon);
    return ExtractSamples(pipeline_, Refs(recordings.size()), recordings, "a", goal, {}, memory_,
                          pool_, sink_);
  }
  void MakePipeline(int decimation = 1) {
    pipeline_.variables = 2;
    pipeline_.frame_size = 24;
    pipeline_.hop = 3;
    pipeline_.decimation = decimation;
  }

  TemporaryFolder folder_;
  DataMemory memory_{1 << 28, folder_.Path()};
  ThreadPool pool_{2};
  NullSink sink_;
  features::Pipeline pipeline_;
};

TEST_F(ValuesTest, RegressionTargetsAreMeansOverTheSample) {
  MakePipeline(2);
  const Goal goal{.category = TaskCategory::kTimeseriesRegression, .targets = {"t"}};
  std::vector<data::Recording> recordings = Make(2, 100, 0);
  const SampleSet set = Extract(recordings, goal);
  ASSERT_EQ(set.targets.size(), static_cast<size_t>(set.Count()));
  EXPECT_TRUE(set.labels.empty());
  double sum = 0;  // of the second sample: decimated rows 3 to 26
  for (size_t row = 3; row < 27; ++row) sum += recordings[0].targets[2 * row];
  EXPECT_NEAR(set.targets[1], sum / 24, 1e-3);
}

TEST_F(ValuesTest, ForecastTargetsFollowTheSample) {
  MakePipeline(2);
  const Goal goal{.category = TaskCategory::kTimeseriesForecasting, .targets = {"t"}, .horizon = 4};
  std::vector<data::Recording> recordings = Make(1, 100, 0);  // 50 decimated rows
  const SampleSet set = Extract(recordings, goal);
  EXPECT_EQ(set.Count(), 8);  // starts 0, 3 ... 21: 21 + 24 + 4 <= 50
  ASSERT_EQ(set.targets.size(), 32u);
  EXPECT_EQ(set.targets[4], recordings[0].targets[2 * 27]);
  EXPECT_EQ(set.targets[31], recordings[0].targets[2 * 48]);
  // The channel of the second sample begins at its decimated row 3.
  EXPECT_EQ(set.inputs[48], recordings[0].values[2 * 2 * 3]);
}

TEST_F(ValuesTest, ARecordingTooShortForItsForecastIsAnError) {
  MakePipeline();
  const Goal goal{.category = TaskCategory::kTimeseriesForecasting, .targets = {"t"}, .horizon = 4};
  std::vector<data::Recording> recordings = Make(1, 27, 0);
  EXPECT_THROW(Extract(recordings, goal), Error);
}

TEST_F(ValuesTest, BaselinesOfAForecast) {
  MakePipeline();
  const Goal goal{.category = TaskCategory::kTimeseriesForecasting, .targets = {"t"}, .horizon = 2};
  Splits splits;
  std::vector<data::Recording> train = Make(3, 200, 0);
  for (data::Recording& r : train) {  // a season of 12 rows and nothing else
    for (size_t i = 0; i < r.targets.size(); ++i)
      r.targets[i] =
          static_cast<float>(10 + std::sin(2 * std::numbers::pi * static_cast<double>(i) / 12));
  }
  std::vector<data::Recording> test = train;
  splits.train = Extract(train, goal);
  splits.test = Extract(test, goal);
  EXPECT_EQ(FindSeason(train, pipeline_, 2), 12);
  const std::vector<Baseline> baselines = Baselines(splits, goal, pipeline_, test, 12);
  ASSERT_EQ(baselines.size(), 3u);
  EXPECT_EQ(baselines[1].name, "value 12 rows before");
  EXPECT_NEAR(baselines[1].values.mean.r2, 1, 1e-6);
  EXPECT_LT(baselines[0].values.mean.r2, 1);
  EXPECT_NEAR(baselines[2].values.mean.r2, 0, 0.1);
  Baseline network;
  network.values.error = baselines[0].values.error;
  const std::vector<std::string> not_beaten = NotBeaten(baselines, goal, network);
  EXPECT_EQ(not_beaten, (std::vector<std::string>{"last value", "value 12 rows before"}));
}

TEST_F(ValuesTest, NothingIsComparedWithWhatIsNotDefined) {
  const Goal goal{.category = TaskCategory::kTimeseriesAnomalyDetection};
  std::vector<Baseline> baselines(1);
  baselines[0].name = "variance";
  Baseline network;
  EXPECT_TRUE(NotBeaten(baselines, goal, network).empty());
  baselines[0].auroc = 0.5;
  EXPECT_TRUE(NotBeaten(baselines, goal, network).empty());
  network.auroc = 0.5;
  EXPECT_EQ(NotBeaten(baselines, goal, network).size(), 1u);
  network.auroc = 0.6;
  EXPECT_TRUE(NotBeaten(baselines, goal, network).empty());
}

TEST_F(ValuesTest, TheLinearFitOfALinearTargetIsExact) {
  MakePipeline();
  const Goal goal{.category = TaskCategory::kTimeseriesRegression, .targets = {"t"}};
  Splits splits;
  std::vector<data::Recording> train = Make(3, 200, 0);
  std::vector<data::Recording> test = Make(1, 200, 9);
  splits.train = Extract(train, goal);
  splits.test = Extract(test, goal);
  const std::vector<Baseline> baselines = Baselines(splits, goal, pipeline_, test, 0);
  ASSERT_EQ(baselines.size(), 2u);
  EXPECT_GT(baselines[0].values.mean.r2, 0.99);
  EXPECT_LT(baselines[1].values.mean.r2, 0.01);
}

// From recordings to integers: the network learns, its integer form keeps most of it and gives real
// values, and so does the form with an integer output.
TEST_F(ValuesTest, RegressionIsLearntAndQuantised) {
  MakePipeline();
  const Goal goal{.category = TaskCategory::kTimeseriesRegression, .targets = {"t"}};
  Splits splits;
  std::vector<data::Recording> train = Make(6, 300, 0);
  std::vector<data::Recording> val = Make(2, 300, 20);
  std::vector<data::Recording> test = Make(2, 300, 40);
  splits.train = Extract(train, goal);
  splits.val = Extract(val, goal);
  splits.test = Extract(test, goal);
  config::Config config;
  config.common.task_category = goal.category;
  config.training.model_name = config.training.model_training_id = "REG_TS_GEN_BASE_2K";
  config.training.training_epochs = 30;
  config.training.batch_size = 32;
  config.training.optimizer = "adam";
  config.training.learning_rate = 0.005;
  const graph::Graph initial =
      zoo::Build(config.training, config::LoadRegistry(), splits.train.shape, 1, 3);
  const Lesson lesson(splits, goal, initial.Output().shape);
  RunLog log(folder_.Path() / "run.log");
  const train::Result floats =
      TrainFloat(initial, lesson, config, folder_.Path() / "float", log, pool_, sink_);
  const auto r2 = [&](const graph::Graph& network) {
    NetworkSummary summary;
    FillTest(summary, InferReal(network, splits.test, pool_), splits.test, goal);
    return std::get<train::RegressionMetrics>(*summary.test).mean.r2;
  };
  const graph::Graph real = graph::FoldBatchNorm(lesson.InRealValues(floats.best));
  EXPECT_GT(r2(real), 0.95);
  for (const bool output_int : {false, true}) {
    config.training.output_int = output_int;
    const QuantizedResult quantized = TrainQuantized(
        floats.best, lesson, config, folder_.Path() / "quantized", log, pool_, sink_);
    EXPECT_EQ(quantized.integer.Output().dtype == DType::kFloat32, !output_int);
    // A code of an integer output is worth at least 1/128 of the largest value, 550.
    EXPECT_GT(r2(quantized.integer), output_int ? 0.8 : 0.93) << output_int;
  }
}

}  // namespace
}  // namespace platypus::pipeline
