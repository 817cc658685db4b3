#ifndef PLATYPUS_BENCH_LEAST_SQUARES_H_
#define PLATYPUS_BENCH_LEAST_SQUARES_H_

#include <array>
#include <vector>

namespace platypus::bench {

// value = sum of factor_k * term_k.
struct Observation {
  std::array<double, 3> terms{};
  double value = 0;
};

// Factors of at least 0 that make the sum of (factors * terms - value)^2 / value least.
std::array<double, 3> FitFactors(const std::vector<Observation>& observations);

}  // namespace platypus::bench

#endif  // PLATYPUS_BENCH_LEAST_SQUARES_H_
