#include <algorithm>

#include "platypus/train/local_layer.h"

// Recurrent layers by steps. The part of the gates that comes from the input is one convolution
// over all steps; only the part that comes from the state waits for the step before. Sequences are
// [row][step][kLanes] like any tensor, what belongs to one step is [row][kLanes].
namespace platypus::train {
namespace {

using Cell = graph::Recurrent::Cell;

graph::Conv2d OneByOne(int64_t outs) {
  graph::Conv2d conv;
  conv.out_channels = static_cast<int>(outs);
  return conv;
}

// Rows that a step keeps besides its state: LSTM i, f, g, o, c, tanh(c); GRU r, z, n, U h + b of n.
int64_t KeptRows(Cell cell, int64_t hidden) {
  return cell == Cell::kLstm ? 6 * hidden : cell == Cell::kGru ? 4 * hidden : 0;
}

// One step's values out of a sequence, and back into it.
void Pick(const float* sequence, int64_t rows, int64_t row, int64_t step, float* to) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = sequence + r * row + step * kLanes;
    std::copy(from, from + kLanes, to + r * kLanes);
  }
}
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
  // Sequences: both gradients of the gates, of the states, of the input, and the states one step
  // late. Steps: both gates or their gradients, three states.
  int64_t widest = op_.hidden;
  for (const Stage& stage : stages_) widest = std::max(widest, stage.ins);
  return static_cast<size_t>((2 * GateRows() + 2 * op_.hidden + widest) * Row() +
                             (2 * GateRows() + 3 * op_.hidden) * kLanes);
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

// gates_x = W x + b_ih, gates_h = U h + b_hh of one step; kept as KeptRows says; h becomes h'.
// c of the step before stands in the kept rows of the step before.
void RecurrentLayer::Step(int64_t t, const float* gates_x, const float* gates_h, float* kept,
                          float* h) const {
  const int64_t n = op_.hidden * kLanes;
  switch (op_.cell) {
    case Cell::kRnn:
      for (int64_t i = 0; i < n; ++i) h[i] = gates_x[i] + gates_h[i];
      Tanh(h, n, h);
      return;
    case Cell::kGru: {
      float* r = kept;
      float* z = kept + n;
      float* candidate = kept + 2 * n;
      float* from_state = kept + 3 * n;
      for (int64_t i = 0; i < 2 * n; ++i) r[i] = gates_x[i] + gates_h[i];
      Sigmoid(r, 2 * n, r);
      std::copy(gates_h + 2 * n, gates_h + 3 * n, from_state);
      for (int64_t i = 0; i < n; ++i) candidate[i] = gates_x[2 * n + i] + r[i] * from_state[i];
      Tanh(candidate, n, candidate);
      for (int64_t i = 0; i < n; ++i) h[i] = (1.0f - z[i]) * candidate[i] + z[i] * h[i];
      return;
    }
    case Cell::kLstm: {
      float* c = kept + 4 * n;
      float* tanh_c = kept + 5 * n;
      for (int64_t i = 0; i < 4 * n; ++i) kept[i] = gates_x[i] + gates_h[i];
      Sigmoid(kept, 2 * n, kept);
      Tanh(kept + 2 * n, n, kept + 2 * n);
      Sigmoid(kept + 3 * n, n, kept + 3 * n);
      const float* before = c - 6 * n;
      for (int64_t i = 0; i < n; ++i) {
        c[i] = kept[i] * kept[2 * n + i] + (t > 0 ? kept[n + i] * before[i] : 0.0f);
      }
      Tanh(c, n, tanh_c);
      for (int64_t i = 0; i < n; ++i) h[i] = kept[3 * n + i] * tanh_c[i];
      return;
    }
  }
}

void RecurrentLayer::Forward(const Pass& pass) const {
  const int64_t rows = GateRows();
  const int64_t hidden = op_.hidden;
  float* gates = pass.scratch;  // [row][step]
  float* gates_x = gates + rows * Row();
  float* gates_h = gates_x + rows * kLanes;
  float* h = gates_h + rows * kLanes;
  const float* x = pass.x;
  for (const Stage& stage : stages_) {
    const auto input = static_cast<size_t>(stage.input.PackedSize());
    const auto state = static_cast<size_t>(stage.state.PackedSize());
    const float* packed = pass.packed + stage.packed;
    float* kept = pass.kept + stage.kept;
    float* states = kept + KeptRows(op_.cell, hidden) * Row();
    stage.input.Forward(x, {packed, input}, pass.parameters + stage.bias_ih, gates);
    std::fill(h, h + hidden * kLanes, 0.0f);
    for (int64_t t = 0; t < steps_; ++t) {
      Pick(gates, rows, Row(), t, gates_x);
      stage.state.Forward(h, {packed + input, state}, pass.parameters + stage.bias_hh, gates_h);
      Step(t, gates_x, gates_h, kept + t * KeptRows(op_.cell, hidden) * kLanes, h);
      Put(h, hidden, Row(), t, states);
    }
    x = states;
  }
  if (op_.last_step_only) {
    std::copy(h, h + hidden * kLanes, pass.y);
  } else {
    std::copy(x, x + hidden * Row(), pass.y);
  }
}

