#include "platypus/data/project.h"

#include <gtest/gtest.h>

#include "platypus/data/archive.h"
#include "platypus/data/digits.h"
#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

class ProjectTest : public ::testing::Test {
 protected:
  fs::path At(const std::string& name) const { return folder_.Path() / name; }

  std::string Create(ProjectRequest request) {
    request.project = At("p");
    return ErrorOf([&] { CreateProject(request, registry_, pool_, events_); });
  }

  TemporaryFolder folder_;
  config::Registry registry_ = config::LoadRegistry();
  ThreadPool pool_{2};
  Events events_;
};

// CLI-01, CLI-20, CLI-21, CLI-22.
TEST_F(ProjectTest, TheNineSetsOfMmcli) {
  std::vector<std::string> names;
  for (const ProjectDataset& set : ProjectDatasets(registry_, "", "")) {
    names.push_back(set.name);
    EXPECT_FALSE(set.description.empty()) << set.name;
    EXPECT_TRUE(IsArchiveName(set.url)) << set.name;
    for (const std::string& task : set.tasks) {
      const config::Value* entry = registry_.tasks.Find(task);
      ASSERT_NE(entry, nullptr) << task;
      EXPECT_EQ(entry->Text("module"), set.module) << task;
    }
  }
  EXPECT_EQ(names, (std::vector<std::string>{
                       "generic_timeseries_classification", "generic_timeseries_regression",
                       "generic_timeseries_anomalydetection", "generic_timeseries_forecasting",
                       "arc_fault_classification", "ecg_classification", "fan_blade_fault",
                       "pir_detection", "mnist_image_classification"}));
  EXPECT_EQ(ProjectDatasets(registry_, "generic_timeseries_classification", "").size(), 2U);
  EXPECT_EQ(ProjectDatasets(registry_, "arc_fault", "vision").size(), 0U);
  EXPECT_EQ(ProjectDatasets(registry_, "", "vision").size(), 1U);
}

// CLI-03, CLI-05: recordings at the archive's root, or below one folder.
TEST_F(ProjectTest, RecordingsComeFromArchives) {
  for (const char* top : {"", "top/"}) {
    fs::remove_all(At("p"));
    WriteArchive(At("arc_fault_classification.zip"),
                 {{std::string(top) + "classes/arc/1.csv", "1\n"},
                  {std::string(top) + "annotations/file_list.txt", "arc/1.csv\n"}});
    ASSERT_EQ(Create({.dataset = "arc_fault_classification", .archives = folder_.Path()}),
              "no error");
    const auto contents = Contents(At("p"));
    EXPECT_EQ(contents.at("dataset/classes/arc/1.csv"), "1\n");
    EXPECT_EQ(contents.count("dataset/annotations/file_list.txt"), 1U);
    EXPECT_NE(contents.at("config.yaml").find("task_type: arc_fault"), std::string::npos);
  }
  EXPECT_TRUE(events_.notices.empty());
}

TEST_F(ProjectTest, AnArchiveOfOtherThingsIsANotice) {
  WriteArchive(At("fan_blade_fault.zip"), {{"stuff/1.csv", "1\n"}});
  EXPECT_EQ(Create({.dataset = "fan_blade_fault", .archives = folder_.Path()}), "no error");
  ASSERT_EQ(events_.notices.size(), 1U);
  EXPECT_NE(events_.notices[0].find("none of the folders 'classes'"), std::string::npos);
}

// Q50.
TEST_F(ProjectTest, NothingIsLeftBehindOnAnError) {
  WriteFile(At("ecg_classification.zip"), "no archive");
  const ProjectRequest damaged = {.dataset = "ecg_classification", .archives = folder_.Path()};
  EXPECT_NE(Create(damaged).find("damaged"), std::string::npos);
  EXPECT_NE(Create({.dataset = "arc_fault_classification", .archives = folder_.Path()})
                .find("arc_fault_classification.zip does not exist"),
            std::string::npos);
  EXPECT_NE(Create({.dataset = "ecg_clasification"}).find("did you mean 'ecg_classification'?"),
            std::string::npos);
  EXPECT_NE(Create({.dataset = "pir_detection", .task = "arc_fault"}).find("pir_detection"),
            std::string::npos);
  events_.cancelled = true;
  EXPECT_NE(Create(damaged), "no error");
  EXPECT_EQ(Contents(folder_.Path()).size(), 1U);
  fs::create_directory(At("p"));
  EXPECT_NE(Create({.dataset = "pir_detection"}).find("exists already"), std::string::npos);
}

TEST(DigitsTest, AreTheSameForTheSameSeed) {
  const TemporaryFolder folder;
  ThreadPool one(1);
  ThreadPool three(3);
  NullSink sink;
  WriteDigits(folder.Path() / "a", 1, one, sink);
  WriteDigits(folder.Path() / "b", 1, three, sink);
  WriteDigits(folder.Path() / "c", 2, one, sink);
  const auto first = Contents(folder.Path() / "a");
  EXPECT_EQ(first, Contents(folder.Path() / "b"));
  EXPECT_NE(first, Contents(folder.Path() / "c"));
  const std::string& picture = first.at("classes/7/7_00.pgm");
  EXPECT_TRUE(picture.starts_with("P5\n28 28\n255\n"));
  EXPECT_EQ(picture.size(), 13U + 28 * 28);
}

}  // namespace
}  // namespace platypus::data
