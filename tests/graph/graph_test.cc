#include "platypus/graph/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/base/error.h"
#include "platypus/graph/quantization.h"

namespace platypus::graph {
namespace {

using testing::HasSubstr;

std::string MessageOf(const Op& op, const std::vector<Shape>& inputs) {
  try {
    InferShape("x", op, inputs);
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kModel);
    return error.what();
  }
  return "no error";
}

TEST(ShapeTest, Table) {
  EXPECT_EQ(InferShape("x", Conv2d{8, {5, 1}, {2, 1}, {}, {2, 0, 2, 0}, 1, true, {}}, {{1, 9, 1}}),
            (Shape{8, 5, 1}));
  EXPECT_EQ(InferShape("x", Conv2d{4, {3, 3}, {}, {2, 2}, {}, 2, true, {}}, {{2, 9, 8}}),
            (Shape{4, 5, 4}));
  EXPECT_EQ(InferShape("x", MaxPool{{4, 1}, {4, 1}, {}, {2, 0, 2, 0}}, {{8, 625, 1}}),
            (Shape{8, 157, 1}));
  EXPECT_EQ(InferShape("x", AdaptiveAvgPool{{4, 1}}, {{3, 11, 1}}), (Shape{3, 4, 1}));
  EXPECT_EQ(InferShape("x", Flatten{}, {{3, 4, 2}}), Shape{24});
  EXPECT_EQ(InferShape("x", Concat{1}, {{3, 4, 2}, {3, 5, 2}}), (Shape{3, 9, 2}));
  EXPECT_NE(MessageOf(Conv2d{8, {5, 1}, {}, {}, {}, 1, true, {}}, {{1, 3, 1}})
                .find("a window of 5 does not fit"),
            std::string::npos);
  EXPECT_NE(MessageOf(Conv2d{8, {1, 1}, {}, {}, {}, 3, true, {}}, {{4, 3, 1}})
                .find("3 groups do not divide"),
            std::string::npos);
  EXPECT_NE(MessageOf(Linear{2, true, {}}, {{4, 3, 1}}).find("put a Flatten before it"),
            std::string::npos);
  EXPECT_NE(MessageOf(Add{}, {{4}, {5}}).find("Add of 4 and 5: the shapes must be equal"),
            std::string::npos);
  EXPECT_NE(MessageOf(MaxPool{{2, 1}, {}, {}, {2, 0, 2, 0}}, {{1, 8, 1}}).find("more than half"),
            std::string::npos);
}

struct Inferred {
  Op op;
  std::vector<Shape> inputs;
  Shape output;
};

TEST(ShapeTest, OperatorsOfTheZoo) {
  const Shape image = {3, 8, 4};
  using Cell = Recurrent::Cell;
  const std::vector<Inferred> table = {
      // (H - 1) stride - padding + dilation (k - 1) + 1 + extra
      {ConvTranspose2d{6, {4, 1}, {2, 1}, {}, {1, 0, 1, 0}, {0, 0}, 3, true}, {image}, {6, 16, 4}},
      {ConvTranspose2d{1, {3, 3}, {2, 3}, {1, 2}, {1, 0, 0, 0}, {1, 2}, 1, false},
       {image},
       {1, 17, 16}},
      {Clamp{}, {image}, image},
      {Clamp{1.0f, 1.0f}, {{5}}, {5}},
      {LeakyRelu{}, {image}, image},
      {Sigmoid{}, {{5}}, {5}},
      {Tanh{}, {image}, image},
      {Gelu{}, {image}, image},
      {Softmax{}, {{5}}, {5}},
      {Softmax{}, {image}, image},
      {LogSoftmax{}, {image}, image},
      {Reshape{{96}}, {image}, {96}},
      {Reshape{{12, 4, 2}}, {image}, {12, 4, 2}},
      {Reshape{{3, 8, 4}}, {{96}}, image},
      {Transpose{{2, 0, 1}}, {image}, {4, 3, 8}},
      {Pad{{1, 2, 3, 0}, -1.0f}, {image}, {3, 12, 6}},
      {Slice{0, 1, 3, 1}, {image}, {2, 8, 4}},
      {Slice{1, 1, 8, 3}, {image}, {3, 3, 4}},
      {Slice{0, 0, 5, 2}, {{5}}, {3}},
      {Resize{{16, 2}, Resize::Mode::kBilinear}, {image}, {3, 16, 2}},
      {Dropout{0.0f}, {{5}}, {5}},
      {LayerNorm{}, {image}, image},
      {Recurrent{Cell::kLstm, 7, 2, true}, {{3, 8, 1}}, {7}},
      {Recurrent{Cell::kGru, 7, 1, false}, {{3, 8, 1}}, {7, 8, 1}},
      {Mul{}, {image, image}, image},
      {Scale{}, {image}, image},
  };
  for (const Inferred& row : table) {
    EXPECT_EQ(InferShape("x", row.op, row.inputs), row.output)
        << Name(row.op) << " of " << ToString(row.inputs[0]);
    EXPECT_EQ(InferType(row.op, {DType::kFloat32, DType::kFloat32}), DType::kFloat32);
  }
  // What only moves or selects values keeps the codes' type.
  for (const Op& op : std::vector<Op>{Clamp{}, Reshape{}, Transpose{}, Pad{}, Slice{}, Dropout{}}) {
    EXPECT_EQ(InferType(op, {DType::kUInt8}), DType::kUInt8) << Name(op);
  }
}

struct Impossible {
  Op op;
  std::vector<Shape> inputs;
  const char* message;
};

TEST(ShapeTest, WhatCannotBe) {
  using Cell = Recurrent::Cell;
  const Shape image = {3, 8, 4};
  const std::vector<Impossible> table = {
      {ConvTranspose2d{4, {3, 1}, {}, {}, {}, {0, 0}, 3, true},
       {image},
       "layer x: 3 groups do not divide 3 input and 4 output channels"},
      {ConvTranspose2d{1, {3, 1}, {2, 1}, {}, {}, {2, 0}, 1, true},
       {image},
       "layer x: transposed convolution of 8 with kernel 3, stride 2, dilation 1, padding 0, "
       "output "
       "padding 2 (which must be below stride or dilation)"},
      {ConvTranspose2d{1, {1, 1}, {}, {}, {4, 0, 4, 0}, {0, 0}, 1, true}, {image}, "padding 8"},
      {ConvTranspose2d{}, {{5}}, "layer x: ConvTranspose2d needs an input of channels x height x"},
      {Clamp{1.0f, 0.5f}, {image}, "layer x: clamp from 1 to 0.5"},
      {Reshape{{5, 19}}, {image}, "layer x: 3x8x4 cannot be seen as 5x19"},
      {Reshape{{95}}, {image}, "layer x: 3x8x4 cannot be seen as 95"},
      {Reshape{{-1}}, {image}, "layer x: 3x8x4 cannot be seen as -1"},
      {Transpose{{0, 0, 1}}, {image}, "layer x: 0, 0, 1 is no order of three axes"},
      {Transpose{}, {{5}}, "layer x: Transpose needs an input of channels x height x width, got 5"},
      {Pad{{0, -1, 0, 0}, 0.0f}, {image}, "layer x: padding must be at least 0"},
      {Pad{}, {{5}}, "layer x: Pad needs an input of channels x height x width, got 5"},
      {Slice{1, 2, 9, 1}, {image}, "layer x: indices 2 to 9 by 1 of axis 1 of 3x8x4"},
      {Slice{1, 2, 2, 1}, {image}, "layer x: indices 2 to 2 by 1 of axis 1 of 3x8x4"},
      {Slice{1, 0, 2, 0}, {image}, "layer x: indices 0 to 2 by 0 of axis 1 of 3x8x4"},
      {Slice{1, -1, 2, 1}, {image}, "layer x: indices -1 to 2 by 1 of axis 1 of 3x8x4"},
      {Slice{1, 0, 1, 1}, {{5}}, "layer x: indices 0 to 1 by 1 of axis 1 of 5"},
      {Resize{{0, 1}, Resize::Mode::kNearest},
       {image},
       "layer x: output size 0x1 must be at least 1x1"},
      {Dropout{1.0f}, {image}, "layer x: dropout probability 1, expected 0 <= p < 1"},
      {Recurrent{Cell::kLstm, 7, 1, true},
       {image},
       "layer x: Lstm of 7 values in 1 layers needs an input of values x steps x 1, got 3x8x4"},
      {Recurrent{Cell::kGru, 0, 1, true}, {{3, 8, 1}}, "layer x: Gru of 0 values"},
      {Recurrent{Cell::kRnn, 7, 0, true}, {{3, 8, 1}}, "layer x: Rnn of 7 values in 0 layers"},
      {Recurrent{}, {{5}}, "layer x: Lstm needs an input of channels x height x width, got 5"},
      {Mul{}, {{4}, {5}}, "layer x: Mul of 4 and 5: the shapes must be equal"},
      {Mul{}, {{4}}, "layer x: Mul got 1 inputs"},
      {Scale{}, {{4}, {4}}, "layer x: Scale got 2 inputs"},
  };
  for (const Impossible& row : table) {
    EXPECT_THAT(MessageOf(row.op, row.inputs), HasSubstr(row.message)) << Name(row.op);
  }
}

// One operator whose parameters are zeros.
Graph OneNode(const Shape& input, const Op& op) {
  Graph g = MakeGraph("g", input);
  Append(g, "x", op, {0});
  for (const Role& role : Roles(op, input)) {
    const auto count = static_cast<size_t>(NumElements(role.shape));
    g.parameters["x." + role.name] = {role.shape, std::vector<float>(count, 0.0f)};
  }
  return g;
}

TEST(GraphTest, CountsOfRecurrentLayers) {
  using Cell = Recurrent::Cell;
  constexpr int64_t kIn = 3;
  constexpr int64_t kHidden = 5;
  constexpr int64_t kSteps = 10;
  for (const auto& [cell, gates] : {std::pair{Cell::kRnn, 1}, {Cell::kGru, 3}, {Cell::kLstm, 4}}) {
    const Graph one = OneNode({kIn, kSteps, 1}, Recurrent{cell, kHidden, 1, true});
    Verify(one);
    const int64_t first = gates * kHidden * (kIn + kHidden);
    EXPECT_EQ(CountParameters(one), first + 2 * gates * kHidden);
    EXPECT_EQ(CountMacs(one), kSteps * first);
    // Layers behind the first one read states.
    const Graph three = OneNode({kIn, kSteps, 1}, Recurrent{cell, kHidden, 3, false});
    Verify(three);
    const int64_t other = gates * kHidden * 2 * kHidden;
    EXPECT_EQ(CountParameters(three), first + 2 * other + 6 * gates * kHidden);
    EXPECT_EQ(CountMacs(three), kSteps * (first + 2 * other));
  }
}

TEST(GraphTest, CountsOfOtherLayers) {
  const Graph conv =
      OneNode({4, 8, 1}, ConvTranspose2d{6, {3, 1}, {2, 1}, {}, {}, {0, 0}, 2, true});
  Verify(conv);
  EXPECT_EQ(CountParameters(conv), 4 * 3 * 3 + 6);
  EXPECT_EQ(CountMacs(conv), 4 * 8 * 3 * 3);  // each input value meets each tap of its group
  EXPECT_EQ(CountParameters(OneNode({2, 3, 4}, LayerNorm{})), 2 * 24);
  EXPECT_EQ(CountParameters(OneNode({2, 3, 4}, Scale{})), 1);
  EXPECT_EQ(CountParameters(OneNode({2, 3, 4}, Gelu{})), 0);
}

TEST(ChainTest, TheSecondReadsTheFirst) {
  const auto make = [](const std::string& name, Shape input, int outputs, float value) {
    Graph g = MakeGraph(name, std::move(input));
    Append(g, name + ".flat", Reshape{{2}}, {g.output});
    Append(g, name + ".out", Linear{outputs, false, {}}, {g.output});
    g.parameters[name + ".out.weight"] = {
        {outputs, 2}, std::vector<float>(static_cast<size_t>(2 * outputs), value)};
    return g;
  };
  const Graph first = make("a", {2, 1, 1}, 2, 1);
  const Graph second = make("b", {2}, 3, 2);
  const Graph chain = Chain(first, second);
  EXPECT_EQ(chain.name, "b");
  EXPECT_EQ(chain.Input().shape, (Shape{2, 1, 1}));
  EXPECT_EQ(chain.Output().shape, Shape{3});
  ASSERT_EQ(chain.nodes.size(), 4U);
  EXPECT_EQ(chain.nodes[2].inputs[0], chain.nodes[1].output);
  EXPECT_EQ(chain.Parameter(chain.nodes[1], "weight").Floats()[0], 1);
  EXPECT_EQ(chain.Parameter(chain.nodes[3], "weight").Floats()[0], 2);
  EXPECT_EQ(Chain(MakeGraph("none", {2}), second).nodes.size(), 2U);
  EXPECT_THROW(Chain(second, first), Error) << "shapes";
  EXPECT_THROW(Chain(first, make("a", {2}, 3, 2)), Error) << "names";
}

TEST(GraphTest, VerifyFindsMissingRoles) {
  const Shape input = {4, 6, 1};
  for (const Op& op :
       std::vector<Op>{ConvTranspose2d{2, {3, 1}, {}, {}, {}, {0, 0}, 2, true}, LayerNorm{},
                       Recurrent{Recurrent::Cell::kLstm, 2, 2, true}, Scale{}}) {
    for (const Role& role : Roles(op, input)) {
      Graph missing = OneNode(input, op);
      missing.parameters.erase("x." + role.name);
      EXPECT_THROW(Verify(missing), Error) << Name(op) << " " << role.name;
      Graph other_shape = OneNode(input, op);
      other_shape.parameters["x." + role.name].shape.push_back(1);
      EXPECT_THROW(Verify(other_shape), Error) << Name(op) << " " << role.name;
    }
  }
}

TEST(GraphTest, FoldingDropsDropout) {
  Graph g = MakeGraph("g", {4});
  Append(g, "d", Dropout{}, {0});
  Append(g, "s", Sigmoid{}, {g.output});
  const Graph folded = FoldBatchNorm(g);
  Verify(folded);
  ASSERT_EQ(folded.nodes.size(), 1u);
  EXPECT_EQ(folded.nodes[0].inputs[0], folded.input);
}

Graph ConvNorm() {
  Graph g = MakeGraph("g", {1, 4, 1});
  Append(g, "c", Conv2d{1, {1, 1}, {}, {}, {}, 1, false, {}}, {0});
  g.parameters["c.weight"] = {{1, 1, 1, 1}, std::vector<float>{2}};
  Append(g, "b", BatchNorm{0.0f, 0.1f}, {g.output});
  g.parameters["b.weight"] = {{1}, std::vector<float>{3}};
  g.parameters["b.bias"] = {{1}, std::vector<float>{1}};
  g.parameters["b.running_mean"] = {{1}, std::vector<float>{4}};
  g.parameters["b.running_var"] = {{1}, std::vector<float>{9}};
  return g;
}

TEST(GraphTest, FoldsBatchNorms) {
  const Graph folded = FoldBatchNorm(ConvNorm());
  Verify(folded);
  ASSERT_EQ(folded.nodes.size(), 1u);
  EXPECT_EQ(folded.parameters.at("c.weight").Floats()[0], 2.0f);  // 2 * 3 / 3
  EXPECT_EQ(folded.parameters.at("c.bias").Floats()[0], -3.0f);   // (0 - 4) * 1 + 1
}

// [in][out / groups][k][k]: each output channel by its own factor.
TEST(GraphTest, FoldsBatchNormsIntoTransposedConvolutions) {
  Graph g = MakeGraph("g", {2, 4, 1});
  ConvTranspose2d conv{4, {2, 1}, {}, {}, {}, {0, 0}, 2, false};
  Append(g, "c", conv, {0});
  g.parameters["c.weight"] = {{2, 2, 2, 1}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}};
  Append(g, "b", BatchNorm{0.0f, 0.1f}, {g.output});
  g.parameters["b.weight"] = {{4}, std::vector<float>{1, 10, 100, 1000}};
  g.parameters["b.bias"] = {{4}, std::vector<float>{0, 1, 2, 3}};
  g.parameters["b.running_mean"] = {{4}, std::vector<float>{1, 1, 1, 1}};
  g.parameters["b.running_var"] = {{4}, std::vector<float>{4, 4, 4, 4}};
  Verify(g);
  const Graph folded = FoldBatchNorm(g);
  Verify(folded);
  ASSERT_EQ(folded.nodes.size(), 1u);
  EXPECT_EQ(folded.parameters.at("c.weight").Floats(),
            (std::vector<float>{0.5f, 1, 15, 20, 250, 300, 3500, 4000}));
  EXPECT_EQ(folded.parameters.at("c.bias").Floats(), (std::vector<float>{-0.5f, -4, -48, -497}));
}

