// Foreign files: samples from a folder, integers, and how far they are from floats.
#include "platypus/pipeline/quantize_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/data/write_npy.h"
#include "platypus/exec/interpreter.h"
#include "platypus/onnx/onnx.h"
#include "platypus/pipeline/calibration_data.h"
#include "platypus/pipeline/weights.h"

namespace platypus::pipeline {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Work>
std::string ErrorOf(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

class QuantizeModelTest : public ::testing::Test {
 protected:
  std::vector<float> Normals(size_t count, double deviation) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(deviation * random_.Normal());
    return values;
  }

  // Two convolutions and a linear layer on two channels of 16 values.
  graph::Graph Network() {
    graph::Graph g = graph::MakeGraph("foreign", {2, 16, 1});
    const auto add = [&](const char* name, const graph::Op& op) {
      graph::Append(g, name, op, {g.output});
      for (const graph::Role& role : graph::Roles(op, g.At(g.nodes.back().inputs[0]).shape)) {
        g.parameters[std::string(name) + "." + role.name] = {
            role.shape, Normals(static_cast<size_t>(NumElements(role.shape)), 0.4)};
      }
    };
    graph::Conv2d conv;
    conv.out_channels = 6;
    conv.kernel = {3, 1};
    add("first", conv);
    add("relu", graph::Relu{});
    conv.stride = {2, 1};
    add("second", conv);
    add("relu2", graph::Relu{});
    add("flatten", graph::Flatten{});
    add("fc", graph::Linear{4, true, {}});
    return g;
  }

  void WriteSamples() {
    WriteFile(folder_.Path() / "samples" / "a.npy",
              data::ToNpy({64, 2, 16, 1}, Normals(64 * 32, 1)));
  }

  TemporaryFolder folder_;
  Random random_{11, "quantize model test"};
  NullSink sink_;
};

TEST_F(QuantizeModelTest, AForeignNetworkBecomesIntegers) {
  WriteSamples();
  const graph::Graph network = Network();
  onnx_io::Export(network, {{"classes", "a\nb\nc\nd"}}, folder_.Path() / "m.onnx");
  QuantizeModelOptions options;
  options.model = folder_.Path() / "m.onnx";
  options.data = folder_.Path() / "samples";
  options.threads = 2;
  for (const auto dialect : {config::Quantization::kGeneric, config::Quantization::kTinpu}) {
    options.training.quantization = dialect;
    options.folder = folder_.Path() / fmt::format("dialect{}", static_cast<int>(dialect));
    const QuantizedModel result = QuantizeModel(options, sink_);
    EXPECT_EQ(result.samples, 64);
    EXPECT_GT(result.signal_to_noise, 25);
    ASSERT_TRUE(result.agreement.has_value());
    EXPECT_GE(*result.agreement, 0.9);
    EXPECT_GT(result.insight.integer_metric, 0.99) << "R2 of the outputs";
    EXPECT_EQ(result.insight.layers.size(), 4u) << "input and three layers";
    const graph::Graph read = onnx_io::ImportFile(result.file);
    EXPECT_TRUE(IsInteger(read));
    EXPECT_EQ(onnx_io::ReadMetadata(ReadFile(result.file), "m")["classes"], "a\nb\nc\nd");
    EXPECT_TRUE(fs::exists(options.folder / "quantization.json"));
    // What was written gives what was told: outputs of the float network, to the noise.
    ThreadPool pool(1);
    const SampleSet set = ReadInputs(options.data, network.Input().shape);
    const std::vector<float> wanted = exec::Interpreter(network).Run(set.inputs, set.Count(), pool);
    const std::vector<float> given = exec::Interpreter(read).Run(set.inputs, set.Count(), pool);
    double signal = 0;
    double noise = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      signal += double{wanted[i]} * wanted[i];
      noise += std::pow(double{wanted[i]} - given[i], 2);
    }
    EXPECT_NEAR(10 * std::log10(signal / noise), result.signal_to_noise, 0.5);
  }
}

TEST_F(QuantizeModelTest, AutomaticBitsNeedNoLabels) {
  WriteSamples();
  onnx_io::Export(Network(), {}, folder_.Path() / "m.onnx");
  QuantizeModelOptions options{.model = folder_.Path() / "m.onnx",
                               .data = folder_.Path() / "samples",
                               .folder = folder_.Path() / "out",
                               .training = {}};
  options.training.quantization = config::Quantization::kTinpu;
  options.training.auto_quantization = true;
  options.training.auto_quantization_goal = config::AutoGoal::kFlash;
  options.training.auto_quantization_budget = 0.75;
  const QuantizedModel result = QuantizeModel(options, sink_);
  int64_t bits = 0;
  int64_t weights = 0;
  for (const QuantizedLayer& layer : result.insight.layers) {
    bits += layer.weights * layer.weight_bits;
    weights += layer.weights;
  }
  EXPECT_LE(bits, 6 * weights);
  EXPECT_GT(bits, 4 * weights);
  EXPECT_TRUE(fs::exists(options.folder / "auto_quantization.json"));
  // An integer file is told so.
  options.model = result.file;
  EXPECT_THAT(ErrorOf([&] { QuantizeModel(options, sink_); }),
              HasSubstr("computes with integers already"));
}

TEST_F(QuantizeModelTest, SamplesComeFromArraysAndText) {
  const fs::path dir = folder_.Path() / "d";
  const Shape input = {2, 3, 1};
  WriteFile(dir / "a.npy",
            data::ToNpy({2, 2, 3, 1}, std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  WriteFile(dir / "b.csv", "1,2,3,4,5,6\n");
  // A recording of two columns: three rows are a sample, the fourth is left.
  WriteFile(dir / "c.csv", "x,y\n1,10\n2,20\n3,30\n4,40\n");
  WriteFile(dir / "d.npy", data::ToNpy({2, 3}, std::vector<float>{7, 7, 7, 8, 8, 8}));
  WriteFile(dir / "ignored.md", "no samples");
  const SampleSet set = ReadInputs(dir, input);
  EXPECT_THAT(set.recording, ElementsAre(0, 0, 1, 2, 3));
  EXPECT_THAT(std::vector<float>(set.inputs.begin() + 12, set.inputs.end()),
              ElementsAre(1, 2, 3, 4, 5, 6, 1, 2, 3, 10, 20, 30, 7, 7, 7, 8, 8, 8));
  EXPECT_EQ(ReadInputs(dir / "b.csv", input).Count(), 1);
}

TEST_F(QuantizeModelTest, WrongSamplesAreTold) {
  const fs::path dir = folder_.Path() / "d";
  EXPECT_THAT(ErrorOf([&] { ReadInputs(dir, {4}); }), HasSubstr("does not exist"));
  fs::create_directories(dir);
  EXPECT_THAT(ErrorOf([&] { ReadInputs(dir, {4}); }), HasSubstr("holds no samples"));
  WriteFile(dir / "a.npy", data::ToNpy({2, 3}, std::vector<float>(6)));
  EXPECT_THAT(ErrorOf([&] { ReadInputs(dir, {4}); }),
              HasSubstr("a.npy: the array is 2x3; the network takes samples of 4"));
  fs::remove(dir / "a.npy");
  WriteFile(dir / "a.csv", "1,2\n3,4\n");
  EXPECT_THAT(ErrorOf([&] {
                ReadInputs(dir, {2, 3, 1});
              }),
              HasSubstr("there are 2 rows of 2 columns; the network takes samples of 2x3x1"));
}

}  // namespace
}  // namespace platypus::pipeline
