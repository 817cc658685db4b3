#include <algorithm>

#include "platypus/train/local_layer.h"

namespace platypus::train {
namespace {

graph::Conv2d Adjoint(const graph::ConvTranspose2d& op, int64_t channels) {
  graph::Conv2d conv;
  conv.out_channels = static_cast<int>(channels);
  conv.kernel = op.kernel;
  conv.stride = op.stride;
  conv.dilation = op.dilation;
  conv.padding = op.padding;
  conv.groups = op.groups;
  conv.has_bias = false;
  return conv;
}

}  // namespace

TransposedConvolution::TransposedConvolution(const graph::ConvTranspose2d& op, const Shape& in,
                                             const Shape& out)
    : adjoint(Adjoint(op, in[0]), {out[0], out[1], out[2]}, {in[0], in[1], in[2]}),
      has_bias(op.has_bias),
      out_positions(out[1] * out[2]) {}

size_t TransposedConvolution::Parameters() const {
  return Weights() + (has_bias ? static_cast<size_t>(adjoint.InChannels()) : 0);
}

size_t TransposedConvolution::Scratch() const {
  return static_cast<size_t>((adjoint.Gradient().Plane() * adjoint.OutChannels() +
                              adjoint.Input().Plane() * adjoint.InChannels()) *
                             kLanes);
}

void TransposedConvolution::Pack(const float* parameters, float* packed) const {
  adjoint.Pack({parameters, Weights()}, {packed, Packed()});
}

void TransposedConvolution::Forward(const Pass& pass) const {
  const float* x = adjoint.Gradient().Enclose(pass.x, adjoint.OutChannels(), pass.scratch);
  adjoint.BackwardInput(x, {pass.packed, Packed()}, pass.y);
  if (!has_bias) return;
  const float* bias = pass.parameters + Weights();
  const int64_t plane = out_positions * kLanes;
  for (int64_t c = 0; c < adjoint.InChannels(); ++c) {
    float* y = pass.y + c * plane;
    for (int64_t i = 0; i < plane; ++i) y[i] += bias[c];
  }
}

void TransposedConvolution::Backward(const Pass& pass, const Return& back) const {
  const float* x = adjoint.Gradient().Enclose(pass.x, adjoint.OutChannels(), pass.scratch);
  float* room = pass.scratch + adjoint.Gradient().Plane() * adjoint.OutChannels() * kLanes;
  const float* dy = adjoint.Input().Enclose(back.dy, adjoint.InChannels(), room);
  adjoint.BackwardWeight(dy, x, back.parameters);
  if (has_bias) {
    const int64_t plane = out_positions * kLanes;
    for (int64_t c = 0; c < adjoint.InChannels(); ++c) {
      back.parameters[Weights() + static_cast<size_t>(c)] +=
          static_cast<float>(Sum(back.dy + c * plane, out_positions, back.mask));
    }
  }
  if (back.dx != nullptr) adjoint.Forward(dy, {pass.packed, Packed()}, nullptr, back.dx);
}

}  // namespace platypus::train
