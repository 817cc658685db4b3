#ifndef PLATYPUS_EXEC_RECURRENT_H_
#define PLATYPUS_EXEC_RECURRENT_H_

#include <span>
#include <vector>

#include "platypus/exec/convolution.h"

namespace platypus::exec {

// The products of one layer of cells, as convolutions of kernel 1: with the inputs of all steps at
// once, and with the state of one step.
struct RecurrentLayer {
  RecurrentLayer(const graph::Recurrent& op, int64_t inputs, int64_t steps,
                 std::span<const float> weight_ih, std::span<const float> weight_hh,
                 std::span<const float> bias_ih, std::span<const float> bias_hh);

  int64_t gates;           // values of all gates
  Convolution from_input;  // [inputs][steps] -> [gates][steps]
  Convolution from_state;  // [hidden] -> [gates]
};

// in [inputs][steps]; out [hidden][steps], or [hidden] of the last step alone.
void Recur(const graph::Recurrent& op, std::span<const RecurrentLayer> layers, const float* in,
           Dims in_dims, float* out);

}  // namespace platypus::exec

#endif  // PLATYPUS_EXEC_RECURRENT_H_
