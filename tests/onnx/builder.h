#ifndef PLATYPUS_TESTS_ONNX_BUILDER_H_
#define PLATYPUS_TESTS_ONNX_BUILDER_H_

#include <onnx/onnx_pb.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "platypus/base/array.h"
#include "platypus/base/random.h"

namespace platypus::onnx_io {

// A small model written by hand: input "x", output "y".
class Builder {
 public:
  using Value = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>>;
  using Attributes = std::vector<std::pair<std::string, Value>>;

  Builder(int opset, const Shape& input) : random_(11, "builder") {
    model.set_ir_version(8);
    auto* set = model.add_opset_import();
    set->set_domain("");
    set->set_version(opset);
    model.mutable_graph()->set_name("written");
    auto* x = Declare(model.mutable_graph()->add_input(), "x");
    for (const int64_t extent : input) x->mutable_shape()->add_dim()->set_dim_value(extent);
    Declare(model.mutable_graph()->add_output(), "y");
  }

  Builder& Node(const std::string& type, const std::vector<std::string>& inputs,
                const std::vector<std::string>& outputs, const Attributes& attributes = {}) {
    onnx::NodeProto* node = model.mutable_graph()->add_node();
    node->set_op_type(type);
    node->set_name(type + "_" + outputs.back());
    for (const std::string& input : inputs) node->add_input(input);
    for (const std::string& output : outputs) node->add_output(output);
    for (const auto& [name, value] : attributes) Add(node->add_attribute(), name, value);
    return *this;
  }

  Builder& Floats(const std::string& name, const Shape& shape, const std::vector<float>& values) {
    onnx::TensorProto* tensor = model.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto_DataType_FLOAT);
    for (const int64_t extent : shape) tensor->add_dims(extent);
    tensor->set_raw_data(values.data(), values.size() * sizeof(float));
    return *this;
  }

  // Values between low and high.
  Builder& Weights(const std::string& name, const Shape& shape, double low = -0.6,
                   double high = 0.6) {
    std::vector<float> values(static_cast<size_t>(NumElements(shape)));
    for (float& v : values) v = static_cast<float>(random_.Uniform(low, high));
    return Floats(name, shape, values);
  }

  Builder& Ints(const std::string& name, const std::vector<int64_t>& values) {
    onnx::TensorProto* tensor = model.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto_DataType_INT64);
    tensor->add_dims(static_cast<int64_t>(values.size()));
    for (const int64_t value : values) tensor->add_int64_data(value);
    return *this;
  }

  std::string Bytes() const { return model.SerializeAsString(); }

  onnx::ModelProto model;

 private:
  static onnx::TypeProto_Tensor* Declare(onnx::ValueInfoProto* value, const char* name) {
    value->set_name(name);
    auto* tensor = value->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(onnx::TensorProto_DataType_FLOAT);
    return tensor;
  }

  static void Add(onnx::AttributeProto* attribute, const std::string& name, const Value& value) {
    attribute->set_name(name);
    if (const auto* i = std::get_if<int64_t>(&value)) {
      attribute->set_type(onnx::AttributeProto_AttributeType_INT);
      attribute->set_i(*i);
    } else if (const auto* f = std::get_if<float>(&value)) {
      attribute->set_type(onnx::AttributeProto_AttributeType_FLOAT);
      attribute->set_f(*f);
    } else if (const auto* s = std::get_if<std::string>(&value)) {
      attribute->set_type(onnx::AttributeProto_AttributeType_STRING);
      attribute->set_s(*s);
    } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
      attribute->set_type(onnx::AttributeProto_AttributeType_INTS);
      for (const int64_t v : *ints) attribute->add_ints(v);
    } else {
      attribute->set_type(onnx::AttributeProto_AttributeType_FLOATS);
      for (const float v : std::get<std::vector<float>>(value)) attribute->add_floats(v);
    }
  }

  Random random_;
};

}  // namespace platypus::onnx_io

#endif  // PLATYPUS_TESTS_ONNX_BUILDER_H_