// dh: gradient of h'; becomes that of h as far as it does not come through the gates. dc (LSTM):
// gradient of c' from later; becomes that of c. Gradients of the gates' two parts.
void RecurrentLayer::StepBack(int64_t t, const float* kept, const float* h_before,
                              const float* h_after, float* dh, float* dc, float* dgates_x,
                              float* dgates_h) const {
  const int64_t n = op_.hidden * kLanes;
  switch (op_.cell) {
    case Cell::kRnn:
      for (int64_t i = 0; i < n; ++i) {
        dgates_x[i] = dgates_h[i] = dh[i] * (1.0f - h_after[i] * h_after[i]);
        dh[i] = 0.0f;
      }
      return;
    case Cell::kGru: {
      const float* r = kept;
      const float* z = kept + n;
      const float* candidate = kept + 2 * n;
      const float* from_state = kept + 3 * n;
      for (int64_t i = 0; i < n; ++i) {
        const float dn = dh[i] * (1.0f - z[i]) * (1.0f - candidate[i] * candidate[i]);
        const float dr = dn * from_state[i] * r[i] * (1.0f - r[i]);
        const float dz = dh[i] * (h_before[i] - candidate[i]) * z[i] * (1.0f - z[i]);
        dgates_x[i] = dgates_h[i] = dr;
        dgates_x[n + i] = dgates_h[n + i] = dz;
        dgates_x[2 * n + i] = dn;
        dgates_h[2 * n + i] = dn * r[i];
        dh[i] *= z[i];
      }
      return;
    }
    case Cell::kLstm: {
      const float* i_gate = kept;
      const float* f_gate = kept + n;
      const float* g = kept + 2 * n;
      const float* o_gate = kept + 3 * n;
      const float* tanh_c = kept + 5 * n;
      const float* before = kept - 2 * n;  // c of the step before
      for (int64_t i = 0; i < n; ++i) {
        const float c_before = t > 0 ? before[i] : 0.0f;
        const float d = dc[i] + dh[i] * o_gate[i] * (1.0f - tanh_c[i] * tanh_c[i]);
        dgates_x[i] = d * g[i] * i_gate[i] * (1.0f - i_gate[i]);
        dgates_x[n + i] = d * c_before * f_gate[i] * (1.0f - f_gate[i]);
        dgates_x[2 * n + i] = d * i_gate[i] * (1.0f - g[i] * g[i]);
        dgates_x[3 * n + i] = dh[i] * tanh_c[i] * o_gate[i] * (1.0f - o_gate[i]);
        dc[i] = d * f_gate[i];
        dh[i] = 0.0f;
      }
      std::copy(dgates_x, dgates_x + 4 * n, dgates_h);
      return;
    }
  }
}

void RecurrentLayer::Backward(const Pass& pass, const Return& back) const {
  const int64_t rows = GateRows();
  const int64_t hidden = op_.hidden;
  const int64_t n = hidden * kLanes;
  float* gradient = pass.scratch;           // of the states, [hidden][step], from the layer above
  float* late = gradient + hidden * Row();  // states one step late
  float* all_x = late + hidden * Row();     // gradients of the gates, [row][step]
  float* all_h = all_x + rows * Row();
  float* below = all_h + rows * Row();  // gradient of this layer's input
  int64_t widest = hidden;
  for (const Stage& stage : stages_) widest = std::max(widest, stage.ins);
  float* dgates_x = below + widest * Row();
  float* dgates_h = dgates_x + rows * kLanes;
  float* dh = dgates_h + rows * kLanes;
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
    float* h_before = through;  // free until the gates have their gradients
    float* h_after = below;     // free until the end of the loop over steps
    for (int64_t t = steps_ - 1; t >= 0; --t) {
      for (int64_t r = 0; r < hidden; ++r) {
        for (int lane = 0; lane < kLanes; ++lane) {
          dh[r * kLanes + lane] += gradient[r * Row() + t * kLanes + lane];
        }
      }
      Pick(late, hidden, Row(), t, h_before);
      Pick(states, hidden, Row(), t, h_after);
      StepBack(t, kept + t * kept_rows * kLanes, h_before, h_after, dh, dc, dgates_x, dgates_h);
      Put(dgates_x, rows, Row(), t, all_x);
      Put(dgates_h, rows, Row(), t, all_h);
      stage.state.BackwardInput(dgates_h, {packed + input, state}, through);
      for (int64_t i = 0; i < n; ++i) dh[i] += through[i];
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
