// The TI-NPU form node for node, and what the QDQ form is made of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "platypus/base/error.h"
#include "platypus/onnx/onnx.h"

namespace platypus::onnx_io {
namespace {

using graph::TensorId;
using testing::HasSubstr;

onnx::ModelProto Parse(const std::string& bytes) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  return model;
}

std::string Operators(const onnx::ModelProto& model) {
  std::string text;
  for (const onnx::NodeProto& node : model.graph().node())
    text += (text.empty() ? "" : " ") + node.op_type();
  return text;
}

const onnx::TensorProto& Constant(const onnx::ModelProto& model, const std::string& name) {
  for (const onnx::TensorProto& tensor : model.graph().initializer()) {
    if (tensor.name() == name) return tensor;
  }
  ADD_FAILURE() << "no constant " << name;
  static const onnx::TensorProto none;
  return none;
}

Shape ShapeOf(const onnx::TensorProto& tensor) {
  return Shape(tensor.dims().begin(), tensor.dims().end());
}

std::string Metadata(const onnx::ModelProto& model, const std::string& key) {
  for (const onnx::StringStringEntryProto& entry : model.metadata_props()) {
    if (entry.key() == key) return entry.value();
  }
  return "none";
}

Array Int32s(std::vector<int32_t> values) {
  return {{static_cast<int64_t>(values.size())}, std::move(values)};
}
Array Ones(const Shape& shape) {
  return {shape, std::vector<int8_t>(static_cast<size_t>(NumElements(shape)), int8_t{1})};
}

TensorId AppendCodes(graph::Graph& g, const std::string& name, TensorId sums, int count, int lo,
                     int hi, float scale) {
  const TensorId codes = graph::Append(g, name, graph::Requantize{lo, hi}, {sums});
  const auto all = [&](int32_t value) {
    return Int32s(std::vector<int32_t>(static_cast<size_t>(count), value));
  };
  g.parameters[name + ".offset"] = all(32);
  g.parameters[name + ".multiplier"] = all(1);
  g.parameters[name + ".shift"] = all(6);
  g.At(codes).scale = scale;
  return codes;
}

TensorId AppendConvolution(graph::Graph& g, const std::string& name, TensorId x, int channels,
                           int kernel) {
  graph::Conv2d conv;
  conv.out_channels = channels;
  conv.kernel = {kernel, 1};
  conv.stride = {2, 1};
  conv.padding = {kernel / 2, 0, kernel / 2, 0};
  conv.has_bias = false;
  const int64_t ins = g.At(x).shape[0];
  g.parameters[name + ".weight"] = Ones({channels, ins, kernel, 1});
  return graph::Append(g, name, conv, {x});
}

// The reference's example: normalised input, two convolutions with ReLU, pool, linear layer.
graph::Graph Example() {
  graph::Graph g = graph::MakeGraph("example", {1, 32, 1});
  TensorId t = graph::Append(g, "input", graph::QuantizeInput{-128, 127}, {g.input});
  g.parameters["input.offset"] = {{1}, std::vector<float>{-1.526f}};
  g.parameters["input.multiplier"] = Int32s({148});
  g.parameters["input.shift"] = Int32s({4});
  t = AppendCodes(g, "a.requantize", AppendConvolution(g, "a", t, 4, 5), 4, 0, 255, 0.5f);
  t = AppendCodes(g, "b.requantize", AppendConvolution(g, "b", t, 8, 3), 8, 0, 255, 0.5f);
  t = graph::Append(g, "pool", graph::SumPool{{2, 1}, {2, 1}, {}}, {t});
  t = AppendCodes(g, "pool.requantize", t, 1, 0, 255, 0.5f);
  t = graph::Append(g, "flat", graph::Flatten{}, {t});
  g.parameters["c.weight"] = Ones({3, 32});
  t = graph::Append(g, "c", graph::Linear{3, false, {}}, {t});
  AppendCodes(g, "c.requantize", t, 3, -128, 127, 0.25f);
  graph::Verify(g);
  return g;
}

TEST(DialectTest, TheExampleOfTheReferenceNodeForNode) {
  const onnx::ModelProto model = Parse(Serialize(Example(), {}));
  EXPECT_EQ(Operators(model),
            "Add Mul Mul Floor Clip "
            "Conv Add Mul Mul Floor Clip Relu Clip "
            "Conv Add Mul Mul Floor Clip Relu Clip "
            "AveragePool Mul Round Add Mul Mul Floor Clip "
            "Flatten MatMul Add Mul Mul Floor Clip");
  EXPECT_EQ(model.opset_import(0).version(), 17);
  EXPECT_EQ(ShapeOf(Constant(model, "input.offset")), (Shape{1, 1, 1, 1}));
  EXPECT_EQ(ShapeOf(Constant(model, "a.requantize.offset")), (Shape{1, 4, 1, 1}));
  EXPECT_EQ(ShapeOf(Constant(model, "pool.requantize.mult")), (Shape{1, 1}));
  EXPECT_EQ(ShapeOf(Constant(model, "c.weight")), (Shape{32, 3}));
  EXPECT_EQ(ShapeOf(Constant(model, "c.requantize.shift_mult")), (Shape{1, 3}));
  EXPECT_EQ(Constant(model, "a.requantize.shift_mult").float_data(0), 0x1p-6f);
  EXPECT_EQ(ShapeOf(Constant(model, "a.requantize.lo")), Shape{});
  EXPECT_EQ(Constant(model, "a.requantize.lo").float_data(0), -255.0f);
  EXPECT_EQ(Constant(model, "a.requantize.relu.lo").float_data(0), 0.0f);
  EXPECT_EQ(Constant(model, "c.requantize.lo").float_data(0), -128.0f);
  for (const onnx::TensorProto& tensor : model.graph().initializer())
    EXPECT_EQ(tensor.data_type(), onnx::TensorProto_DataType_FLOAT) << tensor.name();
  EXPECT_EQ(Metadata(model, "scale.b.requantize"), "0.5");
  EXPECT_EQ(Metadata(model, "zero_point.b.requantize"), "0");
  const graph::Graph back = Import(Serialize(Example(), {}), "example.onnx");
  EXPECT_EQ(graph::ToText(back), graph::ToText(Example()));
  EXPECT_EQ(back.parameters, Example().parameters);
}

TEST(DialectTest, AGlobalPoolIsASumWithoutAxes) {
  graph::Graph g = graph::MakeGraph("global", {2, 8, 1});
  TensorId t = graph::Append(g, "input", graph::QuantizeInput{}, {g.input});
  g.parameters["input.offset"] = {{2}, std::vector<float>{0.5f, 0.5f}};
  g.parameters["input.multiplier"] = Int32s({1, 1});
  g.parameters["input.shift"] = Int32s({0, 0});
  t = graph::Append(g, "pool", graph::SumPool{{8, 1}, {8, 1}, {}}, {t});
  t = AppendCodes(g, "pool.requantize", t, 1, -128, 127, 0.5f);
  graph::Append(g, "flat", graph::Flatten{}, {t});
  const onnx::ModelProto model = Parse(Serialize(g, {}));
  EXPECT_EQ(Operators(model),
            "Add Mul Mul Floor Clip ReduceSum Round Add Mul Mul Floor Clip Flatten");
  EXPECT_EQ(model.graph().node(5).attribute(0).i(), 0);  // keepdims
  const graph::Graph back = Import(Serialize(g, {}), "global.onnx");
  EXPECT_EQ(back.Output().shape, (Shape{2}));
}

TEST(DialectTest, ASumOfEqualScalesIsAnAddAndAChain) {
  graph::Graph g = graph::MakeGraph("sum", {2, 8, 1});
  TensorId t = graph::Append(g, "input", graph::QuantizeInput{}, {g.input});
  g.parameters["input.offset"] = {{2}, std::vector<float>{0.5f, 0.5f}};
  g.parameters["input.multiplier"] = Int32s({1, 1});
  g.parameters["input.shift"] = Int32s({0, 0});
  const TensorId y =
      AppendCodes(g, "a.requantize", AppendConvolution(g, "a", t, 2, 1), 2, -128, 127, 0.5f);
  const TensorId z =
      AppendCodes(g, "b.requantize", AppendConvolution(g, "b", t, 2, 1), 2, -128, 127, 0.5f);
  graph::Append(g, "sum", graph::AddRequantize{1, 1, 1, 0, 255}, {y, z});
  const onnx::ModelProto model = Parse(Serialize(g, {}));
  EXPECT_THAT(Operators(model), HasSubstr("Clip Add Add Mul Mul Floor Clip Relu Clip"));
  EXPECT_EQ(ShapeOf(Constant(model, "sum.offset")), (Shape{1, 1}));
  const graph::Graph back = Import(Serialize(g, {}), "sum.onnx");
  EXPECT_EQ(graph::ToText(back), graph::ToText(g));
  EXPECT_EQ(back.nodes.back().op, g.nodes.back().op);
}

// Two layers with weights of `bits`, on codes of `activation_bits`.
graph::Graph FakeQuantized(int bits, int activation_bits) {
  graph::Graph g = graph::MakeGraph("fake", {2, 4, 1});
  const graph::FakeQuantize fake{activation_bits, false, false};
  TensorId t = graph::Append(g, "input.quantize", fake, {g.input});
  graph::Conv2d conv;
  conv.out_channels = 3;
  conv.kernel = {3, 1};
  conv.weight_quantizer = graph::WeightQuantizer{
      bits, false, true, bits == 2 ? graph::Rounding::kTernary : graph::Rounding::kNearest};
  t = graph::Append(g, "a", conv, {t});
  std::vector<float> weights;
  for (int i = 0; i < 18; ++i) weights.push_back(static_cast<float>(i - 9) / 9.0f);
  g.parameters["a.weight"] = {{3, 2, 3, 1}, weights};
  g.parameters["a.bias"] = {{3}, std::vector<float>{0.5f, -0.25f, 1.0f}};
  graph::Append(g, "a.quantize", fake, {t});
  g.parameters["input.quantize.range"] = {{2}, std::vector<float>{-1.0f, 1.0f}};
  g.parameters["a.quantize.range"] = {{2}, std::vector<float>{-2.0f, 2.0f}};
  return g;
}

TEST(QdqFormTest, ShortWeightsAreTypesOfTheirOwnInNewFiles) {
  const struct {
    int bits, activation_bits, opset, type;
    size_t octets;
  } cases[] = {{8, 8, 17, 3, 18}, {4, 8, 21, 22, 9}, {2, 8, 25, 26, 5}, {8, 16, 21, 3, 18}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.bits * 100 + c.activation_bits);
    const graph::Graph g = FakeQuantized(c.bits, c.activation_bits);
    const onnx::ModelProto newest = Parse(SerializeQdq(g, {}, {QdqVersion::kNewest, true}));
    EXPECT_EQ(newest.opset_import(0).version(), c.opset);
    EXPECT_EQ(Constant(newest, "a.weight_codes").data_type(), c.type);
    EXPECT_EQ(Constant(newest, "a.weight_codes").raw_data().size(), c.octets);
    const onnx::ModelProto fallback = Parse(SerializeQdq(g, {}, {QdqVersion::kFallback, true}));
    EXPECT_EQ(fallback.opset_import(0).version(), 17);
    EXPECT_EQ(Constant(fallback, "a.weight_codes").data_type(), 3);
    EXPECT_EQ(Constant(newest, "a.bias_codes").data_type(), 6);
  }
}

