// Defects of the reference that are registered in its specification, by their numbers there: what
// conversion does instead. (Q15 and Q16 are in islands_test.cc.)
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/quantize/quantize.h"
#include "tests/quantize/agreement.h"
#include "tests/quantize/networks.h"

namespace platypus::quantize {
namespace {

constexpr int64_t kCount = 24;

struct Quantised {
  Graph fake;
  Graph integer;
  Histogram differences;  // layer by layer, against doubles
};

Quantised Quantise(const Graph& network, const Settings& settings = {}, uint64_t seed = 1) {
  const std::vector<float> inputs = RandomInputs(network, kCount, seed);
  Quantised q{Calibrate(PrepareForTraining(network, settings), inputs, kCount), {}, {}};
  q.integer = Convert(q.fake, settings);
  q.differences = Compare(q.fake, q.integer, inputs, kCount);
  return q;
}

const graph::Node& Named(const Graph& g, const std::string& name) {
  const auto found = std::ranges::find(g.nodes, name, &graph::Node::name);
  Check(found != g.nodes.end(), "no node {}", name);
  return *found;
}

// The codes of a node's result by a graph of one operator whose ranges are all alike.
std::vector<float> Codes(const Graph& network, std::pair<float, float> range,
                         const std::vector<float>& inputs) {
  Graph fake = PrepareForTraining(network, {});
  for (auto& [name, array] : fake.parameters) {
    if (name.ends_with(".range")) array.Floats() = {range.first, range.second};
  }
  ThreadPool pool(1);
  return exec::Interpreter(Convert(fake, {})).Run(inputs, 1, pool);
}

TEST(QuirkTest, Q3ActivationsOf16Bits) {
  Maker m({3, 32, 1}, 2);
  m.Conv(8, 5, 1);
  m.Add(graph::Relu{});
  m.Conv(8, 3, 2);
  m.Add(graph::Flatten{});
  m.Linear(3);
  double error[2] = {};
  for (const int bits : {8, 16}) {
    Settings settings;
    settings.precision.activation_bits = bits;
    const Quantised q = Quantise(m.g, settings);
    EXPECT_EQ(Share(q.differences, 1), 0.0) << ToText(q.differences);
    EXPECT_EQ(q.integer.Output().dtype, bits == 8 ? DType::kInt8 : DType::kInt16);
    const std::vector<float> inputs = RandomInputs(m.g, kCount, 1);
    ThreadPool pool(1);
    Graph exact = PrepareForTraining(m.g, settings);  // rounded weights, exact activations
    const std::vector<float> wanted = exec::Interpreter(exact).Run(inputs, kCount, pool);
    const std::vector<float> given = exec::Interpreter(q.integer).Run(inputs, kCount, pool);
    for (size_t i = 0; i < wanted.size(); ++i) {
      error[bits / 16] += std::abs(given[i] * OutputScale(q.integer) - wanted[i]);
    }
  }
  EXPECT_LT(error[1], error[0] / 64) << "16 bits leave a 256th of the rounding of 8";
}

TEST(QuirkTest, Q4WeightsOfFewBitsAreSymmetric) {
  for (const auto& [bits, largest] : {std::pair{8, 127}, {4, 7}, {2, 1}}) {
    Maker m({4, 16, 1}, 3);
    m.Conv(8, 3, 1);
    Settings settings;
    settings.precision.weight_bits = bits;
    const Quantised q = Quantise(m.g, settings);
    int low = 0;
    int high = 0;
    for (const int8_t code : q.integer.parameters.at("n0.weight").Int8s()) {
      low = std::min<int>(low, code);
      high = std::max<int>(high, code);
    }
    EXPECT_EQ(std::max(-low, high), largest);
    EXPECT_EQ(Share(q.differences, 1), 0.0);
  }
}

TEST(QuirkTest, Q6GenericScalesAreFree) {
  Maker m({1, 16, 1}, 4);
  m.Conv(2, 3, 1);
  Settings settings;
  settings.dialect = config::Quantization::kGeneric;
  const Quantised q = Quantise(m.g, settings);
  const float scale = q.integer.Output().scale;
  EXPECT_NE(graph::CeilPowerOfTwo(scale), scale);
  settings.power_of_two_scale = true;
  const float power = Quantise(m.g, settings).integer.Output().scale;
  EXPECT_EQ(graph::CeilPowerOfTwo(power), power);
}

// The normalised input is rounded once, to codes; never to whole numbers.
TEST(QuirkTest, Q7NormalisedInputsAreNotFloored) {
  for (const auto dialect : {config::Quantization::kGeneric, config::Quantization::kTinpu}) {
    Maker m({2, 16, 1}, 5);
    m.Norm();
    m.Conv(2, 3, 1);
    Settings settings;
    settings.dialect = dialect;
    const Quantised q = Quantise(m.g, settings);
    EXPECT_LT(q.integer.At(Named(q.integer, "n0.quantize").output).scale, 0.1f);
    EXPECT_EQ(Share(q.differences, 1), 0.0);
  }
}

// Means of any area to half a code, of unsigned and signed codes alike.
TEST(QuirkTest, Q8PoolsOfAnyAreaHaveNoGainError) {
  for (const int area : {3, 5, 6, 9, 15, 46}) {
    Maker m({1, area, 1}, 1);
    m.Add(graph::AdaptiveAvgPool{{1, 1}});
    const std::vector<float> all(static_cast<size_t>(area), 100.0f);
    EXPECT_EQ(Codes(m.g, {0.0f, 255.0f}, all), std::vector<float>{100.0f}) << area;
    EXPECT_EQ(Codes(m.g, {-127.0f, 127.0f}, all), std::vector<float>{100.0f}) << area;
  }
}

TEST(QuirkTest, Q9AveragePoolsRoundOnceAndKeepNegatives) {
  Maker m({1, 8, 1}, 1);
  m.Add(graph::AvgPool{{4, 1}, {4, 1}, {}});
  // Means 1.25 and 1.75, then -1.25 and -100.
  EXPECT_EQ(Codes(m.g, {0.0f, 255.0f}, {1, 1, 1, 2, 2, 2, 2, 1}), (std::vector<float>{1, 2}));
  EXPECT_EQ(Codes(m.g, {-127.0f, 127.0f}, {-1, -1, -1, -2, -100, -100, -100, -100}),
            (std::vector<float>{-1, -100}));
}

TEST(QuirkTest, Q10GlobalPoolsOfSignedCodesHaveNoBias) {
  for (const int area : {2, 4, 8}) {
    Maker m({1, area, 1}, 1);
    m.Add(graph::AdaptiveAvgPool{{1, 1}});
    const std::vector<float> zeros(static_cast<size_t>(area), 0.0f);
    EXPECT_EQ(Codes(m.g, {-127.0f, 127.0f}, zeros), std::vector<float>{0.0f});
  }
}

// A residual whose branches differ by far.
Graph Residual(double gain, bool pools, bool limits) {
  Maker m({2, 16, 1}, 6);
  graph::TensorId left = m.Conv(4, 3, 1);
  for (float& w : m.g.parameters["n0.weight"].Floats()) w *= static_cast<float>(gain);
  if (pools) left = m.Add(graph::AvgPool{{3, 1}, {1, 1}, {1, 0, 1, 0}});
  m.Conv(4, 3, 1);
  m.Add(graph::Add{}, {left, m.g.output});
  if (limits) m.Add(graph::Relu{});
  return m.g;
}

TEST(QuirkTest, Q11SumsUseTheScalesOfTheirOperands) {
  for (const double gain : {0.01, 1.0, 13.0}) {
    const Quantised q = Quantise(Residual(gain, false, false));
    EXPECT_EQ(Share(q.differences, 1), 0.0) << ToText(q.differences);
    EXPECT_EQ(q.integer.Output().dtype, DType::kInt8);
  }
}

TEST(QuirkTest, Q12UnequalScalesBehindPoolsAndClipsBySign) {
  for (const bool affine : {false, true}) {
    for (const bool limits : {false, true}) {
      Settings settings;
      settings.affine = affine;
      settings.dialect = affine ? config::Quantization::kGeneric : config::Quantization::kTinpu;
      const Quantised q = Quantise(Residual(7.0, true, limits), settings);
      EXPECT_EQ(Share(q.differences, 1), 0.0) << ToText(q.differences);
      EXPECT_EQ(q.integer.Output().dtype, limits ? DType::kUInt8 : DType::kInt8);
      EXPECT_EQ(q.integer.Output().zero_point, 0);
    }
  }
}

TEST(QuirkTest, Q13FlattenKeepsTheScaleOfWhatItReads) {
  Maker m({2, 8, 1}, 7);
  m.Conv(3, 3, 1);
  m.Add(graph::Flatten{});
  m.Linear(4);
  const Quantised q = Quantise(m.g);
  const graph::Node& flatten = Named(q.integer, "n1");
  EXPECT_EQ(q.integer.At(flatten.output).scale, q.integer.At(flatten.inputs[0]).scale);
  EXPECT_NE(q.integer.At(flatten.output).scale, q.integer.Output().scale);
  EXPECT_EQ(Share(q.differences, 1), 0.0);
}

TEST(QuirkTest, Q14FlattenFirst) {
  Maker m({2, 8, 1}, 8);
  m.Add(graph::Flatten{});
  m.Linear(5);
  m.Add(graph::Relu{});
  m.Linear(2);
  EXPECT_EQ(Share(Quantise(m.g).differences, 1), 0.0);
}

TEST(QuirkTest, Q14InputsOfOneDimension) {
  for (const bool norm : {false, true}) {
    Maker m({12}, 9);
    if (norm) m.Norm();
    m.Linear(5);
    m.Norm();
    m.Add(graph::Relu{});
    m.Linear(2);
    EXPECT_EQ(Share(Quantise(m.g).differences, 1), 0.0);
  }
}

// Behind a pool and behind a flatten: a layer of its own, in integers.
TEST(QuirkTest, Q14BatchNormAnywhere) {
  for (const bool flat : {false, true}) {
    Maker m({3, 8, 1}, 10);
    m.Conv(4, 3, 1);
    m.Add(graph::Relu{});
    m.Add(graph::MaxPool{{2, 1}, {2, 1}, {}, {}});
    if (flat) m.Add(graph::Flatten{});
    m.Norm();
    m.Add(graph::Relu{});
    if (!flat) m.Add(graph::Flatten{});
    m.Linear(2);
    EXPECT_TRUE(FloatLayers(m.g, {}).empty());
    const Quantised q = Quantise(m.g);
    EXPECT_EQ(Share(q.differences, 1), 0.0) << ToText(q.differences);
    for (const graph::Node& node : q.integer.nodes) {
      EXPECT_TRUE(node.inputs[0] == q.integer.input ||
                  q.integer.At(node.inputs[0]).dtype != DType::kFloat32);
    }
  }
}

TEST(QuirkTest, Q17ConvolutionsWithoutReluFitInt8) {
  Maker m({2, 16, 1}, 11);
  m.Conv(3, 3, 1);
  const Quantised q = Quantise(m.g);
  const auto& op = std::get<graph::Requantize>(Named(q.integer, "n0.requantize").op);
  EXPECT_EQ(op.lo, -128);
  EXPECT_EQ(op.hi, 127);
  EXPECT_EQ(q.integer.Output().dtype, DType::kInt8);
  // Also for inputs far outside of what was observed.
  std::vector<float> far(32, 1e4f);
  ThreadPool pool(1);
  for (const float code : exec::Interpreter(q.integer).Run(far, 1, pool)) {
    EXPECT_GE(code, -128.0f);
    EXPECT_LE(code, 127.0f);
  }
}

// Scales that make the factor 1: the code is the sum plus the rounded bias, odd or even.
TEST(QuirkTest, Q18NoRoundingTermWithoutAShift) {
  for (const float bias : {2.0f, 3.0f, -5.0f}) {
    Maker m({1}, 1);
    m.Linear(1);
    m.g.parameters["n0.weight"].Floats() = {127.0f};
    m.g.parameters["n0.bias"].Floats() = {bias};
    Graph fake = PrepareForTraining(m.g, {});
    fake.parameters["input.quantize.range"].Floats() = {-127.0f, 127.0f};
    fake.parameters["n0.quantize.range"].Floats() = {-127.0f, 127.0f};
    const Graph integer = Convert(fake, {});
    const graph::Node& requantize = Named(integer, "n0.requantize");
    EXPECT_EQ(integer.Parameter(requantize, "shift").Int32s()[0], 0);
    EXPECT_EQ(integer.Parameter(requantize, "offset").Int32s()[0], static_cast<int32_t>(bias));
    ThreadPool pool(1);
    EXPECT_EQ(exec::Interpreter(integer).Run(std::vector<float>{0.0f}, 1, pool)[0], bias);
  }
}

// Bounds of the clamps and types follow the bits of each layer.
TEST(QuirkTest, Q22BitsOfEachLayer) {
  Maker m({2, 16, 1}, 12);
  m.Conv(4, 3, 1);
  m.Add(graph::Relu{});
  m.Conv(4, 3, 1);
  m.Conv(4, 3, 1);
  m.Conv(4, 3, 1);
  Settings settings;
  settings.layers = {{"n0", {4, 4}}, {"n2", {8, 2}}, {"n3", {2, 16}}};
  const Quantised q = Quantise(m.g, settings);
  const auto bounds = [&](const char* name) {
    const auto& op = std::get<graph::Requantize>(Named(q.integer, name).op);
    return std::pair{op.lo, op.hi};
  };
  EXPECT_EQ(bounds("n0.requantize"), (std::pair{0, 15})) << "codes behind the ReLU are its layer's";
  EXPECT_EQ(bounds("n2.requantize"), (std::pair{-2, 1}));
  EXPECT_EQ(bounds("n3.requantize"), (std::pair{-32768, 32767}));
  EXPECT_EQ(bounds("n4.requantize"), (std::pair{-128, 127}));
  const auto largest = [&](const char* name) {
    int code = 0;
    for (const int8_t c : q.integer.parameters.at(name).Int8s())
      code = std::max<int>(code, std::abs(c));
    return code;
  };
  EXPECT_EQ(largest("n0.weight"), 7);
  EXPECT_EQ(largest("n2.weight"), 127);
  EXPECT_EQ(largest("n3.weight"), 1);
  EXPECT_EQ(Share(q.differences, 1), 0.0) << ToText(q.differences);
}

// A linear layer's batch norm, and one that stands alone, have the statistics of training.
TEST(QuirkTest, Q33BatchNormsUseTheirRunningStatistics) {
  Maker m({2, 8, 1}, 13);
  m.Norm();
  m.Add(graph::Flatten{});
  m.Linear(6);
  m.Norm();
  m.Add(graph::Relu{});
  m.Norm();
  m.Linear(2);
  const Quantised q = Quantise(m.g);
  EXPECT_EQ(Share(q.differences, 1), 0.0);
  const std::vector<float> inputs = RandomInputs(m.g, kCount, 1);
  ThreadPool pool(1);
  const std::vector<float> wanted = exec::Interpreter(m.g).Run(inputs, kCount, pool);
  const std::vector<float> given = exec::Interpreter(q.integer).Run(inputs, kCount, pool);
  const double scale = OutputScale(q.integer);
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(given[i] * scale, wanted[i], 6 * scale);
}

TEST(QuirkTest, Q35SquareAveragePools) {
  Maker m({2, 6, 6}, 14);
  m.Add(graph::AvgPool{{3, 3}, {3, 3}, {}});
  const Quantised q = Quantise(m.g);
  EXPECT_EQ(q.integer.Output().shape, (Shape{2, 2, 2}));
  EXPECT_EQ(Share(q.differences, 1), 0.0);
}

// Division by a gain of 0, and multipliers below 0.
TEST(QuirkTest, GammaOfZeroAndBelow) {
  for (const auto dialect : {config::Quantization::kGeneric, config::Quantization::kTinpu}) {
    Maker m({3, 16, 1}, 15);
    m.Norm();
    m.g.parameters["n0.weight"].Floats() = {0.0f, -1.5f, 0.7f};
    m.Conv(3, 3, 1);
    m.Norm();
    m.g.parameters["n2.weight"].Floats() = {-0.5f, 0.0f, 1.0f};
    m.Add(graph::Relu{});
    m.Conv(2, 3, 1);
    for (const bool affine : {false, true}) {
      Settings settings;
      settings.dialect = dialect;
      settings.affine = affine;
      const Quantised q = Quantise(m.g, settings);
      EXPECT_EQ(Share(q.differences, 1), 0.0) << ToText(q.differences);
    }
  }
}

}  // namespace
}  // namespace platypus::quantize
