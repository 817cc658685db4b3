#include <gtest/gtest.h>

#include "platypus/base/interrupted.h"
#include "platypus/data/dataset.h"
#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

using Values = std::vector<float>;

class RecordingTest : public ::testing::Test {
 protected:
  fs::path File(const std::string& name, const std::string& content) {
    WriteFile(folder_.Path() / name, content);
    return folder_.Path() / name;
  }
  RecordingRef Ref(const std::string& name, const std::string& content) {
    return {File(name, content), name, 0};
  }
  std::string In(const std::string& name) const { return (folder_.Path() / name).string(); }

  TemporaryFolder folder_;
  Events events_;
  std::vector<SkippedFile> skipped_;
  config::Config config_;
  DataMemory memory_{uint64_t{1} << 30, folder_.Path()};
};

TEST_F(RecordingTest, SelectsColumnsInTheOrderAsked) {
  const fs::path file = File("a.csv", "time,x,y\n0,1,2\n1,3,4\n");
  const Recording all = Read(file, 2);
  EXPECT_EQ(all.columns, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(all.rows, 2);
  EXPECT_EQ(all.values, (Values{1, 2, 3, 4}));
  EXPECT_EQ(Read(file, 1).values, (Values{1, 3}));
  EXPECT_EQ(Read(file, std::vector<int>{1, 0}).values, (Values{2, 1, 4, 3}));
  EXPECT_EQ(Read(file, std::vector<int>{0, 0}).values, (Values{1, 1, 3, 3}));
  EXPECT_EQ(Read(file, std::vector<std::string>{"y"}).values, (Values{2, 4}));
  EXPECT_EQ(Read(File("b.txt", "1 2\n3 4\n"), 2).columns, (std::vector<std::string>{"0", "1"}));
}

TEST_F(RecordingTest, TargetsStandBesideTheInputs) {
  const std::string file = File("a.csv", "time,x,y,z\n0,1,2,3\n1,4,5,6\n");
  const auto read = [&](const config::Columns& targets, DefaultTargets fallback) {
    return Read(file, 1, targets, fallback);
  };
  const std::vector<int> none;
  const Recording last = read(none, DefaultTargets::kLast);
  EXPECT_EQ(last.values, (Values{1, 4}));
  EXPECT_EQ(last.target_columns, (std::vector<std::string>{"z"}));
  EXPECT_EQ(last.targets, (Values{3, 6}));
  EXPECT_EQ(read(none, DefaultTargets::kAll).targets, (Values{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(read(std::vector<int>{1}, DefaultTargets::kAll).targets, (Values{2, 5}));
  const std::vector<std::string> mixed = {"z", "0"};
  EXPECT_EQ(read(mixed, DefaultTargets::kAll).targets, (Values{3, 1, 6, 4}));
  EXPECT_EQ(Read(file, 3, std::vector<int>{0}).values, (Values{1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(Read(file, 1).targets.empty());
  const std::vector<std::string> unknown = {"w"};
  EXPECT_TRUE(ErrorOf([&] {
                read(unknown, DefaultTargets::kAll);
              }).starts_with(file + ": target_variables asks for column 'w'"));
  EXPECT_EQ(ErrorOf([&] { read(std::vector<int>{3}, DefaultTargets::kAll); }),
            file +
                ": target_variables asks for column 3, the file has columns 0 to 2; columns are "
                "counted from 0 without time columns");
}

TEST_F(RecordingTest, TheTaskDecidesAboutTargets) {
  ThreadPool pool(1);
  RecordingRef ref = Ref("a.csv", "x,y\n1,2\n3,4\n5,6\n7,8\n");
  ref.first = 0.5;
  const auto read = [&](config::TaskCategory category) {
    config_.common.task_category = category;
    return ReadAll({ref}, config_, memory_, pool, skipped_, events_)[0];
  };
  EXPECT_TRUE(read(config::TaskCategory::kTimeseriesClassification).targets.empty());
  EXPECT_TRUE(read(config::TaskCategory::kTimeseriesAnomalyDetection).targets.empty());
  EXPECT_EQ(read(config::TaskCategory::kTimeseriesRegression).targets, (Values{6, 8}));
  EXPECT_EQ(read(config::TaskCategory::kTimeseriesForecasting).targets, (Values{5, 6, 7, 8}));
  EXPECT_TRUE(events_.notices.empty());
  config_.data_processing_feature_extraction.variables = 2;
  EXPECT_EQ(read(config::TaskCategory::kTimeseriesRegression).targets, (Values{6, 8}));
  ASSERT_EQ(events_.notices.size(), 1U) << "the target is shown to the network";
  EXPECT_TRUE(events_.notices[0].starts_with("column y is the target and an input too"));
}

TEST_F(RecordingTest, OtherFilesAreRefused) {
  EXPECT_EQ(
      ErrorOf([&] { Read(File("a.pkl", "x"), 1); }),
      In("a.pkl") +
          ": pickled files can run programs and are not read; convert it with: python3 -c "
          "\"import pandas,sys; pandas.read_pickle(sys.argv[1]).to_csv(sys.argv[1][:-4]+'.csv', "
          "index=False)\" a.pkl");
  EXPECT_EQ(
      ErrorOf([&] { Read(File("a.wav", "RIFF"), 1); }),
      In("a.wav") +
          ": files ending in '.wav' are not recordings; legal endings: .csv, .txt, .npy, .npz");
  EXPECT_EQ(ErrorOf([&] { Read(In("none.csv"), 1); }), "cannot read " + In("none.csv"));
  fs::create_directory(In("folder.csv"));
  EXPECT_EQ(ErrorOf([&] { Read(In("folder.csv"), 1); }), "cannot read " + In("folder.csv"));
}

TEST_F(RecordingTest, ReadAllKeepsTheOrderWhateverTheThreads) {
  std::vector<RecordingRef> refs;
  refs.reserve(40);
  for (int i = 0; i < 40; ++i) {
    refs.push_back(Ref(fmt::format("{}.csv", i), fmt::format("v\n{}\n{}\n", i, i + 1)));
  }
  for (const int threads : {1, 4}) {
    ThreadPool pool(threads);
    Events events;
    const std::vector<Recording> recordings =
        ReadAll(refs, config_, memory_, pool, skipped_, events);
    ASSERT_EQ(recordings.size(), refs.size());
    for (int i = 0; i < 40; ++i) {
      EXPECT_EQ(recordings[static_cast<size_t>(i)].values,
                (Values{static_cast<float>(i), static_cast<float>(i + 1)}));
    }
    ASSERT_EQ(events.progress.size(), 40U);
    EXPECT_EQ(events.progress.back().stage, "read");
    EXPECT_EQ(events.progress.back().unit, "files");
    EXPECT_EQ(events.progress.back().step, 40);
    EXPECT_EQ(events.progress.back().total, 40);
  }
  EXPECT_TRUE(skipped_.empty());
}

TEST_F(RecordingTest, TheFirstBadFileInOrderEndsTheReading) {
  ThreadPool pool(4);
  const std::vector<RecordingRef> refs = {Ref("a.csv", "1\n"), Ref("b.csv", "1\nx\n"),
                                          Ref("c.csv", "")};
  EXPECT_EQ(ErrorOf([&] { ReadAll(refs, config_, memory_, pool, skipped_, events_); }),
            In("b.csv") +
                ":2: column 1 holds 'x', which is not a finite number; dataset.on_bad_file: skip "
                "passes over such files");
}

TEST_F(RecordingTest, BadFilesCanBeSkipped) {
  ThreadPool pool(2);
  config_.dataset.on_bad_file = config::OnBadFile::kSkip;
  const std::vector<RecordingRef> refs = {Ref("a.csv", "1\nx\n"), Ref("b.csv", "1\n2\n"),
                                          Ref("c.csv", "1,2\n"), Ref("d.csv", "")};
  const std::vector<Recording> recordings =
      ReadAll(refs, config_, memory_, pool, skipped_, events_);
  ASSERT_EQ(skipped_.size(), 3U);
  EXPECT_EQ(skipped_[0].name, "a.csv");
  EXPECT_EQ(skipped_[0].reason,
            In("a.csv") + ":2: column 1 holds 'x', which is not a finite number");
  EXPECT_EQ(skipped_[1].name, "c.csv");
  EXPECT_EQ(skipped_[2].reason, In("d.csv") + ": the file is empty");
  EXPECT_EQ(recordings[0].rows, 0);
  EXPECT_EQ(recordings[1].rows, 2);
  EXPECT_EQ(recordings[2].rows, 0);
}

TEST_F(RecordingTest, AllFilesMustHaveTheSameColumns) {
  ThreadPool pool(2);
  const std::vector<RecordingRef> refs = {Ref("a.csv", "x,y\n1,2\n"),
                                          Ref("b.csv", "x,y,z\n1,2,3\n")};
  EXPECT_EQ(ErrorOf([&] { ReadAll(refs, config_, memory_, pool, skipped_, events_); }),
            In("b.csv") + ": the file has 3 value columns, " + In("a.csv") +
                " has 2; dataset.on_bad_file: skip passes over such files");
  const std::vector<RecordingRef> swapped = {Ref("a.csv", "x,y\n1,2\n"),
                                             Ref("c.csv", "y,x\n2,1\n")};
  config_.data_processing_feature_extraction.variables = 2;
  EXPECT_EQ(ErrorOf([&] { ReadAll(swapped, config_, memory_, pool, skipped_, events_); }),
            In("c.csv") + ": the columns are y, x, those of " + In("a.csv") +
                " are x, y; set data_processing_feature_extraction.variables to their names");
  config_.data_processing_feature_extraction.variables = std::vector<std::string>{"y", "x"};
  EXPECT_EQ(ReadAll(swapped, config_, memory_, pool, skipped_, events_)[1].values, (Values{2, 1}));
}

TEST_F(RecordingTest, PartsOfAFileAreConsecutiveAndComplete) {
  ThreadPool pool(1);
  for (int rows = 1; rows <= 30; ++rows) {
    std::string text = "v\n";
    Values expected;
    for (int r = 0; r < rows; ++r) {
      text += fmt::format("{}\n", r);
      expected.push_back(static_cast<float>(r));
    }
    RecordingRef ref = Ref("a.csv", text);
    std::vector<RecordingRef> refs;
    const double bounds[] = {0.0, 0.6, 0.6 + 0.3, 1.0};
    for (int i = 0; i < 3; ++i) {
      ref.first = bounds[i];
      ref.last = bounds[i + 1];
      refs.push_back(ref);
    }
    Values joined;
    for (const Recording& part : ReadAll(refs, config_, memory_, pool, skipped_, events_)) {
      EXPECT_EQ(part.rows, static_cast<int64_t>(part.values.size()));
      joined.insert(joined.end(), part.values.begin(), part.values.end());
    }
    EXPECT_EQ(joined, expected);
  }
}

TEST_F(RecordingTest, ReadingCanBeInterrupted) {
  ThreadPool pool(2);
  events_.cancelled = true;
  EXPECT_THROW(ReadAll({Ref("a.csv", "1\n")}, config_, memory_, pool, skipped_, events_),
               Interrupted);
}

}  // namespace
}  // namespace platypus::data
