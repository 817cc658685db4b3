#include "platypus/onnx/model.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/checker.h>

#include "platypus/base/error.h"

namespace platypus::onnx_io {
namespace {

constexpr int kOpset = 17;
constexpr int kIrVersion = 8;

void SetValue(onnx::ValueInfoProto* value, const std::string& name, const Shape& shape) {
  value->set_name(name);
  auto* tensor = value->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(onnx::TensorProto_DataType_FLOAT);
  tensor->mutable_shape()->add_dim()->set_dim_value(1);
  for (const int64_t extent : shape) tensor->mutable_shape()->add_dim()->set_dim_value(extent);
}

}  // namespace

onnx::AttributeProto* NodeWriter::Add(const char* name, onnx::AttributeProto_AttributeType type) {
  auto* attribute = node_->add_attribute();
  attribute->set_name(name);
  attribute->set_type(type);
  return attribute;
}

NodeWriter& NodeWriter::SetInt(const char* name, int64_t value) {
  Add(name, onnx::AttributeProto_AttributeType_INT)->set_i(value);
  return *this;
}

NodeWriter& NodeWriter::SetFloat(const char* name, float value) {
  Add(name, onnx::AttributeProto_AttributeType_FLOAT)->set_f(value);
  return *this;
}

NodeWriter& NodeWriter::SetText(const char* name, const std::string& value) {
  Add(name, onnx::AttributeProto_AttributeType_STRING)->set_s(value);
  return *this;
}

NodeWriter& NodeWriter::SetInts(const char* name, const std::vector<int64_t>& values) {
  auto* attribute = Add(name, onnx::AttributeProto_AttributeType_INTS);
  for (const int64_t value : values) attribute->add_ints(value);
  return *this;
}

Model::Model(const std::string& name) : graph_(model_.mutable_graph()) {
  model_.set_ir_version(kIrVersion);
  model_.set_producer_name("platypus");
  auto* opset = model_.add_opset_import();
  opset->set_domain("");
  opset->set_version(kOpset);
  graph_->set_name(name);
}

std::string Model::AddInput(const std::string& name, const Shape& shape) {
  SetValue(graph_->add_input(), name, shape);
  return name;
}

void Model::AddOutput(const std::string& name, const Shape& shape) {
  SetValue(graph_->add_output(), name, shape);
}

void Model::AddMetadata(const std::string& key, const std::string& value) {
  auto* entry = model_.add_metadata_props();
  entry->set_key(key);
  entry->set_value(value);
}

std::string Model::AddConstant(const std::string& name, const Shape& shape,
                               const std::vector<float>& values) {
  auto* tensor = graph_->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto_DataType_FLOAT);
  for (const int64_t extent : shape) tensor->add_dims(extent);
  for (const float value : values) tensor->add_float_data(value);
  return name;
}

std::string Model::AddScalar(const std::string& name, float value) {
  return AddConstant(name, {}, {value});
}

std::string Model::AddInts(const std::string& name, const std::vector<int64_t>& values) {
  auto* tensor = graph_->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto_DataType_INT64);
  tensor->add_dims(static_cast<int64_t>(values.size()));
  for (const int64_t value : values) tensor->add_int64_data(value);
  return name;
}

NodeWriter Model::AddNode(const char* type, const std::string& name,
                          const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs) {
  auto* node = graph_->add_node();
  node->set_op_type(type);
  node->set_name(name);
  for (const std::string& input : inputs) node->add_input(input);
  for (const std::string& output : outputs) node->add_output(output);
  return NodeWriter(node);
}

std::string Model::Serialize() const {
  try {
    onnx::checker::check_model(model_);
  } catch (const std::exception& error) {
    Fail(Category::kInternal, "the exported model fails the ONNX checker: {}", error.what());
  }
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  Check(model_.SerializeToCodedStream(&coded), "ONNX serialisation failed");
  coded.Trim();
  return bytes;
}

std::string Site::Parameter(const char* role) const {
  const Array& array = graph.Parameter(node, role);
  return model.AddConstant(fmt::format("{}.{}", node.name, role), array.shape, FloatsOf(array));
}

NodeWriter Site::Node(const char* type, const std::vector<std::string>& more_inputs) const {
  std::vector<std::string> all = inputs;
  all.insert(all.end(), more_inputs.begin(), more_inputs.end());
  return model.AddNode(type, node.name, all, {output});
}

std::vector<float> FloatsOf(const Array& array) {
  return std::visit(
      [](const auto& values) { return std::vector<float>(values.begin(), values.end()); },
      array.values);
}

std::vector<int64_t> Pads(const graph::Padding2& p) { return {p.top, p.left, p.bottom, p.right}; }

}  // namespace platypus::onnx_io
