#include <algorithm>
#include <array>

#include "platypus/base/files.h"
#include "platypus/onnx/importer.h"
#include "platypus/onnx/onnx.h"

#include <onnx/shape_inference/implementation.h>

namespace platypus::onnx_io {
namespace {

constexpr int kOldestOpset = 7;
constexpr int kNewestOpset = 25;
constexpr int kMostDepth = 1 << 20;  // nodes

struct Operator {
  const char* type;
  Reader read;
};

constexpr std::array kOperators = {
    Operator{"Add", ReadAdd},
    Operator{"AveragePool", ReadAveragePool},
    Operator{"BatchNormalization", ReadBatchNorm},
    Operator{"Cast", ReadCast},
    Operator{"Clip", ReadClip},
    Operator{"Concat", ReadConcat},
    Operator{"Conv", ReadConv},
    Operator{"ConvTranspose", ReadConvTranspose},
    Operator{"DequantizeLinear", ReadDequantizeLinear},
    Operator{"Div", ReadDiv},
    Operator{"Dropout", ReadDropout},
    Operator{"Expand", ReadExpand},
    Operator{"Flatten", ReadFlatten},
    Operator{"GRU", ReadGru},
    Operator{"Gather", ReadGather},
    Operator{"Gelu", ReadGelu},
    Operator{"Gemm", ReadGemm},
    Operator{"GlobalAveragePool", ReadGlobalAveragePool},
    Operator{"GlobalMaxPool", ReadGlobalMaxPool},
    Operator{"HardSigmoid", ReadHardSigmoid},
    Operator{"HardSwish", ReadHardSwish},
    Operator{"Identity", ReadIdentity},
    Operator{"LSTM", ReadLstm},
    Operator{"LayerNormalization", ReadLayerNorm},
    Operator{"LeakyRelu", ReadLeakyRelu},
    Operator{"LogSoftmax", ReadLogSoftmax},
    Operator{"MatMul", ReadMatMul},
    Operator{"MaxPool", ReadMaxPool},
    Operator{"Mul", ReadMul},
    Operator{"Neg", ReadNeg},
    Operator{"PRelu", ReadPRelu},
    Operator{"Pad", ReadPad},
    Operator{"QLinearConv", ReadQLinearConv},
    Operator{"QLinearMatMul", ReadQLinearMatMul},
    Operator{"QuantizeLinear", ReadQuantizeLinear},
    Operator{"RNN", ReadRnn},
    Operator{"ReduceMax", ReadReduceMax},
    Operator{"ReduceMean", ReadReduceMean},
    Operator{"ReduceSum", ReadReduceSum},
    Operator{"Relu", ReadRelu},
    Operator{"Reshape", ReadReshape},
    Operator{"Resize", ReadResize},
    Operator{"Round", ReadRound},
    Operator{"Shape", ReadShape},
    Operator{"Sigmoid", ReadSigmoid},
    Operator{"Slice", ReadSlice},
    Operator{"Softmax", ReadSoftmax},
    Operator{"Split", ReadSplit},
    Operator{"Squeeze", ReadSqueeze},
    Operator{"Sub", ReadSub},
    Operator{"Tanh", ReadTanh},
    Operator{"Transpose", ReadTranspose},
    Operator{"Unsqueeze", ReadUnsqueeze},
    Operator{"Upsample", ReadUpsample},
};

// What to use instead of operators that are not read, where spelling does not tell.
struct Alternative {
  const char* type;
  const char* hint;
};
constexpr std::array kAlternatives = {
    Alternative{"Celu", "nearest supported operator: LeakyRelu"},
    Alternative{"Einsum", "nearest supported operator: MatMul by a constant"},
    Alternative{"Elu", "nearest supported operator: LeakyRelu"},
    Alternative{"GroupNormalization", "nearest supported operator: BatchNormalization"},
    Alternative{"If", "export with constant conditions"},
    Alternative{"InstanceNormalization", "nearest supported operator: BatchNormalization"},
    Alternative{"Loop", "export with the loop unrolled, or as RNN, GRU or LSTM"},
    Alternative{"LRN", "nearest supported operator: BatchNormalization"},
    Alternative{"Mish", "nearest supported operators: Gelu, or Sigmoid and Mul"},
    Alternative{"Scan", "export as RNN, GRU or LSTM"},
    Alternative{"Selu", "nearest supported operator: LeakyRelu"},
    Alternative{"Softplus", "nearest supported operator: Relu"},
    Alternative{"Softsign", "nearest supported operator: Tanh"},
    Alternative{"Where", "export without conditions on data"},
};

constexpr const char* kQuantized =
    "quantise to the QDQ form (QuantizeLinear and DequantizeLinear nodes), or import the float "
    "model and quantise it here";

std::vector<std::string> OperatorNames() {
  std::vector<std::string> names;
  for (const Operator& op : kOperators) names.emplace_back(op.type);
  return names;
}

bool IsOnnxOwn(const onnx::NodeProto& node) {
  return node.domain().empty() || node.domain() == "ai.onnx";
}

const Operator* FindOperator(const onnx::NodeProto& node) {
  const auto* op =
      std::ranges::find_if(kOperators, [&](const Operator& o) { return node.op_type() == o.type; });
  return op == kOperators.end() || !IsOnnxOwn(node) ? nullptr : op;
}

// What is wrong with a node of an operator that is not read, and what to do.
struct Refusal {
  std::string message, hint;
};
Refusal RefusalOf(const onnx::NodeProto& node) {
  if (!IsOnnxOwn(node)) {
    return {fmt::format("operators of the domain '{}' are not supported", node.domain()),
            "export with ONNX's own operators"};
  }
  const std::string& type = node.op_type();
  std::string hint;
  for (const Alternative& alternative : kAlternatives) {
    if (type == alternative.type) hint = alternative.hint;
  }
  if (type.find("uantize") != std::string::npos || type.starts_with("QLinear") ||
      type.ends_with("Integer")) {
    hint = kQuantized;
  }
  return {"the operator is not supported", hint.empty() ? Suggest(type, OperatorNames()) : hint};
}

// "1x3x8" by ONNX's own inference; empty if not known.
std::string InferredShape(const onnx::GraphProto& graph, const std::string& tensor) {
  const auto of = [&](const auto& values) -> std::string {
    for (const onnx::ValueInfoProto& value : values) {
      if (value.name() != tensor || !value.type().tensor_type().has_shape()) continue;
      std::string text;
      for (const auto& dim : value.type().tensor_type().shape().dim()) {
        if (!text.empty()) text += "x";
        text += dim.has_dim_value() ? std::to_string(dim.dim_value()) : "?";
      }
      return text;
    }
    return {};
  };
  std::string shape = of(graph.value_info());
  if (shape.empty()) shape = of(graph.input());
  return shape;
}

// The extents of an input or output; the batch axis may have a name instead of 1.
Shape ShapeOf(const onnx::ValueInfoProto& value) {
  if (!value.type().has_tensor_type()) {
    Fail(Category::kModel, "'{}' is no tensor", value.name());
  }
  const onnx::TypeProto_Tensor& type = value.type().tensor_type();
  if (type.elem_type() != onnx::TensorProto_DataType_FLOAT) {
    Fail(Category::kModel, "'{}' has element type {}; legal: 1 (float)", value.name(),
         type.elem_type());
  }
  Shape shape;
  for (const onnx::TensorShapeProto_Dimension& dim : type.shape().dim()) {
    if (shape.empty() && dim.value_case() != onnx::TensorShapeProto_Dimension::kDimValue) {
      shape.push_back(1);
    } else if (dim.value_case() != onnx::TensorShapeProto_Dimension::kDimValue) {
      Fail(Category::kModel,
           "axis {} of input '{}' is dynamic ('{}'); export with a fixed extent (only the first "
           "axis, the batch, may vary)",
           shape.size(), value.name(), dim.dim_param());
    } else {
      shape.push_back(dim.dim_value());
    }
  }
  if (shape.size() < 2 || shape.size() > 4 || shape[0] != 1 || !CountElements(shape) ||
      *CountElements(shape) == 0) {
    Fail(Category::kModel,
         "input '{}' has shape {}; legal: batch x features, batch x channels x length, or batch x "
         "channels x height x width, the batch 1 or dynamic",
         value.name(), ToString(shape));
  }
  return shape;
}

// Scales that our exporter keeps as "scale.<tensor>", and zero points.
void RestoreScales(const onnx::ModelProto& model, graph::Graph& graph) {
  std::map<std::string, std::string> metadata;
  for (const onnx::StringStringEntryProto& entry : model.metadata_props())
    metadata[entry.key()] = entry.value();
  for (graph::Tensor& tensor : graph.tensors) {
    const auto scale = metadata.find("scale." + tensor.name);
    if (scale == metadata.end() || tensor.dtype == DType::kFloat32) continue;
    const float value = std::strtof(scale->second.c_str(), nullptr);
    if (!(value > 0)) continue;
    tensor.scale = value;
    const auto zero = metadata.find("zero_point." + tensor.name);
    if (zero != metadata.end())
      tensor.zero_point = static_cast<int32_t>(std::strtol(zero->second.c_str(), nullptr, 10));
  }
}

}  // namespace

Importer::Importer(const onnx::ModelProto& model, std::string file)
    : model_(model), source_(model.graph()), file_(std::move(file)) {}

const Value* Importer::Find(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

const Constant* Importer::FindConstant(const std::string& name) const {
  const Value* value = Find(name);
  return value == nullptr ? nullptr : std::get_if<Constant>(value);
}

int Importer::Reads(const std::string& name) const {
  const auto found = reads_.find(name);
  return found == reads_.end() ? 0 : found->second;
}

std::string Importer::Unique(const std::string& wanted) {
  std::string name = wanted;
  for (int i = 2; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", wanted, i);
  return name;
}

graph::TensorId Importer::Append(const std::string& name, graph::Op op,
                                 std::vector<graph::TensorId> inputs) {
  const graph::TensorId id = graph::Append(graph_, Unique(name), std::move(op), std::move(inputs));
  const Shape& shape = graph_.At(id).shape;
  if (!CountElements(shape)) {
    Fail(Category::kModel, "a result of {}: at most {} elements are supported", ToString(shape),
         kMostElements);
  }
  return id;
}

graph::Node* Importer::Producer(graph::TensorId tensor) {
  // Nodes and tensors are appended together.
  return tensor == graph_.input ? nullptr : &graph_.nodes[static_cast<size_t>(tensor) - 1];
}

void Importer::ReadInterface() {
  for (const onnx::OperatorSetIdProto& opset : model_.opset_import()) {
    if (!opset.domain().empty() && opset.domain() != "ai.onnx") continue;
    if (opset.version() < kOldestOpset || opset.version() > kNewestOpset) {
      Fail(Category::kModel, "opset {}; legal: {} to {}", opset.version(), kOldestOpset,
           kNewestOpset);
    }
    opset_ = static_cast<int>(opset.version());
  }
  if (opset_ == 0) Fail(Category::kModel, "no ONNX model: it names no opset");
  if (source_.sparse_initializer_size() > 0) {
    Fail(Category::kModel, "sparse initialisers are not supported; export dense ones");
  }
  for (const onnx::TensorProto& tensor : source_.initializer()) {
    Set(tensor.name(), ReadConstant(tensor));
  }
  std::vector<const onnx::ValueInfoProto*> inputs;
  for (const onnx::ValueInfoProto& input : source_.input()) {
    if (FindConstant(input.name()) == nullptr) inputs.push_back(&input);
  }
  if (inputs.size() != 1 || source_.output_size() != 1) {
    Fail(Category::kModel, "{} inputs and {} outputs; supported: one of each", inputs.size(),
         source_.output_size());
  }
  View view;
  view.tensor = 0;
  view.shape = ShapeOf(*inputs[0]);
  const std::vector<int> wanted = CanonicalAxes(view.shape);
  view.axes.assign(view.shape.size(), -1);
  Shape shape;
  for (size_t i = 0; i < wanted.size(); ++i) {
    shape.push_back(wanted[i] < 0 ? 1 : view.shape[static_cast<size_t>(wanted[i])]);
    if (wanted[i] >= 0) view.axes[static_cast<size_t>(wanted[i])] = static_cast<int>(i);
  }
  graph_ = graph::MakeGraph(source_.name(), shape);
  Set(inputs[0]->name(), std::move(view));
}

// Only what the output depends on is read.
void Importer::CountReads() {
  needed_ = {source_.output(0).name()};
  reads_[source_.output(0).name()] = 1;
  for (int i = source_.node_size(); i-- > 0;) {
    const onnx::NodeProto& node = source_.node(i);
    if (std::ranges::none_of(node.output(), [&](const auto& o) { return needed_.contains(o); })) {
      continue;
    }
    live_.insert(&node);
    for (const std::string& input : node.input()) {
      if (input.empty()) continue;
      needed_.insert(input);
      if (node.op_type() != "Shape") ++reads_[input];
    }
  }
}

bool Importer::IsDone(const onnx::NodeProto& node) const {
  return !live_.contains(&node) || std::ranges::all_of(node.output(), [&](const auto& o) {
    return FindConstant(o) != nullptr;
  });
}

void Importer::FoldConstants() {
  for (const onnx::NodeProto& node : source_.node()) {
    if (!live_.contains(&node)) continue;
    const bool constant = std::ranges::all_of(node.input(), [&](const std::string& input) {
      return input.empty() || FindConstant(input) != nullptr;
    });
    if (constant) ReadNode(node, {});
  }
}

void Importer::ReadNode(const onnx::NodeProto& node, const Patterns& patterns) {
  NodeReader reader(*this, node);
  if (node.output_size() == 0) reader.Refuse("it has no output");
  for (const std::string& output : node.output()) {
    if (!output.empty() && Find(output) != nullptr) {
      reader.Refuse("'{}' has been written before", output);
    }
  }
  try {
    std::vector<const Constant*> constants;
    bool all = true;
    for (const std::string& input : node.input()) {
      constants.push_back(input.empty() ? nullptr : FindConstant(input));
      all = all && (input.empty() || constants.back() != nullptr);
    }
    if (all && IsOnnxOwn(node)) {
      if (auto folded = Fold(reader, constants)) {
        if (!CountElements(folded->shape)) reader.Refuse("a constant of too many elements");
        return Set(node.output(0), std::move(*folded));
      }
    }
    if (const auto pattern = patterns.at.find(&node); pattern != patterns.at.end()) {
      return ReadPattern(reader, pattern->second);
    }
    const Operator* op = FindOperator(node);
    if (op == nullptr) RefuseOperators(reader, patterns);
    op->read(reader);
    reader.Finish();
  } catch (const Error& error) {
    // What the graph says of impossible shapes gets the node and the file.
    if (error.category() != Category::kModel || !error.location().file.empty()) throw;
    reader.RefuseText(error.message(), error.hint());
  }
}

void Importer::RefuseOperators(const NodeReader& first, const Patterns& patterns) const {
  std::vector<const onnx::NodeProto*> unknown;
  for (const onnx::NodeProto& node : source_.node()) {
    if (!IsDone(node) && !patterns.inside.contains(&node) && !patterns.at.contains(&node) &&
        FindOperator(node) == nullptr) {
      unknown.push_back(&node);
    }
  }
  const Refusal refusal = RefusalOf(first.Node());
  if (unknown.size() < 2) first.RefuseText(refusal.message, refusal.hint);
  onnx::ModelProto model = model_;
  try {
    onnx::shape_inference::InferShapes(model);
  } catch (const std::exception&) {  // then some shapes are not told
  }
  std::string text = fmt::format("{} nodes cannot be read:", unknown.size());
  for (const onnx::NodeProto* node : unknown) {
    std::string shapes;
    for (const std::string& input : node->input()) {
      const Constant* constant = FindConstant(input);
      const std::string shape = constant != nullptr ? "constant " + ToString(constant->shape)
                                                    : InferredShape(model.graph(), input);
      if (!shape.empty()) shapes += (shapes.empty() ? " of " : ", ") + shape;
    }
    const auto [message, hint] = RefusalOf(*node);
    text += fmt::format(
        "\n  node '{}' ({}{}): {}{}{}",
        node->name().empty() && node->output_size() > 0 ? node->output(0) : node->name(),
        node->op_type(), shapes, message, hint.empty() ? "" : "; ", hint);
  }
  throw Error(Category::kModel, text, {}, {file_});
}

graph::Graph Importer::Run() {
  try {
    if (source_.node_size() > kMostDepth) Fail(Category::kModel, "more than {} nodes", kMostDepth);
    ReadInterface();
    CountReads();
    FoldConstants();
    const Patterns patterns = FindPatterns(*this, source_);
    for (const onnx::NodeProto& node : source_.node()) {
      if (!IsDone(node) && !patterns.inside.contains(&node)) ReadNode(node, patterns);
    }
    const std::string& name = source_.output(0).name();
    const Value* output = Find(name);
    if (output == nullptr) Fail(Category::kModel, "no node writes the output '{}'", name);
    const View* view = std::get_if<View>(output);
    if (view == nullptr) Fail(Category::kModel, "the output '{}' is a constant", name);
    graph_.output = Canonical(view->real ? Dequantized(*this, *view, name) : *view, name).tensor;
  } catch (const Error& error) {
    if (!error.location().file.empty()) throw;
    throw Error(error.category(), error.message(), error.hint(), {file_});
  }
  RestoreScales(model_, graph_);
  graph::Verify(graph_);
  return std::move(graph_);
}

namespace {

onnx::ModelProto Parse(std::string_view bytes, const std::string& file) {
  onnx::ModelProto model;
  // protobuf counts octets in int.
  constexpr size_t kMostOctets = size_t{1} << 30;
  if (bytes.size() > kMostOctets) {
    throw Error(Category::kModel, "a model of more than 1 GiB", {}, {file});
  }
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw Error(Category::kModel, "not an ONNX model, or a damaged one", {}, {file});
  }
  return model;
}

}  // namespace

graph::Graph Import(std::string_view bytes, const std::string& file) {
  const onnx::ModelProto model = Parse(bytes, file);
  return Importer(model, file).Run();
}

graph::Graph ImportFile(const std::filesystem::path& path) {
  return Import(ReadFile(path), path.string());
}

std::map<std::string, std::string> ReadMetadata(std::string_view bytes, const std::string& file) {
  std::map<std::string, std::string> metadata;
  const onnx::ModelProto model = Parse(bytes, file);
  for (const onnx::StringStringEntryProto& entry : model.metadata_props())
    metadata[entry.key()] = entry.value();
  return metadata;
}

}  // namespace platypus::onnx_io
