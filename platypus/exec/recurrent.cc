#include <algorithm>

#include "platypus/exec/exponential.h"
#include "platypus/exec/kernels.h"

namespace platypus::exec {
namespace {

// kRows rows of y = W x + b, each its own sum, so that they do not wait for one another.
template <int kRows>
[[gnu::always_inline]] inline void MultiplyRows(const float* weight, const float* bias,
                                                const float* x, int64_t columns, int64_t stride,
                                                float* y) {
  float sum[kRows][kLanes];
  for (int r = 0; r < kRows; ++r) std::fill(sum[r], sum[r] + kLanes, bias[r]);
  for (int64_t column = 0; column < columns; ++column) {
    for (int r = 0; r < kRows; ++r) {
      const float w = weight[r * columns + column];
      for (int i = 0; i < kLanes; ++i) sum[r][i] += w * x[column * stride + i];
    }
  }
  std::copy(&sum[0][0], &sum[0][0] + kRows * kLanes, y);
}

// y = W x + b: W [rows][columns], x of `stride` floats from one column to the next, y [rows][lane].
[[gnu::always_inline]] inline void Multiply(const std::vector<float>& weight,
                                            const std::vector<float>& bias, const float* x,
                                            int64_t columns, int64_t stride,
                                            std::vector<float>& y) {
  constexpr int64_t kBlock = 4;
  const auto rows = static_cast<int64_t>(bias.size());
  int64_t row = 0;
  for (; row + kBlock <= rows; row += kBlock) {
    MultiplyRows<kBlock>(weight.data() + row * columns, bias.data() + row, x, columns, stride,
                         y.data() + row * kLanes);
  }
  for (; row < rows; ++row) {
    MultiplyRows<1>(weight.data() + row * columns, bias.data() + row, x, columns, stride,
                    y.data() + row * kLanes);
  }
}

// The next state h (and c of an LSTM) of `size` values; x = W x + b_ih, u = U h + b_hh, one gate of
// `size` values after the other.
[[gnu::always_inline]] inline void Advance(graph::Recurrent::Cell cell, size_t size,
                                           const float* __restrict x, const float* __restrict u,
                                           float* __restrict h, float* __restrict c) {
  const auto gate = [=](size_t k, size_t i) { return x[k * size + i] + u[k * size + i]; };
  switch (cell) {
    case graph::Recurrent::Cell::kRnn:
      for (size_t i = 0; i < size; ++i) h[i] = Tanh(gate(0, i));
      break;
    case graph::Recurrent::Cell::kGru:
      for (size_t i = 0; i < size; ++i) {
        const float r = Logistic(gate(0, i));
        const float z = Logistic(gate(1, i));
        const float n = Tanh(x[2 * size + i] + r * u[2 * size + i]);
        h[i] = (1.0f - z) * n + z * h[i];
      }
      break;
    case graph::Recurrent::Cell::kLstm:
      for (size_t i = 0; i < size; ++i) {
        c[i] = Logistic(gate(1, i)) * c[i] + Logistic(gate(0, i)) * Tanh(gate(2, i));
        h[i] = Logistic(gate(3, i)) * Tanh(c[i]);
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
      Advance(op.cell, size, from_input.data(), from_state.data(), state.data(), cell.data());
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
