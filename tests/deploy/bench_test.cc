#include "platypus/deploy/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "tests/deploy/fixtures.h"

namespace platypus::deploy {
namespace {

int64_t Sum(const std::vector<LayerCost>& layers) {
  int64_t sum = 0;
  for (const LayerCost& layer : layers) sum += layer.instructions;
  return sum;
}

TEST(BenchTest, LayersMakeUpTheWholeInference) {
  fixtures::Model model;
  fixtures::MakeCls1k(model, 256, 2);
  const TemporaryFolder folder;
  Write(Generate(model.request), folder.Path() / "net");
  NullSink sink;
  for (const char* core : {"cortex-m0plus", "cortex-m4", "riscv32"}) {
    const BenchResult result = Bench(folder.Path() / "net", model.set, core, sink);
    if (!result.ran) GTEST_SKIP() << result.notice;
    SCOPED_TRACE(core);
    // What is not in a layer: calls of run and step.
    const auto layers = static_cast<int64_t>(result.layers.size());
    EXPECT_LE(Sum(result.layers), result.instructions + 12 * layers);
    EXPECT_GE(Sum(result.layers) + 25 * layers + 25, result.instructions);
    int64_t macs = 0;
    for (const LayerCost& layer : result.layers) {
      EXPECT_GT(layer.instructions, 0) << layer.name;
      EXPECT_EQ(layer.seconds, 0);
      macs += layer.macs;
    }
    EXPECT_EQ(macs, graph::CountMacs(*model.request.network));
    EXPECT_GT(result.feature_instructions, 0);
    const VerifyResult whole = Verify(folder.Path() / "net", model.set, core, sink);
    EXPECT_EQ(whole.instructions, result.instructions);
    EXPECT_EQ(Sum(whole.layers), Sum(result.layers));
  }
}

TEST(BenchTest, TheHostMeasuresTime) {
  fixtures::Model model;
  fixtures::MakeCls1k(model, 64, 2);
  const TemporaryFolder folder;
  Write(Generate(model.request), folder.Path() / "net");
  NullSink sink;
  const BenchResult result = Bench(folder.Path() / "net", model.set, "host", sink);
  ASSERT_TRUE(result.ran) << result.notice;
  EXPECT_EQ(result.instructions, 0);
  EXPECT_GT(result.seconds, 0);
  EXPECT_LT(result.seconds, 1);
  EXPECT_FALSE(result.layers.empty());
  EXPECT_EQ(Sum(result.layers), 0);
}

TEST(BenchTest, ACoreThatDoesNotExistIsRefused) {
  NullSink sink;
  try {
    Bench(".", {}, "cortex-m5", sink);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("did you mean 'cortex-m3'"));
  }
}

}  // namespace
}  // namespace platypus::deploy
