// RNN, GRU and LSTM: one layer a node; nodes behind each other become one operator of more layers.
#include <algorithm>

#include "platypus/onnx/importer.h"

namespace platypus::onnx_io {
namespace {

using Cell = graph::Recurrent::Cell;

// ONNX's gate at each place of ours.
std::vector<size_t> GateOrder(Cell cell) {
  switch (cell) {
    case Cell::kRnn:
      break;
    case Cell::kGru:
      return {1, 0, 2};  // r, z, n of z, r, h
    case Cell::kLstm:
      return {0, 2, 3, 1};  // i, f, g, o of i, o, f, c
  }
  return {0};
}

// Gates of `count` values from `values`, in our order.
std::vector<float> Reordered(const std::vector<float>& values, size_t begin, size_t count,
                             const std::vector<size_t>& order) {
  std::vector<float> result;
  const size_t gate = count / order.size();
  for (const size_t from : order) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(begin + from * gate);
    result.insert(result.end(), first, first + static_cast<std::ptrdiff_t>(gate));
  }
  return result;
}

// An initial state, which ours do not have, may be there if it is zero.
void RequireZero(const NodeReader& node, int input, const char* what) {
  if (!node.HasInput(input)) return;
  const std::vector<float> values = node.Constants(input, what).Floats();
  if (std::ranges::any_of(values, [](float v) { return v != 0.0f; })) {
    node.Refuse("{} other than zero is not supported", what);
  }
}

void RequireCommonForm(NodeReader& node, Cell cell, const View& in) {
  node.Choice("direction", "forward", {"forward"});
  if (node.Int("layout", 0) != 0) node.Refuse("layout 1; supported: 0");
  if (node.Has("clip")) node.Refuse("clip is not supported");
  node.Ignore({"activation_alpha", "activation_beta", "output_sequence"});
  for (const onnx::AttributeProto& attribute : node.Node().attribute()) {
    if (attribute.name() != "activations") continue;
    const std::vector<std::string> wanted =
        cell == Cell::kRnn   ? std::vector<std::string>{"Tanh"}
        : cell == Cell::kGru ? std::vector<std::string>{"Sigmoid", "Tanh"}
                             : std::vector<std::string>{"Sigmoid", "Tanh", "Tanh"};
    if (!std::equal(wanted.begin(), wanted.end(), attribute.strings().begin(),
                    attribute.strings().end())) {
      node.Refuse("activations; supported: those of ONNX's defaults");
    }
  }
  node.Ignore({"activations"});
  if (in.shape.size() != 3 || in.shape[1] != 1) {
    node.Refuse("supported: an input of steps x batch 1 x values");
  }
  if (node.HasInput(4)) {
    const Constant& lengths = node.Constants(4, "sequence lengths");
    if (lengths.IsFloat() || lengths.Count() != 1 || lengths.Ints()[0] != in.shape[0]) {
      node.Refuse("sequence lengths other than all {} steps", in.shape[0]);
    }
  }
  RequireZero(node, 5, "initial state");
  if (cell == Cell::kLstm) {
    RequireZero(node, 6, "initial cell state");
    RequireZero(node, 7, "peephole weights");
    if (node.Int("input_forget", 0) != 0) node.Refuse("input_forget; supported: 0");
    if (node.IsRead(2)) node.Refuse("its third output (cell state) is not supported");
  }
  if (cell == Cell::kGru && node.Int("linear_before_reset", 0) == 0) {
    node.Refuse("linear_before_reset 0; supported: 1, as PyTorch computes it");
  }
}

// The operator whose states this node reads, if the two can be one.
graph::Node* LayersBefore(NodeReader& node, const View& in, const graph::Recurrent& op) {
  graph::Node* producer = node.Model().Producer(in.tensor);
  if (producer == nullptr || !in.sole) return nullptr;
  const auto* before = std::get_if<graph::Recurrent>(&producer->op);
  const bool joins = before != nullptr && before->cell == op.cell && before->hidden == op.hidden &&
                     !before->last_step_only && in.axes[0] == 1 && in.axes[2] == 0;
  return joins ? producer : nullptr;
}

// "n" of "n.weight_ih_l0".
std::string LayerName(const NodeReader& node) {
  const std::string& weights = node.InputName(1);
  const size_t role = weights.rfind(".weight_ih_l");
  return role == std::string::npos ? node.Name() : weights.substr(0, role);
}

void ReadLayer(NodeReader& node, Cell cell) {
  Importer& importer = node.Model();
  const View in = node.Data(0);
  RequireCommonForm(node, cell, in);
  const Constant& w = node.Constants(1, "weights");
  const Constant& r = node.Constants(2, "recurrent weights");
  graph::Recurrent op;
  op.cell = cell;
  op.layers = 1;
  op.hidden = node.Small("hidden_size", node.Int("hidden_size", 0));
  const int64_t rows = int64_t{op.Gates()} * op.hidden;
  if (op.hidden < 1 || w.shape != Shape{1, rows, in.shape[2]} ||
      r.shape != Shape{1, rows, op.hidden}) {
    node.Refuse("weights of {} and {}; expected 1x{}x{} and 1x{}x{}", ToString(w.shape),
                ToString(r.shape), rows, in.shape[2], rows, op.hidden);
  }
  std::vector<float> bias(static_cast<size_t>(2 * rows), 0.0f);
  if (node.HasInput(3)) {
    const Constant& given = node.Constants(3, "bias");
    if (given.Count() != bias.size()) node.Refuse("bias of {} elements", given.Count());
    bias = given.Floats();
  }
  op.last_step_only = !node.IsRead(0);

  graph::Node* layers = LayersBefore(node, in, op);
  graph::TensorId tensor = 0;
  int layer = 0;
  if (layers != nullptr) {
    auto& joined = std::get<graph::Recurrent>(layers->op);
    layer = joined.layers++;
    joined.last_step_only = op.last_step_only;
    tensor = layers->output;
    graph::Tensor& output = importer.Graph().At(tensor);
    output.shape =
        graph::InferShape(layers->name, layers->op, {importer.Graph().At(layers->inputs[0]).shape});
  } else {
    const View series = importer.Arrange(in, {2, 0, -1}, node.Name() + ".order");
    tensor = importer.Append(LayerName(node), op, {series.tensor});
    layers = importer.Producer(tensor);
  }
  const std::vector<size_t> order = GateOrder(cell);
  const auto set = [&](const char* role, Shape shape, std::vector<float> values) {
    importer.Graph().parameters[fmt::format("{}.{}_l{}", layers->name, role, layer)] = {
        std::move(shape), std::move(values)};
  };
  const auto half = static_cast<size_t>(rows);
  set("weight_ih", {rows, in.shape[2]}, Reordered(w.Floats(), 0, w.Count(), order));
  set("weight_hh", {rows, op.hidden}, Reordered(r.Floats(), 0, r.Count(), order));
  set("bias_ih", {rows}, Reordered(bias, 0, half, order));
  set("bias_hh", {rows}, Reordered(bias, half, half, order));

  if (op.last_step_only) {
    View state{tensor, {1, 1, op.hidden}, {-1, -1, 0}, false, {}};
    return node.Emit(std::move(state), 1);
  }
  const int64_t steps = in.shape[0];
  View states{tensor, {steps, 1, 1, op.hidden}, {1, -1, -1, 0}, false, {}};
  states.sole = !node.IsRead(1) && importer.Reads(node.OutputName(0)) == 1;
  if (node.IsRead(1)) {
    View last = states;
    if (steps > 1) {
      last.tensor =
          importer.Append(node.Name() + ".last", graph::Slice{1, steps - 1, steps, 1}, {tensor});
    }
    last.shape = {1, 1, op.hidden};
    last.axes = {-1, -1, 0};
    node.Emit(std::move(last), 1);
  }
  node.Emit(std::move(states), 0);
}

}  // namespace

void ReadRnn(NodeReader& node) { ReadLayer(node, Cell::kRnn); }
void ReadGru(NodeReader& node) { ReadLayer(node, Cell::kGru); }
void ReadLstm(NodeReader& node) { ReadLayer(node, Cell::kLstm); }

}  // namespace platypus::onnx_io
