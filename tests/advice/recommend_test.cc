#include "platypus/advice/recommend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/config/load.h"

namespace platypus::advice {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;

std::vector<std::string> Names(const std::vector<FeatureChoice>& choices) {
  std::vector<std::string> names;
  for (const FeatureChoice& choice : choices) names.push_back(choice.name);
  return names;
}

TEST(ChooseFeaturesTest, RulesOfTheDataSet) {
  const config::Registry registry = config::LoadRegistry();
  DataFacts facts;
  facts.task_type = "generic_timeseries_classification";
  facts.shortest = 600;
  facts.rows = 100'000;
  facts.oscillates = true;
  std::vector<FeatureChoice> choices = ChooseFeatures(registry, facts);
  EXPECT_THAT(Names(choices), Contains("Generic_512Input_FFT_256Feature_1Frame"));
  EXPECT_THAT(Names(choices), Contains("windows of 256 rows"));
  for (const FeatureChoice& choice : choices) {
    EXPECT_THAT(choice.name, ::testing::Not(HasSubstr("1024"))) << "longer than the recordings";
    EXPECT_THAT(choice.name, ::testing::Not(HasSubstr("RFFT"))) << "for 16-bit codes";
    EXPECT_FALSE(choice.reasons.empty()) << choice.name;
  }
  EXPECT_THAT(choices[0].name, HasSubstr("FFT")) << "it oscillates";
  facts.oscillates = false;
  facts.equal_lengths = true;
  EXPECT_EQ(ChooseFeatures(registry, facts)[0].name, "whole recordings of 600 rows");
  facts.shortest = 3;
  EXPECT_TRUE(ChooseFeatures(registry, facts).empty());
  facts.category = config::TaskCategory::kTimeseriesForecasting;
  facts.task_type = "generic_timeseries_forecasting";
  facts.shortest = 40;
  EXPECT_THAT(Names(ChooseFeatures(registry, facts)), Contains("windows of 32 rows"));
}

TEST(ChooseModelsTest, FitTaskAndDevice) {
  const config::Registry registry = config::LoadRegistry();
  features::Pipeline pipeline;
  pipeline.frame_size = 256;
  const auto choose = [&](const std::string& device, int64_t samples) {
    return ChooseModels(registry, "generic_timeseries_classification", device, pipeline, 3,
                        samples);
  };
  const std::vector<ModelChoice> choices = choose("F28P55", 1000);
  ASSERT_GT(choices.size(), 10u);
  EXPECT_LE(choices[0].cost.parameters, 10'000);
  EXPECT_THAT(choices[0].reasons, Contains(HasSubstr("fits the NPU")));
  for (const ModelChoice& choice : choices) {
    EXPECT_THAT(choice.name, ::testing::StartsWith("CLS_")) << "generic ones";
    EXPECT_GT(choice.cost.flash_octets, choice.cost.parameters) << choice.name;
    EXPECT_GT(choice.cost.ram_octets, 0) << choice.name;
    EXPECT_TRUE(choice.cost.seconds.has_value());
  }
  pipeline.frame_size = 4096;  // activations of the larger ones are more than 32 kB
  const auto fits = [&](const std::string& device) {
    int64_t most = 0;
    for (const ModelChoice& choice : choose(device, 1000))
      most = std::max(most, choice.cost.ram_octets);
    return most;
  };
  EXPECT_LE(fits("MSPM0G3507"), 32 * 1024);
  EXPECT_GT(fits("F28P65"), 64 * 1024);
}

class RecommendTest : public ::testing::Test {
 protected:
  RecommendTest() {
    Random random(1, "recommend test");
    for (const auto& [name, step] : {std::pair{"slow", 0.3}, {"fast", 0.9}}) {
      for (int file = 0; file < 6; ++file) {
        std::string text = "a\n";
        for (int i = 0; i < 700; ++i)
          text += fmt::format("{:.3f}\n", std::sin(step * i + file) + 0.3 * random.Normal());
        WriteFile(folder_.Path() / "sines" / "classes" / name / fmt::format("{}.csv", file), text);
      }
    }
    request_.dataset = folder_.Path() / "sines";
    request_.device = "MSPM0G3507";
  }
  Recommendation Run(int threads = 2) {
    ThreadPool pool(threads);
    NullSink sink;
    return Recommend(request_, registry_, pool, sink);
  }
  std::string ErrorOf() {
    try {
      Run();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
  config::Registry registry_ = config::LoadRegistry();
  RecommendRequest request_;
};

TEST_F(RecommendTest, TrialsRankAndTheConfigurationRuns) {
  const Recommendation r = Run();
  EXPECT_EQ(r.task, "generic_timeseries_classification");
  EXPECT_GT(r.trials, 6);
  ASSERT_TRUE(r.candidates[0].trial.has_value());
  EXPECT_GT(r.candidates[0].trial->value, 0.95) << "two sines";
  for (const Candidate& c : r.candidates) EXPECT_LE(c.model.cost.ram_octets, 32 * 1024);
  const config::Loaded loaded =
      config::LoadText(r.candidates[0].yaml, "yaml", folder_.Path(), {}, registry_);
  config::RequireRunnable(loaded);
  EXPECT_EQ(loaded.config.training.model_name, r.candidates[0].model.name);
  EXPECT_EQ(loaded.config.dataset.dataset_name, "sines");
  EXPECT_EQ(fs::path(loaded.config.dataset.input_data_path), request_.dataset);
  const Recommendation again = Run(1);
  EXPECT_EQ(again.candidates[0].yaml, r.candidates[0].yaml);
  EXPECT_EQ(again.candidates[0].trial->value, r.candidates[0].trial->value);
}

TEST_F(RecommendTest, RulesAlone) {
  request_.trial = false;
  const Recommendation r = Run();
  EXPECT_EQ(r.trials, 0);
  EXPECT_FALSE(r.candidates[0].trial);
  EXPECT_GE(r.candidates.size(), 3u);
}

TEST_F(RecommendTest, WhatCannotBeRecommended) {
  request_.device = "MSPM0G3508";
  EXPECT_THAT(ErrorOf(), HasSubstr("did you mean 'MSPM0G3507'"));
  request_.device = "MSPM0G3507";
  request_.task = "classification";
  EXPECT_THAT(ErrorOf(), HasSubstr("there is no task 'classification'"));
  request_.task = "generic_timeseries_regression";
  EXPECT_THAT(ErrorOf(), HasSubstr("has no folder 'files'"));
  request_.task = "";
  request_.dataset = folder_.Path() / "nothing";
  EXPECT_THAT(ErrorOf(), HasSubstr("neither a folder 'classes' nor 'files'"));
}

TEST_F(RecommendTest, ValuesAndAnomalies) {
  for (int file = 0; file < 6; ++file) {
    std::string text = "a,b,target\n";
    for (int i = 0; i < 300; ++i) {
      const double a = std::sin(0.1 * i + file);
      text += fmt::format("{:.3f},{:.3f},{:.3f}\n", a, std::cos(0.05 * i), 3 * a + 1);
    }
    WriteFile(folder_.Path() / "values" / "files" / fmt::format("{}.csv", file), text);
  }
  request_.dataset = folder_.Path() / "values";
  request_.device = "F28P65";
  const Recommendation regression = Run();
  EXPECT_EQ(regression.task, "generic_timeseries_regression");
  EXPECT_GT(regression.candidates[0].trial->value, 0.8);
  EXPECT_THAT(regression.candidates[0].yaml, HasSubstr("variables: 2\n")) << "without the target";
  request_.task = "generic_timeseries_forecasting";
  const Recommendation forecast = Run();
  EXPECT_THAT(forecast.candidates[0].yaml, HasSubstr("target_variables: [2]"));
  EXPECT_GT(forecast.candidates[0].trial->value, 0.5);
  fs::rename(folder_.Path() / "sines" / "classes" / "slow",
             folder_.Path() / "sines" / "classes" / "Normal");
  fs::rename(folder_.Path() / "sines" / "classes" / "fast",
             folder_.Path() / "sines" / "classes" / "Anomaly");
  request_.dataset = folder_.Path() / "sines";
  request_.task = "";
  const Recommendation anomaly = Run();
  EXPECT_EQ(anomaly.task, "generic_timeseries_anomalydetection");
  EXPECT_EQ(anomaly.candidates[0].trial->metric, "AUROC");
  EXPECT_GT(anomaly.candidates[0].trial->value, 0.9);
}

}  // namespace
}  // namespace platypus::advice
