#include "platypus/data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

class DatasetTest : public ::testing::Test {
 protected:
  DatasetTest() : config_(ConfigFor(Input())) {}
  fs::path Input() const { return folder_.Path() / "input"; }
  fs::path Project() const { return folder_.Path() / "project"; }
  void Put(const std::string& name, const std::string& content = "1\n") {
    WriteFile(Input() / name, content);
  }
  // Two classes of ten files each.
  void PutTwoClasses() {
    for (int i = 0; i < 10; ++i) {
      Put(fmt::format("classes/sine/{}.csv", i), fmt::format("{}\n", i));
      Put(fmt::format("classes/noise/{}.csv", i), fmt::format("{}\n", i));
    }
  }
  Dataset OpenIt() { return Open(config_, Project(), events_); }
  std::string OpenError() {
    return ErrorOf([&] { OpenIt(); });
  }
  std::string List(const std::string& split) const {
    return ReadFile(Project() / "annotations" / ("instances_" + split + "_list.txt"));
  }

  TemporaryFolder folder_;
  Events events_;
  config::Config config_;
};

std::vector<std::string> Names(const std::vector<RecordingRef>& refs) {
  std::vector<std::string> names;
  names.reserve(refs.size());
  for (const RecordingRef& ref : refs) names.push_back(ref.name);
  return names;
}

TEST_F(DatasetTest, FindsClassesAndSplitsThem) {
  PutTwoClasses();
  const Dataset dataset = OpenIt();
  EXPECT_EQ(dataset.classes, (std::vector<std::string>{"noise", "sine"}));
  EXPECT_EQ(dataset.train.size(), 12U);
  EXPECT_EQ(dataset.val.size(), 6U);
  EXPECT_EQ(dataset.test.size(), 2U);
  std::set<std::string> all;
  for (const auto* split : {&dataset.train, &dataset.val, &dataset.test}) {
    for (const RecordingRef& ref : *split) {
      all.insert(ref.name);
      EXPECT_TRUE(ref.path.is_absolute());
      EXPECT_EQ(ReadFile(ref.path), ref.name.substr(ref.name.find('/') + 1, 1) + "\n");
      EXPECT_EQ(ref.label, ref.name.starts_with("noise/") ? 0 : 1);
    }
  }
  EXPECT_EQ(all.size(), 20U);
  const std::string list = List("train");
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 11) << "lists end without a line end";
  EXPECT_EQ(list.substr(0, list.find('\n')), dataset.train[0].name);
  EXPECT_EQ(ReadFile(Project() / "annotations/file_list.txt").find("noise/0.csv\nnoise/1.csv\n"),
            0U);
}

TEST_F(DatasetTest, WhatIsNoRecordingIsLeftOut) {
  PutTwoClasses();
  for (const char* name : {"README.md", "sine/notes.md", "sine/.DS_Store", ".git/config",
                           "sine/.hidden/1.csv", "_background_noise_/hum.csv", "sine/LICENSE",
                           "sine/LICENSE.txt", "sine/train_list.txt", "stray.csv"}) {
    Put(fmt::format("classes/{}", name));
  }
  for (const char* name : {"amd/x.csv", "sine/cmd_1.csv", "amd/y.csv", "amd/z.csv", "deep/er/1.csv",
                           "deep/er/2.csv", "deep/er/3.csv"}) {
    Put(fmt::format("classes/{}", name));
  }
  EXPECT_EQ(OpenIt().classes, (std::vector<std::string>{"amd", "er", "noise", "sine"}));
  const std::string list = ReadFile(Project() / "annotations/file_list.txt");
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n') + 1, 27) << list;
  for (const char* kept : {"sine/cmd_1.csv", "amd/x.csv", "deep/er/1.csv"}) {
    EXPECT_NE(list.find(kept), std::string::npos) << kept;
  }
}

