#include "bench/least_squares.h"

#include <algorithm>
#include <cmath>

namespace platypus::bench {

// One factor after the other is set to where the sum is least, the others held, until nothing
// moves: with three factors and a convex sum that ends at the least of all.
std::array<double, 3> FitFactors(const std::vector<Observation>& observations) {
  constexpr size_t kTerms = 3;
  std::array<std::array<double, kTerms>, kTerms> square{};
  std::array<double, kTerms> product{};
  for (const Observation& o : observations) {
    const double weight = 1 / std::max(1.0, o.value);
    for (size_t i = 0; i < kTerms; ++i) {
      product[i] += weight * o.terms[i] * o.value;
      for (size_t j = 0; j < kTerms; ++j) square[i][j] += weight * o.terms[i] * o.terms[j];
    }
  }
  std::array<double, kTerms> factors{};
  constexpr int kRounds = 200000;
  for (int round = 0; round < kRounds; ++round) {
    double moved = 0;
    for (size_t i = 0; i < kTerms; ++i) {
      if (square[i][i] == 0) continue;
      double rest = product[i];
      for (size_t j = 0; j < kTerms; ++j) {
        if (j != i) rest -= square[i][j] * factors[j];
      }
      const double next = std::max(0.0, rest / square[i][i]);
      moved = std::max(moved, std::abs(next - factors[i]) / (1e-9 + std::abs(next)));
      factors[i] = next;
    }
    if (moved < 1e-9) break;
  }
  return factors;
}

}  // namespace platypus::bench
