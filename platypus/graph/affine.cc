#include "platypus/graph/affine.h"

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"

namespace platypus::graph {
namespace {

constexpr double kLargestFactor = 0x1.0p30;

}  // namespace

double Factor::Value() const { return std::ldexp(static_cast<double>(multiplier), -shift); }

Factor MakeFactor(double w, int bits, int max_shift) {
  Check(w != 0.0 && std::isfinite(w), "no factor stands for {}", w);
  // |w| = fraction * 2^exponent, 0.5 <= fraction < 1.
  int exponent = 0;
  const double fraction = std::frexp(std::min(std::abs(w), kLargestFactor), &exponent);
  Factor factor;
  if (fraction == 0.5) {  // a power of two, 2^(exponent - 1)
    factor.shift = std::clamp(1 - exponent, 0, max_shift);
    factor.multiplier = 1 << std::max(exponent - 1, 0);
  } else {
    const int cut = std::min(bits - exponent, max_shift);  // below 0: zeros behind the leading bits
    const auto leading = static_cast<int32_t>(std::nearbyint(std::ldexp(fraction, exponent + cut)));
    factor.shift = std::max(cut, 0);
    factor.multiplier = leading << std::max(-cut, 0);
    if (leading == 1 << bits && factor.shift > 0) {  // rounded up to one bit more
      factor.multiplier /= 2;
      --factor.shift;
    }
  }
  if (w < 0.0) factor.multiplier = -factor.multiplier;
  return factor;
}

int64_t RoundingOffset(double base, const Factor& factor) {
  const double half =
      factor.shift > 0 ? std::ldexp(1.0, factor.shift - 1) / factor.multiplier : 0.0;
  return std::llrint(base) + std::llrint(half);
}

}  // namespace platypus::graph
