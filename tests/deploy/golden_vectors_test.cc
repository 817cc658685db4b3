#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "tests/deploy/fixtures.h"

namespace platypus::deploy {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kConfig = "golden_vectors/user_input_config.h";
constexpr const char* kVectors = "golden_vectors/test_vector.c";
constexpr const char* kAux = "model_aux.h";

void MakeClassifier(fixtures::Model& model) { fixtures::MakeCls1k(model, 64, 1); }

void MakeRegression(fixtures::Model& model) {
  fixtures::MakeFloatModel(model, 1);
  model.request.classes.clear();
}

void MakeAnomalyDetector(fixtures::Model& model) {
  fixtures::MakeReconstructionModel(model, 1);
  model.request.classes.clear();
  model.request.error_threshold = 0.125f;
}

void MakeClassifierOf16Bits(fixtures::Model& model) { fixtures::MakeMixedModel(model, 1); }

struct Kind {
  const char* name;
  void (*make)(fixtures::Model&);
  const char* type;
  bool skips_normalisation;
  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

class GoldenVectorsTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (!HasProgram("gcc")) GTEST_SKIP() << "apt-get install gcc";
    GetParam().make(model_);
    files_ = GoldenVectors(model_.request);
  }
  // Exit status and output of a C99 program of files in one folder.
  static ProcessResult BuildAndRun(const Package& program) {
    const TemporaryFolder folder;
    Write(program, folder.Path() / "c");
    return RunProcess({"sh", "-c",
                       "gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -Igolden_vectors -I. *.c "
                       "golden_vectors/*.c -o program && ./program"},
                      folder.Path() / "c", 100);
  }
  fixtures::Model model_;
  Package files_;
};

INSTANTIATE_TEST_SUITE_P(
    Tasks, GoldenVectorsTest,
    testing::Values(Kind{"Classification", MakeClassifier, "int8_t", true},
                    Kind{"ClassificationOf16Bits", MakeClassifierOf16Bits, "int16_t", false},
                    Kind{"Regression", MakeRegression, "float", false},
                    Kind{"AnomalyDetection", MakeAnomalyDetector, "float", true}),
    [](const auto& info) { return std::string(info.param.name); });

// As the file's comment says: SET 0 into a comment, the marks of another one away.
std::string Select(std::string text, size_t set) {
  if (set == 0) return text;
  const std::string open = fmt::format("\n/*\n// SET {}\n", set);
  const size_t begin = text.find(open);
  EXPECT_NE(begin, std::string::npos) << set;
  text.erase(text.find("*/\n", begin), 3);
  text.erase(begin, 4);
  const size_t first = text.find("// SET 0\n");
  const size_t after = text.find("\n/*\n", first);
  text.insert(std::min(after, begin), "*/\n");
  text.insert(first, "/*\n");
  return text;
}

TEST_P(GoldenVectorsTest, EverySetHasTheValuesOfTheSample) {
  const bool names = !model_.request.classes.empty();
  for (size_t set = 0; set < model_.request.golden.size(); ++set) {
    Package program = files_;
    program[kVectors] = Select(files_.at(kVectors), set);
    program["main.c"] = fmt::format(R"(#include <stdint.h>
#include <stdio.h>
#include "user_input_config.h"
#if {1}
#include "model_aux.h"
#endif
extern float raw_input_test[];
extern float model_test_input[];
extern {0} golden_output[];
int main(void) {{
  int i;
  for (i = 0; i < {2}; ++i) printf("%.9g ", raw_input_test[i]);
  for (i = 0; i < FE_STACKING_CHANNELS * FE_STACKING_FRAME_WIDTH * FE_HL; ++i)
    printf("%.9g ", model_test_input[i]);
  for (i = 0; i < FE_NN_OUT_SIZE; ++i) printf("%.9g ", (double)golden_output[i]);
#if {1}
  for (i = 0; i < NUMBER_OF_CLASSES; ++i) printf("%s ", classIdToName[i]);
#endif
  return 0;
}}
)",
                                    GetParam().type, names ? 1 : 0,
                                    model_.pipeline.frame_size * model_.pipeline.variables);
    const ProcessResult result = BuildAndRun(program);
    ASSERT_EQ(result.status, 0) << result.output.substr(0, 3000);
    const GoldenSample& sample = model_.request.golden[set];
    std::string expected;
    const auto width = static_cast<size_t>(model_.pipeline.variables);
    // The newest frame.
    const size_t begin =
        sample.raw.size() - static_cast<size_t>(model_.pipeline.frame_size) * width;
    for (size_t v = 0; v < width; ++v) {
      for (size_t i = begin + v; i < sample.raw.size(); i += width)
        expected += fmt::format("{:.9g} ", sample.raw[i]);
    }
    for (const float v : sample.features) expected += fmt::format("{:.9g} ", v);
    for (const float v : sample.output) expected += fmt::format("{:.9g} ", v);
    for (const std::string& name : model_.request.classes) expected += name + " ";
    EXPECT_EQ(result.output, expected) << set;
  }
}

