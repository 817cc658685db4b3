#ifndef PLATYPUS_GRAPH_OP_H_
#define PLATYPUS_GRAPH_OP_H_

#include <cstdint>
#include <optional>
#include <variant>

// The closed set of operators. What is done with operators (shape inference, training kernels,
// integer conversion, ONNX, C emission, cost) is an overload set per room, visited exhaustively:
// an operator that a room forgot does not compile.
//
// Shapes are per sample, without the batch axis: [C, H, W] (channels, height = time, width) or [F]
// (features). Parameters live in the Graph under "<node name>.<role>"; the roles are listed here.
namespace platypus::graph {

struct Size2 {
  int h = 1;
  int w = 1;
  friend bool operator==(const Size2&, const Size2&) = default;
};

// Rows and columns added around the input.
struct Padding2 {
  int top = 0;
  int left = 0;
  int bottom = 0;
  int right = 0;
  friend bool operator==(const Padding2&, const Padding2&) = default;
};

// How weights are rounded while training and at conversion: symmetric, one scale per output
// channel, codes [-(2^(bits-1)-1), 2^(bits-1)-1], scale = max|w| / (2^(bits-1)-1), rounded up to a
// power of two if asked.
struct WeightQuantizer {
  int bits = 8;
  bool power_of_two_scale = true;
  friend bool operator==(const WeightQuantizer&, const WeightQuantizer&) = default;
};

// ---- float operators -------------------------------------------------------------------------

struct Identity {
  friend bool operator==(const Identity&, const Identity&) = default;
};

// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, per channel (axis 0 of [C,H,W] or
// [F]). running = (1 - momentum) * running + momentum * batch, the batch variance unbiased there.
// Roles: weight, bias, running_mean, running_var, each [C].
struct BatchNorm {
  float epsilon = 1e-5f;
  float momentum = 0.1f;
  friend bool operator==(const BatchNorm&, const BatchNorm&) = default;
};

// Cross-correlation with zero padding, [C,H,W] -> [out,H',W']; depthwise: groups = C.
// Roles: weight [out, C/groups, kh, kw]; bias [out] if has_bias.
// Integer graph: weight int8, no bias (the Requantize behind it adds it), output int32.
struct Conv2d {
  int out_channels = 1;
  Size2 kernel;
  Size2 stride;
  Size2 dilation;
  Padding2 padding;
  int groups = 1;
  bool has_bias = true;
  std::optional<WeightQuantizer> weight_quantizer;  // set: trained with fake-quantised weights
  friend bool operator==(const Conv2d&, const Conv2d&) = default;
};

// y = W x + b, [in] -> [out]. Roles: weight [out, in]; bias [out] if has_bias.
// Integer graph: as Conv2d.
struct Linear {
  int out_features = 1;
  bool has_bias = true;
  std::optional<WeightQuantizer> weight_quantizer;
  friend bool operator==(const Linear&, const Linear&) = default;
};

struct Relu {
  friend bool operator==(const Relu&, const Relu&) = default;
};

// Floor mode; padding counts as minus infinity. Integer graph: same type and scale as its input.
struct MaxPool {
  Size2 kernel;
  Size2 stride;
  Size2 dilation;
  Padding2 padding;
  friend bool operator==(const MaxPool&, const MaxPool&) = default;
};

// Floor mode; padded zeros count in the divisor kernel.h * kernel.w.
struct AvgPool {
  Size2 kernel;
  Size2 stride;
  Padding2 padding;
  friend bool operator==(const AvgPool&, const AvgPool&) = default;
};

// Cell i of n inputs and o outputs averages indices floor(i*n/o) ... ceil((i+1)*n/o) - 1.
struct AdaptiveAvgPool {
  Size2 output;
  friend bool operator==(const AdaptiveAvgPool&, const AdaptiveAvgPool&) = default;
};

// [C,H,W] -> [C*H*W], C order.
struct Flatten {
  friend bool operator==(const Flatten&, const Flatten&) = default;
};

// Elementwise sum of two inputs of equal shape.
struct Add {
  friend bool operator==(const Add&, const Add&) = default;
};

// Joins two or more inputs along axis (0 = channels).
struct Concat {
  int axis = 0;
  friend bool operator==(const Concat&, const Concat&) = default;
};

// Rounds activations to the codes that the integer graph will use, and observes their range while
// training: q = clamp(floor(x / scale + 0.5), lo, hi), y = q * scale; gradient 1 inside, 0 outside.
// With the tracked range m = max(|min|, |max|): unsigned when min >= 0 (lo 0, hi 2^bits - 1, scale
// m / hi), else signed (lo -2^(bits-1), hi 2^(bits-1) - 1, scale m / hi); scale rounded up to a
// power of two if asked, and at least 2^-23. Range: moving average of batch minima and maxima,
// factor 0.01, the first batch sets it. A range of min > max means: nothing observed yet, pass
// through. Roles: range [2] = {min, max}.
struct FakeQuantize {
  int bits = 8;
  bool power_of_two_scale = true;
  friend bool operator==(const FakeQuantize&, const FakeQuantize&) = default;
};

// ---- integer operators (the TI-NPU dialect; spec of each value in docs/quantisation.md) --------

// Float features to integers, per channel: q = clamp(floor(((x + offset) * multiplier) * 2^-shift),
// lo, hi), every operation rounded to float32. Roles: offset float [C], multiplier int32 [C], shift
// int32 [C].
struct QuantizeInput {
  int32_t lo = -128;
  int32_t hi = 127;
  friend bool operator==(const QuantizeInput&, const QuantizeInput&) = default;
};

// Integer sums over windows of [C,H,W], output int32; padding adds zeros. A Requantize by 1/area
// behind it makes an average pool. Windows are those of AvgPool; a global or divisible adaptive
// pool is expressed with kernel and stride.
struct SumPool {
  Size2 kernel;
  Size2 stride;
  Padding2 padding;
  friend bool operator==(const SumPool&, const SumPool&) = default;
};

// q = clamp(((a + offset[c]) * multiplier[c]) >> shift[c], lo, hi), arithmetic shift (floor); a
// ReLU is lo = 0. Roles: offset, multiplier, shift, int32, each [C] or [1] (all channels alike).
struct Requantize {
  int32_t lo = -128;
  int32_t hi = 127;
  friend bool operator==(const Requantize&, const Requantize&) = default;
};

// Sum of two integer tensors of different scales: q = clamp((x * multiplier0 + y * multiplier1 +
// 2^(shift-1)) >> shift, lo, hi); with shift 0 nothing is added.
struct AddRequantize {
  int32_t multiplier0 = 1;
  int32_t multiplier1 = 1;
  int shift = 0;
  int32_t lo = -128;
  int32_t hi = 127;
  friend bool operator==(const AddRequantize&, const AddRequantize&) = default;
};

// y = q * scale, the only way out of the integers (absent when the network output is integer).
struct Dequantize {
  float scale = 1.0f;
  friend bool operator==(const Dequantize&, const Dequantize&) = default;
};

using Op = std::variant<Identity, BatchNorm, Conv2d, Linear, Relu, MaxPool, AvgPool,
                        AdaptiveAvgPool, Flatten, Add, Concat, FakeQuantize, QuantizeInput, SumPool,
                        Requantize, AddRequantize, Dequantize>;

// "Conv2d", ...
const char* Name(const Op& op);

// For std::visit with one lambda per operator.
template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace platypus::graph

#endif  // PLATYPUS_GRAPH_OP_H_
