#include <algorithm>

#include "platypus/exec/kernels.h"
#include "tm_gates.h"

namespace platypus::exec {
namespace {

using Cell = graph::Recurrent::Cell;
using Part = IntegerRecurrentLayer::Part;

tm_cell CellOf(Cell cell) {
  return cell == Cell::kLstm ? TM_LSTM : cell == Cell::kGru ? TM_GRU : TM_RNN;
}

// What every gate gets from x, of `stride` codes from one column to the next; y [rows][lane].
PLATYPUS_CLONES void Multiply(const Part& part, const int32_t* x, int64_t stride,
                              std::vector<int32_t>& y) {
  constexpr int64_t kLargest = graph::IntegerRecurrent::kLargestPart;
  const size_t rows = part.offset.size();
  const auto columns = static_cast<int64_t>(part.weight.size() / rows);
  const int8_t* w = part.weight.data();
  for (size_t row = 0; row < rows; ++row) {
    int32_t sum[kLanes];
    std::fill(sum, sum + kLanes, part.offset[row]);
    for (int64_t column = 0; column < columns; ++column, ++w) {
      for (int i = 0; i < kLanes; ++i) sum[i] += *w * x[column * stride + i];
    }
    for (int i = 0; i < kLanes; ++i) {
      const int64_t value = int64_t{sum[i]} * part.multiplier[row] >> part.shift[row];
      y[row * kLanes + static_cast<size_t>(i)] =
          static_cast<int32_t>(std::clamp(value, -kLargest, kLargest));
    }
  }
}

}  // namespace

void Recur(const graph::IntegerRecurrent& op, std::span<const IntegerRecurrentLayer> layers,
           const int32_t* in, Dims in_dims, int32_t* out) {
  const tm_cell cell = CellOf(op.cell);
  const int gates = op.Float().Gates();
  const int64_t steps = in_dims.h;
  const auto size = static_cast<size_t>(op.hidden) * kLanes;
  const size_t rows = size * static_cast<size_t>(gates);
  std::vector<int32_t> series(in, in + in_dims.Count() * kLanes);  // [values][steps][lane]
  std::vector<int32_t> codes(size), wide(size), from_input(rows), from_state(rows);
  for (size_t l = 0; l < layers.size(); ++l) {
    const bool wide_result = op.HasWideResult() && l + 1 == layers.size();
    std::vector<int32_t> next(size * static_cast<size_t>(steps));
    std::vector<tm_i16> memory(size, 0);
    std::fill(codes.begin(), codes.end(), 0);
    for (int64_t t = 0; t < steps; ++t) {
      Multiply(layers[l].from_input, series.data() + t * kLanes, steps * kLanes, from_input);
      Multiply(layers[l].from_state, codes.data(), kLanes, from_state);
      for (size_t i = 0; i < size; ++i) {
        tm_i32 a[TM_MOST_CELL_GATES];
        tm_i32 u[TM_MOST_CELL_GATES];
        for (int k = 0; k < gates; ++k) {
          a[k] = from_input[static_cast<size_t>(k) * size + i];
          u[k] = from_state[static_cast<size_t>(k) * size + i];
        }
        wide[i] = tm_advance(cell, a, u, op.cell_fraction, &memory[i]);
        codes[i] = tm_state_code(wide[i]);
      }
      const std::vector<int32_t>& result = wide_result ? wide : codes;
      for (int64_t v = 0; v < op.hidden; ++v) {
        std::copy_n(result.data() + v * kLanes, kLanes, next.data() + (v * steps + t) * kLanes);
      }
    }
    series = std::move(next);
  }
  if (!op.last_step_only) {
    std::copy(series.begin(), series.end(), out);
    return;
  }
  for (int64_t v = 0; v < op.hidden; ++v) {
    std::copy_n(series.data() + (v * steps + steps - 1) * kLanes, kLanes, out + v * kLanes);
  }
}

}  // namespace platypus::exec
