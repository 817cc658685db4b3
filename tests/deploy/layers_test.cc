#include "platypus/deploy/layers.h"

#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/graph/quantization.h"
#include "tests/deploy/random_graphs.h"

namespace platypus::deploy {
namespace {

using graph::Graph;
using graph::TensorId;

void ExpectRefused(const Graph& g, const std::string& message) {
  try {
    LowerToC(g);
    FAIL() << "no error: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kModel);
    EXPECT_EQ(error.message(), message);
  }
}

TEST(LayersTest, OperatorsWithoutCAreNamed) {
  Graph training = graph::MakeGraph("t", {2, 8, 1});
  graph::Append(training, "block.1", graph::FakeQuantize{}, {0});
  training.parameters["block.1.range"] = {{2}, std::vector<float>{-1, 1}};
  ExpectRefused(training, "layer block.1: FakeQuantize cannot be generated as C in this version");
  Random random(1, "codes");
  Graph codes = graph::MakeGraph("t", {2, 8, 1});
  const TensorId t = fixtures::AddInput(codes, random, fixtures::kSigned);
  graph::Append(codes, "block.2", graph::Clamp{}, {t});
  ExpectRefused(codes, "layer block.2: Clamp cannot be generated as C in this version");
}

// The states of cells, and what lies between two layers of them, are in the arena.
TEST(LayersTest, CellsHaveMemoryForTheirStates) {
  Random random(1, "cells");
  Graph g = graph::MakeGraph("t", {3, 8, 1});
  fixtures::AddFloat(g, random, "lstm", graph::Recurrent{graph::Recurrent::Cell::kLstm, 5, 2, true},
                     {g.input});
  const CNetwork net = LowerToC(g);
  ASSERT_EQ(net.layers.size(), 3u);  // the input's order, then two layers of cells
  EXPECT_EQ(net.layers[1].name, "lstm.l0");
  EXPECT_EQ(net.layers[2].name, "lstm");
  EXPECT_EQ(net.layers[1].macs + net.layers[2].macs, graph::CountMacs(g));
  constexpr int64_t kInput = 4 * 3 * 8;
  constexpr int64_t kSeries = 4 * 5 * 8;
  constexpr int64_t kStates = 4 * 2 * 5;
  EXPECT_EQ(net.memory.arena_octets, kInput + kSeries + kStates);
}

// Tables of few bits have the size that summaries report, and layers name their bits.
TEST(LayersTest, WeightsOfFewBitsArePacked) {
  for (const int bits : {8, 4, 2}) {
    Random random(1, "packed");
    Graph g = graph::MakeGraph("t", {3, 12, 1});
    TensorId t = fixtures::AddInput(g, random, fixtures::kSigned);
    graph::Conv2d conv;
    conv.out_channels = 6;
    conv.kernel = {5, 1};
    t = fixtures::AddConv(g, random, "conv", t, conv, fixtures::Scaling::kShift,
                          fixtures::kSixteenBits, bits);
    conv.groups = 6;
    t = fixtures::AddConv(g, random, "depth", t, conv, fixtures::Scaling::kShift, fixtures::kSigned,
                          bits);
    t = graph::Append(g, "flat", graph::Flatten{}, {t});
    fixtures::AddLinear(g, random, "linear", t, 2, fixtures::Scaling::kShift, fixtures::kSigned,
                        bits);
    const CNetwork net = LowerToC(g);
    const auto table = [&](const std::string& name) {
      const auto found = std::find_if(net.tables.begin(), net.tables.end(),
                                      [&](const Table& each) { return each.name == name; });
      return found == net.tables.end() ? -1 : found->octets;
    };
    // Four channels of 15 codes together, and two rows of 15 codes each; and so on.
    const int64_t eighths = bits;
    EXPECT_EQ(table("conv_weight"), bits == 8 ? 6 * 15 : (4 * 15 + 2 * 16) * eighths / 8);
    EXPECT_EQ(table("depth_weight"), bits == 8 ? 6 * 5 : (4 * 5 + 2 * 8) * eighths / 8);
    EXPECT_EQ(table("linear_weight"), 2 * 24 * eighths / 8);
    for (const graph::Node& node : g.nodes) {
      if (!g.HasParameter(node, "weight")) continue;
      EXPECT_EQ(table(node.name + "_weight"),
                graph::StoredOctets(node.op, g.Parameter(node, "weight")));
    }
    const CLayer& layer = net.layers[1];
    EXPECT_EQ(layer.weight_bits, bits);
    EXPECT_NE(layer.comment.find(fmt::format("3x12x1 int8 -> 6x8x1 int16")), std::string::npos)
        << layer.comment;
    EXPECT_NE(layer.comment.find(fmt::format("weights of {} bits", bits)), std::string::npos)
        << layer.comment;
    EXPECT_EQ(layer.activation_octets, 2 * 6 * 8);
    EXPECT_EQ(net.arena_type, "tm_i16");
  }
}

// For speed, codes of 8 bits whose rows come in fours are written so that cores with DSP
// instructions can keep them wide; the values are the same.
TEST(LayersTest, ForSpeedRowsInFoursMayBeWide) {
  const graph::Graph network = fixtures::Cls1k(64);
  const CNetwork balanced = LowerToC(network);
  const CNetwork speed = LowerToC(network, 8, config::Optimise::kSpeed);
  const CNetwork packed = LowerToC(network, 16, config::Optimise::kSpeed);
  ASSERT_EQ(balanced.tables.size(), speed.tables.size());
  bool first = true;
  for (size_t i = 0; i < speed.tables.size(); ++i) {
    const Table& table = speed.tables[i];
    EXPECT_EQ(table.values, balanced.tables[i].values);
    EXPECT_EQ(balanced.tables[i].fours, "");
    EXPECT_EQ(packed.tables[i].fours, "");
    if (!table.name.ends_with("_weight")) continue;
    // The first layer has one input channel and five places.
    EXPECT_EQ(table.fours.empty(), first) << table.name;
    first = false;
  }
}

// Floats and codes of 16 bits take turns in one arena.
TEST(LayersTest, TheWidestTypeHasTheArena) {
  fixtures::Model mixed;
  fixtures::MakeMixedModel(mixed, 1);
  const CNetwork net = LowerToC(mixed.network);
  EXPECT_EQ(net.arena_type, "tm_f32");
  EXPECT_EQ(net.in_type, "tm_f32");
  EXPECT_EQ(net.out_type, "tm_i16");
  EXPECT_EQ(LowerToC(fixtures::Cls1k(64)).arena_type, "tm_u8");
}

// Views of as many channels, and of flat tensors that only a Linear reads, need no code.
TEST(LayersTest, ViewsAreNotCopied) {
  Random random(1, "views");
  Graph g = graph::MakeGraph("t", {1, 12, 1});
  TensorId t = fixtures::AddInput(g, random, fixtures::kSigned);
  graph::Conv2d conv;
  conv.out_channels = 3;
  t = fixtures::AddConv(g, random, "conv", t, conv, fixtures::Scaling::kShift, fixtures::kSigned);
  t = graph::Append(g, "view", graph::Reshape{{3, 4, 3}}, {t});
  t = graph::Append(g, "drop", graph::Dropout{}, {t});
  t = graph::Append(g, "flat", graph::Reshape{{36}}, {t});
  fixtures::AddLinear(g, random, "linear", t, 2, fixtures::Scaling::kShift, fixtures::kSigned);
  const CNetwork net = LowerToC(g);
  ASSERT_EQ(net.layers.size(), 2u);
  EXPECT_EQ(net.layers[0].name, "conv");
  EXPECT_EQ(net.layers[1].name, "linear");
}

}  // namespace
}  // namespace platypus::deploy
