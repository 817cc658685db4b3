#include "platypus/deploy/layers.h"

#include <gtest/gtest.h>

#include "platypus/base/error.h"
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
  const std::vector<graph::Op> ops = {
      graph::ConvTranspose2d{2, {1, 1}, {}, {}, {}, {0, 0}, 1, false},
      graph::Clamp{},
      graph::LeakyRelu{},
      graph::Sigmoid{},
      graph::Tanh{},
      graph::Gelu{},
      graph::Softmax{},
      graph::LogSoftmax{},
      graph::Transpose{},
      graph::Pad{},
      graph::Slice{0, 0, 1, 1},
      graph::Resize{},
      graph::LayerNorm{},
      graph::Recurrent{},
      graph::Mul{},
      graph::Scale{},
  };
  for (const graph::Op& op : ops) {
    Graph g = graph::MakeGraph("t", {2, 8, 1});
    const bool pair = std::holds_alternative<graph::Mul>(op);
    graph::Append(g, "block.1", op, pair ? std::vector<TensorId>{0, 0} : std::vector<TensorId>{0});
    ExpectRefused(g, fmt::format("layer block.1: {} cannot be generated as C in this version",
                                 graph::Name(op)));
  }
  Graph mixed = graph::MakeGraph("t", {2, 8, 1});  // both kept channels last, in different orders
  graph::Append(mixed, "view", graph::Reshape{{4, 4, 1}}, {0});
  ExpectRefused(mixed, "layer view: Reshape cannot be generated as C in this version");
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
