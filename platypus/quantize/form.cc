#include "platypus/quantize/form.h"

namespace platypus::quantize {

Form FormOf(const graph::Op& op) {
  return std::visit(graph::Overloaded{[](const graph::Identity&) { return Form::kKeeps; },
                                      [](const graph::MaxPool&) { return Form::kKeeps; },
                                      [](const graph::Flatten&) { return Form::kKeeps; },
                                      [](const graph::Reshape&) { return Form::kKeeps; },
                                      [](const graph::Transpose&) { return Form::kKeeps; },
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

}  // namespace platypus::quantize
