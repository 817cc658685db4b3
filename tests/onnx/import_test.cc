// What is read as which operators, and what is refused in which words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/exec/interpreter.h"
#include "platypus/onnx/onnx.h"
#include "tests/onnx/forms.h"

namespace platypus::onnx_io {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Operators(const graph::Graph& graph) {
  std::string text;
  for (const graph::Node& node : graph.nodes) {
    text += (text.empty() ? "" : " ") + std::string(graph::Name(node.op));
  }
  return text;
}

// The message of a refusal.
std::string Refusal(const Builder& model) {
  try {
    Import(model.Bytes(), "m.onnx");
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kModel);
    EXPECT_EQ(error.location().file, "m.onnx");
    return error.what();
  }
  return "none";
}

TEST(ImportTest, FormsOfOtherProgramsBecomeOurOperators) {
  for (const Form& form : AllForms()) {
    SCOPED_TRACE(form.name);
    const graph::Graph graph = Import(form.model.Bytes(), form.name);
    EXPECT_EQ(Operators(graph), form.operators);
  }
}

TEST(ImportTest, PyTorchComputesTheSame) {
  const std::filesystem::path folder = PLATYPUS_SOURCE_DIR "/tests/onnx/data";
  const auto floats = [&](const std::string& name) {
    const std::string bytes = ReadFile(folder / name);
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return values;
  };
  ThreadPool pool(1);
  for (const std::string name : {"conv1d", "image", "series"}) {
    SCOPED_TRACE(name);
    const graph::Graph graph = ImportFile(folder / (name + ".onnx"));
    const std::vector<float> expected = floats(name + "_output.f32");
    const std::vector<float> ours =
        exec::Interpreter(graph).Run(floats(name + "_input.f32"), 4, pool);
    ASSERT_EQ(ours.size(), expected.size());
    for (size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], expected[i], 2e-6);
  }
}

TEST(ImportTest, ElementTypesMeanTheSame) {
  using Type = onnx::TensorProto;
  const auto graph_of = [](const auto& fill) {
    Builder b(13, {1, 2});
    onnx::TensorProto* w = b.model.mutable_graph()->add_initializer();
    w->set_name("w");
    w->add_dims(2);
    w->add_dims(1);
    fill(*w);
    b.Node("MatMul", {"x", "w"}, {"y"});
    return Import(b.Bytes(), "m.onnx").parameters.at("MatMul_y.weight").Floats();
  };
  const std::vector<float> expected = {1.5f, -0.25f};
  EXPECT_EQ(graph_of([](auto& w) {
              w.set_data_type(Type::DOUBLE);
              w.add_double_data(1.5);
              w.add_double_data(-0.25);
            }),
            expected);
  EXPECT_EQ(graph_of([](auto& w) {
              w.set_data_type(Type::FLOAT16);
              w.set_raw_data(std::string("\x00\x3e\x00\xb4", 4));
            }),
            expected);
  EXPECT_EQ(graph_of([](auto& w) {
              w.set_data_type(Type::FLOAT);
              w.add_float_data(1.5f);
              w.add_float_data(-0.25f);
            }),
            expected);
  EXPECT_EQ(graph_of([](auto& w) {
              w.set_data_type(Type::INT8);
              w.set_raw_data(std::string("\x7f\xff", 2));
            }),
            (std::vector<float>{127.0f, -1.0f}));
}

TEST(ImportTest, ConstantsAreComputed) {
  // 2^-floor(log(8) / log(2)) of a shape: 1/8.
  Builder b(13, {1, 8});
  b.Floats("two", {}, {2.0f}).Ints("one", {1});
  b.Node("Shape", {"x"}, {"s"}).Node("Gather", {"s", "one"}, {"n"});
  b.Node("Cast", {"n"}, {"f"}, {{"to", int64_t{1}}}).Node("Log", {"f"}, {"l"});
  b.Node("Log", {"two"}, {"k"}).Node("Div", {"l", "k"}, {"d"}).Node("Round", {"d"}, {"r"});
  b.Node("Neg", {"r"}, {"m"}).Node("Pow", {"two", "m"}, {"p"}).Node("Mul", {"x", "p"}, {"y"});
  const graph::Graph graph = Import(b.Bytes(), "m.onnx");
  EXPECT_EQ(Operators(graph), "Scale");
  EXPECT_EQ(graph.parameters.begin()->second.Floats(), std::vector<float>{0.125f});
}

TEST(ImportTest, TheBatchMayBeDynamicOtherAxesNot) {
  Builder b(13, {1, 3, 8});
  b.Node("Relu", {"x"}, {"y"});
  auto* shape = b.model.mutable_graph()
                    ->mutable_input(0)
                    ->mutable_type()
                    ->mutable_tensor_type()
                    ->mutable_shape();
  shape->mutable_dim(0)->set_dim_param("batch");
  EXPECT_EQ(Import(b.Bytes(), "m.onnx").Input().shape, (Shape{3, 8, 1}));
  shape->mutable_dim(2)->set_dim_param("time");
  EXPECT_THAT(Refusal(b), AllOf(HasSubstr("axis 2 of input 'x' is dynamic ('time')"),
                                HasSubstr("fixed extent")));
  shape->mutable_dim(2)->set_dim_value(8);
  shape->mutable_dim(0)->set_dim_value(16);
  EXPECT_THAT(Refusal(b), HasSubstr("input 'x' has shape 16x3x8; legal: batch x features"));
}

