#include "platypus/deploy/shared_functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/deploy/package.h"
#include "tests/deploy/random_graphs.h"

namespace platypus::deploy {
namespace {

using config::Optimise;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

// What the kernels of one graph's layers are called, and the text of the functions they share.
struct Shared {
  std::vector<std::string> calls;
  std::string functions;
};

Shared ShareOf(const graph::Graph& g, Optimise optimise) {
  CNetwork net = LowerToC(g);
  Shared shared;
  shared.functions = ShareFunctions(net, optimise);
  for (const CLayer& layer : net.layers) {
    if (layer.call) shared.calls.push_back(layer.call->function);
  }
  return shared;
}

// Convolutions one behind the other, after a layer that arranges the input: their kernel sizes and
// the bits of their weights.
graph::Graph Convolutions(const std::vector<std::pair<int, int>>& layers) {
  Random random(3, "convolutions");
  graph::Graph g = graph::MakeGraph("convolutions", {4, 20, 1});
  graph::TensorId t = fixtures::AddInput(g, random, fixtures::kSigned);
  for (const auto& [taps, bits] : layers) {
    graph::Conv2d op;
    op.out_channels = 4;
    op.kernel = {taps, 1};
    op.padding = {taps / 2, 0, taps / 2, 0};
    t = fixtures::AddConv(g, random, "conv" + std::to_string(g.nodes.size()), t, op,
                          fixtures::Scaling::kNarrow, fixtures::kSigned, bits);
  }
  return g;
}

TEST(SharedFunctionsTest, LayersOfOneShapeHaveOneFunction) {
  for (const auto optimise : {Optimise::kSize, Optimise::kBalanced, Optimise::kSpeed}) {
    const Shared shared = ShareOf(Convolutions({{5, 8}, {5, 8}, {5, 8}}), optimise);
    EXPECT_THAT(shared.calls, Each("conv_i8_i8_1"));
    EXPECT_THAT(shared.functions, HasSubstr("/* Layers 1, 2, 3: "));
    // The shape is a constant of the function; only addresses are parameters.
    EXPECT_THAT(shared.functions, HasSubstr("static const tm_shape s_"));
    EXPECT_THAT(shared.functions, HasSubstr("tm_conv_i8_i8(x, q, s_"));
    EXPECT_THAT(shared.functions, Not(HasSubstr("kernel_w")));
  }
}

TEST(SharedFunctionsTest, LayersOfOtherShapesShareForSize) {
  const graph::Graph g = Convolutions({{5, 8}, {3, 8}});
  EXPECT_THAT(ShareOf(g, Optimise::kBalanced).calls, Each("tm_conv_i8_i8"));
  EXPECT_EQ(ShareOf(g, Optimise::kBalanced).functions, "");
  const Shared shared = ShareOf(g, Optimise::kSize);
  EXPECT_THAT(shared.calls, Each("conv_i8_i8_1"));
  // What differs is a parameter, what does not is literal.
  EXPECT_THAT(shared.functions, HasSubstr("tm_i32 kernel_w"));
  EXPECT_THAT(shared.functions, HasSubstr("  s.kernel_w = kernel_w;\n"));
  EXPECT_THAT(shared.functions, HasSubstr("  s.in_w = 20;\n"));
}

// Of 4 input channels 4 and 12 outputs; of 12 inputs 8 and 6, which is no multiple of 4.
TEST(SharedFunctionsTest, ConvolutionsOfMoreChannelsShareWhenBalanced) {
  Random random(5, "channels");
  graph::Graph g = graph::MakeGraph("channels", {4, 20, 1});
  graph::TensorId t = fixtures::AddInput(g, random, fixtures::kSigned);
  for (const int outs : {4, 12, 8, 12, 6, 12}) {
    graph::Conv2d op;
    op.out_channels = outs;
    op.kernel = {3, 1};
    op.padding = {1, 0, 1, 0};
    t = fixtures::AddConv(g, random, "conv" + std::to_string(g.nodes.size()), t, op,
                          fixtures::Scaling::kNarrow, fixtures::kSigned, 8);
  }
  const Shared shared = ShareOf(g, Optimise::kBalanced);
  EXPECT_THAT(shared.calls,
              testing::ElementsAre("conv_i8_i8_1", "conv_i8_i8_1", "tm_conv_i8_i8", "tm_conv_i8_i8",
                                   "tm_conv_i8_i8", "tm_conv_i8_i8"));
  EXPECT_THAT(shared.functions, HasSubstr("  s.out_c = 4 * out_c_fours;\n"));
  EXPECT_THAT(ShareOf(g, Optimise::kSpeed).functions, "");
  for (const char* core : {"host", "cortex-m0plus", "cortex-m4"}) {
    const VerifyResult result = fixtures::VerifyOn(core, g, 20, 1);
    EXPECT_EQ(result.mismatches, 0) << core << ": " << result.first_difference;
  }
}

// Lengths, strides and channels in eights are what they differ in.
TEST(SharedFunctionsTest, ConvolutionsOfOtherSizesShareOnArmv6M) {
  Random random(6, "sizes");
  graph::Graph g = graph::MakeGraph("sizes", {16, 80, 1});
  graph::TensorId t = fixtures::AddInput(g, random, fixtures::kSigned);
  for (const auto& [outs, stride] : {std::pair{8, 1}, std::pair{16, 2}, std::pair{20, 2}}) {
    graph::Conv2d op;
    op.out_channels = outs;
    op.kernel = {3, 1};
    op.stride = {stride, 1};
    op.padding = {1, 0, 1, 0};
    t = fixtures::AddConv(g, random, "conv" + std::to_string(g.nodes.size()), t, op,
                          fixtures::Scaling::kNarrow, fixtures::kSigned, 8);
  }
  const Shared shared = ShareOf(g, Optimise::kBalanced);
  EXPECT_THAT(shared.calls, Each("conv_i8_i8_1"));
  EXPECT_THAT(shared.functions, HasSubstr("TM_SHARED_SIZES void conv_i8_i8_1("));
  EXPECT_THAT(shared.functions, HasSubstr("  s.in_c = s.in_c & -8;\n"));
  EXPECT_THAT(
      shared.functions,
      HasSubstr("  TM_ASSUME(s.in_c >= 8 && s.out_c >= 8 && s.out_h * s.out_w > TM_SHORT);\n"));
  EXPECT_THAT(shared.functions, HasSubstr("  s.kernel_w = 3;\n"));
  EXPECT_EQ(ShareOf(g, Optimise::kSpeed).functions, "");
  for (const char* core : {"host", "cortex-m0plus", "cortex-m4", "riscv32"}) {
    const VerifyResult result = fixtures::VerifyOn(core, g, 20, 1);
    EXPECT_EQ(result.mismatches, 0) << core << ": " << result.first_difference;
  }
}

TEST(SharedFunctionsTest, WeightsOfOtherBitsAreReadByOtherFunctions) {
  const Shared shared = ShareOf(Convolutions({{5, 8}, {5, 4}, {5, 8}, {5, 4}}), Optimise::kSize);
  EXPECT_THAT(shared.calls,
              testing::ElementsAre("conv_i8_i8_1", "conv_i8_i8_2", "conv_i8_i8_1", "conv_i8_i8_2"));
}

TEST(SharedFunctionsTest, StructuresOfWhichMuchDiffersArePassedWhole) {
  Random random(4, "convolutions");
  graph::Graph g = graph::MakeGraph("convolutions", {2, 30, 1});
  graph::TensorId t = fixtures::AddInput(g, random, fixtures::kSigned);
  for (const int taps : {5, 3}) {
    graph::Conv2d op;
    op.out_channels = taps;
    op.kernel = {taps, 1};
    op.stride = {taps - 2, 1};
    t = fixtures::AddConv(g, random, "conv" + std::to_string(taps), t, op,
                          fixtures::Scaling::kNarrow, fixtures::kSigned, 8);
  }
  const Shared shared = ShareOf(g, Optimise::kSize);
  EXPECT_THAT(shared.functions, HasSubstr("const tm_shape *s_of"));
  EXPECT_THAT(shared.functions, HasSubstr("  tm_shape s = *s_of;\n"));
  EXPECT_EQ(fixtures::VerifyOn("host", g, 20, 1, Optimise::kSize).mismatches, 0);
}

// The whole package of every mode: code that compilers accept without a warning is tested by
// build_files_test.cc, its results on every core by core_kernels_test.cc.
TEST(SharedFunctionsTest, ThePackageSaysWhatItIsMadeFor) {
  fixtures::Model model;
  fixtures::MakeCls1k(model, 64, 1);
  for (const auto& [optimise, macro] :
       {std::pair{Optimise::kSize, "TM_SIZE"}, std::pair{Optimise::kBalanced, "TM_BALANCED"},
        std::pair{Optimise::kSpeed, "TM_SPEED"}}) {
    model.request.optimise = optimise;
    EXPECT_THAT(Generate(model.request).at("net.c"),
                HasSubstr(std::string("#define TM_OPTIMISE ") + macro + "\n"));
  }
}

}  // namespace
}  // namespace platypus::deploy
