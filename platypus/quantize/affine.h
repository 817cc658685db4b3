#ifndef PLATYPUS_QUANTIZE_AFFINE_H_
#define PLATYPUS_QUANTIZE_AFFINE_H_

#include "platypus/graph/affine.h"

namespace platypus::quantize {

using graph::Factor;
using graph::MakeFactor;
using graph::RoundingOffset;

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_AFFINE_H_
