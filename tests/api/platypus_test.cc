// The library as another program uses it.
#include "platypus/platypus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "platypus/base/files.h"
#include "platypus/base/progress.h"
#include "platypus/data/synthetic.h"

namespace platypus::api {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kConfig = R"(common:
  task_type: generic_timeseries_classification
  target_device: F28P55
  run_name: test
dataset:
  dataset_name: motor
  input_data_path: ./data
data_processing_feature_extraction:
  data_proc_transforms: [SimpleWindow]
  frame_size: 100
  stride_size: 1
  variables: 3
training:
  model_name: CLS_100_NPU
  training_epochs: 2
  batch_size: 32
  optimizer: adam
compilation:
  verify_cores: [host]
)";

class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    NullSink sink;
    ThreadPool pool(1);
    data::WriteSynthetic("motor_vibration_small", folder_.Path() / "data", 1, pool, sink);
    WriteFile(folder_.Path() / "config.yaml", kConfig);
  }
  Config Load() const {
    return Config::FromFile(folder_.Path() / "config.yaml",
                            {"common.projects_path=" + (folder_.Path() / "projects").string()});
  }

  TemporaryFolder folder_;
};

TEST_F(ApiTest, ARunTellsItsProgressAndItsResults) {
  RunOptions options;
  int epochs = 0;
  options.progress = [&](const Progress& p) { epochs += p.stage == "train" && p.step > 0 ? 1 : 0; };
  const Results results = api::Run(Load(), options);
  EXPECT_GE(epochs, 2);
  EXPECT_EQ(results.model, "CLS_100_NPU");
  EXPECT_EQ(results.classes.size(), 3u);
  EXPECT_GT(results.parameters, 0);
  EXPECT_TRUE(results.float_metrics.contains("accuracy"));
  EXPECT_TRUE(results.quantized_metrics.contains("accuracy"));
  ASSERT_EQ(results.cores.size(), 1u);
  EXPECT_TRUE(results.cores[0].ran);
  EXPECT_EQ(results.cores[0].mismatches, 0);
  EXPECT_TRUE(fs::exists(results.package / "manifest.json"));
  EXPECT_TRUE(fs::exists(results.run_folder / "report.html"));
  const Results again = ReadResults(results.run_folder);
  EXPECT_EQ(again.quantized_metrics, results.quantized_metrics);
  EXPECT_EQ(again.package, results.package);
}

TEST_F(ApiTest, ARunIsCancelledAndResumed) {
  RunOptions options;
  bool trained = false;
  options.progress = [&](const Progress& p) {
    trained = trained || (p.stage == "train" && p.step > 0);
  };
  options.cancelled = [&] { return trained; };
  const Config config = Load();
  EXPECT_THROW(api::Run(config, options), Error);
  RunOptions resumed;
  resumed.resume = true;
  EXPECT_TRUE(api::Run(config, resumed).quantized_metrics.contains("accuracy"));
}

TEST_F(ApiTest, ConfigurationsComeFromTextTooAndSayWhatIsWrong) {
  const Config config = Config::FromText(kConfig, folder_.Path(), {"training.training_epochs=7"});
  EXPECT_THAT(config.ToYaml(), HasSubstr("training_epochs: 7"));
  try {
    Config::FromText("common: {task_typ: x}");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_status(), 2);
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'task_type'"));
  }
  EXPECT_THROW(Config::FromFile(folder_.Path() / "none.yaml"), Error);
  EXPECT_THROW(ReadResults(folder_.Path()), Error);
  EXPECT_THAT(Version(), HasSubstr("Platypus"));
}

// The header stands alone: nothing of third parties, nothing of the rooms.
TEST(ApiHeaderTest, IncludesTheStandardLibraryAlone) {
  std::ifstream header(PLATYPUS_SOURCE_DIR "/platypus/platypus.h");
  ASSERT_TRUE(header.good());
  for (std::string line; std::getline(header, line);) {
    if (!line.starts_with("#include")) continue;
    EXPECT_EQ(line.find('"'), std::string::npos) << line;
    EXPECT_EQ(line.find('/'), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace platypus::api
