#ifndef PLATYPUS_QUANTIZE_ACTIVATION_BITS_H_
#define PLATYPUS_QUANTIZE_ACTIVATION_BITS_H_

#include "platypus/graph/graph.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {

// The most bits, at most `wanted`, for which the sums of all layers that read a tensor's codes take
// half of an int32 at most; the other half is the offset's. 8 bits and fewer are never cut.
int ActivationBits(const graph::Graph& graph, graph::TensorId tensor, int wanted,
                   const Settings& settings);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_ACTIVATION_BITS_H_
