#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/quantize/quantize.h"
#include "tests/quantize/networks.h"

namespace platypus::quantize {
namespace {

const LayerBounds& Of(const std::vector<LayerBounds>& all, const std::string& layer) {
  const auto found = std::ranges::find(all, layer, &LayerBounds::layer);
  Check(found != all.end(), "no bounds of {}", layer);
  return *found;
}

// One linear layer by hand: codes 0..255, weights 3 and -2.
TEST(BoundsTest, OfOneLayer) {
  Graph g = graph::MakeGraph("t", {2});
  graph::Append(g, "in", graph::QuantizeInput{0, 255}, {g.output});
  g.parameters["in.offset"] = {{1}, std::vector<float>{0.0f}};
  g.parameters["in.multiplier"] = {{1}, std::vector<int32_t>{1}};
  g.parameters["in.shift"] = {{1}, std::vector<int32_t>{0}};
  graph::Append(g, "fc", graph::Linear{1, false, {}}, {g.output});
  g.parameters["fc.weight"] = {{1, 2}, std::vector<int8_t>{3, -2}};
  graph::Append(g, "fc.requantize", graph::Requantize{-128, 127}, {g.output});
  g.parameters["fc.requantize.offset"] = {{1}, std::vector<int32_t>{-1000}};
  g.parameters["fc.requantize.multiplier"] = {{1}, std::vector<int32_t>{200}};
  g.parameters["fc.requantize.shift"] = {{1}, std::vector<int32_t>{9}};
  graph::Verify(g);
  const std::vector<LayerBounds> all = ProveBounds(g);
  ASSERT_EQ(all.size(), 1u);
  // The sum lies in [-510, 765], with its offset in [-1510, -235].
  EXPECT_EQ(all[0].layer, "fc");
  EXPECT_EQ(all[0].accumulator, 1510);
  EXPECT_EQ(all[0].product, 302000);
  EXPECT_EQ(all[0].bits, 20);  // 2^18 < 302000 < 2^19, and a sign
  EXPECT_TRUE(all[0].exact_in_float32);
}

// Inputs at the extremes reach no larger value than what was proven, in any layer.
TEST(BoundsTest, NoInputGoesFurther) {
  double nearest = 0;
  for (uint64_t seed = 0; seed < 32; ++seed) {
    SCOPED_TRACE(seed);
    Settings settings;
    settings.dialect =
        seed % 2 == 0 ? config::Quantization::kTinpu : config::Quantization::kGeneric;
    settings.affine = seed % 3 == 0;
    settings.precision.activation_bits = seed % 5 == 0 ? 16 : 8;
    const Graph network = RandomNetwork(seed);
    const Graph integer =
        Convert(Calibrate(PrepareForTraining(network, settings), RandomInputs(network, 8, seed), 8),
                settings);
    const std::vector<LayerBounds> bounds = ProveBounds(integer);
    const exec::Interpreter interpreter(integer);
    Random random(seed, "extremes");
    const auto size = static_cast<size_t>(NumElements(network.Input().shape));
    for (int k = 0; k < 40; ++k) {
      std::vector<float> sample(size);
      for (float& v : sample) v = random.Below(2) == 0 ? -1e4f : 1e4f;
      const auto tensors = interpreter.RunAll(sample);
      for (const graph::Node& node : integer.nodes) {
        const bool adds = std::holds_alternative<graph::AddRequantize>(node.op);
        if (adds || !std::holds_alternative<graph::Requantize>(node.op)) continue;
        const std::vector<float>& sums = tensors[static_cast<size_t>(node.inputs[0])];
        const bool from_codes = integer.At(node.inputs[0]).dtype != DType::kInt32;
        const LayerBounds& layer =
            Of(bounds, from_codes ? node.name : graph::Producer(integer, node.inputs[0])->name);
        const auto& offset = integer.Parameter(node, "offset").Int32s();
        const auto& multiplier = integer.Parameter(node, "multiplier").Int32s();
        const size_t plane = sums.size() / offset.size();
        for (size_t i = 0; i < sums.size(); ++i) {
          const double sum = double{sums[i]} + offset[i / plane];
          const double largest = std::max(std::abs(sum), std::abs(double{sums[i]}));
          // The interpreter gives sums as floats.
          EXPECT_LE(static_cast<float>(largest), static_cast<float>(layer.accumulator));
          EXPECT_LE(std::abs(static_cast<float>(sum * multiplier[i / plane])),
                    static_cast<float>(layer.product) * (1 + 0x1.0p-20f));
          nearest = std::max(nearest, largest / static_cast<double>(layer.accumulator));
        }
      }
    }
  }
  EXPECT_GT(nearest, 0.9) << "the bounds are wide of what can be reached";
  EXPECT_LE(nearest, 1.0 + 1e-6);
}

TEST(BoundsTest, SumsOfTwoTensorsAreLayersToo) {
  Maker m({1, 8, 1}, 3);
  const graph::TensorId left = m.Conv(2, 3, 1);
  m.Conv(2, 3, 1);
  m.Add(graph::Add{}, {left, m.g.output});
  const Settings settings;
  const Graph integer =
      Convert(Calibrate(PrepareForTraining(m.g, settings), RandomInputs(m.g, 8, 1), 8), settings);
  const std::vector<LayerBounds> all = ProveBounds(integer);
  const LayerBounds& bounds = Of(all, "n2");
  EXPECT_GT(bounds.accumulator, 0);
  EXPECT_TRUE(bounds.exact_in_float32);
}

// Activations of 16 bits: as many as the sums of their readers leave room for.
TEST(ActivationBitsTest, FollowTheLongestRowThatReadsThem) {
  struct Case {
    int64_t inputs;
    int bits;
  };
  // inputs * 127 * 2^(bits - 1) <= 2^30.
  for (const Case c :
       {Case{64, 16}, Case{258, 16}, Case{259, 15}, Case{1000, 14}, Case{5000, 11}}) {
    Maker m({c.inputs}, 1);
    m.Linear(2);
    Settings settings;
    settings.precision.activation_bits = 16;
    const Graph fake = PrepareForTraining(m.g, settings);
    std::vector<int> bits;
    for (const graph::Node& node : fake.nodes) {
      if (const auto* op = std::get_if<graph::FakeQuantize>(&node.op)) bits.push_back(op->bits);
    }
    EXPECT_EQ(bits, (std::vector<int>{c.bits, 16})) << c.inputs << " inputs";
  }
}

// Through operators that move codes; weights of few bits leave more room.
TEST(ActivationBitsTest, LookBehindMoves) {
  Maker m({4, 500, 1}, 1);
  m.Conv(1, 3, 1);
  m.Add(graph::Relu{});
  m.Add(graph::MaxPool{{2, 1}, {1, 1}, {}, {}});
  m.Add(graph::Flatten{});
  m.Linear(2);
  for (const auto& [weight_bits, wanted] : {std::pair{8, 15}, {4, 16}, {2, 16}}) {
    Settings settings;
    settings.precision = {weight_bits, 16};
    const Graph fake = PrepareForTraining(m.g, settings);
    for (const graph::Node& node : fake.nodes) {
      if (node.name != "n1.quantize") continue;
      EXPECT_EQ(std::get<graph::FakeQuantize>(node.op).bits, wanted) << weight_bits;
    }
  }
}

}  // namespace
}  // namespace platypus::quantize
