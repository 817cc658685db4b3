#include <algorithm>

#include "platypus/train/local_layer.h"
#include "platypus/train/recurrent_kernels.h"

// Recurrent layers by steps. The part of the gates that comes from the input is one convolution
// over all steps; only the part that comes from the state waits for the step before. Sequences are
// [row][step][kLanes] like any tensor, what belongs to one step is [row][kLanes].
namespace platypus::train {
namespace {

graph::Conv2d OneByOne(int64_t outs) {
  graph::Conv2d conv;
  conv.out_channels = static_cast<int>(outs);
  return conv;
}

// One step's values into a sequence.
void Put(const float* from, int64_t rows, int64_t row, int64_t step, float* sequence) {
  for (int64_t r = 0; r < rows; ++r) {
    std::copy(from + r * kLanes, from + (r + 1) * kLanes, sequence + r * row + step * kLanes);
  }
}

}  // namespace

RecurrentLayer::RecurrentLayer(const graph::Recurrent& op, const Shape& in)
    : op_(op), steps_(in[1]) {
  const int64_t hidden = op.hidden;
  const int64_t rows = GateRows();
  size_t parameter = 0;
  size_t packed = 0;
  size_t kept = 0;
  for (int k = 0; k < op.layers; ++k) {
    const int64_t ins = k == 0 ? in[0] : hidden;
    Stage stage{ins,
                Convolution(OneByOne(rows), {ins, steps_, 1}, {rows, steps_, 1}),
                Convolution(OneByOne(rows), {hidden, 1, 1}, {rows, 1, 1}),
                Convolution(OneByOne(rows), {hidden, steps_, 1}, {rows, steps_, 1}),
                0,
                0,
                0,
                0,
                packed,
                kept};
    const auto take = [&](int64_t count) {
      parameter += static_cast<size_t>(count);
      return parameter - static_cast<size_t>(count);
    };
    stage.weight_ih = take(rows * ins);
    stage.weight_hh = take(rows * hidden);
    stage.bias_ih = take(rows);
    stage.bias_hh = take(rows);
    packed += static_cast<size_t>(stage.input.PackedSize() + stage.state.PackedSize());
    kept += static_cast<size_t>((KeptRows(op.cell, hidden) + hidden) * Row());
    stages_.push_back(std::move(stage));
  }
}

size_t RecurrentLayer::Parameters() const {
  return stages_.back().bias_hh + static_cast<size_t>(GateRows());
}
size_t RecurrentLayer::Packed() const {
  const Stage& last = stages_.back();
  return last.packed + static_cast<size_t>(last.input.PackedSize() + last.state.PackedSize());
}
size_t RecurrentLayer::Kept() const {
  return stages_.back().kept +
         static_cast<size_t>((KeptRows(op_.cell, op_.hidden) + op_.hidden) * Row());
}
size_t RecurrentLayer::Scratch() const {
  // Sequences: both gradients of the gates, of the states, and the states one step late. Steps: the
  // gates or their gradients, three states.
  return static_cast<size_t>((2 * GateRows() + 2 * op_.hidden) * Row() +
                             (GateRows() + 3 * op_.hidden) * kLanes);
}

void RecurrentLayer::Pack(const float* parameters, float* packed) const {
  for (const Stage& stage : stages_) {
    float* to = packed + stage.packed;
    const auto input = static_cast<size_t>(stage.input.PackedSize());
    const auto state = static_cast<size_t>(stage.state.PackedSize());
    stage.input.Pack({parameters + stage.weight_ih, input / 2}, {to, input});
    stage.state.Pack({parameters + stage.weight_hh, state / 2}, {to + input, state});
  }
}

void RecurrentLayer::Forward(const Pass& pass) const {
  const int64_t rows = GateRows();
  const int64_t hidden = op_.hidden;
  float* gates = pass.scratch;  // [row][step]
  float* gates_h = gates + rows * Row();
  float* h = gates_h + rows * kLanes;
  const int64_t kept_floats = KeptRows(op_.cell, hidden) * kLanes;
  const float* x = pass.x;
  for (const Stage& stage : stages_) {
    const auto input = static_cast<size_t>(stage.input.PackedSize());
    const auto state = static_cast<size_t>(stage.state.PackedSize());
    const float* packed = pass.packed + stage.packed;
    float* kept = pass.kept + stage.kept;
    float* states = kept + kept_floats * steps_;
    stage.input.Forward(x, {packed, input}, pass.parameters + stage.bias_ih, gates);
    std::fill(h, h + hidden * kLanes, 0.0f);
    for (int64_t t = 0; t < steps_; ++t) {
      stage.state.Forward(h, {packed + input, state}, pass.parameters + stage.bias_hh, gates_h);
      float* now = kept + t * kept_floats;
      CellForward(op_.cell, {hidden, Row(), gates + t * kLanes, gates_h,
                             t > 0 ? now - kept_floats : nullptr, now, h, states + t * kLanes});
    }
    x = states;
  }
  if (op_.last_step_only) {
    std::copy(h, h + hidden * kLanes, pass.y);
  } else {
    std::copy(x, x + hidden * Row(), pass.y);
  }
}

void RecurrentLayer::Backward(const Pass& pass, const Return& back) const {
  const int64_t rows = GateRows();
  const int64_t hidden = op_.hidden;
  const int64_t n = hidden * kLanes;
  float* gradient = pass.scratch;           // of the states, [hidden][step], from the layer above
  float* late = gradient + hidden * Row();  // states one step late
  float* all_x = late + hidden * Row();     // gradients of the gates, [row][step]
  float* all_h = HasTwoGradients(op_.cell) ? all_x + rows * Row() : all_x;
  float* dgates = all_h + rows * Row();
  float* dh = dgates + rows * kLanes;
  float* dc = dh + n;
  float* through = dc + n;  // gradient of h through the gates

  if (op_.last_step_only) {
    std::fill(gradient, gradient + hidden * Row(), 0.0f);
    Put(back.dy, hidden, Row(), steps_ - 1, gradient);
  } else {
    std::copy(back.dy, back.dy + hidden * Row(), gradient);
  }
  for (size_t k = stages_.size(); k-- > 0;) {
    const Stage& stage = stages_[k];
    const auto input = static_cast<size_t>(stage.input.PackedSize());
    const auto state = static_cast<size_t>(stage.state.PackedSize());
    const float* packed = pass.packed + stage.packed;
    const int64_t kept_rows = KeptRows(op_.cell, hidden);
    const float* kept = pass.kept + stage.kept;
    const float* states = kept + kept_rows * Row();
    for (int64_t r = 0; r < hidden; ++r) {
      std::fill(late + r * Row(), late + r * Row() + kLanes, 0.0f);
      std::copy(states + r * Row(), states + (r + 1) * Row() - kLanes, late + r * Row() + kLanes);
    }
    std::fill(dh, dh + 2 * n, 0.0f);
    for (int64_t t = steps_ - 1; t >= 0; --t) {
      const int64_t at = t * kLanes;
      const float* now = kept + t * kept_rows * kLanes;
      CellBackward(op_.cell, {hidden, Row(), gradient + at, late + at, states + at,
                              t > 0 ? now - kept_rows * kLanes : nullptr, now, dh, dc, dgates,
                              all_x + at, all_h + at});
      stage.state.BackwardInput(dgates, {packed + input, state}, through);
      Accumulate(through, static_cast<size_t>(n), dh);
    }
    const float* x = k == 0 ? pass.x : pass.kept + stages_[k - 1].kept + kept_rows * Row();
    stage.input.BackwardWeight(x, all_x, back.parameters + stage.weight_ih);
    stage.states.BackwardWeight(late, all_h, back.parameters + stage.weight_hh);
    for (int64_t r = 0; r < rows; ++r) {
      const auto at = static_cast<size_t>(r);
      back.parameters[stage.bias_ih + at] +=
          static_cast<float>(Sum(all_x + r * Row(), steps_, back.mask));
      back.parameters[stage.bias_hh + at] +=
          static_cast<float>(Sum(all_h + r * Row(), steps_, back.mask));
    }
    if (k == 0 && back.dx == nullptr) return;
    float* to = k == 0 ? back.dx : gradient;
    stage.input.BackwardInput(all_x, {packed, input}, to);
  }
}

}  // namespace platypus::train
