#include "platypus/onnx/model.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/checker.h>

#include <algorithm>

#include "platypus/base/error.h"

namespace platypus::onnx_io {
namespace {

// The newest file format that the library's checker knows.
constexpr int kCheckedFormat = 8;

// The file format ("IR version") that came with the operators' version.
int FormatOf(int opset) { return opset >= 25 ? 13 : opset >= 21 ? 10 : kCheckedFormat; }

void SetValue(onnx::ValueInfoProto* value, const std::string& name, const Shape& shape,
              ElementType type) {
  value->set_name(name);
  auto* tensor = value->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape()->add_dim()->set_dim_value(1);
  for (const int64_t extent : shape) tensor->mutable_shape()->add_dim()->set_dim_value(extent);
}

// Elements one behind the other, little-endian, several in an octet if they are that short.
std::string Packed(const std::vector<int32_t>& values, int bits) {
  std::string octets((values.size() * static_cast<size_t>(bits) + 7) / 8, '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t bit = i * static_cast<size_t>(bits);
    uint32_t element = static_cast<uint32_t>(values[i]);
    if (bits < 32) element &= (uint32_t{1} << bits) - 1;
    for (size_t octet = bit / 8; element != 0; ++octet) {
      const uint32_t part = octet == bit / 8 ? element << bit % 8 : element;
      octets[octet] = static_cast<char>(static_cast<unsigned char>(octets[octet]) | (part & 255));
      element = bits < 8 ? 0 : element >> 8;
    }
  }
  return octets;
}

}  // namespace

int BitsOf(int element_type) {
  switch (element_type) {
    case kUint2:
    case kInt2:
      return 2;
    case kUint4:
    case kInt4:
      return 4;
    case kUint8:
    case kInt8:
      return 8;
    case kInt16:
      return 16;
    default:
      return 32;
  }
}

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

Model::Model(const std::string& name, int opset_version) : graph_(model_.mutable_graph()) {
  model_.set_ir_version(FormatOf(opset_version));
  model_.set_producer_name("platypus");
  auto* opset = model_.add_opset_import();
  opset->set_domain("");
  opset->set_version(opset_version);
  graph_->set_name(name);
}

std::string Model::AddInput(const std::string& name, const Shape& shape) {
  SetValue(graph_->add_input(), name, shape, kFloat);
  return name;
}

void Model::AddOutput(const std::string& name, const Shape& shape, ElementType type) {
  SetValue(graph_->add_output(), name, shape, type);
}

void Model::AddMetadata(const std::string& key, const std::string& value) {
  auto* entry = model_.add_metadata_props();
  entry->set_key(key);
  entry->set_value(value);
}

void Model::AddScale(const std::string& tensor, float scale, int32_t zero_point) {
  AddMetadata("scale." + tensor, fmt::format("{:.9g}", scale));
  AddMetadata("zero_point." + tensor, std::to_string(zero_point));
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

std::string Model::AddCodes(const std::string& name, const Shape& shape, ElementType type,
                            const std::vector<int32_t>& values) {
  auto* tensor = graph_->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(type);
  for (const int64_t extent : shape) tensor->add_dims(extent);
  tensor->set_raw_data(Packed(values, BitsOf(type)));
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
    onnx::ModelProto checked = model_;
    checked.set_ir_version(std::min<int64_t>(kCheckedFormat, model_.ir_version()));
    onnx::checker::check_model(checked);
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
  if (const auto found = given.find(role); found != given.end()) return found->second;
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
