#include <algorithm>
#include <cmath>

#include "platypus/exec/kernels.h"

namespace platypus::exec {
namespace {

float Logistic(float x) { return 1.0f / (1.0f + std::exp(-x)); }

// y = W x + b: W [rows][columns], x of `stride` floats from one column to the next, y [rows][lane].
[[gnu::always_inline]] inline void Multiply(const std::vector<float>& weight,
                                            const std::vector<float>& bias, const float* x,
                                            int64_t columns, int64_t stride,
                                            std::vector<float>& y) {
  const float* w = weight.data();
  for (size_t row = 0; row < bias.size(); ++row) {
    float sum[kLanes];
    std::fill(sum, sum + kLanes, bias[row]);
    for (int64_t column = 0; column < columns; ++column, ++w) {
      for (int i = 0; i < kLanes; ++i) sum[i] += *w * x[column * stride + i];
    }
    std::copy(sum, sum + kLanes, y.begin() + static_cast<std::ptrdiff_t>(row * kLanes));
  }
}

// The next state h (and c of an LSTM) of `size` values; x = W x + b_ih, u = U h + b_hh, one gate of
// `size` values after the other.
void Advance(graph::Recurrent::Cell cell, const std::vector<float>& x, const std::vector<float>& u,
             std::vector<float>& h, std::vector<float>& c) {
  const size_t size = h.size();
  for (size_t i = 0; i < size; ++i) {
    const auto gate = [&](size_t k) { return x[k * size + i] + u[k * size + i]; };
    switch (cell) {
      case graph::Recurrent::Cell::kRnn:
        h[i] = std::tanh(gate(0));
        break;
      case graph::Recurrent::Cell::kGru: {
        const float r = Logistic(gate(0));
        const float z = Logistic(gate(1));
        const float n = std::tanh(x[2 * size + i] + r * u[2 * size + i]);
        h[i] = (1.0f - z) * n + z * h[i];
        break;
      }
      case graph::Recurrent::Cell::kLstm:
        c[i] = Logistic(gate(1)) * c[i] + Logistic(gate(0)) * std::tanh(gate(2));
        h[i] = Logistic(gate(3)) * std::tanh(c[i]);
        break;
    }
  }
}

}  // namespace

PLATYPUS_CLONES void Recur(const graph::Recurrent& op, std::span<const RecurrentLayer> layers,
                           const float* in, Dims in_dims, float* out) {
  const int64_t steps = in_dims.h;
  const auto size = static_cast<size_t>(op.hidden) * kLanes;
  std::vector<float> series(in, in + in_dims.Count() * kLanes);  // [values][steps][lane]
  std::vector<float> state(size);
  for (const RecurrentLayer& layer : layers) {
    const auto values = static_cast<int64_t>(series.size()) / (steps * kLanes);
    std::vector<float> next(size * static_cast<size_t>(steps));
    std::vector<float> from_input(layer.bias_ih.size() * kLanes);
    std::vector<float> from_state(layer.bias_hh.size() * kLanes);
    std::vector<float> cell(size);
    std::fill(state.begin(), state.end(), 0.0f);
    for (int64_t t = 0; t < steps; ++t) {
      Multiply(layer.weight_ih, layer.bias_ih, series.data() + t * kLanes, values, steps * kLanes,
               from_input);
      Multiply(layer.weight_hh, layer.bias_hh, state.data(), op.hidden, kLanes, from_state);
      Advance(op.cell, from_input, from_state, state, cell);
      for (int64_t v = 0; v < op.hidden; ++v) {
        std::copy_n(state.data() + v * kLanes, kLanes, next.data() + (v * steps + t) * kLanes);
      }
    }
    series = std::move(next);
  }
  const std::vector<float>& result = op.last_step_only ? state : series;
  std::copy(result.begin(), result.end(), out);
}

}  // namespace platypus::exec
