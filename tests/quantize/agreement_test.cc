// Integer graphs against the fake-quantised graphs that they come from, evaluated in double
// precision, layer by layer: each layer gets the integer graph's own inputs.
#include <gtest/gtest.h>

#include <cstdio>

#include "platypus/quantize/quantize.h"
#include "tests/quantize/agreement.h"
#include "tests/quantize/networks.h"

namespace platypus::quantize {
namespace {

// As wide as networks of the zoo.
Graph OrdinaryNetwork() {
  Maker m({6, 64, 1}, 3);
  m.Norm();
  m.Conv(16, 5, 1);
  m.Norm();
  m.Add(graph::Relu{});
  m.Conv(32, 3, 2);
  m.Add(graph::Relu{});
  m.Add(graph::MaxPool{{3, 1}, {2, 1}, {}, {1, 0, 1, 0}});
  const auto trunk = m.Conv(32, 3, 1);
  m.Depthwise(3);
  m.Add(graph::Relu{});
  m.Conv(32, 1, 1);
  m.Add(graph::Add{}, {trunk, m.g.output});
  m.Add(graph::Relu{});
  m.Add(graph::AdaptiveAvgPool{{4, 1}});
  m.Add(graph::Flatten{});
  m.Linear(5);
  return m.g;
}

Settings Generic(int weight_bits, int activation_bits, bool affine) {
  Settings settings;
  settings.dialect = config::Quantization::kGeneric;
  settings.precision = {weight_bits, activation_bits};
  settings.affine = affine;
  return settings;
}

TEST(AgreementTest, GenericDialectWithinOneStep) {
  const Graph network = OrdinaryNetwork();
  const std::vector<float> inputs = RandomInputs(network, 60, 7);
  for (const bool affine : {false, true}) {
    const Settings settings = Generic(8, 8, affine);
    const Graph fake = Calibrate(PrepareForTraining(network, settings), inputs, 20);
    const Histogram differences = Compare(fake, Convert(fake, settings), inputs, 60);
    std::printf("w8a8 %s, codes that differ:\n%s", affine ? "affine" : "symmetric",
                ToText(differences).c_str());
    EXPECT_EQ(Share(differences, 1), 0.0);
    EXPECT_LT(Share(differences, 0), 0.001);
  }
}

class CombinationTest
    : public testing::TestWithParam<std::tuple<config::Quantization, int, int, bool>> {};

// Within one step everywhere, and deterministic.
TEST_P(CombinationTest, IntegersFollowLayerByLayer) {
  const auto [dialect, weight_bits, activation_bits, affine] = GetParam();
  Settings settings = Generic(weight_bits, activation_bits, affine);
  settings.dialect = dialect;
  Histogram differences;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    SCOPED_TRACE(seed);
    const Graph network = RandomNetwork(seed);
    const std::vector<float> inputs = RandomInputs(network, 12, seed);
    const Graph fake = Calibrate(PrepareForTraining(network, settings), inputs, 8);
    const Graph integer = Convert(fake, settings);
    EXPECT_EQ(integer.Output().zero_point, 0);
    for (const auto& [difference, count] : Compare(fake, integer, inputs, 12)) {
      differences[difference] += count;
    }
    const Graph again = Convert(fake, settings);
    EXPECT_EQ(integer.parameters, again.parameters);
    EXPECT_EQ(graph::ToText(integer), graph::ToText(again));
  }
  std::printf("%s", ToText(differences).c_str());
}

std::string Describe(const testing::TestParamInfo<CombinationTest::ParamType>& info) {
  const auto [dialect, weight_bits, activation_bits, affine] = info.param;
  return fmt::format("dialect{}w{}a{}{}", static_cast<int>(dialect), weight_bits, activation_bits,
                     affine ? "affine" : "");
}

INSTANTIATE_TEST_SUITE_P(
    Precisions, CombinationTest,
    testing::Combine(testing::Values(config::Quantization::kGeneric, config::Quantization::kTinpu),
                     testing::Values(8, 4, 2), testing::Values(16, 8, 4), testing::Bool()),
    Describe);

}  // namespace
}  // namespace platypus::quantize
