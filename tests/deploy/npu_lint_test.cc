#include "platypus/deploy/npu_lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace platypus::deploy {
namespace {

using graph::Graph;
using testing::ElementsAre;
using testing::IsEmpty;

// The findings about one operator behind an input of that shape, as "TYPE: problem; advice".
std::vector<std::string> Findings(const Graph& graph, int bits = 8) {
  std::vector<std::string> texts;
  for (const NpuFinding& f : LintForNpu(graph, bits))
    texts.push_back(f.type + ": " + f.problem + (f.advice.empty() ? "" : "; " + f.advice));
  return texts;
}
std::vector<std::string> Of(const Shape& input, graph::Op op, int bits = 8) {
  Graph graph = graph::MakeGraph("one", input);
  graph::Append(graph, "op", std::move(op), {graph.input});
  return Findings(graph, bits);
}

graph::Conv2d Conv(int out, graph::Size2 kernel, graph::Size2 stride = {1, 1}, int groups = 1) {
  graph::Conv2d conv;
  conv.out_channels = out;
  conv.kernel = kernel;
  conv.stride = stride;
  conv.groups = groups;
  return conv;
}

TEST(NpuLintTest, FirstConvolution) {
  EXPECT_THAT(Of({1, 64, 16}, Conv(8, {40, 8}, {2, 1})), IsEmpty());
  EXPECT_THAT(Of({1, 64, 16}, Conv(6, {3, 1})),
              ElementsAre("FCONV: 6 output channels, which is no multiple of 4; 4 or 8"));
  EXPECT_THAT(Of({1, 64, 16}, Conv(8, {3, 9})), ElementsAre("FCONV: kernel 3x9; at most 8 wide"));
  EXPECT_THAT(Of({1, 64, 1}, Conv(8, {3, 1}, {4, 1})),
              ElementsAre("FCONV: stride 4x1; 1x1, 2x1 or 2x2"));
}

TEST(NpuLintTest, Convolution) {
  EXPECT_THAT(Of({3, 64, 1}, Conv(8, {11, 1}, {2, 1})),
              IsEmpty());  // inputs are padded
  EXPECT_THAT(Of({4, 64, 9}, Conv(8, {7, 7}, {2, 2})), IsEmpty());
  EXPECT_THAT(Of({4, 64, 9}, Conv(8, {8, 2})),
              ElementsAre("GCONV: kernel 8x2; at most 7 on both sides, or one side of 1"));
  EXPECT_THAT(Of({4, 64, 1}, Conv(2, {3, 1})),
              ElementsAre("GCONV: 2 output channels, which is no multiple of 4; 4"));
  EXPECT_THAT(Of({4, 64, 1}, Conv(8, {3, 1}, {7, 1})),
              ElementsAre("GCONV: stride 7x1; 1x1, 2x1 or 2x2"));
  EXPECT_THAT(Of({8, 64, 1}, Conv(8, {3, 1}, {1, 1}, 2)),
              ElementsAre("Conv2d: 2 groups of 8 channels; 1 or 8 groups"));
}

TEST(NpuLintTest, DepthwiseAndPointwise) {
  EXPECT_THAT(Of({8, 64, 1}, Conv(8, {9, 1}, {1, 1}, 8)), IsEmpty());
  EXPECT_THAT(Of({6, 64, 1}, Conv(6, {3, 1}, {1, 1}, 6)),
              ElementsAre("DWCONV: 6 channels, which is no multiple of 4; 4 or 8"));
  EXPECT_THAT(Of({8, 64, 1}, Conv(12, {1, 1})), IsEmpty());
  EXPECT_THAT(Of({6, 64, 1}, Conv(12, {1, 1})),
              ElementsAre("PWCONV: 6 input channels, which is no multiple of 4; 4 or 8"));
  EXPECT_THAT(Of({8, 64, 1}, Conv(13, {1, 1})),
              ElementsAre("PWCONV: 13 output channels, which is no multiple of 4; 12 or 16"));
}

TEST(NpuLintTest, TransposedConvolution) {
  graph::ConvTranspose2d op;
  op.out_channels = 4;
  op.kernel = {2, 1};
  EXPECT_THAT(Of({8, 16, 1}, op), IsEmpty());
  op.out_channels = 1;
  EXPECT_THAT(Of({8, 16, 1}, op),
              ElementsAre("TCONV: 1 output channels, which is no multiple of 4; 4"));
}

TEST(NpuLintTest, LinearDependsOnTheBits) {
  const graph::Linear linear{3, true, {}};
  EXPECT_THAT(Of({16}, linear), IsEmpty());
  EXPECT_THAT(Of({8}, linear), ElementsAre("FC: 8 inputs; at least 16 with weights of 8 bits"));
  EXPECT_THAT(Of({8}, linear, 4), IsEmpty());
  EXPECT_THAT(Of({7}, linear, 4), ElementsAre("FC: 7 inputs; at least 8 with weights of 4 bits"));
}

TEST(NpuLintTest, Pools) {
  EXPECT_THAT(Of({8, 64, 9}, graph::MaxPool{{9, 4}, {2, 2}, {}, {}}), IsEmpty());
  EXPECT_THAT(Of({8, 64, 9}, graph::MaxPool{{5, 5}, {2, 2}, {}, {}}),
              ElementsAre("MAXPOOL: kernel 5x5; at most 4 on one side"));
  EXPECT_THAT(Of({5, 64, 1}, graph::MaxPool{{3, 1}, {2, 1}, {}, {}}),
              ElementsAre("MAXPOOL: 5 channels, which is no multiple of 4; 4 or 8"));
  EXPECT_THAT(Of({8, 64, 1}, graph::AdaptiveAvgPool{{1, 1}}), IsEmpty());
  EXPECT_THAT(Of({8, 2, 1}, graph::AdaptiveAvgPool{{1, 1}}),
              ElementsAre("AVGPOOL: an average of 2 values; more than 2"));
  EXPECT_THAT(Of({8, 16, 1}, graph::AdaptiveAvgPool{{8, 1}}), IsEmpty());
  EXPECT_THAT(Of({8, 17, 1}, graph::AdaptiveAvgPool{{8, 1}}),
              ElementsAre("AdaptiveAvgPool: 17x1 values to 8x1: windows of unequal length; an "
                          "output that divides the input"));
  EXPECT_THAT(Of({8, 64, 1}, graph::AvgPool{{2, 1}, {2, 1}, {}}), IsEmpty());
  EXPECT_THAT(Of({8, 64, 1}, graph::AvgPool{{3, 1}, {3, 1}, {}}),
              ElementsAre("DWCONV: stride 3x1; 1x1, 2x1 or 2x2"));
}

TEST(NpuLintTest, SumsNeedAPointwiseConvolution) {
  for (const int kernel : {1, 3}) {
    Graph graph = graph::MakeGraph("sum", {8, 16, 1});
    graph::Conv2d conv = Conv(8, {kernel, 1});
    conv.padding = {kernel / 2, 0, kernel / 2, 0};
    const graph::TensorId branch = graph::Append(graph, "conv", conv, {graph.input});
    const graph::TensorId norm = graph::Append(graph, "norm", graph::BatchNorm{}, {branch});
    graph::Append(graph, "add", graph::Add{}, {graph.input, norm});
    if (kernel == 1) {
      EXPECT_THAT(Findings(graph), IsEmpty());
    } else {
      EXPECT_THAT(Findings(graph), ElementsAre("Add: a sum that no 1x1 convolution stands before; "
                                               "end one branch in a 1x1 convolution"));
    }
  }
}

TEST(NpuLintTest, WhatItDoesNotHave) {
  EXPECT_THAT(Of({8, 16, 1}, graph::Resize{{32, 1}, graph::Resize::Mode::kNearest}),
              ElementsAre("Resize: an operator that the accelerator does not have"));
  EXPECT_THAT(Of({2, 16, 1}, graph::Recurrent{}),
              ElementsAre("Lstm: an operator that the accelerator does not have"));
  EXPECT_THAT(Of({8, 16, 1}, graph::Relu{}), IsEmpty());
  EXPECT_THAT(Of({8, 16, 1}, graph::Flatten{}), IsEmpty());
}

TEST(NpuLintTest, EveryLayerIsExplained) {
  Graph graph = graph::MakeGraph("net", {1, 64, 1});
  graph::TensorId t = graph::Append(graph, "first", Conv(8, {7, 1}, {2, 1}), {graph.input});
  t = graph::Append(graph, "norm", graph::BatchNorm{}, {t});
  t = graph::Append(graph, "relu", graph::Relu{}, {t});
  t = graph::Append(graph, "second", Conv(14, {3, 1}), {t});
  t = graph::Append(graph, "pool", graph::AdaptiveAvgPool{{1, 1}}, {t});
  t = graph::Append(graph, "flat", graph::Flatten{}, {t});
  graph::Append(graph, "out", graph::Linear{3, true, {}}, {t});
  std::vector<std::string> texts;
  const std::vector<NpuPlacement> placements = PlaceOnNpu(graph);
  for (const NpuPlacement& placement : placements)
    texts.push_back(placement.layer + " " + Explain(placement));
  EXPECT_THAT(
      texts,
      ElementsAre(
          "first runs on the NPU as FCONV: first convolution of 1 to 8 channels, kernel 7x1, "
          "stride 2x1",
          "second stays on the processor: convolution of 8 to 14 channels, kernel 3x1, stride 1x1; "
          "14 output channels, which is no multiple of 4 (to change: 12 or 16)",
          "pool stays on the processor: average of 14 channels from 27x1 to 1x1 values; 14 "
          "channels, which is no multiple of 4 (to change: 12 or 16)",
          "out stays on the processor: linear layer of 14 inputs and 3 outputs; 14 inputs (to "
          "change: at least 16 with weights of 8 bits)"));
  const double all = 29 * 8 * 7 + 27 * 14 * 24 + 14 * 3;
  EXPECT_NEAR(ShareOnNpu(placements), 29 * 8 * 7 / all, 1e-9);
  EXPECT_EQ(ShareOnNpu({}), 1);
}

}  // namespace
}  // namespace platypus::deploy
