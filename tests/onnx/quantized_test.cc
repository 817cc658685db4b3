// Models that other programs have quantised.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/error.h"
#include "platypus/exec/interpreter.h"
#include "platypus/onnx/onnx.h"
#include "tests/onnx/quantized_forms.h"

namespace platypus::onnx_io {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Operators(const graph::Graph& graph) {
  std::string text;
  for (const graph::Node& node : graph.nodes)
    text += (text.empty() ? "" : " ") + std::string(graph::Name(node.op));
  return text;
}

std::string Refusal(const Builder& model) {
  try {
    Import(model.Bytes(), "m.onnx");
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kModel);
    return error.what();
  }
  return "none";
}

std::vector<float> Compute(const graph::Graph& graph, const std::vector<float>& inputs) {
  ThreadPool pool(1);
  return exec::Interpreter(graph).Run(
      inputs, static_cast<int64_t>(inputs.size()) / NumElements(graph.Input().shape), pool);
}

std::vector<float> Uniform(int64_t count, double low, double high) {
  Random random(7, "inputs");
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = static_cast<float>(random.Uniform(low, high));
  return values;
}

TEST(QuantizedTest, FormsBecomeIntegerOperators) {
  for (const QuantizedForm& form : QuantizedForms()) {
    SCOPED_TRACE(form.name);
    const graph::Graph graph = Import(form.model.Bytes(), form.name);
    EXPECT_EQ(Operators(graph), form.operators);
    // It computes: codes between the first and the last, and no two samples alike.
    const std::vector<float> out =
        Compute(graph, Uniform(4 * NumElements(graph.Input().shape), -3, 3));
    EXPECT_NE(std::vector<float>(out.begin(), out.begin() + static_cast<long>(out.size() / 4)),
              std::vector<float>(out.begin() + static_cast<long>(out.size() / 4),
                                 out.begin() + static_cast<long>(out.size() / 2)));
  }
}

// One convolution with padding, zero points on both sides: by the formulas of ONNX.
TEST(QuantizedTest, AConvolutionIsThatOfTheRealNumbers) {
  constexpr float kIn = 0.021f;
  constexpr float kOut = 0.037f;
  constexpr int kInZero = 77;
  constexpr int kOutZero = 140;
  using Ints = std::vector<int64_t>;
  QdqBuilder q(13, {1, 2, 9, 1});
  q.Pair("x", "in", kIn, kInZero, false);
  q.Weight("w", {3, 2, 3, 1});
  q.Bias("b", kIn);
  q.b.Node("Conv", {"in", "w", "b"}, {"c"}, {{"pads", Ints{1, 0, 1, 0}}});
  q.b.Floats("out_s", {}, {kOut});
  q.Zero("out_z", kOutZero, false);
  q.b.Node("QuantizeLinear", {"c", "out_s", "out_z"}, {"q"});
  q.b.Node("DequantizeLinear", {"q", "out_s", "out_z"}, {"y"});
  const graph::Graph graph = Import(q.b.Bytes(), "m.onnx");
  // The same in real numbers: the weights as they are dequantised.
  Builder real(13, {1, 2, 9, 1});
  const auto floats = [&](const std::string& name, const Shape& shape, bool bias) {
    std::vector<float> scales, values;
    std::vector<int32_t> codes;
    for (const onnx::TensorProto& t : q.b.model.graph().initializer()) {
      if (t.name() == name + "_s")
        scales.assign(reinterpret_cast<const float*>(t.raw_data().data()),
                      reinterpret_cast<const float*>(t.raw_data().data()) + 3);
      if (t.name() == name + "_c") codes.assign(t.int32_data().begin(), t.int32_data().end());
    }
    for (size_t i = 0; i < codes.size(); ++i)
      values.push_back(static_cast<float>(codes[i]) * scales[bias ? i : i / 6]);
    real.Floats(name, shape, values);
  };
  floats("w", {3, 2, 3, 1}, false);
  floats("b", {3}, true);
  real.Node("Conv", {"x", "w", "b"}, {"y"}, {{"pads", Ints{1, 0, 1, 0}}});
  const auto rounded = [](float x, float scale, int zero) {
    return scale *
           static_cast<float>(std::clamp(std::nearbyint(x / scale) + zero, 0.0f, 255.0f) - zero);
  };
  const std::vector<float> inputs = Uniform(50 * 18, -3, 5);
  std::vector<float> codes = inputs;
  for (float& v : codes) v = rounded(v, kIn, kInZero);
  const std::vector<float> exact = Compute(Import(real.Bytes(), "real.onnx"), codes);
  const std::vector<float> ours = Compute(graph, inputs);
  ASSERT_EQ(ours.size(), exact.size());
  int differing = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    const float wanted = rounded(exact[i], kOut, kOutZero);
    EXPECT_NEAR(ours[i], wanted, kOut * 1.001f) << i;
    differing += std::abs(ours[i] - wanted) > 0.01f * kOut ? 1 : 0;
  }
  EXPECT_LE(differing, static_cast<int>(ours.size() / 50));
}

TEST(QuantizedTest, EveryOperatorThatIsMissingIsNamed) {
  Builder b(13, {1, 3, 8, 2});
  b.Node("Elu", {"x"}, {"a"}).Node("Relu", {"a"}, {"r"});
  b.Node("Softplus", {"r"}, {"s"}).Node("Mish", {"s"}, {"y"});
  EXPECT_THAT(Refusal(b), AllOf(HasSubstr("m.onnx: 3 nodes cannot be read:"),
                                HasSubstr("node 'Elu_a' (Elu of 1x3x8x2): the operator is not "
                                          "supported; nearest supported operator: LeakyRelu"),
                                HasSubstr("node 'Softplus_s' (Softplus of 1x3x8x2)"),
                                HasSubstr("node 'Mish_y' (Mish")));
}

// A layer in real numbers between quantised ones.
TEST(QuantizedTest, WhatHasNoIntegerFormStaysReal) {
  QdqBuilder q(13, {1, 4});
  q.Pair("x", "in", 0.1f, 0, true);
  q.b.Node("Sigmoid", {"in"}, {"s"});
  q.Pair("s", "y", 0.004f, 0, false);
  EXPECT_EQ(Operators(Import(q.b.Bytes(), "m.onnx")),
            "QuantizeInput Dequantize Sigmoid QuantizeInput Dequantize");
}

TEST(QuantizedTest, WhatIsBeyondTheFormIsRefused) {
  {
    QdqBuilder q(13, {1, 4});
    q.b.Floats("s", {2}, {0.1f, 0.2f});
    q.b.Node("QuantizeLinear", {"x", "s"}, {"q"}).Node("DequantizeLinear", {"q", "s"}, {"y"});
    EXPECT_THAT(Refusal(q.b), HasSubstr("scale of 2 elements"));
  }
  {
    QdqBuilder q(13, {1, 4});
    q.b.Floats("s", {}, {-0.1f});
    q.b.Node("QuantizeLinear", {"x", "s"}, {"q"}).Node("DequantizeLinear", {"q", "s"}, {"y"});
    EXPECT_THAT(Refusal(q.b), HasSubstr("scale -0.1"));
  }
}

}  // namespace
}  // namespace platypus::onnx_io
