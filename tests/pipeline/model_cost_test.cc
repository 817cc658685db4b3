#include "platypus/pipeline/model_cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "platypus/zoo/zoo.h"
#include "tests/deploy/fixtures.h"

namespace platypus::pipeline {
namespace {

TEST(ModelCostTest, FiguresOfTheDeviceTableMayBeTexts) {
  const config::Registry registry = config::LoadRegistry();
  const DeviceFacts facts = FactsOf("F28P65", *registry.devices.Find("F28P65"));
  EXPECT_EQ(facts.flash_octets, 1311 * 1024);
  EXPECT_EQ(facts.clock_hz, 200e6);
  EXPECT_FALSE(FactsOf("AM13E2", *registry.devices.Find("AM13E2")).clock_hz);
  EXPECT_TRUE(FactsOf("F28P55", *registry.devices.Find("F28P55")).has_npu);
}

TEST(ModelCostTest, EveryDeviceHasAModel) {
  const config::Registry registry = config::LoadRegistry();
  for (const auto& [name, entry] : registry.devices.entries.entries) {
    const CostModel& model = CostModelOf(entry.Text("core"));
    EXPECT_EQ(entry.Text("core"), model.core) << name;
    EXPECT_STREQ(RatesOf(model.rates).core, model.rates);
    const std::string verified = entry.Text("verify_core");
    if (!verified.empty()) {
      EXPECT_EQ(verified, model.rates) << name;
    }
  }
}

TEST(ModelCostTest, KindsFallBackToTheNearest) {
  const KindRates kinds[] = {{"conv", 2, 10, 0},
                             {"conv, weights of 4", 3, 10, 0},
                             {"float conv", 4, 8, 0},
                             {"move", 0, 5, 0},
                             {"maxpool", 1, 4, 0}};
  const CoreRates core = {"core", kinds, {}, {}, {}, {}};
  const auto rate = [&](const char* kind, double work) {
    return RatesOf(core, LayerWork{"layer", kind, work, 1}).per_work;
  };
  EXPECT_EQ(rate("conv, weights of 4", 9), 3);
  EXPECT_EQ(rate("conv, weights of 2", 9), 2);
  EXPECT_EQ(rate("conv, 16 bits, weights of 4", 9), 2);
  EXPECT_EQ(rate("maxpool, 16 bits", 3), 1);
  EXPECT_EQ(rate("depthwise", 9), 2);
  EXPECT_EQ(rate("float depthwise", 9), 4);
  EXPECT_EQ(rate("pad", 1), 0);
  EXPECT_EQ(Instructions(core, {"layer", "conv", 100, 7}), 270);
}

TEST(ModelCostTest, FewerBitsAreFewerConstants) {
  const config::Registry registry = config::LoadRegistry();
  config::Training training;
  training.model_name = "CLS_13k_NPU";
  training.model_training_id = registry.models.Find(training.model_name)->Text("network");
  const graph::Graph network = zoo::Build(training, registry, {1, 256, 1}, 2, 1);
  const CostModel& m4 = CostModelOf("Cortex-M4");
  const ModelCost eight = EstimateCost(network, m4);
  const ModelCost two = EstimateCost(network, m4, {true, 2});
  const ModelCost floats = EstimateCost(network, m4, {false, 8});
  EXPECT_TRUE(eight.integers);
  EXPECT_FALSE(floats.integers);
  EXPECT_LT(two.constant_octets, eight.constant_octets / 2);
  EXPECT_GT(floats.constant_octets, 3 * eight.constant_octets);
  EXPECT_GT(floats.ram_octets, 2 * eight.ram_octets);
  double sum = 0;
  for (const LayerEstimate& layer : eight.layers) sum += layer.instructions;
  EXPECT_DOUBLE_EQ(sum, eight.instructions);
  EXPECT_GT(eight.error, 0);
}

// A model that had no part in the fit, at another length: constants exactly, instructions within
// what the fit claims (and a half, as that is of the networks that it has seen).
class EstimateTest : public testing::TestWithParam<const char*> {};

TEST_P(EstimateTest, IsWithinItsError) {
  const config::Registry registry = config::LoadRegistry();
  config::Training training;
  training.model_name = "CLS_2k_NPU";
  training.model_training_id = registry.models.Find(training.model_name)->Text("network");
  const graph::Graph network = zoo::Build(training, registry, {1, 320, 1}, 3, 1);
  const CostModel& source = CostModelOf(GetParam());
  const ModelCost cost = EstimateCost(network, source);
  ASSERT_TRUE(cost.integers);
  deploy::fixtures::Model model;
  model.network = IntegersOf(network, 8);
  model.pipeline = deploy::fixtures::PlainPipeline(1, 320);
  deploy::fixtures::Fill(model, 2, 1);
  const TemporaryFolder folder;
  deploy::Write(deploy::Generate(model.request), folder.Path() / "net");
  NullSink sink;
  const deploy::VerifyResult result =
      deploy::Verify(folder.Path() / "net", model.set, source.rates, sink);
  if (!result.ran) GTEST_SKIP() << result.notice;
  const auto counted = static_cast<double>(result.instructions);
  EXPECT_NEAR(cost.instructions / counted, 1, 1.5 * cost.error);
  int64_t tables = 0;
  for (const deploy::LayerCost& layer : result.layers) {
    for (const deploy::LinkedPart& table : layer.tables) tables += table.octets;
  }
  EXPECT_EQ(tables, cost.constant_octets);
  EXPECT_NEAR(static_cast<double>(cost.flash_octets) / static_cast<double>(result.flash_bytes), 1,
              1.5 * RatesOf(source.rates).code.nine_of_ten);
}

INSTANTIATE_TEST_SUITE_P(Cores, EstimateTest,
                         testing::Values("Cortex-M0+", "Cortex-M4", "Cortex-M33", "Cortex-R5F"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase_if(name, [](char c) { return std::isalnum(c) == 0; });
                           return name;
                         });

}  // namespace
}  // namespace platypus::pipeline