TEST_F(DatasetTest, BadFoldersAreNamedExactly) {
  const std::string input = Input().string();
  EXPECT_EQ(OpenError(), "dataset.input_data_path: " + input +
                             " does not exist; relative paths are looked up beside the "
                             "configuration file, then in the working directory");
  fs::create_directories(Input());
  EXPECT_EQ(OpenError(),
            input +
                " has no folder 'classes' with one subfolder per class; it holds nothing; "
                "dataset.data_dir names another folder");
  Put("Classes/a/1.csv");
  Put("notes.txt");
  EXPECT_EQ(
      OpenError(),
      input +
          " has no folder 'classes' with one subfolder per class; it holds Classes/, notes.txt; "
          "dataset.data_dir names another folder");
  Put("classes/1.csv");
  EXPECT_EQ(
      OpenError(),
      input +
          "/classes has recordings of 0 classes, at least 2 are needed; put the recordings of "
          "each class into a subfolder named after it");
  Put("classes/a/1.csv");
  EXPECT_EQ(OpenError(),
            input +
                "/classes has recordings of 1 class, at least 2 are needed; put the recordings of "
                "each class into a subfolder named after it");
  Put("classes/b/1.csv");
  EXPECT_EQ(
      OpenError(),
      "the val split has no recordings (2 in all); give dataset.split_factor three shares above 0, "
      "or list more recordings");
  config_.dataset.input_data_path = "";
  EXPECT_EQ(OpenError(),
            "dataset.input_data_path is not set; name a folder, an archive (.zip, .tar, .tar.gz) "
            "or a URL");
  config_.dataset.input_data_path = input + "/notes.txt";
  EXPECT_EQ(OpenError(), "dataset.input_data_path: " + input +
                             "/notes.txt is not an archive; legal: a folder, or a "
                             "file ending in .zip, .tar, .tar.gz, .tgz");
  config_.dataset.input_data_path = std::string(5000, 'x');
  EXPECT_NE(OpenError(), "no error");
}

TEST_F(DatasetTest, AProjectThatCannotBeWrittenIsAnError) {
  PutTwoClasses();
  WriteFile(Project(), "a file where the folder should be");
  EXPECT_NE(OpenError(), "no error");
  WriteArchive(folder_.Path() / "set.zip", {{"classes/a/1.csv", "1\n"}});
  config_.dataset.input_data_path = (folder_.Path() / "set.zip").string();
  EXPECT_NE(OpenError(), "no error");
}

TEST_F(DatasetTest, LinksThatLeadInCirclesEnd) {
  PutTwoClasses();
  fs::create_directory_symlink("../sine", Input() / "classes/sine/again");
  fs::create_directory_symlink("../noise", Input() / "classes/sine/other");
  fs::create_directory_symlink("../sine", Input() / "classes/noise/other");
  fs::create_directory_symlink("..", Input() / "classes/noise/up");
  fs::create_directory_symlink("nowhere", Input() / "classes/noise/dangling");
  EXPECT_EQ(OpenIt().train.size(), 12U);
}

TEST_F(DatasetTest, AClassFolderMayBeALink) {
  PutTwoClasses();
  fs::rename(Input() / "classes/sine", folder_.Path() / "elsewhere");
  fs::create_directory_symlink(folder_.Path() / "elsewhere", Input() / "classes/sine");
  EXPECT_EQ(OpenIt().classes, (std::vector<std::string>{"noise", "sine"}));
}

TEST_F(DatasetTest, TheSameSeedGivesTheSameListsWhateverTheOrderOfCreation) {
  PutTwoClasses();
  const Dataset first = OpenIt();
  const std::string train = List("train");
  fs::remove_all(Input());
  for (int i = 9; i >= 0; --i) {
    for (const char* label : {"sine", "noise"}) {
      Put(fmt::format("classes/{}/{}.csv", label, i), fmt::format("{}\n", i));
    }
  }
  const Dataset again = OpenIt();
  EXPECT_EQ(List("train"), train);
  EXPECT_EQ(again.hash, first.hash);
  config_.common.seed = 7;
  EXPECT_EQ(OpenIt().hash, first.hash) << "the hash is of all recordings";
  EXPECT_NE(List("train"), train);
  Put("classes/sine/3.csv", "3.5\n");
  EXPECT_NE(OpenIt().hash, first.hash);
  Put("classes/sine/3.csv", "3\n");
  EXPECT_EQ(OpenIt().hash, first.hash);
  fs::rename(Input() / "classes/sine/3.csv", Input() / "classes/sine/33.csv");
  EXPECT_NE(OpenIt().hash, first.hash);
}

TEST_F(DatasetTest, TheUsersFolderIsNotTouched) {
  PutTwoClasses();
  Put("README.md", "# mine\n");
  const auto before = Contents(Input());
  OpenIt();
  config_.dataset.split_type = config::SplitType::kWithinFiles;
  OpenIt();
  EXPECT_EQ(Contents(Input()), before);
}

