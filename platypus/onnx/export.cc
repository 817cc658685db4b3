#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/onnx/onnx.h"

namespace platypus::onnx_io {
namespace {

using graph::Node;
using graph::TensorId;

constexpr int kOpset = 17;
constexpr int kIrVersion = 8;

class Exporting {
 public:
  Exporting(const graph::Graph& source, const std::map<std::string, std::string>& metadata)
      : g_(source) {
    model_.set_ir_version(kIrVersion);
    model_.set_producer_name("platypus");
    auto* opset = model_.add_opset_import();
    opset->set_domain("");
    opset->set_version(kOpset);
    out_ = model_.mutable_graph();
    out_->set_name(source.name);
    AddValue(out_->add_input(), "input", source.Input().shape);
    names_[source.input] = "input";
    for (const Node& node : source.nodes) Convert(node);
    // The output keeps the name of the tensor that it is.
    AddValue(out_->add_output(), names_.at(source.output), source.Output().shape);
    for (const auto& [key, value] : metadata) AddMetadata(key, value);
    for (const graph::Tensor& tensor : source.tensors) {
      if (tensor.scale != 0.0f)
        AddMetadata("scale." + tensor.name, fmt::format("{:.9g}", tensor.scale));
    }
  }

  std::string Finish() {
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

 private:
  void AddMetadata(const std::string& key, const std::string& value) {
    auto* entry = model_.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }

  static void AddValue(onnx::ValueInfoProto* value, const std::string& name, const Shape& shape) {
    value->set_name(name);
    auto* tensor = value->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(onnx::TensorProto_DataType_FLOAT);
    tensor->mutable_shape()->add_dim()->set_dim_value(1);
    for (const int64_t extent : shape) tensor->mutable_shape()->add_dim()->set_dim_value(extent);
  }

  std::string AddConstant(const std::string& name, const Shape& shape,
                          const std::vector<float>& values) {
    auto* tensor = out_->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto_DataType_FLOAT);
    for (const int64_t extent : shape) tensor->add_dims(extent);
    for (const float value : values) tensor->add_float_data(value);
    return name;
  }
  std::string AddInts(const std::string& name, const std::vector<int64_t>& values) {
    auto* tensor = out_->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto_DataType_INT64);
    tensor->add_dims(static_cast<int64_t>(values.size()));
    for (const int64_t value : values) tensor->add_int64_data(value);
    return name;
  }
  std::string AddScalar(const std::string& name, float value) {
    return AddConstant(name, {}, {value});
  }