// Who else reads a layer sees what it made without the batch norm, also behind an Identity.
TEST(GraphTest, FoldsOnlyWhatNobodyElseReads) {
  Graph g = ConvNorm();
  Append(g, "i", Identity{}, {g.nodes[0].output});
  Append(g, "a", Add{}, {g.nodes[1].output, g.output});
  EXPECT_EQ(FoldBatchNorm(g).nodes.size(), 3u);
  EXPECT_EQ(FoldingNorm(g, g.nodes[0]), nullptr);
  const Graph alone = ConvNorm();
  EXPECT_EQ(FoldingNorm(alone, alone.nodes[0]), &alone.nodes[1]);
}

TEST(GraphTest, CountsAndListings) {
  const Graph g = ConvNorm();
  EXPECT_EQ(CountParameters(g), 3);
  EXPECT_EQ(CountMacs(g), 4);
  EXPECT_NE(ToText(g).find("Conv2d"), std::string::npos);
  EXPECT_NE(ToDot(g).find("t0 -> t1;"), std::string::npos);
}

TEST(GraphTest, CodesAreStoredInTheFewestBitsThatHoldThem) {
  EXPECT_EQ(CodeBits(std::vector<int8_t>{-1, 0, 1}), 2);
  EXPECT_EQ(CodeBits(std::vector<int8_t>{-2, 1}), 2);
  EXPECT_EQ(CodeBits(std::vector<int8_t>{2}), 4);
  EXPECT_EQ(CodeBits(std::vector<int8_t>{-3}), 4);
  EXPECT_EQ(CodeBits(std::vector<int8_t>{-8, 7}), 4);
  EXPECT_EQ(CodeBits(std::vector<int8_t>{8}), 8);
  EXPECT_EQ(CodeBits(std::vector<int8_t>{-9}), 8);
  // Rows of 5 codes: of four channels side by side, of the others filled up to 8.
  EXPECT_EQ(PackedOctets(8, 7, 5), 35);
  EXPECT_EQ(PackedOctets(4, 7, 5), (4 * 5 + 3 * 8) / 2);
  EXPECT_EQ(PackedOctets(2, 7, 5), (4 * 5 + 3 * 8) / 4);
  const Array few = {{4, 3}, std::vector<int8_t>(12, -1)};
  EXPECT_EQ(StoredOctets(Linear{}, few), 3);
  EXPECT_EQ(StoredOctets(Recurrent{}, few), 12);
  EXPECT_EQ(StoredOctets(Linear{}, Array{{4}, std::vector<int32_t>(4, 1)}), 16);
}

TEST(GraphTest, VerifyFindsWhatIsBroken) {
  Graph wrong_shape = ConvNorm();
  wrong_shape.parameters["c.weight"].shape = {1, 1, 2, 1};
  EXPECT_THROW(Verify(wrong_shape), Error);
  Graph missing = ConvNorm();
  missing.parameters.erase("b.bias");
  EXPECT_THROW(Verify(missing), Error);
  Graph order = ConvNorm();
  std::swap(order.nodes[0], order.nodes[1]);
  EXPECT_THROW(Verify(order), Error);
  Graph twice = ConvNorm();
  twice.nodes[1].name = "c";
  EXPECT_THROW(Verify(twice), Error);
}

}  // namespace
}  // namespace platypus::graph
