#include "platypus/deploy/stream_pools.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/deploy/networks.h"
#include "tests/deploy/random_graphs.h"

namespace platypus::deploy {
namespace {

using fixtures::Codes;
using fixtures::Scaling;
using testing::ElementsAre;

// A convolution, a pool over its output, and another convolution.
struct Case {
  Shape in;
  int channels;
  graph::Size2 kernel;
  graph::MaxPool pool;
};

graph::Graph NetworkOf(const Case& c, uint64_t seed, Codes codes = fixtures::kUnsigned) {
  Random random(seed, "streams");
  graph::Graph g = graph::MakeGraph("streams", c.in);
  graph::TensorId t = fixtures::AddInput(g, random, fixtures::kSigned);
  graph::Conv2d conv;
  conv.out_channels = c.channels;
  conv.kernel = c.kernel;
  conv.padding = {c.kernel.h / 2, c.kernel.w / 2, c.kernel.h / 2, c.kernel.w / 2};
  t = fixtures::AddConv(g, random, "conv", t, conv, Scaling::kShift, codes);
  t = graph::Append(g, "pool", c.pool, {t});
  g.At(t).scale = 0.0625f;
  conv.kernel = {1, 1};
  conv.padding = {};
  fixtures::AddConv(g, random, "next", t, conv, Scaling::kShift, fixtures::kUnsigned);
  return g;
}

const Case kLine = {{1, 301, 1}, 16, {5, 1}, {{3, 1}, {2, 1}, {}, {1, 0, 1, 0}}};
const Case kOverlapping = {{3, 200, 1}, 12, {3, 1}, {{4, 1}, {1, 1}, {}, {2, 0, 1, 0}}};
const Case kImage = {{1, 28, 28}, 8, {3, 3}, {{2, 2}, {2, 2}, {}, {}}};
const Case kOverlappingImage = {{4, 21, 17}, 16, {3, 3}, {{3, 3}, {2, 2}, {}, {1, 1, 1, 1}}};

std::vector<std::string> PoolsOf(const CNetwork& net) {
  std::vector<std::string> pools;
  for (const CLayer& layer : net.layers) {
    if (!layer.pool.empty()) pools.push_back(layer.pool);
  }
  return pools;
}

// The convolution's whole output needs no place: its rows of one line of windows do.
TEST(StreamPoolsTest, TheArenaHoldsAStrip) {
  const CNetwork net = LowerToC(NetworkOf(kImage, 1));
  EXPECT_THAT(PoolsOf(net), ElementsAre("pool"));
  EXPECT_EQ(net.memory.arena_octets, 8 * 14 * 14 + 2 * 8 * 28);
}

TEST(StreamPoolsTest, EveryCaseStreams) {
  for (const Case& c : {kLine, kOverlapping, kImage, kOverlappingImage})
    EXPECT_THAT(PoolsOf(LowerToC(NetworkOf(c, 1))), ElementsAre("pool"));
}

// Another layer decides what the arena needs anyway, or nearly as much, or somebody else reads the
// convolution's output.
TEST(StreamPoolsTest, OnlyWhereTheArenaBecomesMuchSmaller) {
  EXPECT_THAT(PoolsOf(LowerToC(fixtures::Cls1k(256))), ElementsAre());
  Random random(1, "streams");
  graph::Graph wide = NetworkOf(kImage, 1);
  graph::Conv2d conv;
  conv.out_channels = 64;
  fixtures::AddConv(wide, random, "wide", wide.output, conv, Scaling::kShift, fixtures::kUnsigned);
  conv.out_channels = 8;
  fixtures::AddConv(wide, random, "narrow", wide.output, conv, Scaling::kShift,
                    fixtures::kUnsigned);
  EXPECT_THAT(PoolsOf(LowerToC(wide)), ElementsAre());
  graph::Graph g = NetworkOf(kImage, 1);
  const graph::TensorId codes = g.nodes.at(2).output;
  ASSERT_EQ(g.nodes.at(3).name, "pool");
  fixtures::AddMeanPool(g, random, "mean", codes, {{28, 28}, {28, 28}, {}}, fixtures::kUnsigned);
  EXPECT_THAT(PoolsOf(LowerToC(g)), ElementsAre());
}

class StreamPoolsOnTest : public testing::TestWithParam<const char*> {};

TEST_P(StreamPoolsOnTest, GiveTheInterpretersCodes) {
  uint64_t seed = 0;
  for (const Case& c : {kLine, kOverlapping, kImage, kOverlappingImage}) {
    for (const Codes& codes : {fixtures::kUnsigned, fixtures::kSixteenBits}) {
      const auto optimise = static_cast<config::Optimise>(++seed % 3);
      const VerifyResult result =
          fixtures::VerifyOn(GetParam(), NetworkOf(c, seed, codes), 2, seed, optimise);
      if (!result.ran) GTEST_SKIP() << result.notice;
      EXPECT_EQ(result.samples, 2);
      EXPECT_EQ(result.mismatches, 0) << "case " << seed << ": " << result.first_difference;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cores, StreamPoolsOnTest,
                         testing::Values("host", "cortex-m0plus", "cortex-m4", "cortex-m33-nodsp",
                                         "cortex-m55", "riscv32"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace platypus::deploy
