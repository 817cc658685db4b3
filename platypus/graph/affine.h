#ifndef PLATYPUS_GRAPH_AFFINE_H_
#define PLATYPUS_GRAPH_AFFINE_H_

#include <cstdint>
#include <optional>

#include "platypus/graph/graph.h"
#include "platypus/graph/op.h"
#include "platypus/graph/quantization.h"

// Real factors as integers: w ~ multiplier * 2^-shift. In one place for networks that are quantised
// here and those that come quantised in a file, so that both become the same integers.
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

// For a Requantize that rounds to nearest: the nearest factor to w > 0 of kFactorBits bits, shift
// from 1 to 30; w of 2^14 and more becomes 2^14 - 1.
constexpr int kFactorBits = 15;
Factor MakeNearestFactor(double w);

// round(base + 2^(shift-1) / multiplier): what to add to an accumulator before the multiplication
// so that the floor of the shift rounds to nearest. Halves are rounded down: an accumulator is a
// whole number, so that a mean of an odd number of codes is rounded exactly then. Nothing is added
// for shift 0, where nothing is cut off.
int64_t RoundingOffset(double base, const Factor& factor);

// What makes codes of floats x: floor(((x + offset) * multiplier) * 2^-shift).
struct InputFactor {
  float offset = 0.0f;
  Factor factor;
};
// For codes of x * gain + shift; the multiplier has `bits` bits, at most 24, which float32 holds.
InputFactor MakeInputFactor(double gain, double shift, const Codes& codes, int bits);

// The sum of two tensors of codes as other codes, with fraction_bits (fewer where that is exact, or
// where the sum would reach `most`); nullopt if 32 bits do not hold it. An operand of
// scale 0 does not count: the other one gets other codes.
std::optional<AddRequantize> SumOfCodes(const Codes& left, const Codes& right, const Codes& out,
                                        double most = 0x1.0p31, int fraction_bits = 20);

// Whether an operator only limits values; whether every value of its result was one of its input.
bool IsLimit(const Op& op);
bool OnlyMoves(const Op& op);

// A fake-quantised graph whose codes behind means and blends of codes have scales, moved by less
// than 2^-13, to which a factor of kFactorBits is exact: then a program that computes with real
// numbers gets our codes. Scales that are powers of two stay.
Graph WithExactSums(Graph fake_quantized);

}  // namespace platypus::graph

#endif  // PLATYPUS_GRAPH_AFFINE_H_
