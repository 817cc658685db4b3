#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"
#include "platypus/graph/affine.h"
#include "platypus/graph/quantization.h"
#include "platypus/quantize/quantize.h"
#include "tests/quantize/networks.h"

namespace platypus::quantize {
namespace {

// mean_error: of the logits, in codes.
void ExpectIntegersFollow(const Settings& settings, double mean_error) {
  ThreadPool pool(2);
  int64_t agree = 0;
  int64_t all = 0;
  int32_t largest = 0;
  for (uint64_t seed = 0; seed < 24; ++seed) {
    const Graph network = RandomNetwork(seed);
    Random random(seed, "inputs");
    constexpr int64_t kCount = 40;
    std::vector<float> inputs(static_cast<size_t>(kCount * NumElements(network.Input().shape)));
    for (float& v : inputs) v = static_cast<float>(random.Uniform(-2, 2));
    const Graph fake = Calibrate(PrepareForTraining(network, settings), inputs, 10);
    const Graph integer = Convert(fake, settings);
    for (const auto& [name, array] : integer.parameters) {
      if (!name.ends_with(".weight")) continue;
      for (const int8_t code : array.Int8s()) largest = std::max(largest, std::abs(code));
    }
    const double scale = OutputScale(integer);
    ASSERT_GT(scale, 0) << seed;
    const std::vector<float> expected = exec::Interpreter(fake).Run(inputs, kCount, pool);
    const std::vector<float> found = exec::Interpreter(integer).Run(inputs, kCount, pool);
    double error = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i], std::floor(found[i]));
      EXPECT_NEAR(found[i] * scale, expected[i], 6 * scale) << "seed " << seed;
      error += std::abs(found[i] * scale - expected[i]) / scale;
    }
    EXPECT_LT(error / static_cast<double>(found.size()), mean_error) << "seed " << seed;
    for (int64_t i = 0; i < kCount; ++i) {
      const auto best = [&](const std::vector<float>& v) {
        return std::max_element(v.begin() + i * 3, v.begin() + i * 3 + 3) - v.begin();
      };
      agree += best(expected) == best(found) ? 1 : 0;
      ++all;
    }
  }
  EXPECT_GE(static_cast<double>(agree), 0.97 * static_cast<double>(all));
  EXPECT_LE(largest, (1 << (settings.precision.weight_bits - 1)) - 1);
  EXPECT_GT(largest, (1 << (settings.precision.weight_bits - 1)) / 2 - 1) << "codes are left out";
}

TEST(ConvertTest, IntegersFollowTheFakeQuantisedGraph) { ExpectIntegersFollow({}, 1.0); }

TEST(ConvertTest, WeightsOfFewBits) {
  constexpr double kMeanError = 1.8;  // a bias is whole sums, which few bits make coarse
  for (const int bits : {4, 2}) {
    SCOPED_TRACE(bits);
    config::Training training;
    training.quantization_weight_bitwidth = bits;
    const Settings settings =
        MakeSettings(training, config::TaskCategory::kTimeseriesClassification, {});
    EXPECT_EQ(settings.Weights("any").bits, bits);
    ExpectIntegersFollow(settings, kMeanError);
  }
  Settings settings;
  settings.precision.weight_bits = 4;
  settings.rounding = config::WeightRounding::kSoftTanh;
  settings.per_channel = false;
  ExpectIntegersFollow(settings, kMeanError);
}

