#include <fmt/format.h>
#include <gtest/gtest.h>

#include "platypus/base/files.h"
#include "platypus/deploy/verify.h"
#include "tests/deploy/random_graphs.h"

namespace platypus::deploy {
namespace {

// The generated C of a network, on the host, for every sample; for size, balanced or speed in turn.
void ExpectSame(const graph::Graph& network, uint64_t seed) {
  const VerifyResult result =
      fixtures::VerifyOn("host", network, 20, seed, static_cast<config::Optimise>(seed % 3));
  if (!result.ran) GTEST_SKIP() << result.notice;
  EXPECT_EQ(result.samples, 20);
  EXPECT_EQ(result.mismatches, 0) << "seed " << seed << ": " << result.first_difference << "\n"
                                  << graph::ToText(network);
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

// GCC 12 loses the call of a layer of these networks where it may assume something of layers
// (TM_NOINLINE in tm_port.h): on the host of seed 30, too.
TEST(LostCallTest, EveryLayerRuns) {
  for (const auto& [core, seed] : {std::pair{"cortex-m0plus", 26}, std::pair{"cortex-m4", 19}}) {
    const auto number = static_cast<uint64_t>(seed);
    const VerifyResult result = fixtures::VerifyOn(core, fixtures::RandomIntegerGraph(number), 2,
                                                   number, config::Optimise::kSpeed);
    if (!result.ran) GTEST_SKIP() << result.notice;
    EXPECT_EQ(result.mismatches, 0) << core << ": " << result.first_difference;
  }
}

// Views between layouts: image to image, to flat and back.
TEST(ViewTest, IntegersAreTheInterpreters) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Random random(seed, "integer views");
    graph::Graph g = graph::MakeGraph("views", {24});
    graph::TensorId t = fixtures::AddInput(g, random, fixtures::kSigned);
    t = graph::Append(g, "image", graph::Reshape{{3, 8, 1}}, {t});
    graph::Conv2d conv;
    conv.out_channels = 4;
    t = fixtures::AddConv(g, random, "conv", t, conv, fixtures::Scaling::kShift,
                          fixtures::kUnsigned);
    t = graph::Append(g, "wide", graph::Reshape{{4, 2, 4}}, {t});
    t = graph::Append(g, "pool", graph::MaxPool{{1, 2}, {1, 2}, {}, {}}, {t});
    t = graph::Append(g, "flat", graph::Reshape{{16}}, {t});
    if (seed % 2 == 0) {
      t = fixtures::AddLinear(g, random, "linear", t, 6, fixtures::Scaling::kShift,
                              fixtures::kSigned);
    }
    graph::Append(g, "last", graph::Reshape{{2, seed % 2 == 0 ? 3 : 8, 1}}, {t});
    ExpectSame(std::move(g), seed);
  }
}

TEST(ViewTest, FloatsAreTheInterpretersBits) {
  Random random(1, "float views");
  graph::Graph g = graph::MakeGraph("views", {2, 12, 1});
  graph::Append(g, "drop", graph::Dropout{}, {g.input});
  graph::TensorId t = graph::Append(g, "wide", graph::Reshape{{2, 3, 4}}, {g.output});
  graph::Conv2d conv;
  conv.out_channels = 3;
  t = fixtures::AddFloatConv(g, random, "conv", t, conv);
  t = graph::Append(g, "flat", graph::Reshape{{36}}, {t});
  t = graph::Append(g, "image", graph::Reshape{{6, 3, 2}}, {t});
  fixtures::AddFloatConv(g, random, "conv2", t, conv);
  graph::Append(g, "last", graph::Reshape{{3, 6, 1}}, {g.output});
  ExpectSame(std::move(g), 1);
}

// Every float operator in each of its forms: the random networks need not draw all.
TEST(ChainTest, FloatsAreTheInterpretersBits) {
  using Cell = graph::Recurrent::Cell;
  using Mode = graph::Resize::Mode;
  const graph::ConvTranspose2d spread{4, {3, 2}, {2, 1}, {1, 1}, {1, 0, 1, 1}, {1, 0}, 1, true};
  const graph::ConvTranspose2d grouped{6, {3, 1}, {3, 1}, {2, 1}, {2, 0, 0, 0}, {0, 0}, 3, false};
  const std::vector<std::pair<Shape, std::vector<graph::Op>>> chains = {
      {{3, 6, 2},
       {spread, graph::LeakyRelu{}, graph::Transpose{{2, 0, 1}}, graph::Pad{{1, 2, 3, 0}, -1.5f},
        graph::Slice{1, 1, 6, 2}, graph::Resize{{13, 5}, Mode::kNearest}, graph::Scale{},
        graph::Transpose{{0, 2, 1}}, graph::LayerNorm{}, graph::Sigmoid{}}},
      {{3, 6, 2},
       {graph::Resize{{13, 6}, Mode::kBilinear}, graph::Tanh{}, graph::Slice{2, 1, 5, 1},
        graph::Gelu{}, graph::Softmax{}, graph::Reshape{{6, 13, 2}}, graph::LogSoftmax{},
        graph::Slice{0, 1, 6, 2}}},
      {{3, 6, 1},
       {grouped, graph::Clamp{-0.5f, 0.5f}, graph::Resize{{9, 1}, Mode::kBilinear},
        graph::Recurrent{Cell::kRnn, 4, 3, false}, graph::Recurrent{Cell::kGru, 3, 2, false},
        graph::Recurrent{Cell::kLstm, 5, 2, true}, graph::Softmax{}, graph::Slice{0, 1, 5, 2}}},
      {{1, 6, 1},
       {graph::Resize{{4, 1}, Mode::kNearest}, graph::Recurrent{Cell::kLstm, 1, 1, false},
        graph::Recurrent{Cell::kGru, 4, 1, true}, graph::LogSoftmax{}}},
      {{3, 1, 1}, {graph::Recurrent{Cell::kRnn, 2, 1, true}}},
  };
  for (uint64_t i = 0; i < chains.size(); ++i) {
    const auto& [shape, ops] = chains[i];
    Random random(i, "chain");
    graph::Graph g = graph::MakeGraph("chain", shape);
    for (const graph::Op& op : ops) {
      fixtures::AddFloat(g, random, fmt::format("x{}", g.nodes.size()), op, {g.output});
    }
    ExpectSame(std::move(g), i);
  }
}

// The state itself, 16 bits of it, behind each cell.
TEST(WideStateTest, IntegersAreTheInterpreters) {
  for (int cell = 0; cell < 3; ++cell) {
    const auto seed = static_cast<uint64_t>(cell);
    Random random(seed, "wide state");
    graph::Graph g = graph::MakeGraph("cells", {2, 12, 1});
    graph::TensorId t = fixtures::AddInput(g, random, fixtures::kUnsigned);
    fixtures::AddCells(
        g, random, "cells", t,
        {static_cast<graph::Recurrent::Cell>(cell), 5, 2, cell != 1, 12, -32768, 32767});
    ExpectSame(std::move(g), seed);
  }
}

// Real units behind the integers: gain and shift of each output, flat or of each channel.
TEST(RealUnitsTest, FloatsAreTheInterpretersBits) {
  for (const bool flat : {false, true}) {
    Random random(flat ? 1 : 2, "units");
    graph::Graph g = graph::MakeGraph("units", {2, 6, 3});
    graph::TensorId t = fixtures::AddInput(g, random, fixtures::kSigned);
    graph::Conv2d conv;
    conv.out_channels = 4;
    t = fixtures::AddConv(g, random, "conv", t, conv, fixtures::Scaling::kNarrow,
                          fixtures::kSigned);
    if (flat) {
      t = graph::Append(g, "flatten", graph::Flatten{}, {t});
      t = fixtures::AddLinear(g, random, "linear", t, 5, fixtures::Scaling::kShift,
                              fixtures::kSigned);
    }
    t = graph::Append(g, "real", graph::Dequantize{0.125f}, {t});
    fixtures::AddNorm(g, random, "units", t);
    graph::Verify(g);
    ExpectSame(std::move(g), flat ? 1 : 2);
  }
}

// Floats before, between and behind codes; the features go to floats and to codes at once.
TEST(IslandTest, CodesAndFloatsAreTheInterpreters) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    Random random(seed, "islands");
    const fixtures::Codes codes[] = {fixtures::kSigned, fixtures::kUnsigned,
                                     fixtures::kSixteenBits};
    graph::Graph g = graph::MakeGraph("islands", {3, 8, 2});
    const graph::TensorId sine = fixtures::AddFloat(g, random, "sine", graph::Sigmoid{}, {g.input});
    graph::TensorId a = fixtures::AddQuantize(g, random, "a", sine, codes[seed % 3], seed % 2 == 0);
    graph::TensorId b =
        fixtures::AddQuantize(g, random, "b", g.input, codes[(seed + 1) % 3], seed % 2 == 1);
    graph::TensorId t =
        graph::Append(g, "sum", graph::AddRequantize{200, 300, 8, -128, 127}, {a, b});
    for (int i = 0; i < 2; ++i) t = fixtures::AddIsland(g, random, fmt::format("island{}", i), t);
    graph::Conv2d conv;
    conv.out_channels = 5;
    const int bits = fixtures::RandomBits(random, g.At(t), g.At(t).shape[0]);
    t = fixtures::AddConv(g, random, "conv", t, conv, fixtures::Scaling::kWide, codes[seed % 3],
                          bits);
    t = graph::Append(g, "real", graph::Dequantize{0.125f, 7}, {t});
    fixtures::AddFloat(g, random, "softmax", graph::Softmax{}, {t});
    ExpectSame(std::move(g), seed);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomGraphTest, testing::Range(0, 32));

}  // namespace
}  // namespace platypus::deploy
