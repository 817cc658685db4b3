#ifndef PLATYPUS_TESTS_ONNX_QUANTIZED_FORMS_H_
#define PLATYPUS_TESTS_ONNX_QUANTIZED_FORMS_H_

#include <string>
#include <vector>

#include "tests/onnx/builder.h"

// Models as quantisers of other programs write them.
namespace platypus::onnx_io {

struct QuantizedForm {
  std::string name;
  Shape input;
  std::string operators;  // of ours that it becomes
  double step = 0;        // of the output's codes, in real numbers
  Builder model;
};

// Adds QuantizeLinear and DequantizeLinear nodes and their constants.
class QdqBuilder {
 public:
  QdqBuilder(int opset, const Shape& input) : b(opset, input) {}

  // Codes: signed or not.
  void Zero(const std::string& name, int64_t value, bool is_signed) {
    onnx::TensorProto* tensor = b.model.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(is_signed ? onnx::TensorProto_DataType_INT8
                                    : onnx::TensorProto_DataType_UINT8);
    tensor->add_int32_data(static_cast<int32_t>(value));
  }
  void Codes(const std::string& name, const Shape& shape, int most,
             onnx::TensorProto_DataType type) {
    onnx::TensorProto* tensor = b.model.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    for (const int64_t extent : shape) tensor->add_dims(extent);
    for (int64_t i = 0; i < NumElements(shape); ++i) {
      tensor->add_int32_data(
          static_cast<int32_t>(random_.Below(static_cast<uint64_t>(2 * most + 1))) - most);
    }
  }

  // real -> codes -> real
  std::string Pair(const std::string& real, const std::string& name, float scale, int64_t zero,
                   bool is_signed) {
    b.Floats(name + "_s", {}, {scale});
    Zero(name + "_z", zero, is_signed);
    b.Node("QuantizeLinear", {real, name + "_s", name + "_z"}, {name + "_q"});
    b.Node("DequantizeLinear", {name + "_q", name + "_s", name + "_z"}, {name});
    return name;
  }
  // Weights of int8 with a scale for each place of axis 0.
  std::string Weight(const std::string& name, const Shape& shape) {
    Codes(name + "_c", shape, 127, onnx::TensorProto_DataType_INT8);
    std::vector<float> scales;
    for (int64_t i = 0; i < shape[0]; ++i)
      scales.push_back(static_cast<float>(random_.Uniform(0.001, 0.01)));
    b.Floats(name + "_s", {shape[0]}, scales);
    Codes(name + "_z", {shape[0]}, 0, onnx::TensorProto_DataType_INT8);
    b.Node("DequantizeLinear", {name + "_c", name + "_s", name + "_z"}, {name},
           {{"axis", int64_t{0}}});
    scales_ = scales;
    return name;
  }
  // A bias of int32 in units of the input's scale times that of the last Weight.
  std::string Bias(const std::string& name, float in_scale) {
    const auto count = static_cast<int64_t>(scales_.size());
    Codes(name + "_c", {count}, 2000, onnx::TensorProto_DataType_INT32);
    for (float& scale : scales_) scale *= in_scale;
    b.Floats(name + "_s", {count}, scales_);
    b.Node("DequantizeLinear", {name + "_c", name + "_s"}, {name}, {{"axis", int64_t{0}}});
    return name;
  }

  Builder b;