  // Appends a node; its output is called `output`.
  onnx::NodeProto* AddNode(const char* type, const std::string& name,
                           const std::vector<std::string>& inputs, const std::string& output) {
    auto* node = out_->add_node();
    node->set_op_type(type);
    node->set_name(name);
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output);
    return node;
  }
  static void SetInts(onnx::NodeProto* node, const char* name, const std::vector<int64_t>& values) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto_AttributeType_INTS);
    for (const int64_t value : values) attribute->add_ints(value);
  }
  static void SetInt(onnx::NodeProto* node, const char* name, int64_t value) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto_AttributeType_INT);
    attribute->set_i(value);
  }
  static void SetFloat(onnx::NodeProto* node, const char* name, float value) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto_AttributeType_FLOAT);
    attribute->set_f(value);
  }
  static std::vector<int64_t> Pads(const graph::Padding2& p) {
    return {p.top, p.left, p.bottom, p.right};
  }

  // [1, C, 1, 1] behind an image, [1, N] behind a flat tensor.
  static Shape ChannelShape(int64_t channels, const Shape& tensor) {
    return tensor.size() == 3 ? Shape{1, channels, 1, 1} : Shape{1, channels};
  }

  std::vector<float> FloatsOf(const Array& array) {
    return std::visit(
        [](const auto& values) { return std::vector<float>(values.begin(), values.end()); },
        array.values);
  }
  std::string Parameter(const Node& node, const char* role) {
    const Array& array = g_.Parameter(node, role);
    return AddConstant(fmt::format("{}.{}", node.name, role), array.shape, FloatsOf(array));
  }

  // The five-node chain: Add, Mul, Mul, Floor, Clip.
  void AddChain(const Node& node, const std::string& input, int64_t channels,
                const std::vector<float>& offset, const std::vector<float>& multiplier,
                const std::vector<float>& power, float lo, float hi, const std::string& output) {
    const Shape shape = ChannelShape(channels, g_.At(node.output).shape);
    const std::string& n = node.name;
    AddNode("Add", n + ".add", {input, AddConstant(n + ".offset", shape, offset)}, n + "_add");
    AddNode("Mul", n + ".mul", {n + "_add", AddConstant(n + ".mult", shape, multiplier)},
            n + "_mul");
    AddNode("Mul", n + ".shift", {n + "_mul", AddConstant(n + ".shift_mult", shape, power)},
            n + "_shift");
    AddNode("Floor", n + ".floor", {n + "_shift"}, n + "_floor");
    AddNode("Clip", n + ".clip", {n + "_floor", AddScalar(n + ".lo", lo), AddScalar(n + ".hi", hi)},
            output);
  }

  static std::vector<float> Powers(const std::vector<int32_t>& shifts) {
    std::vector<float> powers;
    for (const int32_t shift : shifts) powers.push_back(std::ldexp(1.0f, -shift));
    return powers;
  }

  void Convert(const Node& node) {
    const std::string output = node.name + "_out";
    names_[node.output] = output;
    const std::string in = names_.at(node.inputs[0]);
    const Shape& in_shape = g_.At(node.inputs[0]).shape;
    std::visit(
        graph::Overloaded{
            [&](const graph::Identity&) { AddNode("Identity", node.name, {in}, output); },
            [&](const graph::BatchNorm& op) {
              SetFloat(AddNode("BatchNormalization", node.name,
                               {in, Parameter(node, "weight"), Parameter(node, "bias"),
                                Parameter(node, "running_mean"), Parameter(node, "running_var")},
                               output),
                       "epsilon", op.epsilon);
            },
            [&](const graph::Conv2d& op) {
              std::vector<std::string> inputs = {in, Parameter(node, "weight")};
              if (op.has_bias) inputs.push_back(Parameter(node, "bias"));
              auto* conv = AddNode("Conv", node.name, inputs, output);
              SetInts(conv, "kernel_shape", {op.kernel.h, op.kernel.w});
              SetInts(conv, "strides", {op.stride.h, op.stride.w});
              SetInts(conv, "dilations", {op.dilation.h, op.dilation.w});
              SetInts(conv, "pads", Pads(op.padding));
              SetInt(conv, "group", op.groups);
            },
            [&](const graph::Linear& op) {
              if (g_.At(node.output).dtype == DType::kFloat32) {
                std::vector<std::string> inputs = {in, Parameter(node, "weight")};
                if (op.has_bias) inputs.push_back(Parameter(node, "bias"));
                SetInt(AddNode("Gemm", node.name, inputs, output), "transB", 1);
                return;
              }
              const Array& weight = g_.Parameter(node, "weight");
              const std::vector<float> w = FloatsOf(weight);
              std::vector<float> transposed(w.size());
              for (int64_t o = 0; o < weight.shape[0]; ++o) {
                for (int64_t i = 0; i < weight.shape[1]; ++i) {
                  transposed[static_cast<size_t>(i * weight.shape[0] + o)] =
                      w[static_cast<size_t>(o * weight.shape[1] + i)];
                }
              }
              AddNode("MatMul", node.name,
                      {in, AddConstant(node.name + ".weight", {weight.shape[1], weight.shape[0]},
                                       transposed)},
                      output);
            },
            [&](const graph::Relu&) { AddNode("Relu", node.name, {in}, output); },
            [&](const graph::MaxPool& op) {
              auto* pool = AddNode("MaxPool", node.name, {in}, output);
              SetInts(pool, "kernel_shape", {op.kernel.h, op.kernel.w});
              SetInts(pool, "strides", {op.stride.h, op.stride.w});
              SetInts(pool, "dilations", {op.dilation.h, op.dilation.w});
              SetInts(pool, "pads", Pads(op.padding));
            },
            [&](const graph::AvgPool& op) { AveragePool(node.name, in, op, output); },
            [&](const graph::AdaptiveAvgPool& op) {
              if (in_shape[1] % op.output.h != 0 || in_shape[2] % op.output.w != 0) {
                Fail(Category::kModel,
                     "layer {}: an adaptive pool from {}x{} to {}x{} has no ONNX operator",
                     node.name, in_shape[1], in_shape[2], op.output.h, op.output.w);
              }
              const graph::Size2 size = {static_cast<int>(in_shape[1] / op.output.h),
                                         static_cast<int>(in_shape[2] / op.output.w)};
              AveragePool(node.name, in, {size, size, {}}, output);
            },
            [&](const graph::Flatten&) {
              SetInt(AddNode("Flatten", node.name, {in}, output), "axis", 1);
            },
            [&](const graph::Add&) {
              AddNode("Add", node.name, {in, names_.at(node.inputs[1])}, output);
            },
            [&](const graph::Concat& op) {
              std::vector<std::string> inputs;
              for (const TensorId id : node.inputs) inputs.push_back(names_.at(id));
              SetInt(AddNode("Concat", node.name, inputs, output), "axis", op.axis + 1);
            },
            [&](const graph::FakeQuantize&) {
              Check(false, "ONNX export of FakeQuantize at {}", node.name);
            },
            [&](const graph::QuantizeInput& op) {
              const auto floats = [&](const char* role) {
                return FloatsOf(g_.Parameter(node, role));
              };
              AddChain(node, in, in_shape[0], floats("offset"), floats("multiplier"),
                       Powers(g_.Parameter(node, "shift").Int32s()), static_cast<float>(op.lo),
                       static_cast<float>(op.hi), output);
            },
            [&](const graph::SumPool& op) { SumPool(node, op, in, output); },
            [&](const graph::Requantize& op) {
              const Array& offset = g_.Parameter(node, "offset");
              AddChain(node, in, offset.shape[0], FloatsOf(offset),
                       FloatsOf(g_.Parameter(node, "multiplier")),
                       Powers(g_.Parameter(node, "shift").Int32s()), static_cast<float>(op.lo),
                       static_cast<float>(op.hi), output);
            },
            [&](const graph::AddRequantize& op) { AddRequantize(node, op, in, output); },
            [&](const graph::Dequantize& op) {
              AddNode("Mul", node.name, {in, AddScalar(node.name + ".scale", op.scale)}, output);
            }},
        node.op);
  }

  void AveragePool(const std::string& name, const std::string& in, const graph::AvgPool& op,
                   const std::string& output) {
    auto* pool = AddNode("AveragePool", name, {in}, output);
    SetInts(pool, "kernel_shape", {op.kernel.h, op.kernel.w});
    SetInts(pool, "strides", {op.stride.h, op.stride.w});
    SetInts(pool, "pads", Pads(op.padding));
    SetInt(pool, "count_include_pad", 1);
  }

  // A whole image: ReduceSum. Windows: the mean times the area, rounded to the integer that it is.
  void SumPool(const Node& node, const graph::SumPool& op, const std::string& in,
               const std::string& output) {
    const Shape& shape = g_.At(node.inputs[0]).shape;
    if (op.kernel.h == shape[1] && op.kernel.w == shape[2] && op.padding == graph::Padding2{}) {
      auto* sum =
          AddNode("ReduceSum", node.name, {in, AddInts(node.name + ".axes", {2, 3})}, output);
      SetInt(sum, "keepdims", 1);
      return;
    }
    AveragePool(node.name + ".mean", in, {op.kernel, op.stride, op.padding}, node.name + "_mean");
    AddNode("Mul", node.name + ".area",
            {node.name + "_mean",
             AddScalar(node.name + ".size", static_cast<float>(op.kernel.h * op.kernel.w))},
            node.name + "_area");
    AddNode("Round", node.name, {node.name + "_area"}, output);
  }

  void AddRequantize(const Node& node, const graph::AddRequantize& op, const std::string& in,
                     const std::string& output) {
    const std::string& n = node.name;
    AddNode("Mul", n + ".left",
            {in, AddScalar(n + ".multiplier0", static_cast<float>(op.multiplier0))}, n + "_left");
    AddNode("Mul", n + ".right",
            {names_.at(node.inputs[1]),
             AddScalar(n + ".multiplier1", static_cast<float>(op.multiplier1))},
            n + "_right");
    AddNode("Add", n + ".sum", {n + "_left", n + "_right"}, n + "_sum");
    const float half = op.shift > 0 ? std::ldexp(1.0f, op.shift - 1) : 0.0f;
    AddNode("Add", n + ".half", {n + "_sum", AddScalar(n + ".offset", half)}, n + "_half");
    AddNode("Mul", n + ".shift",
            {n + "_half", AddScalar(n + ".shift_mult", std::ldexp(1.0f, -op.shift))}, n + "_shift");
    AddNode("Floor", n + ".floor", {n + "_shift"}, n + "_floor");
    AddNode("Clip", n + ".clip",
            {n + "_floor", AddScalar(n + ".lo", static_cast<float>(op.lo)),
             AddScalar(n + ".hi", static_cast<float>(op.hi))},
            output);
  }

  const graph::Graph& g_;
  onnx::ModelProto model_;
  onnx::GraphProto* out_ = nullptr;
  std::map<TensorId, std::string> names_;
};

}  // namespace

std::string Serialize(const graph::Graph& graph,
                      const std::map<std::string, std::string>& metadata) {
  return Exporting(graph, metadata).Finish();
}

void Export(const graph::Graph& graph, const std::map<std::string, std::string>& metadata,
            const std::filesystem::path& path) {
  WriteFile(path, Serialize(graph, metadata));
}

}  // namespace platypus::onnx_io
