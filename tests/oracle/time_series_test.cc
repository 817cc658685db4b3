// The networks of anomaly detection, and those with recurrent cells: float C of each; integers
// where it has them, as C and as ONNX.
#include <algorithm>
#include <cmath>

#include "platypus/config/registry.h"
#include "platypus/quantize/quantize.h"
#include "platypus/train/train.h"
#include "platypus/zoo/zoo.h"
#include "tests/deploy/fixtures.h"
#include "tests/oracle/network_case.h"
#include "tests/oracle/run_onnx.h"

namespace platypus {
namespace {

constexpr int64_t kSamples = 20;

class TimeSeriesTest : public testing::TestWithParam<NetworkCase> {
 protected:
  void SetUp() override {
    graph_ = Build(GetParam());
    samples_ = RandomSamples(GetParam().input, kSamples, 2);
  }

  graph::Graph Integers() {
    quantize::Settings settings;
    settings.output_int = false;
    const std::vector<int32_t> labels(static_cast<size_t>(kSamples));
    const train::LabelledSet set{GetParam().input, samples_, labels};
    return quantize::Convert(
        train::Calibrate(quantize::PrepareForTraining(graph_, settings), set, pool_), settings);
  }

  std::vector<float> Compute(const graph::Graph& graph) {
    return exec::Interpreter(graph).Run(samples_, kSamples, pool_);
  }

  static void ExpectVerified(const graph::Graph& graph) {
    const deploy::VerifyResult result = deploy::fixtures::VerifyOnHost(graph, kSamples, 3);
    if (!result.ran) GTEST_SKIP() << result.notice;
    EXPECT_EQ(result.samples, kSamples);
    EXPECT_EQ(result.mismatches, 0) << result.first_difference;
  }

  ThreadPool pool_{1};
  graph::Graph graph_;
  std::vector<float> samples_;
};

TEST_P(TimeSeriesTest, FloatsAsC) { ExpectVerified(graph_); }

TEST_P(TimeSeriesTest, IntegersAsC) {
  if (const auto floats = quantize::FloatLayers(graph_, {}); !floats.empty()) {
    EXPECT_EQ(floats[0].layer, "features.1.rnn");
    EXPECT_EQ(floats[0].reason, "Lstm has no integer form");
    return;
  }
  const graph::Graph integers = Integers();
  ExpectVerified(integers);
  // Near the float network: an output's error in units of what outputs vary by.
  const std::vector<float> expected = Compute(graph_);
  const std::vector<float> found = Compute(integers);
  double error = 0;
  double mean = 0;
  double variance = 0;
  const auto count = static_cast<double>(expected.size());
  for (const float v : expected) mean += v / count;
  for (size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(found[i] - expected[i], 2) / count;
    variance += std::pow(expected[i] - mean, 2) / count;
  }
  EXPECT_LT(std::sqrt(error / variance), 0.1);
}

TEST_P(TimeSeriesTest, OnnxRuntimeAgreesInIntegers) {
  if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
  if (!quantize::FloatLayers(graph_, {}).empty()) return;
  const graph::Graph integers = Integers();
  EXPECT_EQ(Compute(integers), RunOnnx(integers, samples_));
  // Cells and transposed convolutions of codes are written, not read back.
  const bool reads_back = std::ranges::none_of(integers.nodes, [](const graph::Node& node) {
    return std::holds_alternative<graph::IntegerRecurrent>(node.op) ||
           std::holds_alternative<graph::ConvTranspose2d>(node.op);
  });
  if (!reads_back) return;
  const graph::Graph back = onnx_io::Import(onnx_io::Serialize(integers, {}), "integers.onnx");
  EXPECT_EQ(Compute(back), Compute(integers));
  EXPECT_EQ(back.parameters, integers.parameters);
}

INSTANTIATE_TEST_SUITE_P(Zoo, TimeSeriesTest,
                         testing::Values(NetworkCase{"AE_CNN_TS_GEN_BASE_500_NPU", {1, 64, 1}},
                                         NetworkCase{"AE_CNN_TS_GEN_BASE_1K", {3, 50, 1}},
                                         NetworkCase{"AE_CNN_TS_GEN_BASE_2K_NPU", {1, 64, 1}},
                                         NetworkCase{"AE_CNN_TS_GEN_BASE_4K", {2, 70, 1}},
                                         NetworkCase{"AE_CNN_TS_GEN_BASE_6K_NPU", {1, 64, 1}},
                                         NetworkCase{"AE_CNN_TS_GEN_BASE_8K_NPU", {1, 64, 1}},
                                         NetworkCase{"AE_CNN_TS_GEN_BASE_10K_NPU", {1, 64, 1}},
                                         NetworkCase{"AE_CNN_TS_GEN_BASE_16K", {1, 64, 1}},
                                         NetworkCase{"AE_CNN_TS_GEN_BASE_20K_NPU", {1, 64, 1}},
                                         NetworkCase{"AD_CNN_TS_17K", {3, 75, 1}},
                                         NetworkCase{"AD_3_LAYER_DEEP_LINEAR_MODEL_TS", {2, 32, 1}},
                                         NetworkCase{"AD_3_LAYER_DEEP_ONDEVICE_TRAINABLE_MODEL_TS",
                                                     {1, 48, 1}},
                                         NetworkCase{"LSTM8_TS_GEN_BASE", {3, 32, 1}},  //
                                         NetworkCase{"LSTM10_TS_GEN_BASE", {1, 20, 1}}),
                         [](const auto& info) { return std::string(info.param.network); });

// Blends of rows and columns, in ratios that are no power of two.
TEST(BlendTest, OnnxRuntimeAgreesInIntegers) {
  if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
  for (const graph::Size2 size : {graph::Size2{14, 4}, {3, 9}, {7, 10}, {14, 5}, {7, 5}}) {
    Random random(1, "blend");
    graph::Graph g = graph::MakeGraph("blend", {2, 7, 5});
    const graph::TensorId t = deploy::fixtures::AddInput(g, random, deploy::fixtures::kSigned);
    deploy::fixtures::AddBilinear(g, random, "up", t, {size, graph::Resize::Mode::kBilinear},
                                  deploy::fixtures::kSigned);
    const std::vector<float> samples = RandomSamples({2, 7, 5}, 10, 4);
    ThreadPool pool(1);
    EXPECT_EQ(exec::Interpreter(g).Run(samples, 10, pool), RunOnnx(g, samples));
  }
}

// Real units at the end of an integer network.
TEST(RealUnitsTest, OnnxRuntimeAgrees) {
  if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
  deploy::fixtures::Model model;
  deploy::fixtures::MakeReconstructionModel(model, 10);
  const std::vector<float> theirs = RunOnnx(model.network, model.set.features);
  ASSERT_EQ(theirs.size(), model.set.outputs.size());
  for (size_t i = 0; i < theirs.size(); ++i) {
    EXPECT_NEAR(theirs[i], model.set.outputs[i], 1e-5 * std::max(1.0f, std::abs(theirs[i])));
  }
}

}  // namespace
}  // namespace platypus
