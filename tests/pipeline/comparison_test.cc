#include "platypus/pipeline/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/pipeline/summary.h"

namespace platypus::pipeline {
namespace {

namespace fs = std::filesystem;

ComparedRun Measured(const char* metric, double value, int64_t flash, int64_t ram,
                     int64_t instructions) {
  ComparedRun run;
  run.metric = metric;
  run.integer_value = value;
  run.flash_bytes = flash;
  run.ram_bytes = ram;
  run.instructions = instructions;
  return run;
}

std::vector<bool> Front(std::vector<ComparedRun> runs) {
  MarkFront(runs);
  std::vector<bool> front;
  for (const ComparedRun& run : runs) front.push_back(run.on_front);
  return front;
}

TEST(ComparisonTest, TheFrontIsWhatNothingBeatsEverywhere) {
  EXPECT_EQ(
      Front({Measured("accuracy", 0.9, 100, 100, 100), Measured("accuracy", 0.8, 100, 100, 100),
             Measured("accuracy", 0.8, 50, 100, 100), Measured("accuracy", 0.9, 100, 100, 100)}),
      (std::vector<bool>{true, false, true, true}));
  // Of SMAPE the smaller one is better; other metrics do not meet.
  EXPECT_EQ(Front({Measured("smape", 3, 10, 10, 10), Measured("smape", 2, 10, 10, 10),
                   Measured("r2", 0.1, 1, 1, 1)}),
            (std::vector<bool>{false, true, true}));
  // Runs that were not measured are judged by their metric; runs without a metric not at all.
  ComparedRun untested;
  EXPECT_EQ(
      Front({Measured("accuracy", 0.9, 0, 0, 0), Measured("accuracy", 0.8, 10, 10, 10), untested}),
      (std::vector<bool>{true, false, false}));
}

RunSummary Summary(double accuracy) {
  RunSummary s;
  s.model = "M";
  s.goal.classes = {"a", "b"};
  s.float_network.present = true;
  train::ClassificationMetrics metrics;
  metrics.accuracy = accuracy;
  s.float_network.test = metrics;
  deploy::VerifyResult verify;
  verify.core = "cortex-m4";
  verify.ran = true;
  verify.flash_bytes = 1000;
  verify.instructions = 5000;
  s.verify = {verify};
  return s;
}

TEST(ComparisonTest, RunsAndFoldersOfRunsAreRead) {
  const TemporaryFolder folder;
  const fs::path a = folder.Path() / "project" / "run" / "1" / "M";
  const fs::path b = folder.Path() / "project" / "run" / "2" / "M";
  WriteFile(a / "summary.json", ToJson(Summary(0.5)));
  WriteFile(b / "summary.json", ToJson(Summary(0.75)));
  const std::vector<ComparedRun> runs = CompareRuns({b, folder.Path(), a / "summary.json"});
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].name, "2/M");
  EXPECT_EQ(runs[1].name, "1/M");
  EXPECT_EQ(runs[0].Value(), 0.75);
  EXPECT_EQ(runs[0].metric, "accuracy");
  EXPECT_EQ(runs[0].core, "cortex-m4");
  EXPECT_EQ(runs[0].instructions, 5000);
  EXPECT_TRUE(runs[0].on_front);
  EXPECT_FALSE(runs[1].on_front);
}

TEST(ComparisonTest, FoldersWithoutRunsAndDamageAreSaid) {
  const TemporaryFolder folder;
  const auto message = [&] {
    try {
      CompareRuns({folder.Path()});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_THAT(message(), testing::HasSubstr("holds no summary.json"));
  WriteFile(folder.Path() / "summary.json", "{}");
  EXPECT_THAT(message(), testing::HasSubstr("the summary is damaged"));
}

}  // namespace
}  // namespace platypus::pipeline
