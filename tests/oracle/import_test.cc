// Imports that need several rooms: the networks of the zoo, integer graphs, files of other
// programs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/config/registry.h"
#include "platypus/exec/interpreter.h"
#include "platypus/onnx/onnx.h"
#include "platypus/zoo/zoo.h"
#include "tests/deploy/random_graphs.h"
#include "tests/onnx/forms.h"
#include "tests/onnx/quantized_forms.h"
#include "tests/oracle/run_onnx.h"

namespace platypus {
namespace {

std::vector<float> Compute(const graph::Graph& graph, const std::vector<float>& samples) {
  ThreadPool pool(1);
  const auto count = static_cast<int64_t>(samples.size()) / NumElements(graph.Input().shape);
  return exec::Interpreter(graph).Run(samples, count, pool);
}

TEST(ImportTest, EveryNetworkOfTheZooComesBack) {
  const config::Registry registry = config::LoadRegistry();
  int networks = 0;
  for (const std::string& network : registry.networks.Names()) {
    SCOPED_TRACE(network);
    config::Training training;
    training.model_training_id = training.model_name = network;
    const Shape input = network == "CNN_LENET5"              ? Shape{1, 28, 28}
                        : network == "CNN_TS_PIR2D_BASE"     ? Shape{1, 25, 25}
                        : network == "CNN_AUDIO_DSCNN"       ? Shape{1, 49, 10}
                        : network.starts_with("CNN_IMG_MOB") ? Shape{3, 64, 64}
                                                             : Shape{2, 128, 1};
    const graph::Graph graph = zoo::Build(training, registry, input, 3, 7);
    const graph::Graph back = onnx_io::Import(onnx_io::Serialize(graph, {}), "zoo.onnx");
    EXPECT_EQ(graph::CountParameters(back), graph::CountParameters(graph));
    EXPECT_EQ(graph::CountMacs(back), graph::CountMacs(graph));
    EXPECT_EQ(back.parameters, graph.parameters);
    const std::vector<float> samples = RandomSamples(input, 2, 1);
    EXPECT_EQ(Compute(back, samples), Compute(graph, samples));
    ++networks;
  }
  EXPECT_EQ(networks, 71);
}

// Functions of codes, cells, transposed convolutions, pools of uneven windows and zero points
// before floats are written, not read back; one parameter for all channels of the input comes back
// as one for each.
bool ReadsBack(const graph::Graph& graph) {
  return std::ranges::none_of(graph.nodes, [&](const graph::Node& node) {
    const Shape& in = graph.At(node.inputs[0]).shape;
    const bool codes = graph.At(node.inputs[0]).dtype != DType::kFloat32;
    return std::visit(
        graph::Overloaded{[](const graph::Lookup&) { return true; },
                          [](const graph::IntegerSoftmax&) { return true; },
                          [](const graph::IntegerLayerNorm&) { return true; },
                          [](const graph::IntegerRecurrent&) { return true; },
                          [](const graph::MulRequantize&) { return true; },
                          [&](const graph::ConvTranspose2d&) { return codes; },
                          [&](const graph::QuantizeInput&) {
                            return node.inputs[0] == graph.input && in[0] > 1 &&
                                   graph.Parameter(node, "shift").shape == Shape{1};
                          },
                          [](const graph::Dequantize& real) { return real.zero_point != 0; },
                          [&](const graph::AdaptiveAvgPool& pool) {
                            return codes || in[1] % pool.output.h != 0 ||
                                   in[2] % pool.output.w != 0;
                          },
                          [](const auto&) { return false; }},
        node.op);
  });
}

TEST(ImportTest, RandomIntegerGraphsComeBackWithTheirCodes) {
  int compared = 0;
  for (uint64_t seed = 0; compared < 100; ++seed) {
    const graph::Graph graph = deploy::fixtures::RandomIntegerGraph(seed);
    if (!ReadsBack(graph)) continue;
    ++compared;
    SCOPED_TRACE(testing::Message() << "seed " << seed << "\n" << graph::ToText(graph));
    const graph::Graph back = onnx_io::Import(onnx_io::Serialize(graph, {}), "random.onnx");
    EXPECT_EQ(back.Output().dtype, graph.Output().dtype);
    EXPECT_EQ(back.Output().scale, graph.Output().scale);
    // Layers of floats before the codes may be read as another order of what follows.
    if (std::holds_alternative<graph::QuantizeInput>(graph.nodes[0].op)) {
      EXPECT_EQ(back.parameters, graph.parameters);
    }
    const std::vector<float> samples = RandomSamples(graph.Input().shape, 5, seed);
    ASSERT_EQ(Compute(back, samples), Compute(graph, samples)) << graph::ToText(back);
  }
}

TEST(ImportTest, RandomFloatGraphsOfDeploymentComeBack) {
  int compared = 0;
  for (uint64_t seed = 0; compared < 100; ++seed) {
    const graph::Graph graph = deploy::fixtures::RandomFloatGraph(seed);
    if (!ReadsBack(graph)) continue;
    SCOPED_TRACE(testing::Message() << "seed " << seed << "\n" << graph::ToText(graph));
    const graph::Graph back = onnx_io::Import(onnx_io::Serialize(graph, {}), "random.onnx");
    EXPECT_EQ(graph::CountParameters(back), graph::CountParameters(graph));
    const std::vector<float> samples = RandomSamples(graph.Input().shape, 5, seed);
    ASSERT_EQ(Compute(back, samples), Compute(graph, samples)) << graph::ToText(back);
    ++compared;
  }
}

// Files as other programs write them, read by us and by ONNX Runtime.
class FormTest : public testing::TestWithParam<size_t> {};

TEST_P(FormTest, OnnxRuntimeAgrees) {
  if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
  const onnx_io::Form form = onnx_io::AllForms()[GetParam()];
  const std::string bytes = form.model.Bytes();
  const std::vector<float> samples = RandomSamples(form.input, 5, 3);
  const std::vector<float> theirs = RunOnnx(bytes, form.input, samples);
  const std::vector<float> ours = Compute(onnx_io::Import(bytes, form.name), samples);
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT_NEAR(ours[i], theirs[i], 2e-6 * std::max(1.0f, std::abs(ours[i]))) << i;
  }
}

// Codes are those of ONNX Runtime but for ties and the last bit of a factor: never more than one
// step apart for each layer, and mostly equal.
TEST(QuantizedImportTest, OnnxRuntimeAgrees) {
  if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
  for (const onnx_io::QuantizedForm& form : onnx_io::QuantizedForms()) {
    SCOPED_TRACE(form.name);
    const std::string bytes = form.model.Bytes();
    const std::vector<float> samples = RandomSamples(form.input, 50, 3);
    const std::vector<float> theirs = RunOnnx(bytes, form.input, samples);
    const std::vector<float> ours = Compute(onnx_io::Import(bytes, form.name), samples);
    ASSERT_EQ(ours.size(), theirs.size());
    size_t differing = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
      EXPECT_NEAR(ours[i], theirs[i], 2.01 * form.step) << i;
      differing += std::abs(ours[i] - theirs[i]) > 0.01 * form.step ? 1 : 0;
    }
    EXPECT_LE(differing, ours.size() / 6);
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, FormTest, testing::Range(size_t{0}, onnx_io::AllForms().size()),
                         [](const auto& info) { return onnx_io::AllForms()[info.param].name; });

// Exports of the reference, with what ONNX Runtime computed for them.
TEST(ForeignTest, ReferenceExportsComputeTheSame) {
  const char* variable = std::getenv("PLATYPUS_DATA");
  const std::filesystem::path data =
      variable != nullptr ? std::filesystem::path(variable)
                          : std::filesystem::path(PLATYPUS_SOURCE_DIR) / "../shared/data";
  const std::filesystem::path folder = data / "foreign_onnx";
  if (!std::filesystem::is_directory(folder)) {
    GTEST_SKIP() << "PLATYPUS_DATA names no folder with foreign_onnx";
  }
  const auto floats = [&](const std::string& name) {
    const std::string bytes = ReadFile(folder / name);
    constexpr size_t kLengthAt = 8;  // NumPy format 1
    constexpr size_t kHeader = 10;
    const auto octet = [&](size_t i) { return static_cast<unsigned char>(bytes.at(i)); };
    const size_t begin = kHeader + octet(kLengthAt) + 256u * octet(kLengthAt + 1);
    std::vector<float> values((bytes.size() - begin) / 4);
    std::memcpy(values.data(), bytes.data() + begin, values.size() * 4);
    return values;
  };
  for (const std::string name :
       {"cls_1k_float_base", "cls_1k_qat8_quantization", "cls_1k_qat8_quantization_folded",
        "cls_1k_auto_quantization", "regr_base", "regr_quantization", "ad50_base"}) {
    SCOPED_TRACE(name);
    const graph::Graph graph = onnx_io::ImportFile(folder / (name + ".onnx"));
    const std::vector<float> ours = Compute(graph, floats(name + "_input.npy"));
    const std::vector<float> theirs = floats(name + "_output.npy");
    ASSERT_EQ(ours.size(), theirs.size());
    if (name.find("quantization") != std::string::npos) {
      EXPECT_EQ(ours, theirs);
      continue;
    }
    const auto [low, high] = std::ranges::minmax(theirs);
    for (size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], 1e-5 * (high - low));
  }
}

}  // namespace
}  // namespace platypus
