// Short runs of all four tasks: tools that read the reference's log read ours (spec pipeline 11.3),
// and nothing in it looks like a failure to scripts that search for its words (HA-02).
#include "platypus/pipeline/log_grammar.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "platypus/base/files.h"
#include "platypus/data/stand_in.h"
#include "platypus/pipeline/run.h"

namespace platypus::pipeline {
namespace {

namespace fs = std::filesystem;

struct ShortRun {
  const char* name;
  const char* task;
  const char* data;
  const char* features;
  const char* model;
};

class LogGrammarTest : public ::testing::TestWithParam<ShortRun> {};

// Everything that the program shows while it runs.
class Transcript : public ProgressSink {
 public:
  void OnProgress(const ProgressEvent& event) override { text += event.message + "\n"; }
  void OnNotice(const std::string& notice) override { text += notice + "\n"; }
  std::string text;
};

// std::regex has no named groups, but for them is JavaScript.
std::regex Compile(std::string pattern) {
  pattern = std::regex_replace(pattern, std::regex(R"(\(\?<\w+>)"), "(");
  return std::regex(pattern, std::regex::ECMAScript);
}

constexpr const char* kWordsOfFailure[] = {"AssertionError",
                                           "assert ",
                                           "Assertion failed",
                                           "Traceback (most recent call last)",
                                           "Exception:",
                                           "Error:",
                                           "ERROR:",
                                           "FAILED",
                                           "Failed to",
                                           "RuntimeError",
                                           "ValueError",
                                           "KeyError",
                                           "TypeError",
                                           "AttributeError",
                                           "ImportError",
                                           "ModuleNotFoundError",
                                           "FileNotFoundError",
                                           "MemoryError",
                                           "IndexError",
                                           "NameError",
                                           "ZeroDivisionError",
                                           "Cannot",
                                           "could not",
                                           "No such file",
                                           "permission denied",
                                           "please check if the given model_name"};

TEST_P(LogGrammarTest, EveryExpressionFindsItsLine) {
  const ShortRun& given = GetParam();
  const TemporaryFolder folder;
  const config::Registry registry = config::LoadRegistry();
  ThreadPool pool(2);
  Transcript transcript;
  data::WriteStandIn(registry, given.data, folder.Path() / "data", 42, pool, transcript);
  const config::Loaded loaded = config::LoadText(
      fmt::format("common: {{task_type: {}, target_device: F28P55, run_name: test, projects_path: "
                  "{}}}\n"
                  "dataset: {{dataset_name: test, input_data_path: ./data}}\n"
                  "data_processing_feature_extraction: {}\n"
                  "training: {{model_name: {}, training_epochs: 2, batch_size: 32, optimizer: "
                  "adam, quantization: 2}}\n"
                  "compilation: {{verify_cores: [host]}}\n",
                  given.task, (folder.Path() / "projects").string(), given.features, given.model),
      "test.yaml", folder.Path(), {}, registry);
  const RunSummary summary = pipeline::Run(loaded, {}, transcript);

  const fs::path run = summary.run_folder;
  const std::string log = ReadFile(run / "training" / "base" / "run.log");
  const auto status = nlohmann::json::parse(ReadFile(run / "status.json"));
  const auto& expressions = status["training"]["log_summary_regex"]["js"];
  EXPECT_EQ(expressions, nlohmann::json::parse(
                             ReadFile(run / "run.json"))["training"]["log_summary_regex"]["js"]);
  EXPECT_GE(expressions.size(), 8U);
  for (const auto& expression : expressions) {
    ASSERT_EQ(expression["regex"].size(), 1U);
    const std::string pattern = expression["regex"][0]["pattern"];
    const std::string group = expression["regex"][0]["groupId"];
    EXPECT_NE(pattern.find("(?<" + group + ">"), std::string::npos) << pattern;
    std::smatch match;
    EXPECT_TRUE(std::regex_search(log, match, Compile(pattern)))
        << expression["type"] << ": " << pattern << "\n"
        << log;
  }
  EXPECT_NE(log.find("SUCCESS: ModelMaker - Training completed."), std::string::npos);
  const std::string shown = transcript.text + log + ReadFile(run / "compilation" / "run.log");
  for (const char* word : kWordsOfFailure) EXPECT_EQ(shown.find(word), std::string::npos) << word;
}

INSTANTIATE_TEST_SUITE_P(
    Tasks, LogGrammarTest,
    ::testing::Values(
        ShortRun{"Classification", "generic_timeseries_classification", "motor_vibration_small",
                 "{data_proc_transforms: [SimpleWindow], frame_size: 100, stride_size: 1, "
                 "variables: 3}",
                 "CLS_100_NPU"},
        ShortRun{"Regression", "generic_timeseries_regression", "washing_machine_load_weighing",
                 "{data_proc_transforms: [SimpleWindow], frame_size: 128, stride_size: 1, "
                 "variables: 5}",
                 "REGR_1k"},
        ShortRun{"Forecasting", "generic_timeseries_forecasting", "generic_timeseries_forecasting",
                 "{data_proc_transforms: [SimpleWindow], frame_size: 32, stride_size: 0.5, "
                 "variables: 1, forecast_horizon: 2, target_variables: [0]}",
                 "FCST_3k"},
        ShortRun{"AnomalyDetection", "generic_timeseries_anomalydetection",
                 "generic_timeseries_anomalydetection",
                 "{data_proc_transforms: [SimpleWindow], frame_size: 128, stride_size: 1, "
                 "variables: 1}",
                 "AD_1k"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace platypus::pipeline
