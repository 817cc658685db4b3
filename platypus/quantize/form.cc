#include "platypus/quantize/form.h"

#include <algorithm>

#include "platypus/base/error.h"
#include "tm_cells.h"

namespace platypus::quantize {
namespace {

// Why an operator has no integer form at its place.
std::optional<std::string> Obstacle(const graph::Graph& graph, const graph::Node& node) {
  if (FormOf(node.op) == Form::kNone) {
    return fmt::format("{} has no integer form", graph::Name(node.op));
  }
  if (const auto* pool = std::get_if<graph::AdaptiveAvgPool>(&node.op)) {
    const Shape& in = graph.At(node.inputs[0]).shape;
    constexpr int64_t kMostParts = int64_t{1} << 22;  // of codes of 8 bits
    if (CellParts(in, *pool) > kMostParts) {
      return fmt::format(
          "an average pool from {}x{} to {}x{} has windows whose common multiple is too large",
          in[1], in[2], pool->output.h, pool->output.w);
    }
  }
  if (std::holds_alternative<graph::LayerNorm>(node.op) &&
      NumElements(graph.At(node.inputs[0]).shape) > graph::IntegerLayerNorm::kMostElements) {
    return fmt::format("a layer norm of more than {} values has no integer form",
                       graph::IntegerLayerNorm::kMostElements);
  }
  return std::nullopt;
}

}  // namespace

int64_t CellParts(const Shape& in, const graph::AdaptiveAvgPool& pool) {
  const auto parts = [](int64_t ins, int outs) {
    constexpr int64_t kMost = int64_t{1} << 31;
    return std::min<int64_t>(kMost, tm_cell_parts(static_cast<tm_i32>(ins), outs));
  };
  return parts(in[1], pool.output.h) * parts(in[2], pool.output.w);
}

Form FormOf(const graph::Op& op) {
  return std::visit(graph::Overloaded{[](const graph::Identity&) { return Form::kKeeps; },
                                      [](const graph::MaxPool&) { return Form::kKeeps; },
                                      [](const graph::Flatten&) { return Form::kKeeps; },
                                      [](const graph::Reshape&) { return Form::kKeeps; },
                                      [](const graph::Transpose&) { return Form::kKeeps; },
                                      [](const graph::Pad&) { return Form::kKeeps; },
                                      [](const graph::Slice&) { return Form::kKeeps; },
                                      [](const graph::Scale&) { return Form::kKeeps; },
                                      [](const graph::Relu&) { return Form::kLimits; },
                                      [](const graph::Clamp&) { return Form::kLimits; },
                                      [](const graph::Resize& resize) {
                                        return resize.mode == graph::Resize::Mode::kBilinear
                                                   ? Form::kMakes
                                                   : Form::kKeeps;
                                      },
                                      [](const graph::Conv2d&) { return Form::kMakes; },
                                      [](const graph::Linear&) { return Form::kMakes; },
                                      [](const graph::BatchNorm&) { return Form::kMakes; },
                                      [](const graph::AvgPool&) { return Form::kMakes; },
                                      [](const graph::AdaptiveAvgPool&) { return Form::kMakes; },
                                      [](const graph::Add&) { return Form::kMakes; },
                                      [](const graph::Concat&) { return Form::kMakes; },
                                      [](const graph::ConvTranspose2d&) { return Form::kMakes; },
                                      [](const graph::Recurrent&) { return Form::kMakes; },
                                      [](const graph::Sigmoid&) { return Form::kMakes; },
                                      [](const graph::Tanh&) { return Form::kMakes; },
                                      [](const graph::LeakyRelu&) { return Form::kMakes; },
                                      [](const graph::Gelu&) { return Form::kMakes; },
                                      [](const graph::Softmax&) { return Form::kMakes; },
                                      [](const graph::LayerNorm&) { return Form::kMakes; },
                                      [](const graph::Mul&) { return Form::kMakes; },
                                      [](const auto&) { return Form::kNone; }},
                    op);
}

const graph::Node& LayerOf(const graph::Graph& graph, const graph::Node& node) {
  const graph::Node* before = graph::Producer(graph, node.inputs[0]);
  return before != nullptr && graph::FoldingNorm(graph, *before) == &node ? *before : node;
}

std::optional<std::string> WhyFloat(const graph::Graph& graph, const graph::Node& node,
                                    const Settings& settings) {
  if (std::optional<std::string> obstacle = Obstacle(graph, node)) return obstacle;
  if (FormOf(node.op) == Form::kMakes && settings.Of(LayerOf(graph, node).name).IsFloat()) {
    return "the configuration keeps it in floating point";
  }
  return std::nullopt;
}

}  // namespace platypus::quantize
