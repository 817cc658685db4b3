#include "platypus/deploy/package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/hash.h"
#include "platypus/base/process.h"
#include "tests/deploy/fixtures.h"

namespace platypus::deploy {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

using Make = void (*)(fixtures::Model&, int64_t);
struct Kind {
  const char* name;
  Make make;
  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

class PackageTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    GetParam().make(model_, 4);
    package_ = Generate(model_.request);
  }
  fixtures::Model model_;
  Package package_;
};

INSTANTIATE_TEST_SUITE_P(
    Models, PackageTest,
    testing::Values(
        Kind{"Cls1k", [](fixtures::Model& m, int64_t n) { fixtures::MakeCls1k(m, 64, n); }},
        Kind{"Cls1kForSpeed",
             [](fixtures::Model& m, int64_t n) {
               fixtures::MakeCls1k(m, 64, n);
               m.request.optimise = config::Optimise::kSpeed;
             }},
        Kind{"Spectrum", fixtures::MakeSpectrumModel},
        Kind{"Reconstruction", fixtures::MakeReconstructionModel},
        Kind{"FewBits", fixtures::MakeFewBitsModel}, Kind{"Mixed", fixtures::MakeMixedModel},
        Kind{"Float", fixtures::MakeFloatModel}, Kind{"Recurrent", fixtures::MakeRecurrentModel}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(PackageTest, FilesAreAsciiWithoutPathsAndTheSameEveryTime) {
  EXPECT_EQ(package_, Generate(model_.request));
  for (const auto& [path, content] : package_) {
    for (const char c : content) {
      ASSERT_TRUE(c == '\n' || c == '\t' || (c >= 32 && c < 127)) << path << ": " << int{c};
    }
    EXPECT_EQ(content.back(), '\n') << path;
    EXPECT_THAT(content, Not(HasSubstr(PLATYPUS_SOURCE_DIR))) << path;
    EXPECT_THAT(content, Not(HasSubstr(PLATYPUS_BINARY_DIR))) << path;
    if (path.ends_with(".c") || path.ends_with(".h")) {
      EXPECT_THAT(content, Not(HasSubstr("double"))) << path;
      EXPECT_THAT(content, Not(HasSubstr("malloc"))) << path;
    }
  }
}

TEST_P(PackageTest, ManifestHashesEveryFile) {
  const auto manifest = nlohmann::json::parse(package_.at("manifest.json"));
  std::set<std::string> listed;
  for (const auto& [path, hash] : manifest.at("files").items()) {
    EXPECT_EQ(HashText(package_.at(path)), hash) << path;
    listed.insert(path);
  }
  for (const auto& [path, content] : package_) {
    EXPECT_EQ(listed.contains(path), path != "manifest.json") << path;
  }
}

// The strictest warnings of both compilers, three C standards and C++.
TEST_P(PackageTest, CompilesWithoutAWarning) {
  if (!HasProgram("gcc") || !HasProgram("g++")) GTEST_SKIP() << "apt-get install gcc g++";
  const std::vector<std::string> warnings = {
      "-fsyntax-only",      "-pedantic", "-Wall",   "-Wextra", "-Wshadow", "-Wconversion",
      "-Wdouble-promotion", "-Wundef",   "-Werror", "-O2",     "-I."};
  const std::vector<std::vector<std::string>> languages = {
      {"gcc", "-std=c99"},   {"gcc", "-std=c11"},
      {"gcc", "-std=c17"},   {"g++", "-xc++", "-std=c++17"},
      {"clang", "-std=c99"}, {"clang++", "-xc++", "-std=c++17"}};
  for (const auto optimise :
       {config::Optimise::kSize, config::Optimise::kBalanced, config::Optimise::kSpeed}) {
    model_.request.optimise = optimise;
    const Package package = Generate(model_.request);
    const TemporaryFolder folder;
    Write(package, folder.Path() / "net");
    for (std::vector<std::string> command : languages) {
      if (!HasProgram(command.front())) continue;  // Clang is not everywhere
      const std::string language = command.front() + command.back();
      command.insert(command.end(), warnings.begin(), warnings.end());
      for (const auto& [path, content] : package) {
        if (path.ends_with(".c") && path != "bare_metal/core.c") command.push_back(path);
      }
      const ProcessResult result = RunProcess(command, folder.Path() / "net", 100);
      EXPECT_EQ(result.status, 0) << language << "\n" << result.output.substr(0, 3000);
    }
  }
}

// What a user does first: make check.
TEST_P(PackageTest, SelfTestOfTheMakefilePasses) {
  if (!HasProgram("gcc") || !HasProgram("make")) GTEST_SKIP() << "apt-get install gcc make";
  const TemporaryFolder folder;
  Write(package_, folder.Path() / "net");
  const ProcessResult result = RunProcess({"make", "check"}, folder.Path() / "net", 100);
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("self-test passed"));
}

TEST_P(PackageTest, SelfTestSeesAChangedWeight) {
  if (!HasProgram("gcc") || !HasProgram("make")) GTEST_SKIP() << "apt-get install gcc make";
  std::string& weights = package_["net_weights.c"];
  const size_t table = weights.find('{', weights.rfind("_weight["));
  ASSERT_NE(table, std::string::npos);
  const std::regex number("-?\\b[0-9][0-9.]*(e[-+]?[0-9]+)?f?");
  const std::string values = weights.substr(table, weights.find('}', table) - table);
  // The classifier's weights all 0.
  weights.replace(table, values.size(), std::regex_replace(values, number, "0"));
  const TemporaryFolder folder;
  Write(package_, folder.Path() / "net");
  const ProcessResult result = RunProcess({"make", "check"}, folder.Path() / "net", 100);
  EXPECT_NE(result.status, 0) << result.output;
}

// Rows of a text file through features, network and vote.
TEST_P(PackageTest, PlaysRowsOfATextFile) {
  if (!HasProgram("gcc") || !HasProgram("make")) GTEST_SKIP() << "apt-get install gcc make";
  const GoldenSample& sample = model_.set.recordings.at(0);
  const int variables = model_.pipeline.variables;
  std::string rows = "time,value\n";
  for (size_t i = 0; i < sample.raw.size(); ++i) {
    rows += fmt::format("{:.9g}{}", sample.raw[i],
                        (i + 1) % static_cast<size_t>(variables) == 0 ? "\n" : ",");
  }
  const TemporaryFolder folder;
  Write(package_, folder.Path() / "net");
  WriteFile(folder.Path() / "net" / "rows.csv", rows);
  const ProcessResult result =
      RunProcess({"sh", "-c", "make play_csv >make.log 2>&1 && ./play_csv < rows.csv"},
                 folder.Path() / "net", 100);
  const auto best = std::max_element(sample.output.begin(), sample.output.end());
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_EQ(result.output, fmt::format("{},class {},\n", model_.pipeline.RowsPerSample(),
                                       best - sample.output.begin()));
}

TEST_P(PackageTest, ConfigurationHeaderNamesEverything) {
  const std::string& config = package_.at("net_config.h");
  for (const char* name : {"NET_NUM_VARIABLES", "NET_FRAME_SIZE_SAMPLES", "NET_HOP_SAMPLES",
                           "NET_INPUT_SCALE", "FE_VARIABLES", "FE_FRAME_SIZE", "FE_NN_OUT_SIZE",
                           "NET_USES_FFT", "FE_STACKING_CHANNELS", "FE_NUM_FRAME_CONCAT"}) {
    EXPECT_THAT(config, HasSubstr(std::string("#define ") + name + " ")) << name;
  }
  const bool spectrum = !model_.pipeline.stages.empty();
  for (const char* name : {"FE_WIN", "FE_FFT", "FE_BIN", "FE_LOG", "FE_FFT_BIN_SIZE"}) {
    const bool found = config.find(std::string("#define ") + name + " ") != std::string::npos;
    EXPECT_EQ(found, spectrum) << name;
  }
}

// Codes of the input and of the output, and what 0 is in them.
TEST_P(PackageTest, DocumentsNameTypesAndZeroPoints) {
  const auto manifest = nlohmann::json::parse(package_.at("manifest.json"));
  const graph::Graph& network = model_.network;
  const graph::Tensor& output = network.Output();
  EXPECT_EQ(manifest.at("output").at("zero_point"), output.zero_point);
  const std::string type = manifest.at("output").at("type");
  EXPECT_EQ(type == "tm_f32", output.dtype == DType::kFloat32) << type;
  EXPECT_EQ(type == "tm_i16", output.dtype == DType::kInt16) << type;
  const graph::Node* first = graph::Consumers(network, network.input).at(0);
  const bool codes = std::holds_alternative<graph::QuantizeInput>(first->op);
  EXPECT_EQ(manifest.at("input").at("type") == "tm_f32", !codes);
  const std::string& config = package_.at("net_config.h");
  EXPECT_THAT(config, HasSubstr(fmt::format("#define NET_INPUT_IS_INTEGER {}\n", codes ? 1 : 0)));
  EXPECT_EQ(config.find("#define SKIP_NORMALIZE") != std::string::npos, codes);
  EXPECT_EQ(config.find("#define OUTPUT_INT") != std::string::npos, type != "tm_f32");
}

TEST(PackageRequestTest, InputCodesMayHaveAZeroPoint) {
  fixtures::Model model;
  fixtures::MakeCls1k(model, 64, 1);
  const graph::Node* first = graph::Consumers(model.network, model.network.input).at(0);
  model.network.At(first->output).zero_point = 17;
  const Package package = Generate(model.request);
  EXPECT_EQ(nlohmann::json::parse(package.at("manifest.json")).at("input").at("zero_point"), 17);
  EXPECT_THAT(package.at("net_config.h"), HasSubstr("#define NET_INPUT_ZERO_POINT 17\n"));
}

TEST(PackageRequestTest, BadPrefixes) {
  fixtures::Model model;
  fixtures::MakeCls1k(model, 64, 1);
  for (const char* prefix : {"1net", "ne-t", "a_prefix_of_thirty_one_letters_"}) {
    model.request.prefix = prefix;
    EXPECT_THROW(Generate(model.request), Error) << prefix;
  }
}

TEST(PackageRequestTest, ClassesMustMatchTheOutputs) {
  fixtures::Model model;
  fixtures::MakeCls1k(model, 64, 1);
  model.request.classes.pop_back();
  EXPECT_THROW(Generate(model.request), Error);
}

TEST(PackageRequestTest, WriteReplacesTheFolder) {
  const TemporaryFolder folder;
  Write({{"a.txt", "1\n"}, {"b/c.txt", "2\n"}}, folder.Path() / "out");
  Write({{"a.txt", "3\n"}}, folder.Path() / "out");
  EXPECT_EQ(ReadFile(folder.Path() / "out" / "a.txt"), "3\n");
  EXPECT_FALSE(std::filesystem::exists(folder.Path() / "out" / "b"));
}

}  // namespace
}  // namespace platypus::deploy