// Every integer tensor is close to the float tensor that it is matched with.
TEST(MatchLayersTest, TensorsThatStandForEachOther) {
  for (uint64_t seed = 0; seed < 24; ++seed) {
    SCOPED_TRACE(seed);
    const Graph network = RandomNetwork(seed);
    const Graph folded = graph::FoldBatchNorm(network);
    Random random(seed, "inputs");
    std::vector<float> inputs(static_cast<size_t>(10 * NumElements(network.Input().shape)));
    for (float& v : inputs) v = static_cast<float>(random.Uniform(-2, 2));
    Settings settings;
    settings.output_int = seed % 2 == 0;
    const Graph integer =
        Convert(Calibrate(PrepareForTraining(network, settings), inputs, 10), settings);
    const std::vector<Match> matches = MatchLayers(folded, integer);
    ASSERT_FALSE(matches.empty());
    EXPECT_EQ(matches.back().integer, integer.output);
    EXPECT_EQ(matches.back().reference, folded.output);
    const std::span<const float> sample =
        std::span(inputs).first(static_cast<size_t>(NumElements(network.Input().shape)));
    const auto wanted = exec::Interpreter(folded).RunAll(sample);
    const auto given = exec::Interpreter(integer).RunAll(sample);
    size_t scaled = 0;
    for (const graph::Tensor& tensor : integer.tensors) scaled += tensor.scale > 0 ? 1 : 0;
    EXPECT_GE(matches.size() + 2, scaled) << "rescaled parts of a concatenation have none";
    for (const Match& match : matches) {
      const auto& x = wanted[static_cast<size_t>(match.reference)];
      const auto& q = given[static_cast<size_t>(match.integer)];
      ASSERT_EQ(x.size(), q.size());
      double signal = 0;
      double noise = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        signal += x[i] * x[i];
        noise += (x[i] - match.scale * q[i]) * (x[i] - match.scale * q[i]);
      }
      const graph::Node& node = integer.nodes[match.nodes[0]];
      const bool is_input = std::holds_alternative<graph::QuantizeInput>(node.op);
      EXPECT_LT(noise, (is_input ? 1e-3 : 0.05) * signal + 1e-3) << node.name;
    }
  }
}

TEST(ConvertTest, AveragesAreExactToHalfACode) {
  for (const int area : {2, 3, 5, 46, 100, 256, 1000}) {
    Maker m({1, area, 1}, 1);
    m.Add(graph::AdaptiveAvgPool{{1, 1}});
    Graph fake = PrepareForTraining(m.g, {});
    for (auto& [name, array] : fake.parameters)
      array.Floats() = {-127.0f, 127.0f};  // scale 1, signed
    const Graph integer = Convert(fake, {});
    Random random(static_cast<uint64_t>(area), "codes");
    ThreadPool pool(1);
    std::vector<float> x(static_cast<size_t>(area));
    for (float& v : x) v = static_cast<float>(random.Below(256)) - 128.0f;
    double mean = 0;
    for (const float v : x) mean += std::clamp(v, -128.0f, 127.0f) / area;
    const float found = exec::Interpreter(integer).Run(x, 1, pool)[0];
    EXPECT_NEAR(found, mean, 0.5 + 0.01 * std::abs(mean) + 1e-6) << "area " << area;
  }
}

TEST(ConvertTest, ProvesThatAccumulatorsFit) {
  Maker m({1, 1, 1}, 1);
  m.Add(graph::Flatten{});
  m.Linear(2);
  Graph fake = PrepareForTraining(m.g, {});
  const Graph ok = Convert(Calibrate(fake, {1.0f, -1.0f}, 2), {});
  EXPECT_EQ(ok.Output().dtype, DType::kInt8);
  // 70 000 inputs of 255 times weights of 127: more than 2^31.
  Maker wide({70000, 1, 1}, 1);
  wide.Add(graph::Flatten{});
  wide.Linear(1);
  for (float& w : wide.g.parameters["n1.weight"].Floats()) w = 127.0f / 128.0f;
  Graph big = PrepareForTraining(wide.g, {});
  for (auto& [name, array] : big.parameters) {
    if (name.ends_with(".range")) array.Floats() = {0.0f, 255.0f};
  }
  try {
    Convert(big, {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kModel);
    EXPECT_NE(
        std::string(error.what()).find("layer n1, output channel 0: the accumulator can reach"),
        std::string::npos)
        << error.what();
  }
}

TEST(ConvertTest, RefusesUnobservedRanges) {
  Maker m({1, 8, 1}, 1);
  m.Add(graph::AdaptiveAvgPool{{2, 1}});
  const Graph fake = PrepareForTraining(m.g, {});
  EXPECT_THROW(Convert(fake, {}), Error);
}

TEST(ConvertTest, ConstantAndDeadChannels) {
  Maker m({2, 8, 1}, 4);
  m.Norm();
  m.g.parameters["n0.weight"].Floats() = {
      0.0f, 1.0f};  // the first channel is its bias, whatever comes in
  m.Conv(3, 3, 1);
  auto& w = m.g.parameters["n1.weight"].Floats();
  std::fill(w.begin(), w.begin() + 6, 0.0f);
  m.g.parameters["n1.bias"].Floats() = {0.7f, 0.1f, -0.2f};
  m.Add(graph::Flatten{});
  m.Linear(2);
  Random random(9, "in");
  std::vector<float> inputs(32 * 16);
  for (float& v : inputs) v = static_cast<float>(random.Uniform(-2, 2));
  const Graph fake = Calibrate(PrepareForTraining(m.g, {}), inputs, 16);
  const Graph integer = Convert(fake, {});
  ThreadPool pool(1);
  const std::vector<float> a = exec::Interpreter(fake).Run(inputs, 32, pool);
  const std::vector<float> b = exec::Interpreter(integer).Run(inputs, 32, pool);
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(b[i] * OutputScale(integer), a[i], 4 * OutputScale(integer));
}

// Codes of one channel's worth of inputs against the float network of the same ranges.
void ExpectCloseToFloat(const Graph& network, const std::vector<float>& inputs, int64_t count,
                        double codes) {
  const Graph fake = Calibrate(PrepareForTraining(network, {}), inputs, count);
  const Graph integer = Convert(fake, {});
  ThreadPool pool(1);
  const std::vector<float> expected = exec::Interpreter(fake).Run(inputs, count, pool);
  const std::vector<float> found = exec::Interpreter(integer).Run(inputs, count, pool);
  const double scale = OutputScale(integer);
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i] * scale, expected[i], codes * scale) << "output " << i;
}

