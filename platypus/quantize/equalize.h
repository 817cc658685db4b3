#ifndef PLATYPUS_QUANTIZE_EQUALIZE_H_
#define PLATYPUS_QUANTIZE_EQUALIZE_H_

#include "platypus/graph/graph.h"

namespace platypus::quantize {

// Cross-layer equalisation (Nagel, van Baalen, Blankevoort, Welling 2019): of a float graph whose
// batch norms are folded. Where a Conv2d or Linear is read by one other alone, through nothing but
// operators that keep a positive factor of a channel (ReLU, LeakyReLU, pools, views), the factor
//   s = sqrt(r1 r2) / r2,  r1 = max|w1| of the output channel, r2 = max|w2| of the input channel,
// goes from one to the other: w1 / s, b1 / s, w2 * s. The function stays, and the channel's ranges
// become equal in both layers. Chains (a depthwise convolution between two pointwise ones) are gone
// over until no factor is further than 1e-3 from 1.
graph::Graph Equalize(const graph::Graph& folded);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_EQUALIZE_H_
