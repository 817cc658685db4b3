#ifndef PLATYPUS_GRAPH_QUANTIZATION_H_
#define PLATYPUS_GRAPH_QUANTIZATION_H_

#include <cmath>
#include <cstdint>
#include <span>

#include "platypus/graph/op.h"

// The scale rules of FakeQuantize and WeightQuantizer (op.h), in one place for training, inference
// and conversion.
namespace platypus::graph {

// real = code * scale, lo <= code <= hi.
struct Codes {
  float scale = 1.0f;
  int32_t lo = -128;
  int32_t hi = 127;
  friend bool operator==(const Codes&, const Codes&) = default;
};

// The smallest power of two that is not below x > 0.
float CeilPowerOfTwo(float x);

// Codes for an observed range; min <= max.
Codes ActivationCodes(const FakeQuantize& op, float min, float max);

// Codes for one output channel whose largest weight magnitude is max_abs. A channel of zeros gets
// the smallest scale.
Codes WeightCodes(const WeightQuantizer& quantizer, float max_abs);

// Nearest code, halves to even, clamped.
inline int32_t QuantizeWeight(float weight, const Codes& codes) {
  const float q = std::nearbyint(weight / codes.scale);
  if (q <= static_cast<float>(codes.lo)) return codes.lo;
  if (q >= static_cast<float>(codes.hi)) return codes.hi;
  return static_cast<int32_t>(q);
}

// Largest magnitude; 0 for an empty row.
float MaxAbs(std::span<const float> row);

}  // namespace platypus::graph

#endif  // PLATYPUS_GRAPH_QUANTIZATION_H_
