// Conversion of functions, cells, transposed convolutions and uneven pools: whole small networks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {
namespace {

using graph::Graph;
using Cell = graph::Recurrent::Cell;

// A chain of operators with random parameters; a Mul multiplies with what stands two before it.
Graph Chain(const Shape& input, const std::vector<graph::Op>& ops, uint64_t seed) {
  Random random(seed, "chain");
  Graph g = graph::MakeGraph("t", input);
  std::vector<graph::TensorId> made = {g.input};
  for (const graph::Op& op : ops) {
    const std::string name = fmt::format("n{}", g.nodes.size());
    std::vector<graph::TensorId> inputs = {g.output};
    if (std::holds_alternative<graph::Mul>(op)) inputs.push_back(made[made.size() - 2]);
    const Shape in = g.At(g.output).shape;
    made.push_back(graph::Append(g, name, op, inputs));
    for (const graph::Role& role : graph::Roles(op, in)) {
      std::vector<float> values(static_cast<size_t>(NumElements(role.shape)));
      const double row = static_cast<double>(values.size()) / static_cast<double>(role.shape[0]);
      const bool is_gain = std::holds_alternative<graph::LayerNorm>(op) && role.name == "weight";
      const double limit = is_gain || role.name == "bias" ? 0.5 : 1.7 / std::sqrt(row);
      for (float& v : values)
        v = static_cast<float>((is_gain ? 1 : 0) + random.Uniform(-limit, limit));
      g.parameters[fmt::format("{}.{}", name, role.name)] = {role.shape, std::move(values)};
    }
  }
  graph::Verify(g);
  return g;
}

graph::Op Conv(int outs) {
  return graph::Conv2d{outs, {3, 1}, {1, 1}, {}, {1, 0, 1, 0}, 1, true, {}};
}
graph::Op Linear(int outs) { return graph::Linear{outs, true, {}}; }

std::vector<float> Samples(const Graph& g, int64_t count) {
  Random random(5, "samples");
  std::vector<float> values(static_cast<size_t>(count * NumElements(g.Input().shape)));
  for (float& v : values) v = static_cast<float>(random.Uniform(-2, 2));
  return values;
}

// Sets every range to what the samples produce.
Graph Calibrate(Graph g, const std::vector<float>& samples) {
  const auto size = static_cast<size_t>(NumElements(g.Input().shape));
  for (const graph::Node& node : g.nodes) {
    if (!std::holds_alternative<graph::FakeQuantize>(node.op)) continue;
    const exec::Interpreter interpreter(g);
    float low = 1e30f;
    float high = -1e30f;
    for (size_t at = 0; at < samples.size(); at += size) {
      const auto tensors = interpreter.RunAll(std::span(samples).subspan(at, size));
      for (const float v : tensors[static_cast<size_t>(node.inputs[0])]) {
        low = std::min(low, v);
        high = std::max(high, v);
      }
    }
    g.Parameter(node, "range").Floats() = {low, high};
  }
  return g;
}

struct Case {
  const char* name;
  Shape input;
  std::vector<graph::Op> ops;
  const char* made;      // an operator that the integer graph has
  double largest, mean;  // error against the fake-quantised graph, in codes
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

class FunctionTest : public testing::TestWithParam<Case> {};

TEST_P(FunctionTest, IntegersFollowTheFakeQuantisedGraph) {
  const Case& c = GetParam();
  ThreadPool pool(1);
  for (int way = 0; way < 3; ++way) {
    SCOPED_TRACE(way);
    Settings settings;
    settings.dialect = way == 0 ? config::Quantization::kTinpu : config::Quantization::kGeneric;
    settings.affine = way == 2;
    const Graph network = Chain(c.input, c.ops, 3);
    constexpr int64_t kCount = 40;
    const std::vector<float> samples = Samples(network, kCount);
    const Graph fake = Calibrate(PrepareForTraining(network, settings), samples);
    const Graph integer = Convert(fake, settings);
    EXPECT_TRUE(std::ranges::any_of(integer.nodes, [&](const graph::Node& node) {
      return std::string(graph::Name(node.op)) == c.made;
    })) << graph::ToText(integer);
    for (const graph::Tensor& tensor : integer.tensors) {
      EXPECT_EQ(tensor.dtype == DType::kFloat32, tensor.name == "input") << tensor.name;
    }
    const double scale = OutputScale(integer);
    const std::vector<float> expected = exec::Interpreter(fake).Run(samples, kCount, pool);
    const std::vector<float> found = exec::Interpreter(integer).Run(samples, kCount, pool);
    double largest = 0;
    double mean = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      const double error = std::abs(found[i] - expected[i] / scale);
      largest = std::max(largest, error);
      mean += error / static_cast<double>(found.size());
    }
    RecordProperty(fmt::format("largest{}", way), fmt::format("{:.2f}", largest));
    RecordProperty(fmt::format("mean{}", way), fmt::format("{:.3f}", mean));
    EXPECT_LT(largest, c.largest);
    EXPECT_LT(mean, c.mean);
  }
}

const graph::ConvTranspose2d kSpread{3, {3, 1}, {2, 1}, {1, 1}, {1, 0, 0, 0}, {0, 0}, 1, true, {}};
const graph::ConvTranspose2d kGroups{4, {4, 1}, {3, 1}, {1, 1}, {0, 0, 1, 0}, {1, 0}, 2, false, {}};

INSTANTIATE_TEST_SUITE_P(
    Operators, FunctionTest,
    testing::Values(
        Case{"Sigmoid", {2, 12, 1}, {Conv(4), graph::Sigmoid{}, Conv(2)}, "Lookup", 4, 0.5},
        Case{"SigmoidLast", {2, 12, 1}, {Conv(4), graph::Sigmoid{}}, "Lookup", 6, 0.5},
        Case{"Tanh", {2, 12, 1}, {Conv(4), graph::Tanh{}, Conv(2)}, "Lookup", 4, 0.5},
        Case{"Gelu", {2, 12, 1}, {Conv(4), graph::Gelu{}, Conv(2)}, "Lookup", 4, 0.5},
        Case{"LeakyRelu", {2, 12, 1}, {Conv(4), graph::LeakyRelu{0.2f}, Conv(2)}, "Lookup", 4, 0.5},
        Case{"Softmax",
             {2, 12, 1},
             {graph::Flatten{}, Linear(5), graph::Softmax{}},
             "IntegerSoftmax",
             2,
             0.5},
        Case{"Attention",
             {3, 12, 1},
             {Conv(4), graph::Softmax{}, Conv(2)},
             "IntegerSoftmax",
             4,
             0.6},
        Case{"LayerNorm",
             {2, 12, 1},
             {Conv(4), graph::LayerNorm{}, Conv(2)},
             "IntegerLayerNorm",
             4,
             0.6},
        Case{"LayerNormFlat",
             {9},
             {Linear(6), graph::LayerNorm{}, Linear(3)},
             "IntegerLayerNorm",
             4,
             0.6},
        Case{"Mul",
             {2, 12, 1},
             {Conv(4), graph::Sigmoid{}, graph::Mul{}, Conv(2)},
             "MulRequantize",
             4,
             0.6},
        Case{"Scale", {2, 12, 1}, {Conv(4), graph::Scale{}, Conv(2)}, "Identity", 4, 0.5},
        Case{"Transposed",
             {2, 7, 1},
             {Conv(4), graph::Relu{}, kSpread, graph::Relu{}, Conv(2)},
             "ConvTranspose2d",
             4,
             0.5},
        Case{"TransposedGroups", {2, 7, 1}, {Conv(4), kGroups, Conv(2)}, "ConvTranspose2d", 4, 0.5},
        Case{"UnevenPool",
             {2, 13, 1},
             {Conv(4), graph::AdaptiveAvgPool{{4, 1}}, Conv(2)},
             "AdaptiveAvgPool",
             4,
             0.5},
        Case{"Rnn",
             {2, 10, 1},
             {graph::Recurrent{Cell::kRnn, 5, 2, true}, Linear(2)},
             "IntegerRnn",
             12,
             3},
        Case{"Gru",
             {2, 10, 1},
             {graph::Recurrent{Cell::kGru, 5, 1, false}, Conv(2)},
             "IntegerGru",
             12,
             3},
        Case{"Lstm",
             {2, 10, 1},
             {graph::Recurrent{Cell::kLstm, 6, 2, true}, Linear(2)},
             "IntegerLstm",
             12,
             3}),
    [](const auto& info) { return std::string(info.param.name); });

// A factor below 0 mirrors the codes, 0 leaves one.
TEST(ScaleTest, FactorsOfAnySign) {
  ThreadPool pool(1);
  for (const float factor : {0.37f, -0.37f, 0.0f}) {
    Graph network = Chain({2, 12, 1}, {Conv(4), graph::Relu{}, graph::Scale{}, Conv(2)}, 4);
    network.parameters["n2.weight"].Floats()[0] = factor;
    const std::vector<float> samples = Samples(network, 20);
    const Settings settings;
    const Graph fake = Calibrate(PrepareForTraining(network, settings), samples);
    const Graph integer = Convert(fake, settings);
    const std::vector<float> expected = exec::Interpreter(fake).Run(samples, 20, pool);
    const std::vector<float> found = exec::Interpreter(integer).Run(samples, 20, pool);
    const double scale = OutputScale(integer);
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], expected[i] / scale, 3) << factor;
  }
}

}  // namespace
}  // namespace platypus::quantize
