#include <algorithm>

#include "platypus/exec/kernels.h"
#include "tm_functions.h"

namespace platypus::exec {
namespace {

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
// `size` values after the other. The functions are the microcontroller's: its bits.
[[gnu::always_inline]] inline void Advance(graph::Recurrent::Cell cell, int64_t size,
                                           const float* x, const float* u, float* h, float* c) {
  const auto gate = [=](int64_t k, int64_t i) { return x[k * size + i] + u[k * size + i]; };
  switch (cell) {
    case graph::Recurrent::Cell::kRnn:
      for (int64_t i = 0; i < size; ++i) h[i] = tm_tanhf(gate(0, i));
      break;
    case graph::Recurrent::Cell::kGru:
      for (int64_t i = 0; i < size; ++i) {
        const float r = tm_sigmoidf(gate(0, i));
        const float z = tm_sigmoidf(gate(1, i));
        const float n = tm_tanhf(x[2 * size + i] + r * u[2 * size + i]);
        h[i] = (1.0f - z) * n + z * h[i];
      }
      break;
    case graph::Recurrent::Cell::kLstm:
      for (int64_t i = 0; i < size; ++i) {
        c[i] = tm_sigmoidf(gate(1, i)) * c[i] + tm_sigmoidf(gate(0, i)) * tm_tanhf(gate(2, i));
        h[i] = tm_sigmoidf(gate(3, i)) * tm_tanhf(c[i]);
      }
      break;
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
      Advance(op.cell, static_cast<int64_t>(size), from_input.data(), from_state.data(),
              state.data(), cell.data());
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