TEST(ImportTest, OperatorsThatAreUnknownAreNamedWithWhatIsNear) {
  const auto refusal = [](const char* type, const char* domain = "") {
    Builder b(13, {1, 3, 8, 2});
    b.Node(type, {"x"}, {"y"});
    b.model.mutable_graph()->mutable_node(0)->set_domain(domain);
    return Refusal(b);
  };
  EXPECT_THAT(refusal("Elu"), AllOf(HasSubstr("node 'Elu_y' (Elu of 1x3x8x2)"),
                                    HasSubstr("nearest supported operator: LeakyRelu")));
  EXPECT_THAT(refusal("Sigmoyd"), HasSubstr("did you mean 'Sigmoid'?"));
  EXPECT_THAT(refusal("DynamicQuantizeLinear"), HasSubstr("import the float model"));
  EXPECT_THAT(refusal("Gelu", "com.microsoft"), HasSubstr("domain 'com.microsoft'"));
}

TEST(ImportTest, FormsThatAreNotSupportedAreNamed) {
  const auto refusal = [](const char* type, const Builder::Attributes& attributes,
                          const std::vector<std::string>& more = {}) {
    Builder b(13, {1, 2, 9, 4});
    b.Weights("w", {3, 2, 3, 3}).Weights("s", {2, 9, 4}).Weights("matrix", {4, 4});
    b.Floats("scales", {4}, {1, 1, 2, 2});
    std::vector<std::string> inputs = {"x"};
    inputs.insert(inputs.end(), more.begin(), more.end());
    b.Node(type, inputs, {"y"}, attributes);
    return Refusal(b);
  };
  EXPECT_THAT(refusal("Conv", {{"auto_pad", "SAME"}}, {"w"}),
              HasSubstr("node 'Conv_y' (Conv of 1x2x9x4, constant 3x2x3x3): auto_pad 'SAME' is not "
                        "supported; legal: NOTSET, VALID, SAME_UPPER, SAME_LOWER"));
  EXPECT_THAT(refusal("Conv", {{"kernel", Ints{3, 3}}}, {"w"}),
              HasSubstr("attribute 'kernel' is not supported; legal: auto_pad"));
  EXPECT_THAT(refusal("Conv", {}, {"x"}), HasSubstr("weights 'x' must be constant"));
  EXPECT_THAT(refusal("Conv", {}, {"nowhere"}), HasSubstr("'nowhere'"));
  EXPECT_THAT(refusal("AveragePool", {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}}),
              HasSubstr("count_include_pad 0 with padding"));
  EXPECT_THAT(refusal("Pad", {{"mode", "reflect"}}), HasSubstr("legal: constant"));
  EXPECT_THAT(refusal("Resize", {{"mode", "cubic"}}, {"", "scales"}),
              HasSubstr("mode 'cubic' is not supported; legal: nearest, linear"));
  EXPECT_THAT(
      refusal("Resize", {{"mode", "linear"}, {"coordinate_transformation_mode", "align_corners"}},
              {"", "scales"}),
      HasSubstr("supported: nearest with asymmetric and floor"));
  EXPECT_THAT(refusal("Add", {}, {"s"}),
              HasSubstr("a constant of 2x9x4; supported: one value, or one for each place"));
  EXPECT_THAT(refusal("MatMul", {}, {"x"}), HasSubstr("must be constant"));
  EXPECT_THAT(refusal("MaxPool", {{"kernel_shape", Ints{12, 1}}}),
              HasSubstr("node 'MaxPool_y' (MaxPool of 1x2x9x4): layer MaxPool_y: a window of 12"));
  EXPECT_THAT(refusal("Floor", {}), HasSubstr("(Floor of 1x2x9x4): the operator is not supported"));
  EXPECT_THAT(refusal("ReduceSum", {}), HasSubstr("nearest operator: ReduceMean"));
}

TEST(ImportTest, FilesThatAreNoModelsAreRefused) {
  const auto message = [](const std::string& bytes) {
    try {
      Import(bytes, "m.onnx");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message(""), HasSubstr("m.onnx: no ONNX model"));
  EXPECT_THAT(message("PK\x03\x04 a zip"), HasSubstr("m.onnx: not an ONNX model"));
  EXPECT_THAT(Refusal(Builder(5, {1, 3})), HasSubstr("opset 5; legal: 7 to 25"));
  Builder empty(13, {1, 3});
  EXPECT_THAT(Refusal(empty), HasSubstr("no node writes the output 'y'"));
  Builder huge(13, {1, 3});
  auto* w = huge.model.mutable_graph()->add_initializer();
  w->set_name("w");
  w->set_data_type(onnx::TensorProto_DataType_FLOAT);
  for (int i = 0; i < 4; ++i) w->add_dims(int64_t{1} << 40);
  EXPECT_THAT(Refusal(huge), HasSubstr("tensor 'w' of shape"));
}

}  // namespace
}  // namespace platypus::onnx_io
