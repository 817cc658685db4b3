#ifndef PLATYPUS_TRAIN_SAMPLER_H_
#define PLATYPUS_TRAIN_SAMPLER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "platypus/base/random.h"

namespace platypus::train {

// The order of an epoch's samples, as many as there are labels (labels >= 0). Balanced: every class
// that occurs equally often (to one), and within a class every sample equally often (to one) - the
// weights of the reference's sampler, which draws with replacement and so leaves out a third of the
// samples of an epoch. Else a permutation.
std::vector<int64_t> DrawOrder(std::span<const int32_t> labels, bool balanced, Random& random);
// A permutation of `count` samples.
std::vector<int64_t> DrawOrder(int64_t count, Random& random);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_SAMPLER_H_
