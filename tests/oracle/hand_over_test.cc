// Networks within the accelerator's limits: what ONNX Runtime computes of the file for the vendor's
// compiler is what the interpreter says, to the last code.
#include <fmt/format.h>

#include "platypus/quantize/hand_over.h"
#include "tests/oracle/network_case.h"
#include "tests/oracle/quantized_networks.h"

namespace platypus {
namespace {

constexpr int64_t kSamples = 100;

struct HandOverCase {
  NetworkCase network;
  int weight_bits;
  bool rewritten;  // its pools have areas, or its sums scales, that the accelerator has not
  friend void PrintTo(const HandOverCase& c, std::ostream* out) {
    *out << c.network.network << " w" << c.weight_bits;
  }
};

int32_t LargestWeight(const graph::Graph& graph, const graph::Node& layer) {
  int32_t largest = 0;
  for (const int8_t w : graph.Parameter(layer, "weight").Int8s())
    largest = std::max(largest, std::abs(int32_t{w}));
  return largest;
}

class HandOverTest : public testing::TestWithParam<HandOverCase> {
 protected:
  void SetUp() override {
    graph::Graph trained = Build(GetParam().network);
    RandomiseNorms(trained, 3);
    quantize::Settings settings;
    settings.precision.weight_bits = GetParam().weight_bits;
    const Shape& input = GetParam().network.input;
    integer_ = quantize::Convert(
        FakeQuantized(trained, settings, RandomSamples(input, 64, 1), pool_), settings);
    handed_ = quantize::HandOver(integer_);
    samples_ = RandomSamples(input, kSamples, 2);
  }
  std::vector<float> Compute(const graph::Graph& graph) {
    return exec::Interpreter(graph).Run(samples_, kSamples, pool_);
  }

  ThreadPool pool_{1};
  graph::Graph integer_;
  quantize::HandedOver handed_;
  std::vector<float> samples_;
};

TEST_P(HandOverTest, MultipliersAreTheAccelerators) {
  EXPECT_EQ(handed_.rewritten, GetParam().rewritten) << graph::ToText(handed_.graph);
  for (const graph::Node& node : handed_.graph.nodes) {
    if (const auto* sum = std::get_if<graph::AddRequantize>(&node.op)) {
      EXPECT_EQ(sum->multiplier0, 1) << node.name;
      EXPECT_EQ(sum->multiplier1, 1) << node.name;
    }
    if (!std::holds_alternative<graph::Requantize>(node.op)) continue;
    const graph::Node* layer = graph::Producer(handed_.graph, node.inputs[0]);
    const bool few =
        handed_.graph.HasParameter(*layer, "weight") && LargestWeight(handed_.graph, *layer) <= 8;
    for (const int32_t multiplier : handed_.graph.Parameter(node, "multiplier").Int32s()) {
      EXPECT_GE(multiplier, 1) << node.name;
      EXPECT_LE(multiplier, few ? 255 : 1) << node.name;
    }
  }
}

TEST_P(HandOverTest, TheFileIsExactToTheInterpreter) {
  if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
  const std::vector<float> ours = Compute(handed_.graph);
  EXPECT_EQ(RunOnnx(handed_.graph, samples_), ours);
  const graph::Graph back = onnx_io::Import(onnx_io::Serialize(handed_.graph, {}), "npu.onnx");
  EXPECT_EQ(Compute(back), ours);
}

// Each layer that differs alone: no code is further away than its note says.
TEST_P(HandOverTest, LayersDifferByWhatTheNotesSay) {
  Histogram outputs;
  outputs.Add(Compute(integer_), Compute(handed_.graph), 1.0);
  fmt::print("{:<28} w{} {}\n", GetParam().network.network, GetParam().weight_bits, outputs.Text());
  for (const quantize::HandOverNote& note : handed_.notes)
    fmt::print("  {}: {} (at most {} steps)\n", note.layer, note.text, note.most_steps);
  if (!handed_.rewritten) {
    EXPECT_EQ(outputs.Differing(), 0);
    return;
  }
  const auto first = std::ranges::find_if(
      handed_.notes, [](const quantize::HandOverNote& note) { return note.most_steps > 0; });
  ASSERT_NE(first, handed_.notes.end());
  const auto codes_of = [&](graph::Graph graph) {
    const auto node = std::ranges::find_if(graph.nodes, [&](const graph::Node& n) {
      return n.name == first->layer + ".requantize" ||
             (n.name == first->layer && graph.At(n.output).scale != 0);
    });
    EXPECT_NE(node, graph.nodes.end()) << first->layer;
    return ValuesOf(graph, node->output, samples_, pool_);
  };
  Histogram layer;
  layer.Add(codes_of(integer_), codes_of(handed_.graph), 1.0);
  EXPECT_LE(static_cast<double>(layer.Largest()), first->most_steps) << layer.Text();
  EXPECT_GT(layer.Total(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Zoo, HandOverTest,
    testing::Values(HandOverCase{{"CNN_TS_GEN_BASE_1K_NPU", {1, 128, 1}}, 8, false},
                    HandOverCase{{"CNN_TS_GEN_BASE_13K_NPU", {1, 100, 1}}, 8, true},
                    HandOverCase{{"CNN_TS_GEN_BASE_4K_NPU", {2, 128, 1}}, 4, false},
                    HandOverCase{{"CNN_TS_GEN_BASE_6K_NPU", {3, 100, 1}}, 8, true},
                    HandOverCase{{"RES_ADD_CNN_TS_GEN_BASE_3K", {3, 64, 1}}, 8, true},
                    HandOverCase{{"RES_CAT_CNN_TS_GEN_BASE_3K", {3, 64, 1}}, 8, true},
                    HandOverCase{{"RES_CAT_CNN_TS_GEN_BASE_3K", {3, 64, 1}}, 2, true}),
    [](const auto& info) {
      return std::string(info.param.network.network) + "_w" +
             std::to_string(info.param.weight_bits);
    });

}  // namespace
}  // namespace platypus
