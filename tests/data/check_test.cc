#include "platypus/data/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "platypus/data/table.h"
#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CheckTest : public ::testing::Test {
 protected:
  CheckTest() { config_.dataset.input_data_path = folder_.Path().string(); }

  void WriteRecordings(const std::string& below, int count, int rows = 50) {
    for (int i = 0; i < count; ++i) {
      std::string text = "time,x,y\n";
      for (int r = 0; r < rows; ++r)
        text += fmt::format("{},{},{}\n", 0.5 * r, (r * 7 + i * 5 + below.size()) % 47, r % 13);
      WriteFile(folder_.Path() / below / fmt::format("{}.csv", i), text);
    }
  }
  DatasetReport Run() { return Check(config_, 0, pool_, sink_); }
  static std::string All(const DatasetReport& report) {
    std::string text;
    for (const Finding& f : report.findings)
      text += fmt::format("{} {}\n", Name(f.severity), f.Text());
    return text;
  }

  TemporaryFolder folder_;
  config::Config config_;
  ThreadPool pool_{2};
  Events sink_;
};

TEST_F(CheckTest, ACleanSetIsCountedAndLeftAlone) {
  WriteRecordings("classes/a", 5);
  WriteRecordings("classes/bb", 5);
  const auto before = Contents(folder_.Path());
  const DatasetReport report = Run();
  EXPECT_THAT(report.findings, IsEmpty()) << All(report);
  EXPECT_EQ(report.files, 10);
  EXPECT_EQ(report.rows, 500);
  EXPECT_EQ(report.classes[1].name, "bb");
  EXPECT_EQ(report.classes[1].rows, 250);
  EXPECT_EQ(report.splits.at("train"), 6);
  EXPECT_FALSE(report.has_lists);
  EXPECT_EQ(report.columns, (std::vector<std::string>{"x", "y"}));
  EXPECT_NEAR(report.time_step, 0.5, 1e-12);
  EXPECT_EQ(std::string(SizeName(report.rows)), "small");
  EXPECT_EQ(Contents(folder_.Path()), before);
  EXPECT_EQ(sink_.progress.back().stage, "check");
  EXPECT_EQ(sink_.progress.back().step, 10);
}

TEST_F(CheckTest, CellsThatAreNoNumbersAreNamed) {
  WriteRecordings("classes/a", 5);
  WriteRecordings("classes/bb", 5);
  WriteFile(folder_.Path() / "classes/a/7.csv", "x,y\n1,2\n3,nan\n");
  WriteFile(folder_.Path() / "classes/a/8.csv", "x,y\n1,2\n3\n");
  WriteFile(folder_.Path() / "classes/a/9.wav", "RIFF");
  const std::string all = All(Run());
  EXPECT_THAT(all, HasSubstr("error a/7.csv:3: column 2 (y) holds 'nan'"));
  EXPECT_THAT(all, HasSubstr("error a/8.csv:3: the row has 1 columns"));
  EXPECT_THAT(all, HasSubstr("error a/9.wav: files ending in '.wav' are not recordings"));
  config_.dataset.on_bad_file = config::OnBadFile::kSkip;
  EXPECT_THAT(All(Run()), HasSubstr("warning a/7.csv:3"));
}

TEST_F(CheckTest, CopiesAcrossSplits) {
  WriteRecordings("classes/a", 3);
  WriteRecordings("classes/bb", 3);
  fs::copy_file(folder_.Path() / "classes/a/0.csv", folder_.Path() / "classes/a/9.csv");
  WriteFile(folder_.Path() / "annotations/instances_train_list.txt", "a/0.csv\nbb/0.csv\n");
  WriteFile(folder_.Path() / "annotations/instances_val_list.txt", "a/1.csv\nbb/1.csv\n");
  WriteFile(folder_.Path() / "annotations/instances_test_list.txt", "a/9.csv\nbb/2.csv\n");
  const DatasetReport report = Run();
  EXPECT_TRUE(report.has_lists);
  EXPECT_THAT(All(report), HasSubstr("error a/0.csv: has the same content as a/9.csv, in the "
                                     "splits test and train"));
  EXPECT_THAT(All(report), HasSubstr("hint a/2.csv: 1 of 7 recordings is in no list"));
}

