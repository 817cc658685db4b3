#ifndef PLATYPUS_DEPLOY_TRACE_H_
#define PLATYPUS_DEPLOY_TRACE_H_

#include <span>
#include <string>
#include <string_view>

#include "platypus/config/config.h"
#include "platypus/graph/graph.h"

namespace platypus::deploy {

// Names the first layer and element where the generated C left the interpreter, e.g. "layer
// features.1.0 (Conv2d), [2, 14, 0]: expected 17, found 18"; empty if there is none. `recorded` is
// what the harness writes in trace mode for `features`: the network's input, and after each layer
// the arena and the output. `char_bits`, `kernels`: what the package is for; it has run where char
// has 8. Error (toolchain) if its length is not that of this network's C.
std::string FirstDifference(const graph::Graph& network, int char_bits, config::Kernels kernels,
                            std::span<const float> features, std::string_view recorded);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_TRACE_H_
