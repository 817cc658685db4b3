#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "platypus/base/embedded.h"
#include "platypus/base/files.h"
#include "tests/deploy/fixtures.h"

// Five packages as they are generated, kept in the repository so that a change of the generator is
// read as the C that it makes. tests/golden/README.md says how they are renewed.
namespace platypus::deploy {
namespace {

namespace fs = std::filesystem;

void MakeClassifier(fixtures::Model& model) { fixtures::MakeCls1k(model, 64, 1); }
void MakeSpectra(fixtures::Model& model) {
  fixtures::MakeSpectrumModel(model, 1);
  model.request.optimise = config::Optimise::kSpeed;
}
void MakeFewBits(fixtures::Model& model) { fixtures::MakeFewBitsModel(model, 1); }
void MakeRegression(fixtures::Model& model) {
  fixtures::MakeFloatModel(model, 1);
  model.request.classes.clear();
}
void MakeAnomalyDetector(fixtures::Model& model) {
  fixtures::MakeReconstructionModel(model, 1);
  model.request.classes.clear();
  model.request.error_threshold = 0.125f;
}

struct Golden {
  const char* name;
  void (*make)(fixtures::Model&);
  friend void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.name; }
};

class GoldenPackageTest : public testing::TestWithParam<Golden> {
 protected:
  void SetUp() override {
    GetParam().make(model_);
    model_.request.golden.resize(1);
    model_.request.generator_version = "Platypus";
    for (const embedded::File& file : embedded::runtime_files())
      runtime_.insert(std::string(file.content));
    // What is copied from runtime/ lies there, and the manifest is hashes.
    for (auto& [path, content] : Generate(model_.request)) {
      if (!runtime_.contains(content) && path != "manifest.json") package_[path] = content;
    }
  }
  const fs::path folder_ = fs::path(PLATYPUS_SOURCE_DIR) / "tests" / "golden" / GetParam().name;
  fixtures::Model model_;
  std::set<std::string> runtime_;
  Package package_;
};

INSTANTIATE_TEST_SUITE_P(Packages, GoldenPackageTest,
                         testing::Values(Golden{"classifier", MakeClassifier},
                                         Golden{"spectra", MakeSpectra},
                                         Golden{"few_bits", MakeFewBits},
                                         Golden{"regression", MakeRegression},
                                         Golden{"anomalies", MakeAnomalyDetector}),
                         [](const auto& info) { return std::string(info.param.name); });

// The first line that differs.
std::string Difference(const std::string& kept, const std::string& made) {
  size_t line = 1;
  size_t begin = 0;
  for (size_t i = 0; i < std::min(kept.size(), made.size()) && kept[i] == made[i]; ++i) {
    if (kept[i] != '\n') continue;
    line += 1;
    begin = i + 1;
  }
  const auto from = [&](const std::string& text) {
    return text.substr(std::min(begin, text.size()), text.find('\n', begin) - begin);
  };
  return fmt::format("line {}\n  kept: {}\n  made: {}", line, from(kept), from(made));
}

TEST_P(GoldenPackageTest, IsGeneratedByteForByte) {
  if (std::getenv("PLATYPUS_RENEW_GOLDEN") != nullptr) {
    Write(package_, folder_);
    GTEST_SKIP() << folder_ << " is renewed";
  }
  std::set<std::string> kept;
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    if (entry.is_regular_file()) kept.insert(fs::relative(entry.path(), folder_).generic_string());
  }
  for (const auto& [path, content] : package_) {
    if (!kept.contains(path)) {
      ADD_FAILURE() << path << " is new";
      continue;
    }
    const std::string text = ReadFile(folder_ / path);
    if (text != content) ADD_FAILURE() << path << ", " << Difference(text, content);
    kept.erase(path);
  }
  EXPECT_THAT(kept, testing::IsEmpty()) << "no longer generated";
}

}  // namespace
}  // namespace platypus::deploy
