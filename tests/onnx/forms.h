#ifndef PLATYPUS_TESTS_ONNX_FORMS_H_
#define PLATYPUS_TESTS_ONNX_FORMS_H_

#include <numbers>
#include <string>
#include <vector>

#include "tests/onnx/builder.h"

// Forms that other programs write, and the operators of ours that they become. tests/onnx checks
// the operators, tests/oracle the numbers against ONNX Runtime.
namespace platypus::onnx_io {

using Ints = std::vector<int64_t>;

struct Form {
  std::string name;
  Shape input;  // the file's, batch axis included
  std::string operators;
  Builder model;
};

inline std::vector<Form> ConvolutionForms() {
  std::vector<Form> forms;
  const auto conv = [&](const char* name, const Shape& input, const Shape& weight,
                        const Builder::Attributes& attributes) {
    Builder b(13, input);
    b.Weights("w", weight).Node("Conv", {"x", "w"}, {"y"}, attributes);
    forms.push_back({name, input, "Conv2d", b});
  };
  conv("ConvSameUpper", {1, 2, 9, 6}, {3, 2, 4, 2},
       {{"auto_pad", "SAME_UPPER"}, {"strides", Ints{2, 1}}});
  conv("ConvSameLower", {1, 2, 9, 6}, {3, 2, 4, 2},
       {{"auto_pad", "SAME_LOWER"}, {"strides", Ints{2, 1}}});
  conv("ConvValid", {1, 2, 9, 6}, {3, 2, 4, 2}, {{"auto_pad", "VALID"}});
  conv("Conv1d", {1, 4, 11}, {6, 2, 3},
       {{"pads", Ints{2, 1}}, {"strides", Ints{2}}, {"group", int64_t{2}}});
  {
    Builder b(11, {1, 4, 7});
    b.Weights("w", {4, 3, 4})
        .Weights("b", {3})
        .Node("ConvTranspose", {"x", "w", "b"}, {"y"},
              {{"strides", Ints{2}}, {"pads", Ints{1, 1}}, {"output_padding", Ints{1}}});
    forms.push_back({"ConvTranspose1d", {1, 4, 7}, "ConvTranspose2d", b});
  }
  {
    Builder b(13, {1, 2, 9, 1});  // a bias behind it becomes its own
    b.Weights("w", {3, 2, 3, 1}).Weights("b", {1, 3, 1, 1});
    b.Node("Conv", {"x", "w"}, {"t"}).Node("Add", {"b", "t"}, {"y"});
    forms.push_back({"ConvAdd", {1, 2, 9, 1}, "Conv2d", b});
  }
  {
    Builder b(13, {1, 2, 9, 1});  // unless the result without it is used too
    b.Weights("w", {3, 2, 3, 1}).Weights("b", {3, 1, 1});
    b.Node("Conv", {"x", "w"}, {"t"}).Node("Add", {"t", "b"}, {"u"}).Node("Mul", {"t", "u"}, {"y"});
    forms.push_back({"ConvAddTwice", {1, 2, 9, 1}, "Conv2d Conv2d Mul", b});
  }
  return forms;
}

inline std::vector<Form> LinearForms() {
  std::vector<Form> forms;
  const auto gemm = [&](const char* name, const Shape& weight, const Shape& bias,
                        const Builder::Attributes& attributes) {
    Builder b(11, {1, 5});
    b.Weights("w", weight).Weights("b", bias).Node("Gemm", {"x", "w", "b"}, {"y"}, attributes);
    forms.push_back({name, {1, 5}, "Linear", b});
  };
  gemm("Gemm", {5, 4}, {4}, {});
  gemm("GemmFactors", {4, 5}, {1, 4}, {{"transB", int64_t{1}}, {"alpha", 0.5f}, {"beta", 2.0f}});
  gemm("GemmScalarBias", {5, 4}, {1}, {});
  {
    Builder b(13, {1, 6});
    b.Weights("w", {6, 4}).Weights("b", {4});
    b.Node("MatMul", {"x", "w"}, {"t"}).Node("Add", {"t", "b"}, {"y"});
    forms.push_back({"MatMulAdd", {1, 6}, "Linear", b});
  }
  {
    Builder b(13, {1, 7, 3});  // at each of 7 steps
    b.Weights("w", {3, 4}).Weights("b", {4});
    b.Node("MatMul", {"x", "w"}, {"t"}).Node("Add", {"t", "b"}, {"y"});
    forms.push_back({"MatMulOfSteps", {1, 7, 3}, "Transpose Conv2d Transpose", b});
  }
  {
    Builder b(13, {1, 5});
    b.Weights("w", {5, 4}).Ints("axes", {0});
    b.Node("Transpose", {"x"}, {"t"}).Node("Gemm", {"t", "w"}, {"y"}, {{"transA", int64_t{1}}});
    forms.push_back({"GemmTransA", {1, 5}, "Linear", b});
  }
  return forms;
}

inline std::vector<Form> PointwiseForms() {
  std::vector<Form> forms;
  const Shape input = {1, 3, 6, 2};
  const auto one = [&](const char* name, int opset, const std::string& operators, const char* type,
                       const std::vector<std::string>& more,
                       const Builder::Attributes& attributes = {}) {
    Builder b(opset, input);
    b.Floats("lo", {}, {-0.5f}).Floats("hi", {}, {2.0f}).Floats("zero", {}, {0.0f});
    b.Floats("slope", {3, 1, 1}, {0.25f, 0.25f, 0.25f}).Floats("half", {1}, {0.5f});
    b.Weights("channel", {1, 3, 1, 1}, 0.5, 2).Weights("row", {6, 1}, 0.5, 2);
    std::vector<std::string> inputs = {"x"};
    inputs.insert(inputs.end(), more.begin(), more.end());
    b.Node(type, inputs, {"y"}, attributes);
    forms.push_back({name, input, operators, b});
  };
  one("ClipInputs", 13, "Clamp", "Clip", {"lo", "hi"});
  one("ClipAttributes", 7, "Clamp", "Clip", {}, {{"min", -1.0f}, {"max", 1.5f}});
  one("ClipBelow", 13, "Relu", "Clip", {"zero"});
  one("ClipAbove", 13, "Clamp", "Clip", {"", "hi"});
  one("PReluOneSlope", 13, "LeakyRelu", "PRelu", {"slope"});
  one("HardSigmoid", 13, "Conv2d Clamp", "HardSigmoid", {}, {{"alpha", 0.3f}});
  one("HardSwish", 14, "Conv2d Clamp Mul", "HardSwish", {});
  one("Gelu", 20, "Gelu", "Gelu", {});
  one("Dropout", 13, "Dropout", "Dropout", {});
  one("Neg", 13, "Scale", "Neg", {});
  one("MulScalar", 13, "Scale", "Mul", {"half"});
  one("DivScalar", 13, "Scale", "Div", {"half"});
  one("MulChannels", 13, "Conv2d", "Mul", {"channel"});
  one("DivChannels", 13, "Conv2d", "Div", {"channel"});
  one("SubChannels", 13, "Conv2d", "Sub", {"channel"});
  one("AddRows", 13, "Transpose Conv2d Transpose", "Add", {"row"});
  one("AddZero", 13, "", "Add", {"zero"});
  {
    Builder b(13, input);
    b.Floats("one", {}, {1.0f}).Node("Sub", {"one", "x"}, {"y"});
    forms.push_back({"SubFrom", input, "Conv2d", b});
  }
  {
    Builder b(11, input);  // the half with x
    b.Floats("root", {}, {std::numbers::sqrt2_v<float>}).Floats("one", {}, {1.0f});
    b.Floats("half", {}, {0.5f});
    b.Node("Mul", {"x", "half"}, {"h"}).Node("Div", {"x", "root"}, {"d"}).Node("Erf", {"d"}, {"e"});
    b.Node("Add", {"e", "one"}, {"a"}).Node("Mul", {"h", "a"}, {"y"});
    forms.push_back({"GeluOfErf", input, "Gelu", b});
  }
  {
    Builder b(13, input);  // a gate: rows and columns of 1 repeated
    b.Node("GlobalAveragePool", {"x"}, {"p"}).Node("Sigmoid", {"p"}, {"s"});
    b.Node("Mul", {"x", "s"}, {"y"});
    forms.push_back({"Gate", input, "AdaptiveAvgPool Sigmoid Resize Mul", b});
  }
  {
    Builder b(13, {1, 4});
    b.Weights("w", {4}, 0.5, 2).Node("Mul", {"x", "w"}, {"t"}).Node("Relu", {"t"}, {"y"});
    forms.push_back({"MulFeatures", {1, 4}, "Reshape Conv2d Relu Flatten", b});
  }
  return forms;
}

inline std::vector<Form> NormForms() {
  std::vector<Form> forms;
  {
    Builder b(9, {1, 3, 8});
    b.Weights("w", {3}, 0.5, 1.5).Weights("b", {3}).Weights("m", {3}).Weights("v", {3}, 0.5, 1.5);
    b.Node("BatchNormalization", {"x", "w", "b", "m", "v"}, {"y"}, {{"epsilon", 1e-3f}});
    forms.push_back({"BatchNormOfSeries", {1, 3, 8}, "BatchNorm", b});
  }
  {
    Builder b(17, {1, 6});
    b.Weights("w", {6}, 0.5, 1.5).Node("LayerNormalization", {"x", "w"}, {"y"});
    forms.push_back({"LayerNormWithoutBias", {1, 6}, "LayerNorm", b});
  }
  const auto softmax = [&](const char* name, int opset, const Shape& input,
                           const std::string& operators, const char* type,
                           const Builder::Attributes& attributes) {
    Builder b(opset, input);
    b.Node(type, {"x"}, {"y"}, attributes);
    forms.push_back({name, input, operators, b});
  };
  softmax("SoftmaxLast", 13, {1, 6}, "Softmax", "Softmax", {});
  softmax("SoftmaxOfSteps", 13, {1, 3, 5}, "Transpose Softmax Transpose", "Softmax",
          {{"axis", int64_t{-1}}});
  softmax("SoftmaxOld", 11, {1, 5, 1, 1}, "Softmax", "Softmax", {});
  softmax("LogSoftmaxChannels", 13, {1, 3, 4, 2}, "LogSoftmax", "LogSoftmax",
          {{"axis", int64_t{1}}});
  return forms;
}

inline std::vector<Form> PoolForms() {
  std::vector<Form> forms;
  const auto one = [&](const char* name, int opset, const Shape& input,
                       const std::string& operators, const char* type,
                       const Builder::Attributes& attributes) {
    Builder b(opset, input);
    b.Node(type, {"x"}, {"y"}, attributes);
    forms.push_back({name, input, operators, b});
  };
  one("MaxPoolCeil", 12, {1, 2, 8, 7}, "MaxPool", "MaxPool",
      {{"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}});
  one("MaxPool1dSame", 12, {1, 2, 9}, "MaxPool", "MaxPool",
      {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}, {"auto_pad", "SAME_UPPER"}});
  one("AveragePool1d", 12, {1, 2, 9}, "AvgPool", "AveragePool",
      {{"kernel_shape", Ints{3}}, {"pads", Ints{1, 0}}, {"count_include_pad", int64_t{1}}});
  one("AveragePoolCeilEven", 12, {1, 2, 8, 6}, "AvgPool", "AveragePool",
      {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}});
  one("GlobalAverage", 12, {1, 3, 9}, "AdaptiveAvgPool", "GlobalAveragePool", {});
  one("GlobalMax", 12, {1, 3, 4, 5}, "MaxPool", "GlobalMaxPool", {});
  one("ReduceMeanImage", 13, {1, 3, 4, 5}, "AdaptiveAvgPool Flatten", "ReduceMean",
      {{"axes", Ints{2, 3}}, {"keepdims", int64_t{0}}});
  one("ReduceMeanRows", 13, {1, 3, 4, 5}, "AvgPool", "ReduceMean", {{"axes", Ints{-2}}});
  one("ReduceMeanChannels", 13, {1, 3, 4, 5}, "Transpose AvgPool Reshape", "ReduceMean",
      {{"axes", Ints{1}}});
  one("ReduceMaxColumns", 13, {1, 3, 4, 5}, "MaxPool", "ReduceMax",
      {{"axes", Ints{3}}, {"keepdims", int64_t{0}}});
  {
    Builder b(18, {1, 3, 6});
    b.Ints("axes", {2}).Node("ReduceMean", {"x", "axes"}, {"y"}, {{"keepdims", int64_t{0}}});
    forms.push_back({"ReduceMeanAxesInput", {1, 3, 6}, "AdaptiveAvgPool Flatten", b});
  }
  return forms;
}

inline std::vector<Form> RearrangingForms() {
  std::vector<Form> forms;
  const Shape image = {1, 4, 6, 3};
  const auto add = [&](const char* name, const Shape& input, const std::string& operators,
                       const Builder& b) {
    forms.push_back({name, input, operators, b});
  };
  {
    Builder b(7, image);  // everything as attributes
    b.Node("Pad", {"x"}, {"p"}, {{"pads", Ints{0, 0, 1, 0, 0, 0, 2, 1}}, {"value", 0.5f}});
    b.Node("Slice", {"p"}, {"s"},
           {{"starts", Ints{1, -3}}, {"ends", Ints{8, 100}}, {"axes", Ints{2, 3}}});
    b.Node("Unsqueeze", {"s"}, {"u"}, {{"axes", Ints{2}}});
    b.Node("Squeeze", {"u"}, {"y"}, {{"axes", Ints{2}}});
    add("Attributes", image, "Pad Slice Slice", b);
  }
  {
    Builder b(18, {1, 3, 5});
    b.Ints("pads", {2, 1}).Floats("value", {}, {0.0f}).Ints("axes", {-1});
    b.Node("Pad", {"x", "pads", "value", "axes"}, {"y"});
    add("PadAxes", {1, 3, 5}, "Pad", b);
  }
  {
    Builder b(13, {1, 5});
    b.Ints("pads", {0, 2, 0, 1}).Node("Pad", {"x", "pads"}, {"y"});
    add("PadFeatures", {1, 5}, "Reshape Pad Flatten", b);
  }
  {
    Builder b(13, image);
    b.Ints("sizes", {1, 3}).Node("Split", {"x", "sizes"}, {"a", "b"}, {{"axis", int64_t{1}}});
    b.Node("Concat", {"b", "a"}, {"y"}, {{"axis", int64_t{-3}}});
    add("SplitConcat", image, "Slice Slice Concat", b);
  }
  {
    Builder b(13, image);
    b.Ints("every", {1, 3, 5}).Node("Gather", {"x", "every"}, {"y"}, {{"axis", int64_t{2}}});
    add("GatherEven", image, "Slice", b);
  }
  {
    Builder b(13, {1, 7, 3});
    b.Floats("unused", {1}, {0.0f});
    auto* last = b.model.mutable_graph()->add_initializer();
    last->set_name("last");
    last->set_data_type(onnx::TensorProto_DataType_INT64);
    last->add_int64_data(-1);
    b.Node("Gather", {"x", "last"}, {"y"}, {{"axis", int64_t{1}}});
    add("GatherLast", {1, 7, 3}, "Slice Flatten", b);
  }
  {
    Builder b(13, image);  // the shape computed, the batch from Shape
    b.Ints("zero", {0}).Ints("rest", {-1});
    b.Node("Shape", {"x"}, {"s"}).Node("Gather", {"s", "zero"}, {"n"}, {{"axis", int64_t{0}}});
    b.Node("Concat", {"n", "rest"}, {"t"}, {{"axis", int64_t{0}}})
        .Node("Reshape", {"x", "t"}, {"y"});
    add("ReshapeOfShape", image, "Flatten", b);
  }
  {
    Builder b(13, image);  // channels last and back again costs nothing
    b.Node("Transpose", {"x"}, {"t"}, {{"perm", Ints{0, 2, 3, 1}}}).Node("Relu", {"t"}, {"r"});
    b.Node("Transpose", {"r"}, {"y"}, {{"perm", Ints{0, 3, 1, 2}}});
    add("TransposeBack", image, "Relu", b);
  }
  {
    Builder b(13, image);
    b.Node("Transpose", {"x"}, {"t"}, {{"perm", Ints{0, 2, 3, 1}}}).Node("Flatten", {"t"}, {"y"});
    add("FlattenChannelsLast", image, "Transpose Flatten", b);
  }
  {
    Builder b(10, image);
    b.Floats("scales", {4}, {1, 1, 2, 3}).Node("Resize", {"x", "scales"}, {"y"});
    add("ResizeOld", image, "Resize", b);
  }
  {
    Builder b(9, image);
    b.Floats("scales", {4}, {1, 1, 2, 2}).Node("Upsample", {"x", "scales"}, {"y"});
    add("Upsample", image, "Resize", b);
  }
  {
    Builder b(13, image);  // the defaults: half_pixel and round_prefer_floor
    b.Floats("scales", {4}, {1, 1, 3, 2}).Node("Resize", {"x", "", "scales"}, {"y"});
    add("ResizeHalfPixelNearest", image, "Resize", b);
  }
  {
    Builder b(13, image);
    b.Ints("sizes", {1, 4, 9, 5});
    b.Node("Resize", {"x", "", "", "sizes"}, {"y"},
           {{"mode", "linear"}, {"coordinate_transformation_mode", "pytorch_half_pixel"}});
    add("ResizeLinear", image, "Resize", b);
  }
  return forms;
}

inline std::vector<Form> RecurrentForms() {
  std::vector<Form> forms;
  const Shape input = {1, 6, 3};
  const auto one = [&](const char* name, const char* type, int64_t gates, bool states,
                       const std::string& operators) {
    Builder b(14, input);
    b.Weights("w", {1, gates * 4, 3}).Weights("r", {1, gates * 4, 4});
    b.Weights("b", {1, gates * 8}).Floats("h", {1, 1, 4}, {0, 0, 0, 0}).Ints("zero", {0});
    b.Ints("one", {1});
    Builder::Attributes attributes = {{"hidden_size", int64_t{4}}};
    if (gates == 3) attributes.push_back({"linear_before_reset", int64_t{1}});
    b.Node("Transpose", {"x"}, {"t"}, {{"perm", Ints{1, 0, 2}}});
    b.Node(type, {"t", "w", "r", "b", "", "h"}, {"all", "last"}, attributes);
    if (states) {
      b.Node("Squeeze", {"all", "one"}, {"s"});
      b.Node("Transpose", {"s"}, {"y"}, {{"perm", Ints{1, 0, 2}}});
    } else {
      b.Node("Squeeze", {"last", "zero"}, {"y"});
    }
    forms.push_back({name, input, operators, b});
  };
  one("LstmStates", "LSTM", 4, true, "Transpose Lstm Transpose");
  one("GruLast", "GRU", 3, false, "Transpose Gru");
  one("RnnStates", "RNN", 1, true, "Transpose Rnn Transpose");
  {
    Builder b(14, input);  // two layers become one operator; both outputs of the last are used
    b.Weights("w", {1, 16, 3}).Weights("r", {1, 16, 4}).Weights("v", {1, 16, 4});
    b.Weights("q", {1, 16, 4}).Ints("one", {1}).Ints("zero", {0}).Ints("zero_one", {0, 1});
    b.Node("Transpose", {"x"}, {"t"}, {{"perm", Ints{1, 0, 2}}});
    b.Node("LSTM", {"t", "w", "r"}, {"a"}, {{"hidden_size", int64_t{4}}});
    b.Node("Squeeze", {"a", "one"}, {"s"});
    b.Node("LSTM", {"s", "v", "q"}, {"c", "h"}, {{"hidden_size", int64_t{4}}});
    b.Node("Squeeze", {"c", "one"}, {"d"}).Node("Squeeze", {"h", "zero"}, {"g"});
    b.Node("Transpose", {"d"}, {"e"}, {{"perm", Ints{1, 2, 0}}});
    b.Node("ReduceMean", {"e"}, {"m"}, {{"axes", Ints{2}}, {"keepdims", int64_t{0}}});
    b.Node("Add", {"m", "g"}, {"y"});
    forms.push_back({"LstmLayers", input, "Transpose Lstm Slice AdaptiveAvgPool Add Flatten", b});
  }
  return forms;
}

inline std::vector<Form> AllForms() {
  std::vector<Form> all;
  for (auto* group : {ConvolutionForms, LinearForms, PointwiseForms, NormForms, PoolForms,
                      RearrangingForms, RecurrentForms}) {
    for (Form& form : group()) all.push_back(std::move(form));
  }
  return all;
}

}  // namespace platypus::onnx_io

#endif  // PLATYPUS_TESTS_ONNX_FORMS_H_
