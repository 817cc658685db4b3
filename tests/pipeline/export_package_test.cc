#include "platypus/pipeline/export_package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "tests/deploy/fixtures.h"

namespace platypus::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ExportTest : public testing::Test {
 protected:
  ExportTest() {
    deploy::fixtures::MakeCls1k(model_, 64, 2);
    deploy::Write(deploy::Generate(model_.request), run_ / "compilation" / "artifacts");
  }
  std::string Refusal(bool force = false) {
    try {
      ExportPackage(run_, to_, force);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }

  TemporaryFolder folder_;
  fs::path run_ = folder_.Path() / "run";
  fs::path to_ = folder_.Path() / "firmware" / "net";
  deploy::fixtures::Model model_;
};

TEST_F(ExportTest, EveryFileOnceAndTheSecondTimeNothing) {
  const ExportResult first = ExportPackage(run_, to_, false);
  EXPECT_THAT(first.written, testing::Contains("manifest.json"));
  EXPECT_FALSE(first.sources.empty());
  for (const std::string& file : first.written)
    EXPECT_EQ(ReadFile(to_ / file), ReadFile(run_ / "compilation" / "artifacts" / file));
  const auto time = fs::last_write_time(to_ / "manifest.json");
  const ExportResult second = ExportPackage(run_ / "compilation" / "artifacts", to_, false);
  EXPECT_TRUE(second.written.empty());
  EXPECT_EQ(second.unchanged.size(), first.written.size());
  EXPECT_EQ(fs::last_write_time(to_ / "manifest.json"), time);
}

// The same files in the layout of an environment, and back to the package as it is.
TEST_F(ExportTest, FormsReplaceEachOther) {
  ExportPackage(run_, to_, false, "arduino");
  EXPECT_TRUE(fs::exists(to_ / "library.properties"));
  EXPECT_EQ(ReadFile(to_ / "src" / "net.c"), deploy::Generate(model_.request).at("net.c"));
  EXPECT_THAT(ReadFile(to_ / "exported.json"), HasSubstr("\"form\": \"arduino\""));
  const ExportResult zephyr = ExportPackage(run_, to_, false, "zephyr");
  EXPECT_FALSE(fs::exists(to_ / "library.properties"));
  EXPECT_TRUE(fs::exists(to_ / "zephyr" / "module.yml"));
  EXPECT_THAT(zephyr.sources, testing::Contains("net.c"));
  const ExportResult plain = ExportPackage(run_, to_, false);
  EXPECT_THAT(plain.removed, testing::Contains("zephyr/module.yml"));
}

// What Code Composer Studio has to know of the device comes from the registry.
TEST_F(ExportTest, TheDeviceOfThePackageGivesThePart) {
  model_.request.device = "MSPM0G3507";
  deploy::Write(deploy::Generate(model_.request), run_ / "compilation" / "artifacts");
  ExportPackage(run_, to_, false, "ccs");
  EXPECT_THAT(ReadFile(to_ / "net.projectspec"),
              testing::AllOf(HasSubstr("device=\"MSPM0G3507\""), HasSubstr("-mcpu=cortex-m0plus")));
  EXPECT_THROW(ExportPackage(run_, to_, false, "no form"), Error);
}

TEST_F(ExportTest, FilesOfTheUserStay) {
  WriteFile(to_ / "README.md", "mine");
  WriteFile(to_ / "main.c", "mine too");
  EXPECT_THAT(Refusal(), testing::AllOf(HasSubstr("README.md"), HasSubstr("--force")));
  EXPECT_FALSE(fs::exists(to_ / "manifest.json"));
  EXPECT_EQ(ReadFile(to_ / "README.md"), "mine");
  EXPECT_EQ(Refusal(true), "none");
  EXPECT_NE(ReadFile(to_ / "README.md"), "mine");
  EXPECT_EQ(ReadFile(to_ / "main.c"), "mine too");
}

TEST_F(ExportTest, ANewerPackageReplacesTheOlderButNotWhatWasChangedInIt) {
  ExportPackage(run_, to_, false);
  deploy::fixtures::Model other;
  deploy::fixtures::MakeCls1k(other, 128, 2);
  other.request.prefix = "other";
  deploy::Write(deploy::Generate(other.request), run_ / "compilation" / "artifacts");
  WriteFile(to_ / "REPORT.md", "changed");
  EXPECT_THAT(Refusal(), HasSubstr("REPORT.md"));
  const std::string own = model_.request.prefix + ".c";
  EXPECT_TRUE(fs::exists(to_ / own));
  fs::remove(to_ / "REPORT.md");
  const ExportResult result = ExportPackage(run_, to_, false);
  EXPECT_THAT(result.removed, testing::Contains(own));
  EXPECT_FALSE(fs::exists(to_ / own));
  EXPECT_TRUE(fs::exists(to_ / "other.c"));
}

TEST_F(ExportTest, DamagedPackagesAreNotCopied) {
  WriteFile(run_ / "compilation" / "artifacts" / "README.md", "changed");
  EXPECT_THAT(Refusal(), HasSubstr("not what the package's manifest says"));
  EXPECT_FALSE(fs::exists(to_));
  WriteFile(run_ / "compilation" / "artifacts" / "manifest.json",
            R"({"prefix": "a", "files": {"../../out.c": "00"}})");
  EXPECT_THAT(Refusal(), HasSubstr("leaves the folder"));
  WriteFile(run_ / "compilation" / "artifacts" / "manifest.json", "{");
  EXPECT_THAT(Refusal(), HasSubstr("damaged"));
  fs::remove_all(run_);
  EXPECT_THAT(Refusal(), HasSubstr("neither a run nor the package"));
}

}  // namespace
}  // namespace platypus::pipeline
