#ifndef PLATYPUS_TRAIN_RECURRENT_KERNELS_H_
#define PLATYPUS_TRAIN_RECURRENT_KERNELS_H_

#include <cstdint>

#include "platypus/graph/op.h"

// One step of a recurrent layer for one block of 16 samples: everything of a cell but its matrix
// products. Vectors of a step are [row][kLanes]; what is named a sequence is [row][step][kLanes],
// its pointer stands at this step.
namespace platypus::train {

using Cell = graph::Recurrent::Cell;

// Rows that a step keeps for the way back, each of `hidden` units: LSTM i, f, g, o, c, tanh(c);
// GRU r, z, n, U h + b of n.
int64_t KeptRows(Cell cell, int64_t hidden);

struct CellStep {
  int64_t hidden = 0;
  int64_t row = 0;                     // floats between the rows of a sequence
  const float* gates_x = nullptr;      // W x + b_ih: sequence of gates * hidden rows
  const float* gates_h = nullptr;      // U h + b_hh: gates * hidden rows
  const float* kept_before = nullptr;  // LSTM: what the step before kept; null: c was 0
  float* kept = nullptr;
  float* h = nullptr;       // in: of the step before; out: h'
  float* states = nullptr;  // sequence: h' again
};
void CellForward(Cell cell, const CellStep& step);

struct CellStepBack {
  int64_t hidden = 0;
  int64_t row = 0;
  const float* gradient = nullptr;     // sequence: of h', from the layer above
  const float* h_before = nullptr;     // sequence
  const float* h_after = nullptr;      // sequence
  const float* kept_before = nullptr;  // LSTM; null: c was 0
  const float* kept = nullptr;
  float* dh = nullptr;      // of h', from later steps; becomes that of h without what the gates add
  float* dc = nullptr;      // LSTM: of c', from later steps; becomes that of c
  float* dgates = nullptr;  // of gates_h
  float* dgates_x = nullptr;  // sequence: of gates_x
  float* dgates_h = nullptr;  // sequence: of gates_h; may be dgates_x where both are the same
};
void CellBackward(Cell cell, const CellStepBack& step);

// Whether the gates' two parts have different gradients.
constexpr bool HasTwoGradients(Cell cell) { return cell == Cell::kGru; }

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_RECURRENT_KERNELS_H_
