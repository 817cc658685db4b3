#include "platypus/pipeline/plots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/files.h"
#include "platypus/base/random.h"

namespace platypus::pipeline {
namespace {
namespace fs = std::filesystem;

class Notices : public NullSink {
 public:
  void OnNotice(const std::string& text) override { texts.push_back(text); }
  std::vector<std::string> texts;
};

class PlotsTest : public ::testing::Test {
 protected:
  void ExpectPictures(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      EXPECT_TRUE(ReadFile(folder_.Path() / (name + ".svg")).starts_with("<svg")) << name;
      EXPECT_TRUE(ReadFile(folder_.Path() / (name + ".png")).starts_with("\x89PNG")) << name;
    }
    EXPECT_THAT(sink_.texts, ::testing::IsEmpty());
  }

  TemporaryFolder folder_;
  std::vector<Picture> report_;
  PlotTarget to_{folder_.Path(), &report_};
  Notices sink_;
  ThreadPool pool_{2};
  const std::vector<std::string> classes_ = {"a", "b,c"};
};

TEST_F(PlotsTest, Features) {
  Random random(1, "features");
  std::vector<float> features(60 * 5);
  std::vector<int32_t> labels(60);
  std::vector<float> targets(60);
  for (float& x : features) x = static_cast<float>(random.Normal());
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % 2);
  const FeatureCloud by_class{features, labels, {}};
  WriteFeaturePlots(Project(by_class, by_class, 5, pool_, sink_), classes_, to_, pool_, sink_);
  WriteFeaturePlots(Project({features, {}, targets}, {}, 5, pool_, sink_), {}, to_, pool_, sink_);
  ExpectPictures({"pca_on_feature_extracted_train_data", "pca_on_feature_extracted_validation_data",
                  "pca_2d_on_feature_extracted_train_data",
                  "tsne_on_feature_extracted_train_data"});
  EXPECT_EQ(report_.size(), 6u) << "the training split's";
}

TEST_F(PlotsTest, FeaturesThatAreAllEqualAreANotice) {
  const std::vector<float> features(60, 1.F);
  WriteFeaturePlots(Project({features}, {features}, 3, pool_, sink_), {}, to_, pool_, sink_);
  EXPECT_THAT(sink_.texts, ::testing::ElementsAre(::testing::HasSubstr("all training samples")));
}

TEST_F(PlotsTest, Classification) {
  // Thresholds 4, 3, 2, 1: the points (0, 1/2), (0, 1), (1/2, 1), (1, 1) of class 1; the third one
  // lies between its neighbours.
  NetworkSummary network;
  const std::vector<float> outputs = {-4, 4, -3, 3, -2, 2, -1, 1};
  const std::vector<int32_t> labels = {1, 1, 0, 0};
  network.test = train::Evaluate(outputs, labels, 2);
  const std::vector<float> scores = {4, 3, 2, 1};
  const std::vector<uint8_t> positive = {1, 1, 0, 0};
  network.roc = {train::RocCurve{}, train::Roc(scores, positive)};
  WriteClassificationPlots(outputs, labels, network, classes_, to_, sink_);
  ExpectPictures({"One_vs_Rest_MultiClass_ROC_test", "confusion_matrix_test",
                  "Histogram_Class_Score_differences_test"});
  EXPECT_EQ(ReadFile(folder_.Path() / "fpr_tpr_thresholds.csv"),
            ",fpr,tpr,thresholds,class\n0,0,0,inf,\"b,c\"\n1,0,0.5,4,\"b,c\"\n2,0,1,3,\"b,c\"\n"
            "3,1,1,1,\"b,c\"\n");
}

TEST_F(PlotsTest, Regression) {
  const std::vector<float> actual = {1, 2, 3, 4};
  const std::vector<float> predicted = {1.5, 2, 2.5, 5};
  WriteRegressionPlots(actual, predicted, {"torque"}, to_, sink_);
  ExpectPictures({"actual_vs_predicted_test", "residual_error_test"});
  EXPECT_EQ(ReadFile(folder_.Path() / "results_on_test_set.csv"),
            "predicted,ground_truth\n1.5,1\n2,2\n2.5,3\n5,4\n");
  WriteRegressionPlots(actual, predicted, {"x", "y"}, to_, sink_);
  EXPECT_EQ(ReadFile(folder_.Path() / "results_on_test_set.csv"),
            "predicted_x,ground_truth_x,predicted_y,ground_truth_y\n1.5,1,2,2\n2.5,3,5,4\n");
}