TEST(ConvertTest, InputChannelsOfAnySpread) {
  // From a channel of values around 1e9 to one that varies in the seventh decimal.
  for (const float spread : {1e9f, 1e4f, 1.0f, 1e-4f, 1e-7f}) {
    Maker m({1, 16, 1}, 5);
    m.Norm();
    m.g.parameters["n0.running_mean"].Floats() = {0.0f};
    m.g.parameters["n0.running_var"].Floats() = {spread * spread};
    std::get<graph::BatchNorm>(m.g.nodes[0].op).epsilon = 1e-20f;
    m.Conv(3, 3, 1);
    m.Add(graph::Flatten{});
    m.Linear(2);
    Random random(6, "in");
    std::vector<float> inputs(size_t{20} * 16);
    for (float& v : inputs) v = spread * static_cast<float>(random.Uniform(-2, 2));
    SCOPED_TRACE(spread);
    ExpectCloseToFloat(m.g, inputs, 20, 4);
  }
}

TEST(ConvertTest, LayerThatWasSilentWhenItsRangeWasObserved) {
  Maker m({1, 8, 1}, 7);
  m.Conv(2, 3, 1);
  m.g.parameters["n0.bias"].Floats() = {-1e3f, -1e3f};  // below 0 for every input
  m.Add(graph::Relu{});
  m.Add(graph::AdaptiveAvgPool{{1, 1}});
  m.Add(graph::Flatten{});
  m.Linear(2);
  Random random(8, "in");
  std::vector<float> inputs(size_t{10} * 8);
  for (float& v : inputs) v = static_cast<float>(random.Uniform(-2, 2));
  ExpectCloseToFloat(m.g, inputs, 10, 1);
}

TEST(ConvertTest, NormBehindNothingButAnIdentityStaysTheInputStage) {
  Maker plain({2, 8, 1}, 9);
  plain.Norm();
  plain.Conv(2, 3, 1);
  Graph g = graph::MakeGraph("t", {2, 8, 1});
  graph::Append(g, "id", graph::Identity{}, {g.input});
  for (const graph::Node& node : plain.g.nodes) graph::Append(g, node.name, node.op, {g.output});
  g.parameters = plain.g.parameters;
  Random random(10, "in");
  std::vector<float> inputs(size_t{10} * 16);
  for (float& v : inputs) v = static_cast<float>(random.Uniform(-2, 2));
  ExpectCloseToFloat(g, inputs, 10, 3);
}

// Images of another size: nearest neighbours keep codes, neighbours that are blended get new ones.
TEST(ConvertTest, ImagesOfAnotherSize) {
  using Mode = graph::Resize::Mode;
  for (const graph::Size2 size : {graph::Size2{16, 1}, {7, 1}, {11, 1}, {3, 1}, {8, 1}}) {
    for (const Mode mode : {Mode::kNearest, Mode::kBilinear}) {
      Maker m({2, 8, 1}, 5);
      m.Norm();
      m.Conv(3, 3, 1);
      m.Add(graph::Resize{size, mode});
      m.Conv(2, 3, 1);
      m.Add(graph::Resize{size, mode});
      std::vector<float> samples(size_t{20} * 16);
      for (float& v : samples) v = static_cast<float>(m.random.Uniform(-2, 2));
      SCOPED_TRACE(size.h);
      ExpectCloseToFloat(m.g, samples, 20, 3);
      const Graph integer = Convert(Calibrate(PrepareForTraining(m.g, {}), samples, 20), {});
      for (const graph::Node& node : integer.nodes) {
        if (!std::holds_alternative<graph::Resize>(node.op)) continue;
        EXPECT_EQ(integer.At(node.output).dtype == DType::kInt32, mode == Mode::kBilinear);
      }
    }
  }
}

