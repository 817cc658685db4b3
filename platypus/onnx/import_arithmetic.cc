// Sums and products: of two tensors, or of a tensor and constants.
#include <algorithm>
#include <cmath>

#include "platypus/onnx/importer.h"

namespace platypus::onnx_io {
namespace {

// Ones in front of the shape until it has `rank` axes.
View Raised(View view, size_t rank) {
  while (view.shape.size() < rank) {
    view.shape.insert(view.shape.begin(), 1);
    view.axes.insert(view.axes.begin(), -1);
  }
  return view;
}

// Rows and columns of 1 repeated up to the other tensor's.
View Repeated(NodeReader& node, const View& view, const Shape& target) {
  Importer& importer = node.Model();
  const Shape& from = importer.Graph().At(view.tensor).shape;
  if (from == target) return view;
  const bool fits = from.size() == 3 && target.size() == 3 && from[0] == target[0] &&
                    (from[1] == 1 || from[1] == target[1]) &&
                    (from[2] == 1 || from[2] == target[2]);
  if (!fits || node.IsInteger(view)) {
    node.Refuse("shapes that differ; supported: equal ones, or rows and columns of 1 repeated");
  }
  const graph::Size2 size{static_cast<int>(target[1]), static_cast<int>(target[2])};
  View result = view;
  result.tensor = importer.Append(
      node.Name() + ".repeated", graph::Resize{size, graph::Resize::Mode::kNearest}, {view.tensor});
  return result;
}

template <typename Op>
View OfTwo(NodeReader& node, const Op& op, View a, View b) {
  Importer& importer = node.Model();
  const size_t rank = std::max(a.shape.size(), b.shape.size());
  a = Raised(a, rank);
  b = Raised(b, rank);
  if (!a.real && (node.IsInteger(a) || node.IsInteger(b))) {
    node.Refuse("of integers; supported: Mul, Mul, Add, Add, Mul, Floor, Clip, one for each scale");
  }
  Shape shape = a.shape;
  for (size_t i = 0; i < rank; ++i) shape[i] = std::max(a.shape[i], b.shape[i]);
  const graph::Graph& graph = importer.Graph();
  const bool alike = a.shape == b.shape && a.axes == b.axes &&
                     graph.At(a.tensor).shape == graph.At(b.tensor).shape;
  if (!alike) {
    const std::vector<int> wanted = CanonicalAxes(shape);
    a = importer.Arrange(a, wanted, node.Name() + ".left");
    b = importer.Arrange(b, wanted, node.Name() + ".right");
    Shape target;
    for (const int axis : wanted) target.push_back(axis < 0 ? 1 : shape[static_cast<size_t>(axis)]);
    a = Repeated(node, a, target);
    b = Repeated(node, b, target);
  }
  View out = a;
  out.shape = shape;
  if (a.real) {
    const Target target = *TargetOf(importer, node.OutputName());
    out.tensor = AppendSum(node, node.Name(), a, &b, target);
    out.real = target.real;
  } else {
    out.tensor = importer.Append(node.Name(), op, {a.tensor, b.tensor});
  }
  out.sole = importer.Reads(node.OutputName()) == 1;
  out.name.clear();
  return out;
}

// A bias into the layer before it, if that has none and nothing else reads it.
bool IntoLayer(NodeReader& node, const View& view, const AlongAxis& bias) {
  graph::Node* producer = node.Model().Producer(view.tensor);
  if (producer == nullptr || !view.sole) return false;
  auto* conv = std::get_if<graph::Conv2d>(&producer->op);
  auto* linear = std::get_if<graph::Linear>(&producer->op);
  bool* has_bias = conv != nullptr     ? &conv->has_bias
                   : linear != nullptr ? &linear->has_bias
                                       : nullptr;
  if (has_bias == nullptr || *has_bias) return false;
  const bool channels = bias.axis < 0 || view.axes[static_cast<size_t>(bias.axis)] == 0;
  if (!channels) return false;
  const int64_t count = node.Model().Graph().At(view.tensor).shape[0];
  *has_bias = true;
  std::vector<float> values = bias.values;
  values.resize(static_cast<size_t>(count), bias.values[0]);
  node.Model().Graph().parameters[producer->name + ".bias"] = {{count}, std::move(values)};
  View result = view;
  result.sole = node.Model().Reads(node.OutputName()) == 1;
  node.Emit(std::move(result));
  return true;
}

// x * weight + bias for each place of one axis: a depthwise convolution of 1 x 1.
View Affine(NodeReader& node, const View& view, const AlongAxis& weight, const AlongAxis& bias) {
  Importer& importer = node.Model();
  const int axis = std::max(weight.axis, bias.axis);
  View front = view;
  if (axis >= 0) front = importer.ToFront(view, axis, node.Name() + ".front");
  const Shape in = importer.Graph().At(front.tensor).shape;
  if (in.size() == 1) {
    const std::vector<int> all = LongAxes(front.shape);
    front = importer.Arrange(front, {all.empty() ? -1 : all[0], -1, -1}, node.Name() + ".image");
  }
  const int64_t channels = in[0];
  graph::Conv2d conv;
  conv.out_channels = conv.groups = static_cast<int>(channels);
  const std::string name = node.Name();
  const View out = node.Append(name, conv, front);
  const auto spread = [&](const AlongAxis& along) {
    std::vector<float> values = along.values;
    values.resize(static_cast<size_t>(channels), along.values[0]);
    return values;
  };
  node.SetParameter("weight", {{channels, 1, 1, 1}, spread(weight)});
  node.SetParameter("bias", {{channels}, spread(bias)});
  return out;
}

AlongAxis Required(const NodeReader& node, const Constant& constant, const View& view) {
  const auto along = Along(constant, view.shape);
  if (!along || along->values.empty()) {
    node.Refuse("a constant of {}; supported: one value, or one for each place of one axis",
                ToString(constant.shape));
  }
  return *along;
}

AlongAxis Mapped(AlongAxis along, float (*function)(float)) {
  for (float& v : along.values) v = function(v);
  return along;
}

AlongAxis Single(float value) { return {-1, {value}}; }

bool All(const AlongAxis& along, float value) {
  return std::ranges::all_of(along.values, [&](float v) { return v == value; });
}

void Shift(NodeReader& node, const View& view, const AlongAxis& bias) {
  if (node.IsInteger(view)) node.Refuse("of integers outside of Add, Mul, Mul, Floor, Clip");
  if (All(bias, 0.0f)) return node.EmitView(view);
  if (!IntoLayer(node, view, bias)) node.Emit(Affine(node, view, Single(1.0f), bias));
}

void Multiply(NodeReader& node, const View& view, const AlongAxis& weight) {
  if (node.IsInteger(view)) {
    if (weight.axis >= 0) node.Refuse("of integers by other than one scale");
    return node.Emit(node.Append(node.Name(), graph::Dequantize{weight.values[0]}, view));
  }
  if (weight.axis >= 0) return node.Emit(Affine(node, view, weight, Single(0.0f)));
  const int constant = node.IsConstant(0) ? 0 : 1;
  const View out = node.Append(node.NameOf(constant, "weight"), graph::Scale{}, view);
  node.SetParameter("weight", {{1}, weight.values});
  node.Emit(out);
}

// max(0, min(1, alpha x + beta)).
View HardSigmoid(NodeReader& node, const View& in, float alpha, float beta) {
  if (node.IsInteger(in)) node.Refuse("of integers");
  const View line = Affine(node, in, Single(alpha), Single(beta));
  return node.Append(node.Name() + ".clamp", graph::Clamp{0.0f, 1.0f}, line);
}

}  // namespace

std::optional<AlongAxis> Along(const Constant& constant, const Shape& shape) {
  AlongAxis along{-1, constant.Floats()};
  if (along.values.empty()) return std::nullopt;
  for (size_t i = 0; i < constant.shape.size(); ++i) {
    const size_t from_end = constant.shape.size() - i;
    const int64_t extent = constant.shape[i];
    if (extent == 1) {
      if (from_end > shape.size()) return std::nullopt;
      continue;
    }
    if (along.axis >= 0 || from_end > shape.size() || shape[shape.size() - from_end] != extent) {
      return std::nullopt;
    }
    along.axis = static_cast<int>(shape.size() - from_end);
  }
  return along;
}

void ReadAdd(NodeReader& node) {
  const int constant = node.HasInput(1) && node.IsConstant(1) ? 1 : 0;
  if (!node.HasInput(0) || !node.IsConstant(constant)) {
    return node.Emit(OfTwo(node, graph::Add{}, node.Data(0), node.Data(1)));
  }
  const View view = node.Data(1 - constant);
  Shift(node, view, Required(node, node.Constants(constant, "constant"), view));
}

void ReadSub(NodeReader& node) {
  const auto negative = [](float v) { return -v; };
  if (node.HasInput(1) && node.IsConstant(1)) {
    const View view = node.Data(0);
    return Shift(node, view, Mapped(Required(node, node.Constants(1, "constant"), view), negative));
  }
  if (!node.HasInput(0) || !node.IsConstant(0)) {
    node.RefuseText("of two tensors is not supported", "nearest operators: Mul by -1 and Add");
  }
  const View view = node.Data(1);
  if (node.IsInteger(view)) node.Refuse("of integers");
  node.Emit(Affine(node, view, Single(-1.0f), Required(node, node.Constants(0, "constant"), view)));
}

void ReadMul(NodeReader& node) {
  const int constant = node.HasInput(1) && node.IsConstant(1) ? 1 : 0;
  if (!node.HasInput(0) || !node.IsConstant(constant)) {
    return node.Emit(OfTwo(node, graph::Mul{}, node.Data(0), node.Data(1)));
  }
  const View view = node.Data(1 - constant);
  Multiply(node, view, Required(node, node.Constants(constant, "constant"), view));
}

void ReadDiv(NodeReader& node) {
  const View view = node.Data(0);
  const AlongAxis divisor = Required(node, node.Constants(1, "divisor"), view);
  if (std::ranges::any_of(divisor.values, [](float v) { return v == 0.0f; })) {
    node.Refuse("by 0");
  }
  Multiply(node, view, Mapped(divisor, [](float v) { return 1.0f / v; }));
}

void ReadHardSigmoid(NodeReader& node) {
  node.Emit(HardSigmoid(node, node.Data(0), node.Float("alpha", 0.2f), node.Float("beta", 0.5f)));
}

void ReadHardSwish(NodeReader& node) {
  const View in = node.Data(0);
  node.Emit(OfTwo(node, graph::Mul{}, in, HardSigmoid(node, in, 1.0f / 6.0f, 0.5f)));
}

void ReadNeg(NodeReader& node) { Multiply(node, node.Data(0), Single(-1.0f)); }

}  // namespace platypus::onnx_io
