// Normalisations and softmax.
#include <cmath>

#include "platypus/onnx/importer.h"

namespace platypus::onnx_io {
namespace {

// Softmax along one axis. Before opset 13 an axis means all axes from it on.
template <typename Op>
void AlongOneAxis(NodeReader& node, const Op& op) {
  const View in = node.Data(0);
  const bool flattens = node.Model().Opset() < 13;
  const int axis = node.Axis(node.Int("axis", flattens ? 1 : -1), in.shape.size());
  if (flattens && LongAxes({in.shape.begin() + axis, in.shape.end()}).size() > 1) {
    node.Refuse("over several axes (opset {}: all from axis {} on); supported: one axis",
                node.Model().Opset(), axis);
  }
  int along = axis;
  for (size_t i = static_cast<size_t>(axis); flattens && i < in.shape.size(); ++i) {
    if (in.shape[i] > 1) along = static_cast<int>(i);
  }
  const View front = node.Model().ToFront(in, along, node.Name() + ".front");
  node.Emit(node.Append(node.Name(), op, front));
}

}  // namespace

void ReadBatchNorm(NodeReader& node) {
  const View in = node.Data(0);
  if (in.shape.size() < 2) node.Refuse("no channel axis");
  if (node.Int("training_mode", 0) != 0 || node.Int("is_test", 1) == 0) {
    node.Refuse("it is in training mode; export for inference");
  }
  if (node.Int("spatial", 1) == 0) node.Refuse("statistics for every place; supported: spatial 1");
  node.Ignore({"momentum", "consumed_inputs"});
  graph::BatchNorm op;
  op.epsilon = node.Float("epsilon", 1e-5f);
  const View front = node.Model().ToFront(in, 1, node.Name() + ".front");
  const View out = node.Append(node.NameOf(1, "weight"), op, front);
  const char* roles[] = {"weight", "bias", "running_mean", "running_var"};
  for (int i = 0; i < 4; ++i) {
    const Constant& values = node.Constants(i + 1, roles[i]);
    node.SetParameter(roles[i], {values.shape, values.Floats()});
  }
  node.Emit(out);
}

// Over all elements of a sample.
void ReadLayerNorm(NodeReader& node) {
  const View in = node.Data(0);
  const int axis = node.Axis(node.Int("axis", -1), in.shape.size());
  if (!LongAxes({in.shape.begin(), in.shape.begin() + axis}).empty()) {
    node.Refuse("over the axes from {} on; supported: over all elements of a sample", axis);
  }
  if (node.Int("stash_type", 1) != 1) node.Refuse("stash_type must be 1");
  graph::LayerNorm op;
  op.epsilon = node.Float("epsilon", 1e-5f);
  const View ordered = node.Model().InOrder(in, node.Name() + ".order");
  const View out = node.Append(node.NameOf(1, "weight"), op, ordered);
  const Shape& shape = node.Model().Graph().At(ordered.tensor).shape;
  for (int i = 1; i < 3; ++i) {
    const char* role = i == 1 ? "weight" : "bias";
    if (i == 2 && !node.HasInput(i)) {
      node.SetParameter(role, {shape, std::vector<float>(static_cast<size_t>(NumElements(shape)))});
      continue;
    }
    const Constant& values = node.Constants(i, role);
    if (values.Count() != static_cast<size_t>(NumElements(shape))) {
      node.Refuse("{} of {} elements; supported: one for each of {}", role, values.Count(),
                  ToString(shape));
    }
    node.SetParameter(role, {shape, values.Floats()});
  }
  node.Emit(out);
}

void ReadSoftmax(NodeReader& node) { AlongOneAxis(node, graph::Softmax{}); }
void ReadLogSoftmax(NodeReader& node) { AlongOneAxis(node, graph::LogSoftmax{}); }

}  // namespace platypus::onnx_io