// Blended codes are exact where the parts are a power of two: half a code from the float graph.
TEST(ConvertTest, BlendsAreExactToHalfACode) {
  Maker m({1, 6, 4}, 1);
  m.Add(graph::Resize{{12, 8}, graph::Resize::Mode::kBilinear});
  Graph fake = PrepareForTraining(m.g, {});
  for (auto& [name, array] : fake.parameters) array.Floats() = {-127.0f, 127.0f};  // scale 1
  std::vector<float> x(24);
  for (float& v : x) v = static_cast<float>(m.random.Below(256)) - 128.0f;
  ThreadPool pool(1);
  const Graph integer = Convert(fake, {});
  EXPECT_EQ(exec::Interpreter(integer).Run(x, 1, pool), exec::Interpreter(fake).Run(x, 1, pool));
}

// A Clamp behind a layer is part of its codes, behind codes a narrower range of them.
TEST(ConvertTest, LimitsAreCodes) {
  for (const graph::Clamp clamp : {graph::Clamp{0.0f, 0.7f}, {-0.4f, 0.3f}, {-9.0f, 9.0f}}) {
    Maker m({2, 8, 1}, 6);
    m.Norm();
    m.Conv(3, 3, 1);
    m.Add(clamp);
    m.Add(graph::MaxPool{{2, 1}, {2, 1}, {}, {}});
    m.Add(graph::Clamp{-0.25f, 0.25f});
    std::vector<float> samples(size_t{20} * 16);
    for (float& v : samples) v = static_cast<float>(m.random.Uniform(-2, 2));
    const Graph fake = Calibrate(PrepareForTraining(m.g, {}), samples, 20);
    const Graph integer = Convert(fake, {});
    const double scale = OutputScale(integer);
    ThreadPool pool(1);
    const std::vector<float> codes = exec::Interpreter(integer).Run(samples, 20, pool);
    const std::vector<float> real = exec::Interpreter(fake).Run(samples, 20, pool);
    for (size_t i = 0; i < codes.size(); ++i) {
      EXPECT_NEAR(codes[i] * scale, real[i], 1.01 * scale);
      EXPECT_LE(std::abs(codes[i] * scale), 0.25 + scale / 2);
    }
  }
}

// A Reshape keeps its input's codes, and what dropped values while training is gone.
TEST(ConvertTest, ViewsKeepCodes) {
  Maker m({1, 8, 1}, 5);
  m.Conv(2, 3, 1);
  m.Add(graph::Dropout{});
  m.Add(graph::Reshape{{2, 2, 4}});
  m.Add(graph::Transpose{{1, 2, 0}});
  m.Add(graph::Slice{1, 0, 3, 2});
  m.Add(graph::Reshape{{8}});
  m.Linear(3);
  std::vector<float> samples(80);
  for (float& v : samples) v = static_cast<float>(m.random.Uniform(-1, 1));
  const Graph integer = Convert(Calibrate(PrepareForTraining(m.g, {}), samples, 10), {});
  graph::Verify(integer);
  int views = 0;
  for (const graph::Node& node : integer.nodes) {
    EXPECT_FALSE(std::holds_alternative<graph::Dropout>(node.op));
    if (!std::holds_alternative<graph::Reshape>(node.op)) continue;
    ++views;
    EXPECT_EQ(integer.At(node.output).scale, integer.At(node.inputs[0]).scale);
  }
  EXPECT_EQ(views, 2);
  ThreadPool pool(1);
  const std::vector<float> codes = exec::Interpreter(integer).Run(samples, 10, pool);
  const std::vector<float> real = exec::Interpreter(m.g).Run(samples, 10, pool);
  const double scale = OutputScale(integer);
  for (size_t i = 0; i < codes.size(); ++i) EXPECT_NEAR(codes[i] * scale, real[i], 0.2);
}