 private:
  Random random_{23, "codes"};
  std::vector<float> scales_;
};

inline std::vector<QuantizedForm> QuantizedForms() {
  using Ints = std::vector<int64_t>;
  std::vector<QuantizedForm> forms;
  {
    // What a static quantiser makes of Conv, Relu, MaxPool, Conv, GlobalAveragePool, Gemm.
    QdqBuilder q(13, {1, 2, 24, 1});
    q.Pair("x", "in", 0.031f, 103, false);
    q.Weight("w1", {4, 2, 3, 1});
    q.Bias("b1", 0.031f);
    q.b.Node("Conv", {"in", "w1", "b1"}, {"c1"}, {{"pads", Ints{1, 0, 1, 0}}});
    q.b.Node("Relu", {"c1"}, {"r1"});
    q.Pair("r1", "a1", 0.024f, 0, false);
    q.b.Node("MaxPool", {"a1"}, {"m1"}, {{"kernel_shape", Ints{2, 1}}, {"strides", Ints{2, 1}}});
    q.Pair("m1", "p1", 0.024f, 0, false);
    q.Weight("w2", {6, 4, 3, 1});
    q.Bias("b2", 0.024f);
    q.b.Node("Conv", {"p1", "w2", "b2"}, {"c2"});
    q.Pair("c2", "a2", 0.05f, 131, false);
    q.b.Node("GlobalAveragePool", {"a2"}, {"g"});
    q.Pair("g", "a3", 0.03f, 120, false);
    q.b.Node("Flatten", {"a3"}, {"f"});
    q.Pair("f", "a4", 0.03f, 120, false);
    q.Weight("w3", {3, 6});
    q.Bias("b3", 0.03f);
    q.b.Node("Gemm", {"a4", "w3", "b3"}, {"t"}, {{"transB", int64_t{1}}});
    q.b.Floats("out_s", {}, {0.04f});
    q.Zero("out_z", 117, false);
    q.b.Node("QuantizeLinear", {"t", "out_s", "out_z"}, {"out_q"});
    q.b.Node("DequantizeLinear", {"out_q", "out_s", "out_z"}, {"y"});
    forms.push_back({"Classifier",
                     {1, 2, 24, 1},
                     "QuantizeInput Pad Conv2d Requantize MaxPool Conv2d Requantize SumPool "
                     "Requantize Flatten Linear Requantize Dequantize",
                     0.04,
                     q.b});
  }
  {
    // Signed symmetric codes; a sum of two branches, joined with one of them.
    QdqBuilder q(17, {1, 3, 10, 1});
    q.Pair("x", "in", 0.03125f, 0, true);
    q.Weight("w1", {3, 1, 3, 1});
    q.b.Node("Conv", {"in", "w1"}, {"c1"}, {{"pads", Ints{1, 0, 1, 0}}, {"group", int64_t{3}}});
    q.Pair("c1", "a1", 0.02f, 0, true);
    q.b.Node("Add", {"in", "a1"}, {"s"}).Node("Relu", {"s"}, {"r"});
    q.Pair("r", "a2", 0.025f, -128, true);
    q.b.Node("Concat", {"a2", "a1"}, {"j"}, {{"axis", int64_t{1}}});
    q.Pair("j", "a3", 0.028f, -20, true);
    q.b.Node("AveragePool", {"a3"}, {"p"}, {{"kernel_shape", Ints{5, 1}}, {"strides", Ints{5, 1}}});
    q.b.Floats("out_s", {}, {0.02f});
    q.Zero("out_z", 3, true);
    q.b.Node("QuantizeLinear", {"p", "out_s", "out_z"}, {"out_q"});
    q.b.Node("DequantizeLinear", {"out_q", "out_s", "out_z"}, {"y"});
    forms.push_back({"Branches",
                     {1, 3, 10, 1},
                     "QuantizeInput Conv2d Requantize AddRequantize AddRequantize AddRequantize "
                     "Concat SumPool Requantize Dequantize",
                     0.02,
                     q.b});
  }
  {
    // The last layer stays in real numbers; a product by weights [in, out].
    QdqBuilder q(13, {1, 12});
    q.Pair("x", "in", 0.03f, 128, false);
    q.b.Floats("w_s", {}, {0.01f});
    q.Codes("w_c", {12, 8}, 127, onnx::TensorProto_DataType_INT8);
    q.b.Node("DequantizeLinear", {"w_c", "w_s"}, {"w"});
    q.b.Node("MatMul", {"in", "w"}, {"t"});
    q.b.Floats("six", {}, {6.0f}).Floats("zero", {}, {0.0f});
    q.b.Node("Clip", {"t", "zero", "six"}, {"c"});
    q.Pair("c", "a", 0.0235f, 0, false);
    q.b.Weights("v", {8, 2}).Node("MatMul", {"a", "v"}, {"y"});
    forms.push_back(
        {"RealTail", {1, 12}, "QuantizeInput Linear Requantize Dequantize Linear", 0.05, q.b});
  }
  {
    // QLinear operators, as a runtime's optimiser leaves them. Weights of 7 bits: ONNX Runtime adds
    // products of uint8 and int8 in pairs that saturate at 16 bits where the processor has no VNNI.
    QdqBuilder q(13, {1, 2, 8, 1});
    q.b.Floats("in_s", {}, {0.02f}).Floats("c_s", {}, {0.05f}).Floats("y_s", {}, {0.1f});
    q.Zero("in_z", 120, false);
    q.Zero("c_z", 0, false);
    q.Zero("y_z", 130, false);
    q.b.Node("QuantizeLinear", {"x", "in_s", "in_z"}, {"xq"});
    q.b.Floats("w_s", {3}, {0.005f, 0.008f, 0.006f});
    q.Codes("w_c", {3, 2, 3, 1}, 63, onnx::TensorProto_DataType_INT8);
    q.Codes("w_z", {3}, 0, onnx::TensorProto_DataType_INT8);
    q.Codes("b_c", {3}, 3000, onnx::TensorProto_DataType_INT32);
    q.b.Node("QLinearConv", {"xq", "in_s", "in_z", "w_c", "w_s", "w_z", "c_s", "c_z", "b_c"}, {"c"},
             {{"strides", Ints{2, 1}}, {"pads", Ints{1, 0, 1, 0}}});
    q.b.Ints("shape", {1, -1}).Node("Reshape", {"c", "shape"}, {"f"});
    q.b.Floats("v_s", {}, {0.01f});
    q.Codes("v_c", {12, 2}, 63, onnx::TensorProto_DataType_INT8);
    q.Zero("v_z", 0, true);
    q.b.Node("QLinearMatMul", {"f", "c_s", "c_z", "v_c", "v_s", "v_z", "y_s", "y_z"}, {"yq"});
    q.b.Node("DequantizeLinear", {"yq", "y_s", "y_z"}, {"y"});
    forms.push_back({"QLinear",
                     {1, 2, 8, 1},
                     "QuantizeInput Pad Conv2d Requantize Flatten Linear Requantize Dequantize",
                     0.1,
                     q.b});
  }
  return forms;
}

}  // namespace platypus::onnx_io

#endif  // PLATYPUS_TESTS_ONNX_QUANTIZED_FORMS_H_
