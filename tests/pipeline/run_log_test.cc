// Lines that existing tools read, to the character (spec training 21.3).
#include "platypus/pipeline/run_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/files.h"

namespace platypus::pipeline {
namespace {

using config::TaskCategory;
using ::testing::HasSubstr;

class RunLogTest : public ::testing::Test {
 protected:
  // Two samples of two values; what is to be given: 1, 3 or the inputs.
  static SampleSet Samples(bool with_targets) {
    SampleSet set;
    set.shape = {1, 2, 1};
    set.inputs = Floats(std::vector<float>{1, 3, 5, 7});
    if (with_targets) set.targets = {1, 3};
    set.recording = {0, 0};
    return set;
  }
  std::string Epoch(const Goal& goal, const train::Epoch& epoch, const Shape& output) {
    Splits splits;
    splits.train = splits.val = Samples(!goal.targets.empty());
    const Lesson lesson(splits, goal, output);
    return Text([&](RunLog& log) { LogEpoch(log, lesson, "FloatTrain", epoch); });
  }
  template <typename Work>
  std::string Text(Work work) {
    const std::filesystem::path file = folder_.Path() / "run.log";
    RunLog log(file);
    work(log);
    return ReadFile(file);
  }
  static train::RegressionMetrics Metrics() {
    train::RegressionMetrics m;
    m.mean = {2.25, 1.25, 12.345, 0.8765};
    m.error = m.mean.mse;
    m.outputs = {{1, 1, 10, 0.5}, {2, 1, 20, 0.25}, {3, 1, 30, 0.75}, {4, 1, 40, 0.125}};
    return m;
  }