TEST_F(CheckTest, FoldersThatAreArrangedOtherwise) {
  WriteRecordings("a", 2);
  WriteRecordings("bb", 2);
  EXPECT_THAT(All(Run()),
              HasSubstr("the folders a, bb hold recordings without a folder 'classes'"));
  WriteRecordings("one/two/classes/a", 2);
  EXPECT_THAT(All(Run()), HasSubstr("there is a folder 'classes' at one/two/classes; name "));
  WriteRecordings("files", 2);
  EXPECT_THAT(All(Run()), HasSubstr("in place of 'classes'; it is the layout of regression"));
  WriteRecordings(".", 1);
  EXPECT_THAT(All(Run()), HasSubstr("recordings stand in the folder itself"));
  config_.dataset.input_data_path = (folder_.Path() / "one/two/classes").string();
  EXPECT_THAT(All(Run()), HasSubstr("is the folder 'classes' itself; name the folder above it"));
  config_.dataset.input_data_path = (folder_.Path() / "nowhere").string();
  EXPECT_THAT(All(Run()), HasSubstr("does not exist"));
  config_.dataset.input_data_path = "https://example.org/a.zip";
  EXPECT_THAT(ErrorOf([&] { Run(); }), HasSubstr("download it first"));
}

TEST_F(CheckTest, CapitalsOfAnomalyDetection) {
  config_.common.task_category = config::TaskCategory::kTimeseriesAnomalyDetection;
  WriteRecordings("classes/normal", 3);
  WriteRecordings("classes/Anomaly", 3);
  EXPECT_THAT(All(Run()), HasSubstr("the folder 'normal' is not 'Normal'"));
}

TEST_F(CheckTest, WhatStandsBesideTheClasses) {
  WriteRecordings("classes/a", 5);
  WriteRecordings("classes/deep/bb", 5);
  WriteRecordings("classes", 1);
  fs::create_directories(folder_.Path() / "classes/empty");
  const std::string all = All(Run());
  EXPECT_THAT(all,
              HasSubstr("warning 0.csv: 1 recording beside the folders of the classes is not"));
  EXPECT_THAT(all, HasSubstr("hint deep: holds folders of recordings"));
  EXPECT_THAT(all, HasSubstr("hint empty: holds no recordings"));
}

TEST_F(CheckTest, GuessesTheTask) {
  EXPECT_FALSE(GuessCategory(folder_.Path()));
  WriteRecordings("files", 1);
  EXPECT_EQ(GuessCategory(folder_.Path()), config::TaskCategory::kTimeseriesRegression);
  WriteRecordings("classes/Normal", 1);
  EXPECT_EQ(GuessCategory(folder_.Path()), config::TaskCategory::kTimeseriesClassification);
  WriteRecordings("classes/Anomaly", 1);
  EXPECT_EQ(GuessCategory(folder_.Path()), config::TaskCategory::kTimeseriesAnomalyDetection);
}

// Recordings of real machines: what is remarked on is so, and nothing is cried out over.
TEST(CheckRealSetsTest, RemarksAreFew) {
  const char* variable = std::getenv("PLATYPUS_DATA");
  const fs::path sets =
      variable != nullptr ? fs::path(variable) : fs::path(PLATYPUS_SOURCE_DIR) / "../shared/data";
  if (!fs::is_directory(sets)) GTEST_SKIP() << "no data sets at " << sets;
  ThreadPool pool(2);
  NullSink sink;
  for (const char* name :
       {"bearing_cwru_de12k", "ecg_mitbih_pvc", "hydraulic_pump_leakage", "appliance_plaid_vi",
        "motion_basicmotions", "pump_skab_valve1_ad", "transformer_etth1_regression"}) {
    SCOPED_TRACE(name);
    config::Config config;
    config.dataset.input_data_path = (sets / name / "dataset").string();
    const auto category = GuessCategory(config.dataset.input_data_path);
    ASSERT_TRUE(category.has_value());
    config.common.task_category = *category;
    for (const Finding& finding : Check(config, 0, pool, sink).findings) {
      if (finding.severity == Severity::kHint) continue;
      EXPECT_THAT(finding.found, HasSubstr("class outer_race has 16.5 times as many rows"));
    }
  }
}

TEST(TimeColumnTest, IsReadFromText) {
  EXPECT_EQ(ReadTimeColumn("a,Time_s,b\n1,0.5,2\n1,1.0,2\n").values,
            (std::vector<double>{0.5, 1.0}));
  EXPECT_EQ(ReadTimeColumn("# x\nTimestamp;b\n0,5;2\n1,5;2\n").values,
            (std::vector<double>{0.5, 1.5}));
  EXPECT_THAT(ReadTimeColumn("time,b\n2020-01-01,2\n").values, IsEmpty());
  EXPECT_THAT(ReadTimeColumn("a,b\n1,2\n").values, IsEmpty());
  EXPECT_THAT(ReadTimeColumn("").values, IsEmpty());
  EXPECT_THAT(ReadTimeColumn("b,time\n1\n").values, IsEmpty());
}

}  // namespace
}  // namespace platypus::data
