#ifndef PLATYPUS_GRAPH_QUANTIZATION_H_
#define PLATYPUS_GRAPH_QUANTIZATION_H_

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platypus/graph/graph.h"

// The scale rules of FakeQuantize and WeightQuantizer (op.h), in one place for training, inference
// and conversion.
namespace platypus::graph {

// Of codes -1, 0, 1. The best three levels for weights w drop those below 0.7 mean|w| and keep the
// mean of the others (Li, Zhang, Liu 2016), 1.35 mean|w| of uniform and 1.48 mean|w| of normal
// weights: the scale is 1.4 mean|w|, and half a step the threshold. (By the largest weight, as the
// reference has it, most of a layer would be 0.)
constexpr float kTernaryScale = 1.4f;
constexpr float kTernaryThreshold = 0.5f;  // in units of the scale

// real = (code - zero_point) * scale, lo <= code <= hi.
struct Codes {
  float scale = 1.0f;
  int32_t lo = -128;
  int32_t hi = 127;
  int32_t zero_point = 0;
  friend bool operator==(const Codes&, const Codes&) = default;
};

// No scale is smaller.
constexpr float kSmallestScale = 0x1.0p-23f;

// Of a weight; the smallest one is its negative.
int32_t LargestCode(const WeightQuantizer& quantizer);

// The smallest power of two that is not below x > 0.
float CeilPowerOfTwo(float x);

// Codes for an observed range; min <= max.
Codes ActivationCodes(const FakeQuantize& op, float min, float max);

// Where each output channel's weights lie in an array: `pieces` runs of `length`, `stride` apart.
// The channels of a group stand side by side within the stride.
struct WeightLayout {
  size_t channels = 1;
  size_t group = 1;
  size_t pieces = 1;
  size_t length = 0;
  size_t stride = 0;
  size_t Size() const { return channels * pieces * length; }
  // visit(first weight) for every run of a channel.
  template <typename Visit>
  void ForRuns(size_t channel, Visit visit) const {
    size_t first = channel / group * pieces * stride + channel % group * length;
    for (size_t p = 0; p < pieces; ++p, first += stride) visit(first);
  }
};
// Weights stand channel by channel, [channels][...], but those of a ConvTranspose2d.
WeightLayout LayoutOf(const Op& op, const Shape& weight);

// Each channel's weights times its factor.
void ScaleChannels(const WeightLayout& layout, std::span<const float> factors,
                   std::span<float> weights);

// The quantizer of an operator's weights, if it has one.
std::optional<WeightQuantizer> QuantizerOf(const Op& op);

// Weights have this many codes of their own: for each output channel, or one.
inline size_t CodeRows(const WeightQuantizer& quantizer, size_t channels) {
  return quantizer.per_channel ? channels : 1;
}

// What the scale of one row of codes goes by: the largest magnitude, of codes -1, 0, 1
// kTernaryScale times the mean one. `row` counts in CodeRows.
float Magnitude(const WeightQuantizer& quantizer, const WeightLayout& layout, size_t row,
                std::span<const float> weights);
// Codes for such a magnitude. Nothing but zeros gets the smallest scale.
Codes WeightCodes(const WeightQuantizer& quantizer, float magnitude);
// Codes of a learned step.
Codes StepCodes(const WeightQuantizer& quantizer, float step);
// The role of the steps of weights.
std::string StepRole(std::string_view weight_role);

// The scale of a channel's weights, doubled until its bias is at most 2^22 in units of weight times
// input (2^29 for input codes of 16 bits): a channel of (nearly) nothing but bias would leave the
// accumulator.
inline float ScaleForBias(float scale, const Codes& input, double bias) {
  const double largest = input.lo >= -255 && input.hi <= 255 ? 0x1.0p22 : 0x1.0p29;
  while (std::abs(bias) > largest * scale * input.scale) scale *= 2.0f;
  return scale;
}

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

// Codes of each output channel of a layer's weights `role`, all alike where there is one scale for
// all; `weights`: the array, a batch norm behind the layer folded in. The layer has a quantizer.
// Learned steps are the graph's.
std::vector<Codes> ChannelCodes(const Graph& graph, const Node& layer, const std::string& role,
                                std::span<const float> weights);
// Where learning begins, for each of CodeRows: at 2 mean|w| / sqrt(largest code) as in the paper,
// or at the step that no weight is too large for where that is finer (of 8 bits it is, several
// times).
std::vector<float> InitialSteps(const WeightQuantizer& quantizer, const WeightLayout& layout,
                                std::span<const float> weights);
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