  TemporaryFolder folder_;
};

TEST_F(RunLogTest, Classification) {
  train::ClassificationMetrics m;
  m.accuracy = 0.75;
  m.f1_macro = 0.5;
  m.auroc = 0.875;
  m.confusion = {{10, 2}, {0, 12}};
  const train::Epoch epoch{3, 0.002, 0.5, 0.9, m, 1};
  const Goal goal{.classes = {"a", "b"}};
  EXPECT_EQ(Epoch(goal, epoch, {2}),
            "   INFO: root.utils.MetricLogger.FloatTrain: Epoch: [2]  lr: 0.002000  loss: 0.5000 "
            "(0.5000)  acc1: 90.0000 (90.0000)\n"
            "   INFO: root.utils.MetricLogger.FloatTrain: Epoch: [2] Total time: 0:00:01\n"
            "   INFO: root.train_utils.evaluate.FloatTrain: Test:  Acc@1 75.000\n"
            "   INFO: root.train_utils.evaluate.FloatTrain: Test:  F1-Score 0.500\n"
            "   INFO: root.train_utils.evaluate.FloatTrain: AU-ROC Score: 0.875\n"
            "   INFO: root.train_utils.evaluate.FloatTrain: Confusion Matrix:\n"
            " +-----------------+-------------------+-------------------+\n"
            "|                 |   Predicted as: 0 |   Predicted as: 1 |\n"
            "+=================+===================+===================+\n"
            "| Ground Truth: 0 |                10 |                 2 |\n"
            "+-----------------+-------------------+-------------------+\n"
            "| Ground Truth: 1 |                 0 |                12 |\n"
            "+-----------------+-------------------+-------------------+\n");
  const std::string best = Text([&](RunLog& log) { LogBestEpoch(log, goal, "QuantTrain", epoch); });
  for (const char* line :
       {"   INFO: root.main.QuantTrain.BestEpoch: Best Epoch: 2\n", "BestEpoch: Acc@1 75.000\n",
        "BestEpoch: F1-Score 0.500\n", "BestEpoch: AUC ROC Score 0.875\n", "Predicted as: b"}) {
    EXPECT_THAT(best, HasSubstr(line));
  }
}

TEST_F(RunLogTest, Regression) {
  const Goal goal{.category = TaskCategory::kTimeseriesRegression, .targets = {"t"}};
  const train::Epoch epoch{1, 0.1, 0.25, 0, Metrics(), 0};
  const std::string text = Epoch(goal, epoch, {1});
  EXPECT_THAT(text, HasSubstr("Epoch: [0]  lr: 0.100000  loss: 0.2500 (0.2500)\n"));
  EXPECT_THAT(text, HasSubstr("root.train_utils.evaluate.FloatTrain: Test:  MSE 2.250\n"));
  EXPECT_THAT(text, HasSubstr("root.train_utils.evaluate.FloatTrain: Test:  R2-Score 0.876\n"));
  const std::string best = Text([&](RunLog& log) { LogBestEpoch(log, goal, "FloatTrain", epoch); });
  EXPECT_EQ(best,
            "   INFO: root.main.FloatTrain.BestEpoch: Best Epoch: 0\n"
            "   INFO: root.main.FloatTrain.BestEpoch: MSE 2.250\n"
            "   INFO: root.main.FloatTrain.BestEpoch: R2-Score 0.876\n");
  NetworkSummary network;
  network.test = Metrics();
  EXPECT_EQ(Text([&](RunLog& log) { LogTest(log, goal, network); }),
            "   INFO: root.main.test_data : root.main.test_data: Test Data Evaluation RMSE: 1.50\n"
            "   INFO: root.main.test_data : root.main.test_data: Test Data Evaluation R2-Score: "
            "0.88\n");
}

// Epochs are numbered as everywhere, not from 1.
TEST_F(RunLogTest, Forecasting) {
  const Goal goal{
      .category = TaskCategory::kTimeseriesForecasting, .targets = {"x", "y"}, .horizon = 2};
  const train::Epoch epoch{5, 0.1, 0.25, 0, Metrics(), 0};
  const std::string best = Text([&](RunLog& log) { LogBestEpoch(log, goal, "FloatTrain", epoch); });
  const std::string logger = "   INFO: root.main.FloatTrain.BestEpoch: ";
  EXPECT_THAT(best, HasSubstr(logger + "Best epoch:4\n"));
  EXPECT_THAT(best, HasSubstr(logger + "Overall SMAPE across all variables: 12.35%\n" + logger +
                              "Per-Variable Metrics:\n" + logger + "  Variable x:\n" + logger +
                              "      SMAPE of x across all predicted timesteps: 20.00%\n" + logger +
                              "      R² of x across all predicted timesteps: 0.6250\n" + logger +
                              "      Timestep 1:\n" + logger + "          SMAPE: 10.00%\n" +
                              logger + "          R²: 0.5000\n" + logger + "      Timestep 2:\n" +
                              logger + "          SMAPE: 30.00%\n"));
  NetworkSummary network;
  network.test = Metrics();
  const std::string test = Text([&](RunLog& log) { LogTest(log, goal, network); });
  const std::string data = "   INFO: root.main.test_data : ";
  EXPECT_THAT(test, HasSubstr(data + "Variable y:\n" + data +
                              "  SMAPE of y across all predicted timesteps: 30.00%\n"));
  EXPECT_THAT(test, HasSubstr(data + "  Timestep 2:\n" + data + "      SMAPE: 40.00%\n"));
}

TEST_F(RunLogTest, ForecastingByEpoch) {
  const Goal goal{.category = TaskCategory::kTimeseriesForecasting, .targets = {"t"}};
  EXPECT_THAT(Epoch(goal, {5, 0.1, 0.25, 0, Metrics(), 0}, {1}),
              HasSubstr("root.train_utils.evaluate.FloatTrain: Current SMAPE across all target "
                        "variables and across all predicted timesteps: 12.35%\n"));
}

TEST_F(RunLogTest, AnomalyDetection) {
  const Goal goal{.category = TaskCategory::kTimeseriesAnomalyDetection,
                  .classes = {"Anomaly", "Normal"}};
  // Inputs 1, 3, 5, 7: their variance is 5, and so the training error in real units 5 * 0.25.
  const train::Epoch epoch{2, 0.1, 0.25, 0, Metrics(), 0};
  const std::string text = Epoch(goal, epoch, {1, 2, 1});
  EXPECT_THAT(text, HasSubstr("root.utils.MetricLogger.FloatTrain: Training   - Epoch[1]:  Total "
                              "time: 0:00:00\n"));
  EXPECT_THAT(text, HasSubstr("root.train_utils.train.FloatTrain: Training   - Epoch[1]:  MSE "
                              "1.250000\n"));
  EXPECT_THAT(text, HasSubstr("root.train_utils.evaluate.FloatTrain: Validation - Epoch[1]:  MSE "
                              "2.250000\n"));
  NetworkSummary network;
  network.test = Metrics();
  const std::vector<float> errors = {4, 1};
  network.anomaly = TestAnomalies({0.5, 0.5, 3}, errors, std::vector<int32_t>{0, 1});
  const std::string test = Text([&](RunLog& log) { LogTest(log, goal, network); });
  // Both thresholds: that of the C header and the best of the sweep.
  EXPECT_THAT(test, HasSubstr("Threshold in effect: k 3, threshold 2.000000\n"));
  EXPECT_THAT(test, HasSubstr("Threshold with the best F1-Score: k 1, threshold 1.000000\n"));
  EXPECT_THAT(test, HasSubstr("| Ground Truth: Normal  |"));
}

TEST_F(RunLogTest, WhatASplitHolds) {
  SampleSet set = Samples(true);
  set.labels = {1, 1};
  const Goal goal{.classes = {"a", "b"}, .targets = {"t"}};
  const SplitStatistics statistics = StatisticsOf(set, goal);
  EXPECT_EQ(ClassCounts(statistics), "a(0): 0;\tb(1): 2");
  EXPECT_EQ(statistics.features.minimum, 1);
  EXPECT_EQ(statistics.features.maximum, 7);
  EXPECT_EQ(statistics.features.mean, 4);
  EXPECT_DOUBLE_EQ(statistics.features.deviation, std::sqrt(5.0));
  EXPECT_EQ(statistics.targets.at(0).second.mean, 2);
  EXPECT_THAT(Text([&](RunLog& log) { LogStatistics(log, "train", statistics); }),
              HasSubstr("train: target t from 1 to 3, mean 2, standard deviation 1\n"));
}

// Two targets stand in turns, as rows ahead do.
TEST(StatisticsTest, EveryStrideThValue) {
  const std::vector<float> values = {1, 100, 2, 200, 6, 600};
  EXPECT_EQ(StatisticsOf(values, 0, 2).mean, 3);
  EXPECT_EQ(StatisticsOf(values, 1, 2).maximum, 600);
  EXPECT_EQ(StatisticsOf(std::vector<float>{}).deviation, 0);
}

}  // namespace
}  // namespace platypus::pipeline
