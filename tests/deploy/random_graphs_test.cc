#include <gtest/gtest.h>

#include "platypus/base/files.h"
#include "platypus/deploy/verify.h"
#include "tests/deploy/random_graphs.h"

namespace platypus::deploy {
namespace {

// The generated C of a network, on the host, for every sample.
void ExpectSame(graph::Graph network, uint64_t seed) {
  fixtures::Model model;
  model.network = std::move(network);
  const Shape& in = model.network.Input().shape;
  model.pipeline = fixtures::PlainPipeline(1, static_cast<int>(NumElements(in)));
  fixtures::Fill(model, 20, seed);
  const TemporaryFolder folder;
  Write(Generate(model.request), folder.Path() / "net");
  NullSink sink;
  const VerifyResult result = Verify(folder.Path() / "net", model.set, "host", sink);
  if (!result.ran) GTEST_SKIP() << result.notice;
  EXPECT_EQ(result.samples, 20);
  EXPECT_EQ(result.mismatches, 0) << "seed " << seed << ": " << result.first_difference << "\n"
                                  << graph::ToText(model.network);
}

class RandomGraphTest : public testing::TestWithParam<int> {};

TEST_P(RandomGraphTest, IntegersAreTheInterpreters) {
  const auto seed = static_cast<uint64_t>(GetParam());
  ExpectSame(fixtures::RandomIntegerGraph(seed), seed);
}

TEST_P(RandomGraphTest, FloatsAreTheInterpretersBits) {
  const auto seed = static_cast<uint64_t>(GetParam());
  ExpectSame(fixtures::RandomFloatGraph(seed), seed);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomGraphTest, testing::Range(0, 24));

}  // namespace
}  // namespace platypus::deploy
