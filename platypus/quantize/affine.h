#ifndef PLATYPUS_QUANTIZE_AFFINE_H_
#define PLATYPUS_QUANTIZE_AFFINE_H_

#include <cstdint>

// Real factors as integers: w ~ multiplier * 2^-shift.
namespace platypus::quantize {

struct Factor {
  int32_t multiplier = 1;
  int shift = 0;
  double Value() const;
};

// The nearest factor to w != 0 whose multiplier's magnitude has at most `bits` bits; an exact power
// of two gets multiplier 1 (or 2^n and shift 0 when w > 1). shift is in [0, 31]. |w| must be below
// 2^bits.
Factor MakeFactor(double w, int bits);

// round(base + 2^(shift-1) / multiplier): what to add to an accumulator before the multiplication
// so that the floor of the shift rounds to nearest. Nothing is added for shift 0, where nothing is
// cut off.
int64_t RoundingOffset(double base, const Factor& factor);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_AFFINE_H_
