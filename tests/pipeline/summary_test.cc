#include "platypus/pipeline/summary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "platypus/base/files.h"
#include "platypus/pipeline/training.h"
#include "platypus/pipeline/zip.h"

namespace platypus::pipeline {
namespace {

RunSummary Example() {
  RunSummary s;
  s.goal.classes = {"a", "b\xff"};
  s.float_network.present = true;
  train::ClassificationMetrics test;
  test.auroc = std::nan("");
  test.confusion = {{3, 1}, {0, 4}};
  s.float_network.test = test;
  s.verify.push_back({});
  s.verify.back().core = "host";
  s.verify.back().ran = true;
  s.verify.push_back({});
  s.verify.back().core = "riscv32";
  s.verify.back().notice = "not installed";
  return s;
}

TEST(SummaryTest, HoldsWhatTheSchemaSays) {
  const auto json = nlohmann::json::parse(ToJson(Example()));
  const auto schema =
      nlohmann::json::parse(ReadFile(PLATYPUS_SOURCE_DIR "/docs/summary.schema.json"));
  for (const auto& [key, value] : json.items())
    EXPECT_TRUE(schema["properties"].contains(key)) << key;
  for (const std::string key : schema["required"]) {
    ASSERT_TRUE(json.contains(key)) << key;
    const auto& property = schema["properties"][key];
    if (!property.contains("type")) continue;
    const auto& type = property["type"];
    const std::string found = json[key].is_number_integer() ? "integer" : json[key].type_name();
    const bool legal =
        type.is_array() ? std::count(type.begin(), type.end(), found) > 0 : type == found;
    EXPECT_TRUE(legal) << key << " is " << found;
  }
  EXPECT_TRUE(json["float"]["auroc"].is_null());
  EXPECT_EQ(json["float"]["confusion_matrix"][1][1], 4);
  EXPECT_TRUE(json["quantized"].is_null());
  EXPECT_EQ(json["verify"]["host"]["mismatches"], 0);
  EXPECT_EQ(json["verify"]["riscv32"]["notice"], "not installed");
}

TEST(SummaryTest, ValuesAnomaliesAndBaselines) {
  RunSummary s;
  s.goal = {config::TaskCategory::kTimeseriesForecasting, {}, {"t"}, 2};
  train::RegressionMetrics metrics;
  metrics.mean = {4, 1, 10, 0.5};
  metrics.outputs = {{4, 1, 10, 0.5}, {4, 1, 10, std::nan("")}};
  s.float_network.present = true;
  s.float_network.test = metrics;
  s.float_network.history.resize(1);
  s.float_network.history[0].val = metrics;
  s.baselines = {{"last value", metrics}};
  s.not_beaten = {"last value"};
  auto json = nlohmann::json::parse(ToJson(s));
  EXPECT_EQ(json["targets"][0], "t");
  EXPECT_EQ(json["horizon"], 2);
  EXPECT_EQ(json["float"]["rmse"], 2);
  EXPECT_TRUE(json["float"]["outputs"][1]["r2"].is_null());
  EXPECT_EQ(json["float"]["history"][0]["val_smape"], 10);
  EXPECT_FALSE(json["float"]["history"][0].contains("train_accuracy"));
  EXPECT_EQ(json["baselines"][0]["r2"], 0.5);
  EXPECT_EQ(json["not_beaten"][0], "last value");
  s.goal.category = config::TaskCategory::kTimeseriesAnomalyDetection;
  const std::vector<float> errors = {4, 1};
  s.float_network.anomaly = TestAnomalies({0.5, 0.5, 3}, errors, std::vector<int32_t>{0, 1});
  s.baselines[0].auroc = 0.25;
  json = nlohmann::json::parse(ToJson(s));
  EXPECT_EQ(json["float"]["anomaly"]["chosen"]["threshold"], 2);
  EXPECT_EQ(json["float"]["anomaly"]["auroc"], 1);
  EXPECT_EQ(json["baselines"][0]["auroc"], 0.25);
}

TEST(TrainingTest, QuantisedEpochs) {
  config::Config config;
  const auto epochs = [&](int of_float) {
    config.training.training_epochs = of_float;
    return PhaseOf(config, 8).epochs;
  };
  EXPECT_EQ(epochs(100), 20);
  EXPECT_EQ(epochs(30), 10);
  EXPECT_EQ(epochs(5), 10);
  config.common.task_category = config::TaskCategory::kTimeseriesRegression;
  EXPECT_EQ(epochs(400), 80);
  EXPECT_EQ(epochs(60), 50);
  config.training.learning_rate = 0.5;
  EXPECT_EQ(PhaseOf(config, 8).learning_rate, 0.005);
  EXPECT_EQ(PhaseOf(config, 8).norm_epochs, 0);
  EXPECT_EQ(PhaseOf(config, 8).range_epochs, 0);
  EXPECT_EQ(PhaseOf(config, 4).norm_epochs, 29);
  EXPECT_EQ(PhaseOf(config, 4).range_epochs, 0);
  EXPECT_EQ(PhaseOf(config, 4).learning_rate, 0.05);
  EXPECT_EQ(PhaseOf(config, 2).epochs, 60);
  EXPECT_EQ(PhaseOf(config, 2).norm_epochs, 29);
  EXPECT_EQ(PhaseOf(config, 2).range_epochs, 31);
  config.training.quantization_method = config::QuantizationMethod::kPtq;
  EXPECT_EQ(epochs(100), 0);
}

TEST(ZipTest, SameFilesSameOctets) {
  const TemporaryFolder folder;
  WriteFile(folder.Path() / "set/b.txt", "two");
  WriteFile(folder.Path() / "set/a.txt", "one");
  WriteFile(folder.Path() / "log.txt", "log");
  for (const char* name : {"x.zip", "y.zip"}) {
    WriteZip(folder.Path() / name,
             {folder.Path() / "set", folder.Path() / "log.txt", folder.Path() / "absent"});
  }
  const std::string zip = ReadFile(folder.Path() / "x.zip");
  EXPECT_EQ(zip, ReadFile(folder.Path() / "y.zip"));
  EXPECT_NE(zip.find("set/a.txt"), std::string::npos);
  EXPECT_NE(zip.find("one"), std::string::npos) << "entries are stored, not compressed";
}

}  // namespace
}  // namespace platypus::pipeline