TEST_F(DatasetTest, TheProjectMayLieInsideTheUsersFolder) {
  PutTwoClasses();
  const auto before = Contents(Input());
  for (const char* place : {"projects/p/dataset", "classes/projects/p"}) {
    for (int i = 0; i < 2; ++i) {
      const Dataset dataset = Open(config_, Input() / place, events_);
      EXPECT_EQ(dataset.classes.size(), 2U);
      EXPECT_EQ(dataset.train.size(), 12U);
      WriteFile(Input() / place / "unpacked/run/result.csv", "1\n");
    }
    fs::remove_all(Input() / fs::path(place).parent_path().parent_path());
    PutTwoClasses();
  }
  EXPECT_EQ(Contents(Input()), before);
}

TEST_F(DatasetTest, DataInTheProjectItselfIsUsedInPlace) {
  PutTwoClasses();
  for (const auto type : {config::SplitType::kAmongstFiles, config::SplitType::kWithinFiles}) {
    config_.dataset.split_type = type;
    const Dataset first = Open(config_, Input(), events_);
    const Dataset again = Open(config_, Input(), events_);
    EXPECT_EQ(Names(again.train), Names(first.train));
    EXPECT_EQ(again.train[0].last, first.train[0].last);
  }
}

TEST_F(DatasetTest, ArchivesAreUnpackedIntoTheProjectOnly) {
  std::vector<Member> members;
  for (const char* label : {"a", "b"}) {
    for (int i = 0; i < 5; ++i)
      members.push_back({fmt::format("my set/classes/{}/{}.csv", label, i), "1\n"});
  }
  fs::create_directories(Input());
  Put("private.csv");
  for (const char* name : {"set.zip", "set.tar", "set.tar.gz", "set.tgz"}) {
    WriteArchive(Input() / name, members);
    const auto before = Contents(Input());
    config_.dataset.input_data_path = (Input() / name).string();
    const Dataset first = OpenIt();
    EXPECT_EQ(OpenIt().hash, first.hash);
    EXPECT_EQ(first.train.size(), 6U);
    EXPECT_TRUE(first.data_path.string().starts_with(Project().string()));
    EXPECT_EQ(Contents(Input()), before);
  }
}

class ListsTest : public DatasetTest {
 protected:
  ListsTest() {
    for (int i = 0; i < 3; ++i) {
      Put(fmt::format("classes/a/{}.csv", i));
      Put(fmt::format("classes/b/{}.csv", i));
    }
  }
};

TEST_F(ListsTest, AllThreePlacesAreRead) {
  for (const char* pattern :
       {"{}_list.txt", "annotations/{}_list.txt", "annotations/instances_{}_list.txt"}) {
    SCOPED_TRACE(pattern);
    const auto put = [&](const char* split, const std::string& names) {
      Put(fmt::format(fmt::runtime(pattern), split), names);
    };
    put("train", "b/2.csv\na/1.csv\n");
    put("val", "a/0.csv\r\n\r\nb/0.csv\r\n");
    put("test", "  a/2.csv\nb\\1.csv");
    const auto before = Contents(Input());
    const Dataset dataset = OpenIt();
    EXPECT_EQ(Names(dataset.train), (std::vector<std::string>{"b/2.csv", "a/1.csv"}));
    EXPECT_EQ(Names(dataset.val), (std::vector<std::string>{"a/0.csv", "b/0.csv"}));
    EXPECT_EQ(Names(dataset.test), (std::vector<std::string>{"a/2.csv", "b/1.csv"}));
    EXPECT_EQ(List("train"), "b/2.csv\na/1.csv");
    EXPECT_EQ(List("test"), "a/2.csv\nb/1.csv");
    EXPECT_EQ(Contents(Input()), before);
    for (const char* split : {"train", "val", "test"}) {
      fs::remove(Input() / fmt::format(fmt::runtime(pattern), split));
    }
  }
}

TEST_F(ListsTest, AnnotationFolderAndPrefixAreThoseOfTheConfiguration) {
  config_.dataset.annotation_dir = "lists";
  config_.dataset.annotation_prefix = "v2";
  Put("lists/v2_train_list.txt", "a/0.csv\nb/0.csv");
  Put("lists/v2_val_list.txt", "a/1.csv");
  const Dataset dataset = OpenIt();
  EXPECT_EQ(dataset.train.size(), 2U);
  EXPECT_EQ(Names(dataset.test), Names(dataset.val)) << "without a test list the val list tests";
  ASSERT_EQ(events_.notices.size(), 1U);
  EXPECT_EQ(events_.notices[0],
            "there is no test list: the validation recordings are used as test recordings");
  EXPECT_TRUE(fs::exists(Project() / "annotations/v2_test_list.txt"));
}

