#include "platypus/graph/graph.h"

#include <gtest/gtest.h>

#include "platypus/base/error.h"

namespace platypus::graph {
namespace {

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
  EXPECT_NE(MessageOf(Add{}, {{4}, {5}}).find("Add of 4 and 5: the shapes must be equal"), std::string::npos);
  EXPECT_NE(MessageOf(MaxPool{{2, 1}, {}, {}, {2, 0, 2, 0}}, {{1, 8, 1}}).find("more than half"),
            std::string::npos);
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

TEST(GraphTest, CountsAndListings) {
  const Graph g = ConvNorm();
  EXPECT_EQ(CountParameters(g), 3);
  EXPECT_EQ(CountMacs(g), 4);
  EXPECT_NE(ToText(g).find("Conv2d"), std::string::npos);
  EXPECT_NE(ToDot(g).find("t0 -> t1;"), std::string::npos);
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
