#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "platypus/base/files.h"
#include "platypus/config/load.h"
#include "platypus/data/dataset.h"
#include "platypus/data/stand_in.h"
#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

const fs::path kSource = PLATYPUS_SOURCE_DIR;

const config::Registry& Registry() {
  static const config::Registry kRegistry = config::LoadRegistry();
  return kRegistry;
}

// tests/data/example_facts.yaml: what every example must mean, from the reference.
config::Value Facts() {
  const fs::path file = kSource / "tests/data/example_facts.yaml";
  return config::ParseYaml(ReadFile(file), file.string());
}

config::Loaded LoadExample(const config::Value& facts) {
  return config::Load(kSource / "examples" / facts.Text("file"), {}, Registry());
}

// Numbers are compared as numbers, names whatever their case.
std::string Plain(const config::Value& value) {
  if (const auto number = config::ToReal(value)) return fmt::format("{}", *number);
  std::string text = config::ToYaml(value);
  std::erase(text, '"');
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

TEST(ExamplesTest, MeanWhatTheReferenceMeans) {
  const config::Value all = Facts();
  EXPECT_EQ(all.entries.size(), 58U);
  for (const auto& [example, facts] : all.entries) {
    SCOPED_TRACE(example + " " + facts.Text("file"));
    config::Loaded loaded;
    ASSERT_EQ(ErrorOf([&] { loaded = LoadExample(facts); }), "no error");
    for (const auto& [key, wanted] : facts.entries) {
      if (key == "file") continue;
      const size_t dot = key.find('.');
      const config::Value* section = loaded.effective.Find(key.substr(0, dot));
      ASSERT_NE(section, nullptr) << key;
      const config::Value* value = section->Find(key.substr(dot + 1));
      ASSERT_NE(value, nullptr) << key;
      if (key == "training.model_config") {
        const fs::path file =
            (kSource / "examples" / facts.Text("file")).parent_path() / wanted.text;
        EXPECT_EQ(config::ToYaml(*value), config::ToYaml(config::ParseYaml(ReadFile(file), "")));
      } else {
        EXPECT_EQ(Plain(*value), Plain(wanted)) << key;
      }
    }
  }
}

TEST(ExamplesTest, EveryFolderTellsOfItsDataAndEveryFileIsAnExample) {
  std::set<std::string> known = {"generic_timeseries_classification/config.yaml",
                                 "branched_model_parameters/residual_network_config.yaml"};
  const config::Value all = Facts();
  for (const auto& [example, facts] : all.entries) known.insert(facts.Text("file"));
  for (const auto& entry : fs::directory_iterator(kSource / "examples")) {
    if (!entry.is_directory()) continue;
    const std::string folder = entry.path().filename().string();
    EXPECT_TRUE(fs::exists(entry.path() / "README.md")) << folder;
    for (const auto& file : fs::directory_iterator(entry.path())) {
      if (file.path().extension() != ".yaml") continue;
      EXPECT_TRUE(known.contains(folder + "/" + file.path().filename().string())) << file.path();
    }
  }
}

TEST(ExamplesTest, AddressesAreThoseOfTheRegistry) {
  const config::Value all = Facts();
  for (const auto& [example, facts] : all.entries) {
    const std::string name = facts.Text("dataset.dataset_name");
    SCOPED_TRACE(example + " " + name);
    const DatasetForm form = FormOf(Registry(), name);
    const std::string url = facts.Text("dataset.input_data_path");
    EXPECT_EQ(fs::path(form.url).filename(), fs::path(url).filename());
    EXPECT_EQ(form.has_classes, facts.Text("dataset.data_dir") == "classes");
  }
}

class ExampleDataTest : public ::testing::TestWithParam<std::string> {};

// Rows that a split's part of a recording needs for one sample.
int64_t RowsOfASample(const config::FeatureExtraction& f) {
  int64_t rows = f.frame_size;
  const auto has = [](const std::vector<std::string>& names, const char* name) {
    return std::count(names.begin(), names.end(), name) > 0;
  };
  if (!has(f.data_proc_transforms, "SimpleWindow")) rows *= f.num_frame_concat;
  if (has(f.data_proc_transforms, "Downsample"))
    rows *= static_cast<int64_t>(f.sampling_rate / f.new_sr);
  return rows + f.forecast_horizon;
}

TEST_P(ExampleDataTest, TheStandInHasLayoutColumnsAndClasses) {
  const std::string& name = GetParam();
  const TemporaryFolder folder;
  NullSink sink;
  ThreadPool pool(2);
  const fs::path set = folder.Path() / "set";
  WriteStandIn(Registry(), name, set, 42, pool, sink);
  const DatasetForm form = FormOf(Registry(), name);
  EXPECT_EQ(fs::is_directory(set / "classes"), form.has_classes);
  EXPECT_EQ(fs::is_directory(set / "files"), !form.has_classes);
  std::vector<std::string> classes = form.classes;
  std::sort(classes.begin(), classes.end());
  std::vector<std::string> columns = form.columns;
  if (columns[0] == "Time" || columns[0] == "time") columns.erase(columns.begin());
  const config::Value all = Facts();
  for (const auto& [example, facts] : all.entries) {
    if (facts.Text("dataset.dataset_name") != name) continue;
    SCOPED_TRACE(example);
    config::Config config = LoadExample(facts).config;
    config.dataset.input_data_path = set.string();
    const Dataset dataset = Open(config, folder.Path() / "project", sink);
    EXPECT_EQ(dataset.classes, classes);
    const auto width = static_cast<int>(columns.size());
    EXPECT_EQ(Read(dataset.train[0].path, width).columns, columns);
    EXPECT_NE(ErrorOf([&] { Read(dataset.train[0].path, width + 1); }), "no error");
    std::vector<SkippedFile> skipped;
    DataMemory memory(HalfOfMemory(), folder.Path());
    const Recording recording = ReadAll({dataset.test[0]}, config, memory, pool, skipped, sink)[0];
    EXPECT_GE(recording.rows, RowsOfASample(config.data_processing_feature_extraction));
    EXPECT_EQ(recording.target_columns.size(), form.has_classes ? 0U : 1U);
    if (config.common.task_category == config::TaskCategory::kTimeseriesRegression) {
      EXPECT_EQ(recording.target_columns[0], columns.back());
      EXPECT_EQ(std::count(recording.columns.begin(), recording.columns.end(), columns.back()), 0)
          << "the target is an input";
    }
  }
}

std::vector<std::string> NamesOfExamples() {
  std::set<std::string> names;
  const config::Value all = Facts();
  for (const auto& [example, facts] : all.entries) names.insert(facts.Text("dataset.dataset_name"));
  names.erase("hello_world_example_dsg");  // is like the next, which is large
  return {names.begin(), names.end()};
}

INSTANTIATE_TEST_SUITE_P(Sets, ExampleDataTest, ::testing::ValuesIn(NamesOfExamples()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace platypus::data
