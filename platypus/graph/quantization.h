#ifndef PLATYPUS_GRAPH_QUANTIZATION_H_
#define PLATYPUS_GRAPH_QUANTIZATION_H_

#include <cmath>
#include <cstdint>
#include <span>

#include "platypus/graph/op.h"

// The scale rules of FakeQuantize and WeightQuantizer (op.h), in one place for training, inference
// and conversion.
namespace platypus::graph {

// Of kTernary, in units of the scale (the reference keeps it constant too).
constexpr float kTernaryThreshold = 1.0f / 3.0f;

// real = (code - zero_point) * scale, lo <= code <= hi.
struct Codes {
  float scale = 1.0f;
  int32_t lo = -128;
  int32_t hi = 127;
  int32_t zero_point = 0;
  friend bool operator==(const Codes&, const Codes&) = default;
};

// The smallest power of two that is not below x > 0.
float CeilPowerOfTwo(float x);

// Codes for an observed range; min <= max.
Codes ActivationCodes(const FakeQuantize& op, float min, float max);

// Weights [channels][...] fall into this many runs of equal length with codes of their own: one for
// each output channel, or a single one.
inline size_t CodeRows(const WeightQuantizer& quantizer, size_t channels) {
  return quantizer.per_channel ? channels : 1;
}

// Codes for one run whose largest weight magnitude is max_abs. A run of zeros gets the smallest
// scale.
Codes WeightCodes(const WeightQuantizer& quantizer, float max_abs);

// The code of a weight by the quantizer's rounding, clamped.
inline int32_t QuantizeWeight(const WeightQuantizer& quantizer, float weight, const Codes& codes) {
  const float x = weight / codes.scale;
  if (quantizer.rounding == Rounding::kTernary) {
    return x > kTernaryThreshold ? 1 : (x < -kTernaryThreshold ? -1 : 0);
  }
  const float q = std::nearbyint(x);
  if (q <= static_cast<float>(codes.lo)) return codes.lo;
  if (q >= static_cast<float>(codes.hi)) return codes.hi;
  return static_cast<int32_t>(q);
}

// Largest magnitude; 0 for an empty row.
float MaxAbs(std::span<const float> row);

// Bits of the narrowest codes, of 2, 4 or 8 bits, that hold all of these.
int CodeBits(std::span<const int8_t> codes);

// Octets that weights [channels][row] take in flash. Of 4 and 2 bits four codes are one element of
// 16 or 8 bits: one from each of four neighbouring channels; of channels that make no four, four of
// the row, the last element filled up.
int64_t PackedOctets(int bits, int64_t channels, int64_t row);

// Octets that a parameter of an operator takes in flash: weights of convolutions and linear layers
// as few bits as their codes need, everything else as it is.
int64_t StoredOctets(const Op& op, const Array& parameter);

}  // namespace platypus::graph

#endif  // PLATYPUS_GRAPH_QUANTIZATION_H_
