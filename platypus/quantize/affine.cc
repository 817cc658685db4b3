#include "platypus/quantize/affine.h"

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"

namespace platypus::quantize {

double Factor::Value() const { return std::ldexp(static_cast<double>(multiplier), -shift); }

Factor MakeFactor(double w, int bits) {
  int exponent = 0;
  const double fraction = std::frexp(std::abs(w), &exponent);  // |w| = fraction * 2^exponent
  Check(w != 0.0 && std::isfinite(w) && exponent <= bits, "factor {} does not fit {} bits", w,
        bits);
  Factor factor;
  if (fraction == 0.5) {  // a power of two, 2^(exponent - 1)
    factor.shift = std::clamp(1 - exponent, 0, 31);
    factor.multiplier = 1 << std::max(exponent - 1, 0);
  } else {
    factor.shift = std::clamp(bits - exponent, 0, 31);
    factor.multiplier = static_cast<int32_t>(std::nearbyint(std::ldexp(std::abs(w), factor.shift)));
    if (factor.multiplier == 1 << bits && factor.shift > 0) {  // rounded up to one bit more
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
  return std::llrint(base + half);
}

}  // namespace platypus::quantize
