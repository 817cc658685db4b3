#include "platypus/onnx/expression.h"

namespace platypus::onnx_io {
namespace {

onnx::AttributeProto* AddAttribute(onnx::NodeProto& node, const char* name,
                                   onnx::AttributeProto_AttributeType type) {
  auto* attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(type);
  return attribute;
}

}  // namespace

std::string Expression::Doubles(const Shape& shape, const std::vector<double>& values) {
  auto* tensor = graph_.add_initializer();
  const std::string name = Name();
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto_DataType_DOUBLE);
  for (const int64_t extent : shape) tensor->add_dims(extent);
  for (const double value : values) tensor->add_double_data(value);
  return name;
}

std::string Expression::Ints(const std::vector<int64_t>& values) {
  auto* tensor = graph_.add_initializer();
  const std::string name = Name();
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto_DataType_INT64);
  tensor->add_dims(static_cast<int64_t>(values.size()));
  for (const int64_t value : values) tensor->add_int64_data(value);
  return name;
}

onnx::NodeProto& Expression::Node(const char* type, const std::vector<std::string>& inputs,
                                  const std::vector<std::string>& outputs) {
  auto* node = graph_.add_node();
  node->set_op_type(type);
  node->set_name(Name());
  for (const std::string& input : inputs) node->add_input(input);
  for (const std::string& output : outputs) node->add_output(output);
  return *node;
}

std::string Expression::Call(const char* type, const std::vector<std::string>& inputs,
                             const std::string& output) {
  const std::string name = output.empty() ? Name() : output;
  Node(type, inputs, {name});
  return name;
}

std::string Expression::Call(const char* type, const std::vector<std::string>& inputs,
                             const char* name, int64_t value, const std::string& output) {
  const std::string result = output.empty() ? Name() : output;
  AddAttribute(Node(type, inputs, {result}), name, onnx::AttributeProto_AttributeType_INT)
      ->set_i(value);
  return result;
}

std::string Expression::Call(const char* type, const std::vector<std::string>& inputs,
                             const char* name, const std::vector<int64_t>& values,
                             const std::string& output) {
  const std::string result = output.empty() ? Name() : output;
  auto* attribute =
      AddAttribute(Node(type, inputs, {result}), name, onnx::AttributeProto_AttributeType_INTS);
  for (const int64_t value : values) attribute->add_ints(value);
  return result;
}

std::string Expression::ToDouble(const std::string& x) {
  return Call("Cast", {x}, "to", int64_t{onnx::TensorProto_DataType_DOUBLE});
}

std::string Expression::ToFloat(const std::string& x, const std::string& output) {
  return Call("Cast", {x}, "to", int64_t{onnx::TensorProto_DataType_FLOAT}, output);
}

std::string Expression::ToIndex(const std::string& x) {
  return Call("Cast", {x}, "to", int64_t{onnx::TensorProto_DataType_INT64});
}

std::string Expression::Add(const std::string& x, double value) {
  return Call("Add", {x, Number(value)});
}

std::string Expression::Multiply(const std::string& x, double value) {
  return Call("Mul", {x, Number(value)});
}

std::string Expression::FloorOf(const std::string& x, double factor) {
  return Call("Floor", {Multiply(x, factor)});
}

std::string Expression::Clip(const std::string& x, double low, double high) {
  return Call("Clip", {x, Number(low), Number(high)});
}

}  // namespace platypus::onnx_io
