#ifndef PLATYPUS_GRAPH_AFFINE_H_
#define PLATYPUS_GRAPH_AFFINE_H_

#include <cstdint>

// Real factors as integers: w ~ multiplier * 2^-shift. In one place for networks that are quantised
// here and those that come quantised in a file.
namespace platypus::graph {

struct Factor {
  int32_t multiplier = 1;
  int shift = 0;
  double Value() const;
};

// The nearest factor to w != 0 whose multiplier has at most `bits` bits between its first and its
// last one; an exact power of two gets multiplier 1 (or 2^n and shift 0 when w > 1). shift is in
// [0, max_shift], which costs |w| < 2^(bits - max_shift) some of its bits; |w| > 2^30 becomes 2^30.
Factor MakeFactor(double w, int bits, int max_shift = 31);

// round(base) + round(2^(shift-1) / multiplier): what to add to an accumulator before the
// multiplication so that the floor of the shift rounds to nearest. The base, a bias in units of the
// accumulator, is a whole number of its own, as files keep it. Nothing is added for shift 0, where
// nothing is cut off.
int64_t RoundingOffset(double base, const Factor& factor);

}  // namespace platypus::graph

#endif  // PLATYPUS_GRAPH_AFFINE_H_