TEST_F(ListsTest, ListsWinOverTheSplitType) {
  config_.dataset.split_type = config::SplitType::kWithinFiles;
  Put("annotations/instances_train_list.txt", "a/0.csv\nb/0.csv");
  Put("annotations/instances_val_list.txt", "a/1.csv");
  const Dataset dataset = OpenIt();
  EXPECT_EQ(Names(dataset.train), (std::vector<std::string>{"a/0.csv", "b/0.csv"}));
  EXPECT_EQ(dataset.train[0].last, 1.0);
}

TEST_F(ListsTest, BadListsAreNamedExactly) {
  const std::string train = (Input() / "annotations/instances_train_list.txt").string();
  const std::string data = (Input() / "classes").string();
  Put("annotations/instances_val_list.txt", "a/1.csv");
  EXPECT_EQ(OpenError(), Input().string() +
                             " has a list for some splits but none for 'train'; expected "
                             "annotations/instances_train_list.txt");
  const auto error = [&](const std::string& list) {
    Put("annotations/instances_train_list.txt", list);
    return OpenError();
  };
  EXPECT_EQ(error("a/0.csv\n\nb/00.csv\n"),
            train + ":3: 'b/00.csv' is no recording below " + data + "; did you mean 'b/0.csv'?");
  EXPECT_TRUE(error("../../secret.csv\n")
                  .starts_with(train + ":1: '../../secret.csv' is no recording below " + data));
  EXPECT_TRUE(error(data + "/a/0.csv\n")
                  .starts_with(train + ":1: '" + data + "/a/0.csv' is no recording below "));
  EXPECT_TRUE(error("a\n").starts_with(train + ":1: 'a' is no recording below "));
  EXPECT_EQ(
      error("a/0.csv\n"),
      "class 'b' has no recording in the train split; add recordings of it, or remove its folder");
  EXPECT_EQ(error(""),
            "the train split has no recordings (6 in all); give dataset.split_factor three shares "
            "above 0, "
            "or list more recordings");
  fs::remove(Input() / "annotations/instances_val_list.txt");
  EXPECT_EQ(error("a/0.csv\nb/0.csv"),
            Input().string() +
                " has a list for some splits but none for 'val'; expected "
                "annotations/instances_val_list.txt");
}

TEST_F(ListsTest, WithinFilesGivesConsecutivePartsOfEveryFile) {
  config_.dataset.split_type = config::SplitType::kWithinFiles;
  config_.dataset.split_factor = {0.5, 0.3};
  const Dataset dataset = OpenIt();
  for (const auto* split : {&dataset.train, &dataset.val, &dataset.test})
    ASSERT_EQ(split->size(), 6U);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(dataset.train[i].first, 0.0);
    EXPECT_EQ(dataset.train[i].last, 0.5);
    EXPECT_EQ(dataset.val[i].first, 0.5);
    EXPECT_EQ(dataset.val[i].last, 0.8);
    EXPECT_EQ(dataset.test[i].first, 0.8);
    EXPECT_EQ(dataset.test[i].last, 1.0);
    EXPECT_EQ(dataset.test[i].name, dataset.train[i].name);
  }
}

class FilesTest : public DatasetTest {
 protected:
  FilesTest() {
    config_.common.task_category = config::TaskCategory::kTimeseriesRegression;
    config_.dataset.data_dir = "files";
    for (int i = 0; i < 10; ++i) Put(fmt::format("files/{}.csv", i));
  }
};

TEST_F(FilesTest, AreSplitWithoutClasses) {
  for (const char* name : {"README.md", ".DS_Store", "LICENSE", "train_list.txt"})
    Put(fmt::format("files/{}", name));
  for (const auto category : {config::TaskCategory::kTimeseriesRegression,
                              config::TaskCategory::kTimeseriesForecasting}) {
    config_.common.task_category = category;
    const Dataset dataset = OpenIt();
    EXPECT_TRUE(dataset.classes.empty());
    EXPECT_EQ(dataset.train.size(), 6U);
    EXPECT_EQ(dataset.val.size(), 3U);
    EXPECT_EQ(dataset.test.size(), 1U);
    for (const RecordingRef& ref : dataset.train) EXPECT_EQ(ref.label, 0);
  }
}

