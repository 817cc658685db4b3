#include "platypus/exec/recurrent.h"

#include <algorithm>

#include "platypus/exec/exponential.h"

namespace platypus::exec {
namespace {

Convolution Product(int64_t outs, std::span<const float> weight, std::span<const float> bias,
                    Dims in) {
  graph::Conv2d op;
  op.out_channels = static_cast<int>(outs);
  op.has_bias = true;
  return {op, weight, bias, in, {outs, in.h, in.w}};
}

// One step of `hidden` cells: h (and c of an LSTM) become the next state. x = W x + b_ih with
// `pitch` floats from one value to the next, u = U h + b_hh; one gate of `hidden` values after the
// other.
struct CellStep {
  int64_t hidden = 0;
  const float* x = nullptr;
  int64_t pitch = 0;
  const float* u = nullptr;
  float* h = nullptr;
  float* c = nullptr;
};

[[gnu::always_inline]] inline void Advance(graph::Recurrent::Cell cell, const CellStep& step) {
  for (int64_t v = 0; v < step.hidden; ++v) {
    const auto of_input = [&](int64_t gate) {
      return step.x + (gate * step.hidden + v) * step.pitch;
    };
    const auto of_state = [&](int64_t gate) { return step.u + (gate * step.hidden + v) * kLanes; };
    const float* __restrict x0 = of_input(0);
    const float* __restrict u0 = of_state(0);
    float* __restrict h = step.h + v * kLanes;
    if (cell == graph::Recurrent::Cell::kRnn) {
      for (int i = 0; i < kLanes; ++i) h[i] = Tanh(x0[i] + u0[i]);
      continue;
    }
    const float* __restrict x1 = of_input(1);
    const float* __restrict u1 = of_state(1);
    const float* __restrict x2 = of_input(2);
    const float* __restrict u2 = of_state(2);
    if (cell == graph::Recurrent::Cell::kGru) {
      for (int i = 0; i < kLanes; ++i) {
        const float r = Logistic(x0[i] + u0[i]);
        const float z = Logistic(x1[i] + u1[i]);
        const float n = Tanh(x2[i] + r * u2[i]);
        h[i] = (1.0f - z) * n + z * h[i];
      }
      continue;
    }
    const float* __restrict x3 = of_input(3);
    const float* __restrict u3 = of_state(3);
    float* __restrict c = step.c + v * kLanes;
    for (int i = 0; i < kLanes; ++i) {
      c[i] = Logistic(x1[i] + u1[i]) * c[i] + Logistic(x0[i] + u0[i]) * Tanh(x2[i] + u2[i]);
      h[i] = Logistic(x3[i] + u3[i]) * Tanh(c[i]);
    }
  }
}

}  // namespace

RecurrentLayer::RecurrentLayer(const graph::Recurrent& op, int64_t inputs, int64_t steps,
                               std::span<const float> weight_ih, std::span<const float> weight_hh,
                               std::span<const float> bias_ih, std::span<const float> bias_hh)
    : gates(static_cast<int64_t>(bias_ih.size())),
      from_input(Product(gates, weight_ih, bias_ih, {inputs, steps, 1})),
      from_state(Product(gates, weight_hh, bias_hh, {op.hidden, 1, 1})) {}

PLATYPUS_CLONES void Recur(const graph::Recurrent& op, std::span<const RecurrentLayer> layers,
                           const float* in, Dims in_dims, float* out) {
  const int64_t steps = in_dims.h;
  const auto size = static_cast<size_t>(op.hidden) * kLanes;
  std::vector<float> series(in, in + in_dims.Count() * kLanes);  // [values][steps][lane]
  std::vector<float> state(size);
  for (const RecurrentLayer& layer : layers) {
    const auto gates = static_cast<size_t>(layer.gates) * kLanes;
    std::vector<float> from_input(gates * static_cast<size_t>(steps));
    std::vector<float> from_state(gates);
    std::vector<float> cell(size);
    layer.from_input.Run(series.data(), from_input.data());
    series.resize(size * static_cast<size_t>(steps));
    std::fill(state.begin(), state.end(), 0.0f);
    for (int64_t t = 0; t < steps; ++t) {
      layer.from_state.Run(state.data(), from_state.data());
      Advance(op.cell, {op.hidden, from_input.data() + t * kLanes, steps * kLanes,
                        from_state.data(), state.data(), cell.data()});
      for (int64_t v = 0; v < op.hidden; ++v) {
        std::copy_n(state.data() + v * kLanes, kLanes, series.data() + (v * steps + t) * kLanes);
      }
    }
  }
  const std::vector<float>& result = op.last_step_only ? state : series;
  std::copy(result.begin(), result.end(), out);
}

}  // namespace platypus::exec
