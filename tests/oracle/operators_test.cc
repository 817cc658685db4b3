// Each float operator alone, with random parameters, against ONNX Runtime.
#include <cmath>

#include "platypus/exec/interpreter.h"
#include "tests/oracle/run_onnx.h"

namespace platypus {
namespace {

using Cell = graph::Recurrent::Cell;
using Mode = graph::Resize::Mode;

struct Case {
  const char* name;
  Shape input;
  graph::Op op;
};

class OperatorTest : public testing::TestWithParam<Case> {};

TEST_P(OperatorTest, OnnxRuntimeAgrees) {
  if (!HasOnnxRuntime()) GTEST_SKIP() << "ONNX Runtime is not installed: run `make oracle`";
  constexpr int64_t kSamples = 20;
  const auto& [name, input, op] = GetParam();
  Random random(7, name);
  graph::Graph g = graph::MakeGraph(name, input);
  const bool pair = std::holds_alternative<graph::Mul>(op);
  graph::Append(g, "x", op,
                pair ? std::vector<graph::TensorId>{0, 0} : std::vector<graph::TensorId>{0});
  for (const graph::Role& role : graph::Roles(op, input)) {
    std::vector<float> values(static_cast<size_t>(NumElements(role.shape)));
    for (float& v : values) v = static_cast<float>(random.Uniform(-0.8, 0.8));
    g.parameters["x." + role.name] = {role.shape, std::move(values)};
  }
  graph::Verify(g);
  ThreadPool pool(1);
  const std::vector<float> samples = RandomSamples(input, kSamples, 4);
  const std::vector<float> ours = exec::Interpreter(g).Run(samples, kSamples, pool);
  const std::vector<float> theirs = RunOnnx(g, samples);
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT_NEAR(ours[i], theirs[i], 1e-5 * std::max(1.0f, std::abs(ours[i]))) << i;
  }
}

graph::ConvTranspose2d Spread(int groups, graph::Size2 dilation) {
  graph::ConvTranspose2d op;
  op.out_channels = 4;
  op.kernel = {4, 3};
  op.stride = {2, 3};
  op.dilation = dilation;
  op.padding = {1, 0, 2, 1};
  op.extra = {1, 0};
  op.groups = groups;
  op.has_bias = groups == 1;
  return op;
}

INSTANTIATE_TEST_SUITE_P(
    Float, OperatorTest,
    testing::Values(Case{"ConvTranspose", {2, 7, 4}, Spread(1, {1, 1})},
                    Case{"ConvTransposeGrouped", {2, 7, 4}, Spread(2, {3, 2})},
                    Case{"Clamp", {3, 8, 1}, graph::Clamp{-1.0f, 2.5f}},
                    Case{"ClampFlat", {5}, graph::Clamp{}},
                    Case{"LeakyRelu", {3, 8, 1}, graph::LeakyRelu{0.2f}},
                    Case{"Sigmoid", {3, 8, 1}, graph::Sigmoid{}},  //
                    Case{"Tanh", {3, 8, 1}, graph::Tanh{}},        //
                    Case{"Gelu", {3, 8, 1}, graph::Gelu{}},        //
                    Case{"Softmax", {6}, graph::Softmax{}},
                    Case{"SoftmaxOfChannels", {3, 5, 2}, graph::Softmax{}},
                    Case{"LogSoftmax", {6}, graph::LogSoftmax{}},
                    Case{"LogSoftmaxOfChannels", {3, 5, 2}, graph::LogSoftmax{}},
                    Case{"Reshape", {3, 4, 2}, graph::Reshape{{6, 4, 1}}},
                    Case{"ReshapeToFlat", {3, 4, 2}, graph::Reshape{{24}}},
                    Case{"ReshapeToImage", {24}, graph::Reshape{{4, 3, 2}}},
                    Case{"Transpose", {3, 4, 2}, graph::Transpose{{2, 0, 1}}},
                    Case{"Pad", {2, 4, 3}, graph::Pad{{1, 2, 3, 0}, -1.5f}},
                    Case{"Slice", {3, 9, 2}, graph::Slice{1, 1, 9, 3}},
                    Case{"SliceChannels", {3, 9, 2}, graph::Slice{0, 1, 3, 1}},
                    Case{"SliceFlat", {9}, graph::Slice{0, 0, 9, 2}},
                    Case{"NearestUp", {2, 5, 3}, graph::Resize{{10, 7}, Mode::kNearest}},
                    Case{"NearestDown", {2, 9, 5}, graph::Resize{{4, 2}, Mode::kNearest}},
                    // float(4) / float(14) is rounded so that ONNX would take another row.
                    Case{"NearestGathered", {2, 14, 5}, graph::Resize{{4, 8}, Mode::kNearest}},
                    Case{"BilinearUp", {2, 5, 3}, graph::Resize{{10, 7}, Mode::kBilinear}},
                    Case{"BilinearDown", {2, 9, 5}, graph::Resize{{4, 2}, Mode::kBilinear}},
                    Case{"BilinearRows", {2, 9, 1}, graph::Resize{{13, 1}, Mode::kBilinear}},
                    Case{"Dropout", {3, 8, 1}, graph::Dropout{}},
                    Case{"LayerNorm", {3, 4, 2}, graph::LayerNorm{1e-3f}},
                    Case{"LayerNormFlat", {7}, graph::LayerNorm{}},
                    Case{"Rnn", {3, 9, 1}, graph::Recurrent{Cell::kRnn, 4, 2, true}},
                    Case{"RnnSteps", {3, 9, 1}, graph::Recurrent{Cell::kRnn, 4, 1, false}},
                    Case{"Gru", {3, 9, 1}, graph::Recurrent{Cell::kGru, 4, 1, true}},
                    Case{"GruSteps", {3, 9, 1}, graph::Recurrent{Cell::kGru, 4, 3, false}},
                    Case{"Lstm", {3, 9, 1}, graph::Recurrent{Cell::kLstm, 4, 1, true}},
                    Case{"LstmLayers", {3, 9, 1}, graph::Recurrent{Cell::kLstm, 4, 2, true}},
                    Case{"LstmSteps", {3, 9, 1}, graph::Recurrent{Cell::kLstm, 5, 2, false}},
                    Case{"Mul", {3, 8, 1}, graph::Mul{}},  //
                    Case{"Scale", {3, 8, 1}, graph::Scale{}}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace platypus
