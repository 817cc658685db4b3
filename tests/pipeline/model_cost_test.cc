#include "platypus/pipeline/model_cost.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace platypus::pipeline
