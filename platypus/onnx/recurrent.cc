#include "platypus/base/error.h"
#include "platypus/onnx/model.h"

namespace platypus::onnx_io {
namespace {

const char* TypeOf(graph::Recurrent::Cell cell) {
  return cell == graph::Recurrent::Cell::kLstm  ? "LSTM"
         : cell == graph::Recurrent::Cell::kGru ? "GRU"
                                                : "RNN";
}

}  // namespace

std::vector<size_t> GateOrder(graph::Recurrent::Cell cell) {
  switch (cell) {
    case graph::Recurrent::Cell::kRnn:
      break;
    case graph::Recurrent::Cell::kGru:
      return {1, 0, 2};  // z, r, h of r, z, n
    case graph::Recurrent::Cell::kLstm:
      return {0, 3, 1, 2};  // i, o, f, c of i, f, g, o
  }
  return {0};
}

// [1, V, F, 1] to the [F, 1, V] of ONNX, one operator a layer, and back. Results of a layer are
// [F, direction 1, 1, hidden], and [direction 1, 1, hidden] after the last step.
void Write(const graph::Recurrent& op, const Site& site) {
  Model& model = site.model;
  const std::string& n = site.node.name;
  const std::vector<size_t> order = GateOrder(op.cell);
  model.AddNode("Squeeze", n + ".squeeze", {site.inputs[0], model.AddInts(n + ".width", {3})},
                {n + "_series"});
  model.AddNode("Transpose", n + ".steps_first", {n + "_series"}, {n + "_steps"})
      .SetInts("perm", {2, 0, 1});
  std::string series = n + "_steps";
  for (int k = 0; k < op.layers; ++k) {
    const auto role = [&](const char* name) { return fmt::format("{}_l{}", name, k); };
    const auto values = [&](const char* name) {
      return Reordered(site.graph.Parameter(site.node, role(name)).Floats(), order);
    };
    const auto weight = [&](const char* name) {
      if (const auto found = site.given.find(role(name)); found != site.given.end())
        return found->second;
      const Shape& shape = site.graph.Parameter(site.node, role(name)).shape;
      return model.AddConstant(fmt::format("{}.{}", n, role(name)), {1, shape[0], shape[1]},
                               values(name));
    };
    std::vector<float> bias = values("bias_ih");
    const std::vector<float> state_bias = values("bias_hh");
    bias.insert(bias.end(), state_bias.begin(), state_bias.end());
    const auto rows = static_cast<int64_t>(bias.size());
    const bool last = k + 1 == op.layers;
    const std::string result = fmt::format("{}_layer{}", n, k);
    const bool one_state = last && op.last_step_only;
    NodeWriter layer = model.AddNode(
        TypeOf(op.cell), fmt::format("{}.layer{}", n, k),
        {series, weight("weight_ih"), weight("weight_hh"),
         model.AddConstant(fmt::format("{}.{}", n, role("bias")), {1, rows}, bias)},
        one_state ? std::vector<std::string>{"", result} : std::vector<std::string>{result});
    layer.SetInt("hidden_size", op.hidden);
    // The reset gate multiplies U h + b_hh.
    if (op.cell == graph::Recurrent::Cell::kGru) layer.SetInt("linear_before_reset", 1);
    if (one_state) {
      model.AddNode("Squeeze", n, {result, model.AddInts(n + ".direction", {0})}, {site.output});
      return;
    }
    series = fmt::format("{}_states{}", n, k);
    model.AddNode("Squeeze", fmt::format("{}.squeeze{}", n, k),
                  {result, model.AddInts(fmt::format("{}.direction{}", n, k), {1})}, {series});
  }
  model.AddNode("Transpose", n + ".steps_last", {series}, {n + "_result"})
      .SetInts("perm", {1, 2, 0});
  model.AddNode("Unsqueeze", n, {n + "_result", n + ".width"}, {site.output});
}

}  // namespace platypus::onnx_io