TEST_F(PlotsTest, Forecasts) {
  // Two samples, two steps, two variables.
  const std::vector<float> actual = {1, 10, 2, 20, 3, 30, 4, 40};
  std::vector<float> predicted = actual;
  predicted[3] = 21;
  WriteForecastPlots(actual, predicted, 2, {"a/b", "rpm"}, to_, sink_);
  ExpectPictures({"prediction_plots/a_b_predictions", "prediction_plots/a_b_overlay",
                  "prediction_plots/rpm_predictions", "prediction_plots/rpm_overlay"});
  EXPECT_EQ(ReadFile(folder_.Path() / "predictions_csv" / "rpm_predictions.csv"),
            "ground_1,predicted_1,ground_2,predicted_2\n10,10,20,21\n30,30,40,40\n");
}

TEST_F(PlotsTest, Anomalies) {
  const std::vector<float> anomaly = {1, 2, 3};
  const std::vector<float> normal = {0.1F, 0.2F, 0.3F, 1.2F};
  std::vector<float> errors = anomaly;
  errors.insert(errors.end(), normal.begin(), normal.end());
  const std::vector<int32_t> labels = {0, 0, 0, 1, 1, 1, 1};
  const AnomalyTest test = TestAnomalies({.mean = 0.25, .deviation = 0.5, .k = 3}, errors, labels);
  WriteAnomalyPlots(test, to_, sink_);
  ExpectPictures({"reconstruction_error", "reconstruction_error_log_scale"});
  const std::string table = ReadFile(folder_.Path() / "threshold_performance.csv");
  EXPECT_THAT(table, ::testing::StartsWith("k_value,threshold,accuracy,precision,recall,f1_score,"
                                           "false_positive_rate,true_positives,true_negatives,"
                                           "false_positives,false_negatives\r\n"
                                           "0.0,0.25,71.43,60.0,100.0,75.0,50.0,3,2,2,0\r\n"));
  EXPECT_THAT(table, ::testing::EndsWith("4.5,2.5,71.43,100.0,33.33,50.0,0.0,1,4,0,2\r\n"));
  WriteAnomalyPlots(TestAnomalies({NAN, NAN, NAN}, {}, {}), to_, sink_);
  EXPECT_TRUE(sink_.texts.empty());
}

TEST_F(PlotsTest, GoodnessOfFit) {
  Random random(1, "recordings");
  std::vector<data::Recording> recordings(2);
  std::vector<data::RecordingRef> refs(2);
  for (size_t r = 0; r < 2; ++r) {
    std::vector<float> values(320);
    for (float& x : values) x = static_cast<float>(random.Normal());
    recordings[r].columns = {"x"};
    recordings[r].rows = 320;
    recordings[r].values = std::move(values);
    refs[r].label = static_cast<int>(r);
  }
  WriteGoodnessOfFit(recordings, refs, classes_, 32, 1, to_, pool_, sink_);
  ExpectPictures({"GoF_frame_size_32"});
  const std::string table = ReadFile(folder_.Path() / "GoF_frame_size_32.csv");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 1 + 8 * 20);
  WriteGoodnessOfFit(recordings, refs, classes_, 1000, 1, to_, pool_, sink_);
  EXPECT_THAT(sink_.texts, ::testing::ElementsAre(::testing::HasSubstr("fewer than three frames")));
}

TEST_F(PlotsTest, AFolderThatCannotBeWrittenIsANotice) {
  WriteFile(folder_.Path() / "file", "");
  const std::vector<float> values = {1, 2};
  WriteRegressionPlots(values, values, {"x"}, {folder_.Path() / "file", nullptr}, sink_);
  EXPECT_THAT(sink_.texts, ::testing::ElementsAre(::testing::HasSubstr("could not be drawn")));
}

}  // namespace
}  // namespace platypus::pipeline
