// Layers that stay float inside an integer graph.
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/quantize/quantize.h"
#include "tests/quantize/networks.h"

namespace platypus::quantize {
namespace {

constexpr int64_t kCount = 30;

template <typename Op>
int Count(const Graph& g) {
  return static_cast<int>(std::ranges::count_if(
      g.nodes, [](const graph::Node& node) { return std::holds_alternative<Op>(node.op); }));
}

const graph::Node& Named(const Graph& g, const std::string& name) {
  const auto found = std::ranges::find(g.nodes, name, &graph::Node::name);
  Check(found != g.nodes.end(), "no node {}", name);
  return *found;
}

Settings KeepFloat(const std::vector<std::string>& layers) {
  Settings settings;
  for (const std::string& layer : layers) {
    settings.layers[layer] = {Precision::kFloat, Precision::kFloat};
  }
  return settings;
}

struct Quantised {
  Graph fake;
  Graph integer;
};

Quantised Quantise(const Graph& network, const Settings& settings,
                   const std::vector<float>& inputs) {
  const Graph fake = Calibrate(PrepareForTraining(network, settings), inputs, kCount);
  return {fake, Convert(fake, settings)};
}

// The largest difference in units of the largest output.
double LargestError(const Graph& reference, const Graph& integer,
                    const std::vector<float>& inputs) {
  ThreadPool pool(1);
  const std::vector<float> wanted = exec::Interpreter(reference).Run(inputs, kCount, pool);
  const std::vector<float> given = exec::Interpreter(integer).Run(inputs, kCount, pool);
  double error = 0;
  double largest = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    error = std::max(error, std::abs(given[i] * OutputScale(integer) - wanted[i]));
    largest = std::max(largest, std::abs(double{wanted[i]}));
  }
  return error / largest;
}

Maker Network() {
  Maker m({2, 16, 1}, 21);
  m.Norm();                                       // n0
  m.Conv(6, 5, 1);                                // n1
  m.Add(graph::Relu{});                           // n2
  m.Conv(6, 3, 1);                                // n3
  m.Add(graph::Relu{});                           // n4
  m.Add(graph::MaxPool{{2, 1}, {2, 1}, {}, {}});  // n5
  m.Add(graph::Flatten{});                        // n6
  m.Linear(8);                                    // n7
  m.Add(graph::Relu{});                           // n8
  m.Linear(3);                                    // n9
  return m;
}

TEST(FloatLayersTest, NamesLayersAndReasons) {
  Maker m = Network();
  EXPECT_TRUE(FloatLayers(m.g, {}).empty());
  m.Add(graph::LogSoftmax{});
  m.Linear(2);
  const std::vector<FloatLayer> layers = FloatLayers(m.g, KeepFloat({"n3", "n4"}));
  ASSERT_EQ(layers.size(), 2u) << "a ReLU is of the kind of what it reads";
  EXPECT_EQ(layers[0].layer, "n3");
  EXPECT_EQ(layers[0].reason, "the configuration keeps it in floating point");
  EXPECT_EQ(layers[1].layer, "n10");
  EXPECT_EQ(layers[1].reason, "LogSoftmax has no integer form");
  EXPECT_TRUE(HasIntegerForm(m.g, {}));
  EXPECT_FALSE(HasIntegerForm(m.g, KeepFloat({"n1", "n3", "n7", "n9", "n11"})));
}

TEST(IslandTest, InTheMiddle) {
  const Maker m = Network();
  const std::vector<float> inputs = RandomInputs(m.g, kCount, 1);
  const auto [fake, integer] = Quantise(m.g, KeepFloat({"n3"}), inputs);
  EXPECT_EQ(Count<graph::Dequantize>(integer), 1);
  EXPECT_EQ(Count<graph::QuantizeInput>(integer), 2);
  const graph::Node& conv = Named(integer, "n3");
  EXPECT_EQ(integer.At(conv.output).dtype, DType::kFloat32);
  EXPECT_TRUE(std::get<graph::Conv2d>(conv.op).has_bias);
  // The ReLU is float too: its codes use the whole unsigned range, and all channels share factors.
  const graph::Node& back = Named(integer, "n4.quantize");
  EXPECT_EQ(integer.At(back.output).dtype, DType::kUInt8);
  EXPECT_EQ(integer.Parameter(back, "shift").shape, Shape{1});
  EXPECT_LT(LargestError(fake, integer, inputs), 0.02);
}

// Q16: the codes before a float layer are scaled, also where the network's output is asked for in
// integers; Q28: the layers of partial quantisation are anyone's choice.
TEST(QuirkTest, Q16FloatLastLayerGetsRealValues) {
  const Maker m = Network();
  const std::vector<float> inputs = RandomInputs(m.g, kCount, 2);
  for (const bool output_int : {false, true}) {
    Settings settings = KeepFloat({"n0", "n1", "n9"});
    settings.output_int = output_int;
    const auto [fake, integer] = Quantise(m.g, settings, inputs);
    EXPECT_EQ(integer.Output().dtype, DType::kFloat32);
    EXPECT_EQ(OutputScale(integer), 1.0);
    EXPECT_EQ(Count<graph::Dequantize>(integer), 1);
    EXPECT_EQ(Count<graph::BatchNorm>(integer), 1);
    // Nothing is quantised for float layers alone: not the network's input.
    EXPECT_EQ(Count<graph::QuantizeInput>(integer), 1);
    EXPECT_EQ(Named(integer, "n2.quantize").inputs[0], Named(integer, "n2").output);
    EXPECT_LT(LargestError(fake, integer, inputs), 0.005);
    EXPECT_LT(LargestError(m.g, integer, inputs), 0.05);
  }
}

// Q15: what a recurrent layer reads is dequantised with its scale, what it gives is quantised.
TEST(QuirkTest, Q15RecurrentLayersAreIslandsWithScales) {
  for (const auto cell : {graph::Recurrent::Cell::kLstm, graph::Recurrent::Cell::kGru}) {
    Maker m({3, 12, 1}, 5);
    m.Conv(4, 3, 1);
    m.Add(graph::Relu{});
    graph::Recurrent op;
    op.cell = cell;
    op.hidden = 5;
    m.Add(op);
    const int64_t rows = int64_t{op.Gates()} * op.hidden;
    m.Fill("weight_ih_l0", {rows, 4}, -0.5, 0.5);
    m.Fill("weight_hh_l0", {rows, 5}, -0.5, 0.5);
    m.Fill("bias_ih_l0", {rows}, -0.2, 0.2);
    m.Fill("bias_hh_l0", {rows}, -0.2, 0.2);
    m.Linear(2);
    // Float by the configuration, whether there are integer cells or not.
    const std::vector<float> inputs = RandomInputs(m.g, kCount, 3);
    const auto [fake, integer] = Quantise(m.g, KeepFloat({"n2"}), inputs);
    const graph::Node& cells = Named(integer, "n2");
    EXPECT_TRUE(
        std::holds_alternative<graph::Dequantize>(graph::Producer(integer, cells.inputs[0])->op));
    EXPECT_EQ(integer.At(cells.output).dtype, DType::kFloat32);
    EXPECT_EQ(integer.Output().dtype, DType::kInt8);
    EXPECT_LT(LargestError(fake, integer, inputs), 0.02);
    EXPECT_LT(LargestError(m.g, integer, inputs), 0.1);
  }
}

// A tensor that float and integer layers read: codes once, floats once.
TEST(IslandTest, BesideIntegerLayers) {
  Maker m({2, 8, 1}, 8);
  m.Conv(4, 3, 1);
  const graph::TensorId trunk = m.Add(graph::Relu{});
  m.Conv(4, 3, 1);
  const graph::TensorId integers = m.g.output;
  m.Add(graph::Sigmoid{}, {trunk});
  const graph::TensorId gate = m.g.output;
  m.Add(graph::Concat{0}, {integers, gate});
  m.Conv(2, 1, 1);
  m.Add(graph::Add{}, {m.g.output, m.g.output});
  const std::vector<float> inputs = RandomInputs(m.g, kCount, 4);
  Settings settings = KeepFloat({"n3"});
  settings.affine = true;
  const auto [fake, integer] = Quantise(m.g, settings, inputs);
  EXPECT_EQ(integer.Output().zero_point, 0);
  EXPECT_LT(LargestError(fake, integer, inputs), 0.03);
}

// The affine codes of an island's neighbours have zero points.
TEST(IslandTest, SubtractsZeroPoints) {
  Maker m({2, 16, 1}, 21);
  m.Conv(6, 5, 1);
  m.Conv(6, 3, 1);
  m.Conv(2, 3, 1);
  const std::vector<float> inputs = RandomInputs(m.g, kCount, 6);
  Settings settings;
  settings.affine = true;
  settings.dialect = config::Quantization::kGeneric;
  settings.layers["n1"] = {Precision::kFloat, 8};
  const auto [fake, integer] = Quantise(m.g, settings, inputs);
  int zero_points = 0;
  for (const graph::Node& node : integer.nodes) {
    if (const auto* op = std::get_if<graph::Dequantize>(&node.op)) {
      EXPECT_EQ(op->zero_point, integer.At(node.inputs[0]).zero_point);
      zero_points += op->zero_point != 0 ? 1 : 0;
    }
    if (std::holds_alternative<graph::QuantizeInput>(node.op)) {
      zero_points += integer.At(node.output).zero_point != 0 ? 1 : 0;
    }
  }
  EXPECT_EQ(zero_points, 3);
  EXPECT_LT(LargestError(fake, integer, inputs), 0.02);
}

// Every tensor beside and inside an island is matched with the one that it stands for.
TEST(IslandTest, IsMatchedWithTheFloatGraph) {
  const Maker m = Network();
  const std::vector<float> inputs = RandomInputs(m.g, kCount, 7);
  Settings settings = KeepFloat({"n3", "n9"});
  settings.affine = true;
  const Graph integer = Quantise(m.g, settings, inputs).integer;
  const Graph folded = graph::FoldBatchNorm(m.g);
  const std::span<const float> sample =
      std::span(inputs).first(static_cast<size_t>(NumElements(m.g.Input().shape)));
  const auto wanted = exec::Interpreter(folded).RunAll(sample);
  const auto given = exec::Interpreter(integer).RunAll(sample);
  size_t floats = 0;
  for (const Match& match : MatchLayers(folded, integer)) {
    const auto& x = wanted[static_cast<size_t>(match.reference)];
    const auto& q = given[static_cast<size_t>(match.integer)];
    ASSERT_EQ(x.size(), q.size());
    double signal = 0;
    double noise = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      signal += x[i] * x[i];
      noise += std::pow(x[i] - match.scale * (q[i] - match.zero_point), 2);
    }
    EXPECT_LT(noise, 0.01 * signal + 1e-3) << integer.nodes[match.nodes[0]].name;
    floats += integer.At(match.integer).dtype == DType::kFloat32 ? 1 : 0;
  }
  EXPECT_GE(floats, 4u);  // two dequantised tensors, the convolution with its ReLU, the last layer
}

}  // namespace
}  // namespace platypus::quantize