std::vector<std::string> Lines(const std::string& text, const std::string& prefix) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(prefix)) lines.push_back(line);
  }
  return lines;
}

TEST_P(GoldenVectorsTest, TheHeaderHasTheMacrosOfThePackage) {
  std::vector<std::string> package = Lines(Generate(model_.request).at("net_config.h"), "#define ");
  std::erase_if(package, [](const std::string& line) { return line.starts_with("#define NET_"); });
  std::vector<std::string> header = Lines(files_.at(kConfig), "#define ");
  EXPECT_EQ(header.at(0), "#define INPUT_CONFIG_H_");
  header.erase(header.begin());
  EXPECT_EQ(header, package);
  EXPECT_GT(header.size(), 10u);
  const bool detects = model_.request.error_threshold.has_value();
  EXPECT_EQ(
      std::count(header.begin(), header.end(), "#define RECONSTRUCTION_ERROR_THRESHOLD 0.125f"),
      detects ? 1 : 0);
  const bool codes = std::string(GetParam().type) != "float";
  EXPECT_EQ(std::count(header.begin(), header.end(), "#define OUTPUT_INT"), codes ? 1 : 0);
  EXPECT_EQ(std::count(header.begin(), header.end(), "#define SKIP_NORMALIZE"),
            GetParam().skips_normalisation ? 1 : 0);
  EXPECT_EQ(files_.contains(kAux), !model_.request.classes.empty());
}

TEST(GoldenVectorsTextTest, LayoutIsThatOfExistingProjects) {
  fixtures::Model model;
  MakeClassifier(model);
  model.request.classes = {"low", "high"};
  GoldenSample& sample = model.request.golden.at(0);
  sample.raw.assign(64, -3.0f);
  sample.features.assign(64, 0.25f);
  sample.output = {12, -7};
  sample.source = "low/a.csv #7";
  const std::string text = GoldenVectors(model.request).at(kVectors);
  std::string raw;
  std::string features;
  for (int i = 0; i < 64; ++i) {
    raw += "-3, ";
    features += "0.25, ";
  }
  EXPECT_THAT(text, StartsWith("#if defined(__C29__) || defined(__TMS320C2000__)\n"
                               "#include \"device.h\"\n#else\n#include <stdint.h>\n#endif\n"));
  EXPECT_THAT(text, HasSubstr("\n\n// SET 0\n"
                              "//Class: low (Index: low/a.csv #7): ADC Data\n"
                              "float raw_input_test[64]= { " +
                              raw +
                              "} ;\n\n"
                              "//Class: low (Index: low/a.csv #7): Extracted Features\n"
                              "float model_test_input[64] = { " +
                              features +
                              "} ;\n\n"
                              "//Class: low (Index: low/a.csv #7): Expected Model Output\n"
                              "int8_t golden_output[2] = { 12, -7, } ;\n\n"
                              "\n/*\n// SET 1\n"));
}

TEST(GoldenVectorsTextTest, NamesNeitherEndCommentsNorStrings) {
  if (!HasProgram("gcc")) GTEST_SKIP() << "apt-get install gcc";
  fixtures::Model model;
  MakeClassifier(model);
  model.request.classes = {"a*/ \"b\" ?\?/", "/* \xC3\xA4 \\"};
  for (GoldenSample& sample : model.request.golden) sample.source = "*/ ?\?/\n\\";
  model.request.golden.at(1).label = 1;
  Package files = GoldenVectors(model.request);
  files["main.c"] =
      "#include \"model_aux.h\"\n#include <string.h>\n"
      "int main(void) { return strlen(classIdToName[0]) == 11 && "
      "strcmp(classIdToName[1], \"/* \\303\\244 \\\\\") == 0 ? 0 : 1; }\n";
  const TemporaryFolder folder;
  Write(files, folder.Path() / "c");
  const ProcessResult result =
      RunProcess({"sh", "-c",
                  "gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -I. main.c "
                  "golden_vectors/test_vector.c -o program && ./program"},
                 folder.Path() / "c", 100);
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(files.at(kVectors), Not(HasSubstr("?\?")));
}

}  // namespace
}  // namespace platypus::deploy
