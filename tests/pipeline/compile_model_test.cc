#include "platypus/pipeline/compile_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/data/table.h"
#include "platypus/exec/interpreter.h"
#include "platypus/onnx/onnx.h"
#include "platypus/pipeline/comparison.h"
#include "platypus/pipeline/export_package.h"
#include "platypus/pipeline/finished_run.h"
#include "tests/onnx/quantized_forms.h"

namespace platypus::pipeline {
namespace {

namespace fs = std::filesystem;
using onnx_io::Builder;
using testing::HasSubstr;

using Ints = std::vector<int64_t>;

// As PyTorch writes a small classifier.
Builder Classifier(int opset) {
  Builder b(opset, {1, 2, 32, 1});
  b.Weights("bn.weight", {2}, 0.5, 1.5).Weights("bn.bias", {2});
  b.Weights("bn.running_mean", {2}, 2, 3).Weights("bn.running_var", {2}, 0.5, 1.5);
  b.Weights("conv.weight", {4, 2, 5, 1}).Weights("conv.bias", {4});
  b.Weights("fc.weight", {3, 64}).Weights("fc.bias", {3});
  b.Node("BatchNormalization", {"x", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"},
         {"n"});
  b.Node("Conv", {"n", "conv.weight", "conv.bias"}, {"c"}, {{"pads", Ints{2, 0, 2, 0}}});
  b.Node("Relu", {"c"}, {"r"});
  b.Node("MaxPool", {"r"}, {"m"}, {{"kernel_shape", Ints{2, 1}}, {"strides", Ints{2, 1}}});
  b.Node("Flatten", {"m"}, {"f"});
  b.Node("Gemm", {"f", "fc.weight", "fc.bias"}, {"y"}, {{"transB", int64_t{1}}});
  return b;
}

struct Compiled {
  TemporaryFolder folder;
  CompileModelOptions options;
  RunSummary summary;

  explicit Compiled(const std::string& bytes) {
    options.model = folder.Path() / "net.onnx";
    options.folder = folder.Path() / "run";
    options.cores = {"host"};
    options.samples = 20;
    WriteFile(options.model, bytes);
  }
  const RunSummary& Run() {
    NullSink sink;
    return summary = CompileModel(options, config::LoadRegistry(), sink);
  }
};

TEST(CompileModelTest, AFloatNetworkOfAnyOpsetBecomesVerifiedC) {
  for (const int opset : {11, 13, 17, 20}) {
    SCOPED_TRACE(opset);
    Compiled c(Classifier(opset).Bytes());
    c.options.classes = {"a", "b", "c"};
    c.options.device = "MSPM0G3507";
    std::vector<std::string> stages;
    c.options.observe = [&](const RunSummary& s) {
      if (stages.empty() || stages.back() != s.stage) stages.push_back(s.stage);
    };
    const RunSummary& s = c.Run();
    // As of a run, the start is told before any stage.
    EXPECT_EQ(stages, (std::vector<std::string>{"", "import", "run", "generate", "verify"}));
    EXPECT_EQ(s.state, RunState::kComplete);
    EXPECT_TRUE(s.float_network.present);
    EXPECT_FALSE(s.quantized_network.present);
    ASSERT_EQ(s.verify.size(), 1u);
    EXPECT_EQ(s.verify[0].samples, 20);
    EXPECT_EQ(s.verify[0].mismatches, 0) << s.verify[0].first_difference;
    EXPECT_EQ(s.verify[0].recordings, 8);
    EXPECT_EQ(s.verify[0].recording_mismatches, 0) << s.verify[0].first_difference;
    EXPECT_EQ(s.verify[0].max_feature_difference, 0);
    EXPECT_TRUE(fs::exists(c.options.folder / "compilation/artifacts/net_app.c"));
    EXPECT_TRUE(fs::exists(c.options.folder / "summary.json"));
    // What is left behaves like a run.
    NullSink sink;
    EXPECT_EQ(VerifyAgain(c.options.folder, {"host"}, sink).at(0).mismatches, 0);
    EXPECT_FALSE(BenchPackage(c.options.folder, {"host"}, sink).at(0).layers.empty());
    EXPECT_EQ(CompareRuns({c.folder.Path()}).at(0).model, "net");
    EXPECT_FALSE(ExportPackage(c.options.folder, c.folder.Path() / "to", false).written.empty());
  }
}

// 40 000 weights of four octets in 128 KB of flash: an error; 27 000: a warning.
TEST(CompileModelTest, PackagesAreHeldAgainstTheirDevice) {
  for (const auto& [outputs, fits] : {std::pair{400, false}, std::pair{270, true}}) {
    SCOPED_TRACE(outputs);
    Builder b(13, {1, 100});
    b.Weights("fc.weight", {outputs, 100}).Weights("fc.bias", {outputs});
    b.Node("Gemm", {"x", "fc.weight", "fc.bias"}, {"y"}, {{"transB", int64_t{1}}});
    Compiled c(b.Bytes());
    c.options.device = "MSPM0G3507";
    c.options.cores = {"cortex-m0plus"};
    c.options.samples = 2;
    struct : NullSink {
      std::string said;
      void OnNotice(const std::string& text) override { said += text + "\n"; }
    } notices;
    const RunSummary s = CompileModel(c.options, config::LoadRegistry(), notices);
    if (!s.verify.at(0).ran) GTEST_SKIP() << s.verify[0].notice;
    EXPECT_EQ(s.fits, fits);
    EXPECT_THAT(notices.said, HasSubstr("flash of MSPM0G3507: "));
  }
}

TEST(CompileModelTest, InputsSpanWhatABatchNormHasSeen) {
  const graph::Graph graph = onnx_io::Import(Classifier(13).Bytes(), "m.onnx");
  const std::vector<float> inputs = RandomInputs(graph, 200, 1);
  double sum = 0;
  for (const float v : inputs) sum += v;
  EXPECT_NEAR(sum / static_cast<double>(inputs.size()), 2.5, 0.5);  // running means 2 to 3
  EXPECT_EQ(inputs, RandomInputs(graph, 200, 1));
  EXPECT_NE(inputs, RandomInputs(graph, 200, 2));
}

TEST(CompileModelTest, QuantisedFilesAreRecognised) {
  for (const onnx_io::QuantizedForm& form : onnx_io::QuantizedForms()) {
    SCOPED_TRACE(form.name);
    Compiled c(form.model.Bytes());
    const RunSummary& s = c.Run();
    EXPECT_TRUE(s.quantized_network.present);
    EXPECT_FALSE(s.float_network.present);
    EXPECT_EQ(s.verify.at(0).mismatches, 0) << s.verify.at(0).first_difference;
    EXPECT_EQ(s.verify.at(0).recording_mismatches, 0) << s.verify.at(0).first_difference;
    EXPECT_THAT(ToJson(s), HasSubstr("\"float\": null"));
  }
}

TEST(CompileModelTest, OutputsOfAnotherProgramAreCompared) {
  Compiled c(Classifier(13).Bytes());
  const graph::Graph graph = onnx_io::Import(Classifier(13).Bytes(), "m.onnx");
  c.options.inputs = c.folder.Path() / "x.npy";
  c.options.outputs = c.folder.Path() / "y.npy";
  const auto write = [](const fs::path& file, const Shape& shape, const std::vector<float>& v) {
    std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}",
                                     fmt::join(shape, ", "));
    while ((10 + header.size() + 1) % 64 != 0) header += ' ';
    header += '\n';
    std::string bytes = "\x93NUMPY";
    bytes += '\x01';
    bytes += '\0';
    bytes += static_cast<char>(header.size() & 255);
    bytes += static_cast<char>(header.size() >> 8);
    bytes += header;
    bytes.append(reinterpret_cast<const char*>(v.data()), v.size() * 4);
    WriteFile(file, bytes);
  };
  write(c.options.inputs, {5, 2, 32, 1}, RandomInputs(graph, 5, 9));
  write(c.options.outputs, {5, 3}, std::vector<float>(15, 0.5f));
  c.Run();
  EXPECT_EQ(c.summary.verify.at(0).samples, 5);
  EXPECT_THAT(c.summary.notices, testing::Contains(HasSubstr("0 of 15 outputs are equal")));
  write(c.options.outputs, {4, 3}, std::vector<float>(12, 0.5f));
  EXPECT_THROW(c.Run(), Error);
  write(c.options.inputs, {5, 7}, std::vector<float>(35, 0.5f));
  try {
    c.Run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the array is 5x7; the network has 64 inputs"));
  }
}

TEST(CompileModelTest, WhatIsWrongIsSaid) {
  const auto message = [](Compiled& c) {
    try {
      c.Run();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  {
    Compiled c(Classifier(13).Bytes());
    c.options.device = "MSPM0G3508";
    EXPECT_THAT(message(c), HasSubstr("did you mean 'MSPM0G3507'"));
    c.options.device = "";
    c.options.classes = {"a", "b"};
    EXPECT_THAT(message(c), HasSubstr("3 outputs, 2 classes"));
    c.options.classes = {};
    c.options.cores = {"cortex-m44"};
    EXPECT_THAT(message(c), HasSubstr("did you mean 'cortex-m4'"));
  }
  {
    Builder b(13, {1, 3, 8, 2});
    b.Node("Elu", {"x"}, {"a"}).Node("Mish", {"a"}, {"y"});
    Compiled c(b.Bytes());
    RunState state = RunState::kRunning;
    c.options.observe = [&](const RunSummary& s) { state = s.state; };
    EXPECT_THAT(message(c), HasSubstr("2 nodes cannot be read"));
    EXPECT_EQ(state, RunState::kFailed);
  }
  {
    Compiled c(Classifier(13).Bytes().substr(0, 300));
    EXPECT_THAT(message(c), HasSubstr("net.onnx"));
  }
}

// Files of the reference's own trainer, with what ONNX Runtime gives for them.
struct Foreign {
  const char* name;
  double most;  // difference of an output
};
class ForeignTest : public testing::TestWithParam<Foreign> {};

TEST_P(ForeignTest, GivesItsOutputs) {
  const char* data = std::getenv("PLATYPUS_DATA");
  const fs::path folder =
      fs::path(data != nullptr ? data : PLATYPUS_SOURCE_DIR "/../shared/data") / "foreign_onnx";
  const std::string stem = (folder / GetParam().name).string();
  if (!fs::exists(stem + ".onnx")) GTEST_SKIP() << "no files of others here";
  const auto array = [](const std::string& file) {
    return data::ParseNpyArray(ReadFile(file), file).values;
  };
  const graph::Graph graph = onnx_io::ImportFile(stem + ".onnx");
  const std::vector<float> inputs = array(stem + "_input.npy");
  const std::vector<float> wanted = array(stem + "_output.npy");
  ThreadPool pool(1);
  const std::vector<float> found = exec::Interpreter(graph).Run(inputs, 24, pool);
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], wanted[i], GetParam().most) << i;
  Compiled c(ReadFile(stem + ".onnx"));
  c.options.inputs = stem + "_input.npy";
  c.options.outputs = stem + "_output.npy";
  c.Run();
  EXPECT_EQ(c.summary.verify.at(0).mismatches, 0);
  EXPECT_THAT(c.summary.notices, testing::Contains(HasSubstr("outputs are equal")));
}

// The integers of the TI-NPU form are equal. In the QDQ files ONNX Runtime replaces the four
// resizings between codes by ones of its own in fixed point: some steps of 1/64 come together.
INSTANTIATE_TEST_SUITE_P(
    Files, ForeignTest,
    testing::Values(Foreign{"cls_1k_float_base", 1e-5}, Foreign{"cls_1k_qat8_quantization", 0},
                    Foreign{"cls_1k_qat8_quantization_folded", 0},
                    Foreign{"cls_1k_auto_quantization", 0}, Foreign{"regr_base", 1e-5},
                    Foreign{"regr_quantization", 0}, Foreign{"ad50_base", 1e-5},
                    Foreign{"ad50_quantization", 0.2}, Foreign{"ad50_quantization_qdq", 0.2}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace platypus::pipeline
