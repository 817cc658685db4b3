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

Factor MakeNearestFactor(double w) {
  constexpr double kLargestNearest = 0x1.0p14 - 1;
  Factor factor = MakeFactor(std::min(w, kLargestNearest), kFactorBits, 30);
  if (factor.shift == 0) factor = {2 * factor.multiplier, 1};
  return factor;
}

int64_t RoundingOffset(double base, const Factor& factor) {
  const double half =
      factor.shift > 0 ? std::ldexp(1.0, factor.shift - 1) / factor.multiplier : 0.0;
  constexpr double kNearHalf = 1.0 / 64;  // the factor itself is rounded
  return static_cast<int64_t>(std::ceil(base + half - 0.5 - kNearHalf));
}

InputFactor MakeInputFactor(double gain, double shift, const Codes& codes, int bits) {
  constexpr int kMaxShift = 60;  // floats: no integer is shifted here
  const double added = shift + codes.zero_point * double{codes.scale};
  const double w = gain / codes.scale;
  if (std::abs(w) < 0x1.0p-48) {  // a constant channel: one code, whatever the input
    const double code = std::clamp(std::floor(added / codes.scale + 0.5),
                                   static_cast<double>(codes.lo), static_cast<double>(codes.hi));
    return {static_cast<float>((code + 0.5) * 0x1.0p31), {1, 31}};
  }
  const Factor factor = MakeFactor(w, bits, kMaxShift);
  // The offset belongs to the exact gain; half a code is half / gain in units of x.
  return {static_cast<float>(added / gain + 0.5 / factor.Value()), factor};
}

std::optional<AddRequantize> SumOfCodes(const Codes& left, const Codes& right, const Codes& out,
                                        double most, int fraction_bits) {
  const double ratios[] = {double{left.scale} / out.scale, double{right.scale} / out.scale};
  const auto is_whole = [&](int t) {
    return std::ranges::all_of(ratios, [&](double ratio) {
      return std::ldexp(ratio, t) == std::floor(std::ldexp(ratio, t));
    });
  };
  const auto largest = [](const Codes& codes) {
    return std::max(std::abs(static_cast<double>(codes.lo)),
                    std::abs(static_cast<double>(codes.hi)));
  };
  int t = 0;
  while (t < fraction_bits && !is_whole(t)) ++t;
  for (;; --t) {
    const double m0 = std::nearbyint(std::ldexp(ratios[0], t));
    const double m1 = std::nearbyint(std::ldexp(ratios[1], t));
    const double offset =
        std::ldexp(out.zero_point, t) - m0 * left.zero_point - m1 * right.zero_point;
    const double sum =
        m0 * largest(left) + m1 * largest(right) + std::abs(offset) + std::ldexp(0.5, t);
    if (sum >= most && t > 0) continue;
    if (!(sum < 0x1.0p31)) return std::nullopt;
    return AddRequantize{static_cast<int32_t>(m0),    static_cast<int32_t>(m1), t, out.lo, out.hi,
                         static_cast<int32_t>(offset)};
  }
}

}  // namespace platypus::graph
