#include "platypus/quantize/form.h"

#include "platypus/base/error.h"

namespace platypus::quantize {
namespace {

// Why an operator has no integer form at its place.
std::optional<std::string> Obstacle(const graph::Graph& graph, const graph::Node& node) {
  if (FormOf(node.op) == Form::kNone) {
    return fmt::format("{} has no integer form", graph::Name(node.op));
  }
  if (const auto* pool = std::get_if<graph::AdaptiveAvgPool>(&node.op)) {
    const Shape& in = graph.At(node.inputs[0]).shape;
    if (in[1] % pool->output.h != 0 || in[2] % pool->output.w != 0) {
      return fmt::format(
          "an average pool from {}x{} to {}x{} has windows of different sizes, which have no "
          "integer form",
          in[1], in[2], pool->output.h, pool->output.w);
    }
  }
  return std::nullopt;
}

}  // namespace

Form FormOf(const graph::Op& op) {
  return std::visit(graph::Overloaded{[](const graph::Identity&) { return Form::kKeeps; },
                                      [](const graph::MaxPool&) { return Form::kKeeps; },
                                      [](const graph::Flatten&) { return Form::kKeeps; },
                                      [](const graph::Reshape&) { return Form::kKeeps; },
                                      [](const graph::Transpose&) { return Form::kKeeps; },
                                      [](const graph::Pad&) { return Form::kKeeps; },
                                      [](const graph::Slice&) { return Form::kKeeps; },
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
                                      [](const auto&) { return Form::kNone; }},
                    op);
}

std::optional<std::string> WhyFloat(const graph::Graph& graph, const graph::Node& node,
                                    const Settings& settings) {
  if (std::optional<std::string> obstacle = Obstacle(graph, node)) return obstacle;
  if (FormOf(node.op) == Form::kMakes && settings.Of(node.name).IsFloat()) {
    return "the configuration keeps it in floating point";
  }
  return std::nullopt;
}

}  // namespace platypus::quantize