TEST(ConvertTest, RefusesParametersThatAreNotFinite) {
  Maker m({1, 8, 1}, 11);
  m.Conv(2, 3, 1);
  Graph fake = PrepareForTraining(m.g, {});
  for (auto& [name, array] : fake.parameters) {
    if (name.ends_with(".range")) array.Floats() = {-1.0f, 1.0f};
  }
  fake.parameters["n0.weight"].Floats()[3] = std::nanf("");
  try {
    Convert(fake, {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kModel);
    EXPECT_NE(std::string(error.what()).find("n0.weight is nan"), std::string::npos)
        << error.what();
  }
}

TEST(AffineTest, FactorsAreNearAndWithinTheirBits) {
  Random random(3, "factor");
  for (int i = 0; i < 2000; ++i) {
    const double w = std::exp(random.Uniform(-14, 4));
    for (const int bits : {6, 8, 12}) {
      if (w >= (1 << bits) - 1) continue;
      const graph::Factor f = graph::MakeFactor(w, bits);
      EXPECT_LT(std::abs(f.multiplier), 1 << bits);
      EXPECT_NEAR(f.Value(), w, w * std::ldexp(1.0, -bits) + 0x1.0p-32);
    }
  }
  EXPECT_EQ(graph::MakeFactor(0.125, 8).multiplier, 1);
  EXPECT_EQ(graph::MakeFactor(0.125, 8).shift, 3);
  EXPECT_EQ(graph::MakeFactor(4.0, 8).multiplier, 4);
  EXPECT_EQ(graph::MakeFactor(-0.75, 8).multiplier, -192);
  // Above 2^bits: the leading bits and zeros. Below 2^-max_shift: fewer bits.
  EXPECT_EQ(graph::MakeFactor(1000.0, 4).multiplier, 1024);
  EXPECT_EQ(graph::MakeFactor(900.0, 4).multiplier, 896);
  EXPECT_EQ(graph::MakeFactor(900.0, 4).shift, 0);
  EXPECT_EQ(graph::MakeFactor(5 * 0x1.0p-31, 8).multiplier, 5);
  EXPECT_EQ(graph::MakeFactor(0x1.8p-40, 8, 60).multiplier, 192);
  EXPECT_EQ(graph::MakeFactor(0x1.8p-40, 8, 60).shift, 47);
  EXPECT_EQ(graph::MakeFactor(1e30, 8).multiplier, 1 << 30);
  EXPECT_EQ(graph::RoundingOffset(2.5, {1, 0}), 2);
  EXPECT_EQ(graph::RoundingOffset(-3.0, {1, 4}), 5);
}

TEST(AffineTest, NearestFactorsHaveABitToRoundAndSixteenWithTheirSign) {
  Random random(4, "factor");
  for (int i = 0; i < 5000; ++i) {
    const double w = i < 46 ? std::ldexp(1.0, i - 30) : std::exp(random.Uniform(-20, 9.7));
    const graph::Factor f = graph::MakeNearestFactor(w);
    EXPECT_GE(f.shift, 1) << w;
    EXPECT_GT(f.multiplier, 0) << w;
    EXPECT_LE(f.multiplier, 32767) << w;
    EXPECT_NEAR(f.Value(), std::min(w, 16383.0), w * 0x1.0p-15 + 0x1.0p-31) << w;
  }
  EXPECT_EQ(graph::MakeNearestFactor(1e9).Value(), 16383.0);
}

TEST(CodesTest, FollowTheDefinition) {
  const graph::FakeQuantize op;
  EXPECT_EQ(graph::ActivationCodes(op, 0.0f, 255.0f), (graph::Codes{1.0f, 0, 255}));
  EXPECT_EQ(graph::ActivationCodes(op, 0.0f, 256.0f), (graph::Codes{2.0f, 0, 255}));
  EXPECT_EQ(graph::ActivationCodes(op, -1.0f, 0.25f), (graph::Codes{0x1.0p-6f, -128, 127}));
  EXPECT_EQ(graph::WeightCodes({}, 127.0f), (graph::Codes{1.0f, -127, 127}));
  EXPECT_EQ(graph::CeilPowerOfTwo(0.25f), 0.25f);
  EXPECT_EQ(graph::CeilPowerOfTwo(0.2500001f), 0.5f);
}

}  // namespace
}  // namespace platypus::quantize