// Two codes an octet, the first one in its lower half: -7 to 7 of the first channel.
TEST(QdqFormTest, CodesOfFourBitsArePackedAsOnnxSays) {
  const onnx::ModelProto model =
      Parse(SerializeQdq(FakeQuantized(4, 8), {}, {QdqVersion::kNewest, true}));
  const std::string& octets = Constant(model, "a.weight_codes").raw_data();
  // Weights -9/9, -8/9, ... of the first channel: scale 1/7, codes -7, -6, -5, -5, -4, -3.
  EXPECT_EQ(static_cast<unsigned char>(octets[0]), 0xA9);
  EXPECT_EQ(static_cast<unsigned char>(octets[1]), 0xBB);
  EXPECT_EQ(static_cast<unsigned char>(octets[2]), 0xDC);
}

TEST(QdqFormTest, TheLastCodesAreTheOutputOrTheirRealNumbers) {
  const graph::Graph g = FakeQuantized(8, 8);
  const onnx::ModelProto integer = Parse(SerializeQdq(g, {}, {QdqVersion::kNewest, true}));
  EXPECT_EQ(integer.graph().output(0).type().tensor_type().elem_type(), 3);
  EXPECT_EQ(
      Operators(integer),
      "QuantizeLinear DequantizeLinear DequantizeLinear DequantizeLinear Conv QuantizeLinear");
  const onnx::ModelProto real = Parse(SerializeQdq(g, {}, {QdqVersion::kNewest, false}));
  EXPECT_EQ(real.graph().output(0).type().tensor_type().elem_type(), 1);
  EXPECT_EQ(Operators(real), Operators(integer) + " DequantizeLinear");
  EXPECT_EQ(Metadata(real, "zero_point.a.quantize_codes"), "0");
  EXPECT_NE(Metadata(real, "scale.a.quantize_codes"), "none");
}

TEST(QdqFormTest, WithoutARangeThereIsNoFile) {
  graph::Graph g = FakeQuantized(8, 8);
  g.parameters["a.quantize.range"] = {{2}, std::vector<float>{1.0f, -1.0f}};
  try {
    SerializeQdq(g, {}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kModel);
    EXPECT_THAT(error.what(), HasSubstr("node a.quantize: no range was observed"));
  }
}

}  // namespace
}  // namespace platypus::onnx_io
