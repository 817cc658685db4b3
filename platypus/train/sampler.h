#ifndef PLATYPUS_TRAIN_SAMPLER_H_
#define PLATYPUS_TRAIN_SAMPLER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "platypus/base/random.h"

namespace platypus::train {

// The order of an epoch's samples, as many as there are labels. Balanced: drawn with replacement,
// every class that occurs equally likely and every sample of a class equally likely (that is, with
// weight 1 / samples of the class). Else a permutation. labels >= 0.
std::vector<int64_t> DrawOrder(std::span<const int32_t> labels, bool balanced, Random& random);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_SAMPLER_H_
