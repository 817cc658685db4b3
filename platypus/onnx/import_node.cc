// One node being read.
#include <algorithm>

#include "platypus/onnx/importer.h"

namespace platypus::onnx_io {
namespace {

// A number in a network for microcontrollers: kernels, paddings, extents.
constexpr int64_t kMostSmall = int64_t{1} << 20;

std::string Listed(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

}  // namespace

const onnx::AttributeProto* NodeReader::Attribute(const char* name,
                                                  onnx::AttributeProto_AttributeType type) {
  asked_.insert(name);
  for (const onnx::AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() != name) continue;
    if (attribute.type() != type)
      Refuse("attribute '{}' has another type than ONNX gives it", name);
    return &attribute;
  }
  return nullptr;
}

bool NodeReader::Has(const char* name) {
  return std::ranges::any_of(node_.attribute(), [&](const auto& a) { return a.name() == name; });
}

int64_t NodeReader::Int(const char* name, int64_t fallback) {
  const auto* attribute = Attribute(name, onnx::AttributeProto_AttributeType_INT);
  return attribute == nullptr ? fallback : attribute->i();
}

float NodeReader::Float(const char* name, float fallback) {
  const auto* attribute = Attribute(name, onnx::AttributeProto_AttributeType_FLOAT);
  return attribute == nullptr ? fallback : attribute->f();
}

std::string NodeReader::Text(const char* name, const std::string& fallback) {
  const auto* attribute = Attribute(name, onnx::AttributeProto_AttributeType_STRING);
  return attribute == nullptr ? fallback : attribute->s();
}

std::vector<int64_t> NodeReader::Ints(const char* name) {
  const auto* attribute = Attribute(name, onnx::AttributeProto_AttributeType_INTS);
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::vector<float> NodeReader::Floats(const char* name) {
  const auto* attribute = Attribute(name, onnx::AttributeProto_AttributeType_FLOATS);
  if (attribute == nullptr) return {};
  return {attribute->floats().begin(), attribute->floats().end()};
}

std::string NodeReader::Choice(const char* name, const std::string& fallback,
                               const std::vector<std::string>& legal) {
  const std::string value = Text(name, fallback);
  if (std::ranges::find(legal, value) == legal.end()) {
    Refuse("{} '{}' is not supported; legal: {}", name, value, Listed(legal));
  }
  return value;
}

void NodeReader::Ignore(std::initializer_list<const char*> names) {
  asked_.insert(names.begin(), names.end());
}

void NodeReader::Finish() const {
  for (const onnx::AttributeProto& attribute : node_.attribute()) {
    if (asked_.contains(attribute.name())) continue;
    Refuse("attribute '{}' is not supported; legal: {}", attribute.name(),
           asked_.empty() ? "none" : Listed({asked_.begin(), asked_.end()}));
  }
}

View NodeReader::Data(int i) const {
  if (!HasInput(i)) Refuse("input {} is missing", i);
  const Value* value = importer_.Find(InputName(i));
  if (value == nullptr) Refuse("nothing before it writes input '{}'", InputName(i));
  if (const View* view = std::get_if<View>(value)) {
    if (view->real && !TakesCodes(importer_, node_))
      return Dequantized(importer_, *view, InputName(i));
    return *view;
  }
  Refuse("input '{}' is a constant; supported: tensors that depend on the network's input",
         InputName(i));
}

const Constant& NodeReader::Constants(int i, const char* what) const {
  if (!HasInput(i)) Refuse("input {} ({}) is missing", i, what);
  const Constant* constant = importer_.FindConstant(InputName(i));
  if (constant == nullptr) {
    Refuse("{} '{}' must be constant, not computed from the network's input", what, InputName(i));
  }
  return *constant;
}

std::optional<std::vector<int64_t>> NodeReader::IntsFrom(const char* attribute, int input) {
  if (Has(attribute)) return Ints(attribute);
  if (!HasInput(input)) return std::nullopt;
  const Constant& constant = Constants(input, attribute);
  if (constant.IsFloat()) Refuse("{} must be integers", attribute);
  return constant.Ints();
}

int NodeReader::Axis(int64_t axis, size_t rank) const {
  const auto n = static_cast<int64_t>(rank);
  if (axis < -n || axis >= n) Refuse("axis {} of {} axes", axis, n);
  return static_cast<int>(axis < 0 ? axis + n : axis);
}

int NodeReader::Small(const char* what, int64_t value) const {
  if (value < -kMostSmall || value > kMostSmall) {
    Refuse("{} {} is beyond {}", what, value, kMostSmall);
  }
  return static_cast<int>(value);
}

std::string NodeReader::Name() const {
  if (!node_.name().empty()) return node_.name();
  return node_.output_size() > 0 && !node_.output(0).empty() ? node_.output(0) : node_.op_type();
}

std::string NodeReader::NameOf(int input, const char* role) const {
  const std::string suffix = std::string(".") + role;
  if (!HasInput(input) || !InputName(input).ends_with(suffix)) return Name();
  return InputName(input).substr(0, InputName(input).size() - suffix.size());
}

bool NodeReader::IsRead(int output) const {
  return output < node_.output_size() && !node_.output(output).empty() &&
         importer_.IsNeeded(node_.output(output));
}

void NodeReader::Emit(View view, int output) {
  if (output >= node_.output_size()) Refuse("it has no output {}", output);
  importer_.Set(node_.output(output), std::move(view));
}

void NodeReader::EmitView(View view) {
  view.sole = view.sole && importer_.Reads(OutputName()) == 1;
  view.name = Name();
  Emit(std::move(view));
}

View NodeReader::Append(const std::string& name, graph::Op op, const View& in) {
  View view = in;
  view.tensor = importer_.Append(name, std::move(op), {in.tensor});
  view.sole = OutputCount() == 1 && importer_.Reads(OutputName()) == 1;
  view.name.clear();
  return view;
}

void NodeReader::SetParameter(const std::string& role, Array array) {
  graph::Graph& graph = importer_.Graph();
  const graph::Node& node = graph.nodes.back();
  for (const graph::Role& wanted : graph::Roles(node.op, graph.At(node.inputs[0]).shape)) {
    if (wanted.name != role) continue;
    const bool may_share = std::holds_alternative<graph::Requantize>(node.op) ||
                           std::holds_alternative<graph::QuantizeInput>(node.op);
    const bool shared = may_share && array.shape == Shape{1};
    if (array.shape != wanted.shape && !shared) {
      Refuse("{} has shape {}, expected {}", role, ToString(array.shape), ToString(wanted.shape));
    }
    graph.parameters[node.name + "." + role] = std::move(array);
    return;
  }
  Check(false, "operator {} has no role {}", graph::Name(node.op), role);
}

bool NodeReader::IsInteger(const View& view) const {
  return importer_.Graph().At(view.tensor).dtype != DType::kFloat32;
}

void NodeReader::RefuseText(const std::string& message, const std::string& hint) const {
  std::vector<std::string> shapes;
  for (const std::string& input : node_.input()) {
    const Value* value = input.empty() ? nullptr : importer_.Find(input);
    if (value == nullptr) continue;
    const auto* view = std::get_if<View>(value);
    shapes.push_back(view != nullptr ? ToString(view->shape)
                                     : "constant " + ToString(std::get<Constant>(*value).shape));
  }
  throw Error(Category::kModel,
              fmt::format("node '{}' ({}{}): {}", Name(), node_.op_type(),
                          shapes.empty() ? "" : " of " + Listed(shapes), message),
              hint, {importer_.File()});
}

}  // namespace platypus::onnx_io