TEST_F(FilesTest, ListsAndPartsWorkAsForClasses) {
  config_.dataset.split_type = config::SplitType::kWithinFiles;
  EXPECT_EQ(OpenIt().val.size(), 10U);
  EXPECT_EQ(OpenIt().val[0].first, 0.6);
  Put("annotations/instances_train_list.txt", "3.csv\n1.csv");
  Put("annotations/instances_val_list.txt", "2.csv");
  Put("annotations/instances_test_list.txt", "0.csv");
  const Dataset dataset = OpenIt();
  EXPECT_EQ(Names(dataset.train), (std::vector<std::string>{"3.csv", "1.csv"}));
  EXPECT_EQ(dataset.train[0].last, 1.0);
}

TEST_F(FilesTest, WhatIsMissingIsNamed) {
  fs::remove_all(Input());
  fs::create_directories(Input());
  EXPECT_EQ(OpenError(), Input().string() +
                             " has no folder 'files' with the recordings; it holds nothing; "
                             "dataset.data_dir names another folder");
  fs::create_directories(Input() / "files");
  EXPECT_EQ(
      OpenError(),
      Input().string() + "/files has no recordings; put .csv, .txt, .npy or .npz files into it");
  Put("files/1.csv");
  Put("files/2.csv");
  EXPECT_TRUE(OpenError().starts_with("the test split has no recordings (2 in all)"));
}

class AnomalyTest : public DatasetTest {
 protected:
  AnomalyTest() {
    config_.common.task_category = config::TaskCategory::kTimeseriesAnomalyDetection;
    config_.dataset.split_factor = {0.6, 0.1, 0.3};
    for (int i = 0; i < 10; ++i) Put(fmt::format("classes/Normal/{}.csv", i));
    for (int i = 0; i < 4; ++i) Put(fmt::format("classes/Anomaly/{}.csv", i));
  }
  static int Anomalies(const std::vector<RecordingRef>& refs) {
    return static_cast<int>(
        std::count_if(refs.begin(), refs.end(), [](const auto& ref) { return ref.label == 0; }));
  }
};

TEST_F(AnomalyTest, OnlyNormalTrainsAndValidates) {
  Put("classes/.DS_Store");
  Put("classes/.hidden/1.csv");
  for (const auto type : {config::SplitType::kAmongstFiles, config::SplitType::kWithinFiles}) {
    config_.dataset.split_type = type;
    const bool within = type == config::SplitType::kWithinFiles;
    const Dataset dataset = OpenIt();
    EXPECT_EQ(dataset.classes, (std::vector<std::string>{"Anomaly", "Normal"}));
    EXPECT_EQ(dataset.train.size(), within ? 10U : 6U);
    EXPECT_EQ(dataset.val.size(), within ? 10U : 1U);
    EXPECT_EQ(dataset.test.size(), within ? 14U : 7U);
    EXPECT_EQ(Anomalies(dataset.train) + Anomalies(dataset.val), 0);
    EXPECT_EQ(Anomalies(dataset.test), 4);
    EXPECT_EQ(dataset.test.back().first, 0.0) << "anomalies are tested whole";
  }
}

TEST_F(AnomalyTest, ListedAnomaliesDoNotTrain) {
  Put("annotations/instances_train_list.txt", "Normal/0.csv\nAnomaly/0.csv");
  Put("annotations/instances_val_list.txt", "Normal/1.csv\nAnomaly/1.csv");
  Put("annotations/instances_test_list.txt", "Normal/2.csv\nAnomaly/2.csv");
  const Dataset dataset = OpenIt();
  EXPECT_EQ(Names(dataset.train), (std::vector<std::string>{"Normal/0.csv"}));
  EXPECT_EQ(Names(dataset.val), (std::vector<std::string>{"Normal/1.csv"}));
  EXPECT_EQ(dataset.test.size(), 2U);
  ASSERT_EQ(events_.notices.size(), 1U);
  EXPECT_EQ(events_.notices[0],
            "2 recordings of Anomaly in the train and val lists are left out: anomaly detection "
            "learns from Normal alone");
}

TEST_F(AnomalyTest, OtherClassesAreRefused) {
  const std::string hint =
      "; anomaly detection needs the classes Normal (it trains) and Anomaly "
      "(it tests)";
  Put("classes/normal/1.csv");
  EXPECT_EQ(OpenError(),
            Input().string() + "/classes has recordings of Anomaly, Normal, normal" + hint);
  fs::remove_all(Input() / "classes/normal");
  fs::remove_all(Input() / "classes/Anomaly");
  EXPECT_EQ(OpenError(), Input().string() + "/classes has recordings of Normal" + hint);
}

// Where the real sets lie; empty if they are not there.
fs::path RealSet(const std::string& name) {
  const char* variable = std::getenv("PLATYPUS_DATA");
  const fs::path root =
      variable != nullptr ? fs::path(variable) : fs::path(PLATYPUS_SOURCE_DIR) / "../shared/data";
  const fs::path set = root / name / "dataset";
  return fs::is_directory(set) ? set : fs::path();
}

TEST(RealSetTest, RegressionForecastingAndAnomalies) {
  const fs::path regression = RealSet("transformer_etth1_regression");
  const fs::path forecast = RealSet("transformer_etth1_forecast");
  const fs::path pump = RealSet("pump_skab_valve1_ad");
  if (regression.empty() || forecast.empty() || pump.empty())
    GTEST_SKIP() << "PLATYPUS_DATA names no folder with transformer_etth1_*, pump_skab_valve1_ad";
  const TemporaryFolder folder;
  NullSink sink;
  ThreadPool pool(2);
  std::vector<SkippedFile> skipped;
  DataMemory memory(HalfOfMemory(), folder.Path());

  config::Config config = ConfigFor(regression);
  config.common.task_category = config::TaskCategory::kTimeseriesRegression;
  config.dataset.data_dir = "files";
  config.data_processing_feature_extraction.variables = 10;
  Dataset dataset = Open(config, folder.Path() / "regression", sink);
  EXPECT_EQ(dataset.train.size(), 43U);
  EXPECT_EQ(dataset.val.size(), 15U);
  EXPECT_EQ(dataset.test.size(), 14U);
  for (const Recording& recording : ReadAll(dataset.val, config, memory, pool, skipped, sink)) {
    EXPECT_EQ(recording.target_columns, (std::vector<std::string>{"OT"}));
    EXPECT_EQ(recording.targets.size(), static_cast<size_t>(recording.rows));
    EXPECT_EQ(recording.columns.size(), 10U);
  }

  config = ConfigFor(forecast);
  config.common.task_category = config::TaskCategory::kTimeseriesForecasting;
  config.dataset.data_dir = "files";
  config.data_processing_feature_extraction.variables = std::vector<int>{0, 1, 2, 3, 4, 5, 6};
  config.data_processing_feature_extraction.target_variables = std::vector<int>{6};
  dataset = Open(config, folder.Path() / "forecast", sink);
  EXPECT_EQ(dataset.train.size(), 12U);
  for (const Recording& recording : ReadAll(dataset.val, config, memory, pool, skipped, sink)) {
    EXPECT_EQ(recording.target_columns, (std::vector<std::string>{"OT"}));
    EXPECT_EQ(recording.targets[0], recording.values[6]);
  }

  config = ConfigFor(pump);
  config.common.task_category = config::TaskCategory::kTimeseriesAnomalyDetection;
  dataset = Open(config, folder.Path() / "pump", sink);
  EXPECT_EQ(dataset.classes, (std::vector<std::string>{"Anomaly", "Normal"}));
  EXPECT_EQ(dataset.train.size(), 16U);
  EXPECT_EQ(dataset.test.size(), 48U);
}

TEST(RealSetTest, RecordingsOfAHeartAreReadByTheirLists) {
  const fs::path set = RealSet("ecg_mitbih_pvc");
  if (set.empty()) GTEST_SKIP() << "PLATYPUS_DATA names no folder with ecg_mitbih_pvc";
  const TemporaryFolder folder;
  NullSink sink;
  const config::Config config = ConfigFor(set);
  const Dataset dataset = Open(config, folder.Path() / "project", sink);
  EXPECT_EQ(dataset.classes, (std::vector<std::string>{"other", "pvc"}));
  EXPECT_EQ(dataset.train.size(), 50U);
  EXPECT_EQ(dataset.val.size(), 13U);
  EXPECT_EQ(dataset.test.size(), 33U);
  ThreadPool pool(2);
  std::vector<SkippedFile> skipped;
  DataMemory memory(HalfOfMemory(), folder.Path());
  for (const Recording& recording : ReadAll(dataset.train, config, memory, pool, skipped, sink)) {
    EXPECT_GT(recording.rows, 256);
    EXPECT_EQ(recording.columns.size(), 1U);
  }
}

}  // namespace
}  // namespace platypus::data
