#ifndef PLATYPUS_GRAPH_OP_H_
#define PLATYPUS_GRAPH_OP_H_

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "platypus/base/array.h"

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

// How a weight becomes a code.
enum class Rounding {
  kNearest,      // halves to even
  kSoftSigmoid,  // nearest; in training a sigmoid between two codes that becomes a step
  kSoftTanh,     // nearest; in training a tanh between two codes that becomes a step
  kTernary,      // sign(w) where |w| > scale / 2, else 0; in training a sum of two sigmoids
  kLearnedStep,  // nearest; the scale is trained too (learned step size: Esser et al. 2020)
};

// How weights are rounded while training (train/rounding.h) and at conversion: symmetric, one scale
// per output channel (or for the whole tensor), codes [-(2^(bits-1)-1), 2^(bits-1)-1], [-1, 1] if
// ternary; scale = max|w| / largest code, of codes -1, 0, 1 1.4 mean|w| (graph/quantization.h),
// rounded up to a power of two if asked. A learned step is a parameter [out], or [1] for the whole
// tensor, of a role named like the weights': "step" for "weight", "step_ih_l0" for "weight_ih_l0";
// the scale is the step (at least 2^-23) then.
struct WeightQuantizer {
  int bits = 8;
  bool power_of_two_scale = true;
  bool per_channel = true;
  Rounding rounding = Rounding::kNearest;
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
  std::optional<WeightQuantizer> weight_quantizer = {};  // set: trained with fake-quantised weights
  friend bool operator==(const Conv2d&, const Conv2d&) = default;
};

// The transpose of a Conv2d's linear map: [C,H,W] -> [out, (H-1) stride - padding + dilation (k-1)
// + 1 + extra, ...]. Roles: weight [C, out/groups, kh, kw]; bias [out] if has_bias.
// Integer graph: as Conv2d.
struct ConvTranspose2d {
  int out_channels = 1;
  Size2 kernel;
  Size2 stride;
  Size2 dilation;
  Padding2 padding;   // cut off the result
  Size2 extra{0, 0};  // rows and columns added to its end ("output padding")
  int groups = 1;
  bool has_bias = true;
  std::optional<WeightQuantizer> weight_quantizer = {};
  friend bool operator==(const ConvTranspose2d&, const ConvTranspose2d&) = default;
};

// y = W x + b, [in] -> [out]. Roles: weight [out, in]; bias [out] if has_bias.
// Integer graph: as Conv2d.
struct Linear {
  int out_features = 1;
  bool has_bias = true;
  std::optional<WeightQuantizer> weight_quantizer = {};
  friend bool operator==(const Linear&, const Linear&) = default;
};

struct Relu {
  friend bool operator==(const Relu&, const Relu&) = default;
};

// min(max(x, low), high): ReLU6 is {0, 6}, Hardtanh {-1, 1}.
struct Clamp {
  float low = 0.0f;
  float high = 6.0f;
  friend bool operator==(const Clamp&, const Clamp&) = default;
};

// x where x >= 0, else slope * x.
struct LeakyRelu {
  float slope = 0.01f;
  friend bool operator==(const LeakyRelu&, const LeakyRelu&) = default;
};

// 1 / (1 + exp(-x)).
struct Sigmoid {
  friend bool operator==(const Sigmoid&, const Sigmoid&) = default;
};

struct Tanh {
  friend bool operator==(const Tanh&, const Tanh&) = default;
};

// x * (1 + erf(x / sqrt(2))) / 2.
struct Gelu {
  friend bool operator==(const Gelu&, const Gelu&) = default;
};

// exp(x) / sum of exp, along axis 0: over the features of [F], over the channels of [C,H,W].
struct Softmax {
  friend bool operator==(const Softmax&, const Softmax&) = default;
};

// log(Softmax(x)).
struct LogSoftmax {
  friend bool operator==(const LogSoftmax&, const LogSoftmax&) = default;
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
// Integer graph: sums times P / area, P times the mean, in int32; P is the least common multiple of
// the areas of all cells (tm_pool.h). A Requantize follows.
struct AdaptiveAvgPool {
  Size2 output;
  friend bool operator==(const AdaptiveAvgPool&, const AdaptiveAvgPool&) = default;
};

// [C,H,W] -> [C*H*W], C order.
struct Flatten {
  friend bool operator==(const Flatten&, const Flatten&) = default;
};

// The same elements in C order under another shape of as many elements.
struct Reshape {
  Shape shape;
  friend bool operator==(const Reshape&, const Reshape&) = default;
};

// Axis i of the result is axis order[i] of the input; [C,H,W] only.
struct Transpose {
  std::array<int, 3> order{0, 1, 2};
  friend bool operator==(const Transpose&, const Transpose&) = default;
};

// `value` around the rows and columns of [C,H,W]; in an integer graph it is a code.
struct Pad {
  Padding2 padding;
  float value = 0.0f;
  friend bool operator==(const Pad&, const Pad&) = default;
};

// Indices begin, begin + step, ... below end of one axis.
struct Slice {
  int axis = 0;
  int64_t begin = 0;
  int64_t end = 0;
  int64_t step = 1;
  friend bool operator==(const Slice&, const Slice&) = default;
};

// Rows and columns of [C,H,W] to another number of them. Nearest: source = floor(i * in / out).
// Bilinear: source = max(0, (i + 0.5) * in / out - 0.5), between its two neighbours, the last one
// repeated (half-pixel centres). Integer graph: nearest as MaxPool; bilinear the sum of codes times
// whole weights, P_h P_w times the value, in int32 (with i = a g, o = b g inputs and outputs of an
// axis, g their greatest common divisor, P is 2 b, or b if a + b is even); a Requantize follows.
struct Resize {
  enum class Mode { kNearest, kBilinear };
  Size2 output;
  Mode mode = Mode::kNearest;
  friend bool operator==(const Resize&, const Resize&) = default;
};

// While training: 0 with probability p, else x / (1 - p). At other times: x.
struct Dropout {
  float probability = 0.5f;
  friend bool operator==(const Dropout&, const Dropout&) = default;
};

// (x - mean) / sqrt(variance + epsilon) * weight + bias over all elements of a sample, the biased
// variance. Roles: weight, bias of the input's shape.
struct LayerNorm {
  float epsilon = 1e-5f;
  friend bool operator==(const LayerNorm&, const LayerNorm&) = default;
};

// A recurrent network over the rows of [V, F, 1]: F steps of V values, zero initial state. Output:
// the last layer's state after every step, [hidden, F, 1], or after the last one, [hidden].
// Roles for layer k: weight_ih_lk [gates*hidden, in], weight_hh_lk [gates*hidden, hidden],
// bias_ih_lk, bias_hh_lk [gates*hidden]. With s = sigmoid, each gate of W x + b_ih and U h + b_hh:
//   rnn   h' = tanh(...)                                                            1 gate
//   gru   r, z, n: r = s(..), z = s(..), n = tanh(W x + b_ih + r (U h + b_hh)),
//         h' = (1 - z) n + z h                                                       3 gates
//   lstm  i, f, g, o: c' = s(f) c + s(i) tanh(g), h' = s(o) tanh(c')                 4 gates
struct Recurrent {
  enum class Cell { kRnn, kGru, kLstm };
  Cell cell = Cell::kLstm;
  int hidden = 1;
  int layers = 1;
  bool last_step_only = true;
  std::optional<WeightQuantizer> weight_quantizer = {};  // of weight_ih and weight_hh, row by row
  friend bool operator==(const Recurrent&, const Recurrent&) = default;
  int Gates() const { return cell == Cell::kLstm ? 4 : cell == Cell::kGru ? 3 : 1; }
};

// Elementwise product of two inputs of equal shape.
struct Mul {
  friend bool operator==(const Mul&, const Mul&) = default;
};

// One trained factor for all elements. Roles: weight [1].
struct Scale {
  friend bool operator==(const Scale&, const Scale&) = default;
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

// Rounds activations to the codes that the integer graph will use: q = clamp(floor(x / scale +
// 0.5) + zero_point, lo, hi), y = (q - zero_point) * scale; gradient 1 inside, 0 outside. With the
// tracked range m = max(|min|, |max|): unsigned when min >= 0 (lo 0, hi 2^bits - 1, scale m / hi),
// else signed (lo -2^(bits-1), hi 2^(bits-1) - 1, scale m / hi), both with zero_point 0; affine,
// where asked and min < 0 (lo 0, hi 2^bits - 1, scale (max(max, 0) - min) / hi, zero_point
// floor(-min / scale + 0.5)). Codes of more than 8 bits are those of an int16, signed or not: hi
// 2^(bits-1) - 1. scale is rounded up to a power of two if asked, and at least 2^-23. A range of
// min > max means: not calibrated yet, pass through. With a learned step the range is trained, {0,
// max} or {-max, max}. Roles: range [2] = {min, max}.
struct FakeQuantize {
  int bits = 8;
  bool power_of_two_scale = true;
  bool affine = false;        // of at most 8 bits
  bool learned_step = false;  // not with affine
  friend bool operator==(const FakeQuantize&, const FakeQuantize&) = default;
};

// ---- integer operators (the TI-NPU dialect; spec of each value in docs/quantisation.md) --------

// Floats to integers, per channel: q = clamp(floor(((x + offset) * multiplier) * 2^-shift), lo,
// hi), every operation rounded to float32; a zero point is part of the offset. Roles: offset float,
// multiplier int32, shift int32, each [C] or [1] (all channels alike). Stands behind any floats:
// the network's input, or layers that stay float between integer ones.
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

// q = clamp(round((a + offset[c]) * multiplier[c] * 2^-shift[c]) + zero_point, lo, hi), a ReLU is
// lo = zero_point. round is floor (arithmetic shift) or to_nearest: halves up, or, where all
// multipliers are 1 and halves are frequent, to even. Roles: offset, multiplier, shift, int32, [C]
// or [1] each.
struct Requantize {
  int32_t lo = -128;
  int32_t hi = 127;
  int32_t zero_point = 0;
  bool to_nearest = false;  // the TI-NPU rounds by its offsets
  int32_t Half(int32_t shift) const {
    return to_nearest && shift > 0 ? int32_t{1} << (shift - 1) : 0;
  }
  friend bool operator==(const Requantize&, const Requantize&) = default;
};

// Sum of two integer tensors of different scales: q = clamp((x * multiplier0 + y * multiplier1 +
// offset + 2^(shift-1)) >> shift, lo, hi); with shift 0 the power is left out. The offset stands
// for zero points of networks that other programs quantised.
struct AddRequantize {
  int32_t multiplier0 = 1;
  int32_t multiplier1 = 1;
  int shift = 0;
  int32_t lo = -128;
  int32_t hi = 127;
  int32_t offset = 0;
  // What is added before the shift.
  int32_t Added() const { return offset + (shift > 0 ? int32_t{1} << (shift - 1) : 0); }
  friend bool operator==(const AddRequantize&, const AddRequantize&) = default;
};

// q = table[x mod 256]: any function of one code x of 8 bits. Roles: table int32 [256].
struct Lookup {
  int32_t lo = -128;  // of what stands in the table
  int32_t hi = 127;
  friend bool operator==(const Lookup&, const Lookup&) = default;
};

// Softmax of 8-bit codes x along axis 0, q = 256 times it: with e(x) = table[max - x] and S their
// sum, q = min(floor((256 e(x) + floor(S / 2)) / S), 255). Roles: table int32 [256], table[d] =
// round(2^15 exp(-scale d)): up to 2^15 channels need 32 bits.
struct IntegerSoftmax {
  static constexpr int kFractionBits = 15;  // of the table
  static constexpr float kScale = 1.0f / 256;
  friend bool operator==(const IntegerSoftmax&, const IntegerSoftmax&) = default;
};

// LayerNorm of n <= 2^15 codes x of 8 bits. With S = sum of x, D = n sum of x^2 - S^2 + epsilon
// (n^2 times variance + epsilon, exact) and t[i] = (n x[i] - S) / sqrt(D) 2^fraction, rounded:
//   q[i] = clamp((t[i] multiplier[i] + offset[i]) >> shift, lo, hi).
// 1 / sqrt(D) has 16 bits: D 4^j from 2^60 to 2^62 is m 2^30, root = floor(sqrt(m)), reciprocal =
// floor((2^32 - 1) / root), t = ((n x - S) reciprocal + 2^(b-1)) >> b with b = 47 - j - fraction.
// Roles: multiplier, offset int32 of the input's shape.
struct IntegerLayerNorm {
  static constexpr int64_t kMostElements = int64_t{1} << 15;
  int64_t epsilon = 1;  // n^2 epsilon / scale^2, from 1 to 2^46
  int fraction = 0;     // |t| <= sqrt(n) 2^fraction < 2^16
  int shift = 0;
  int32_t lo = -128;
  int32_t hi = 127;
  friend bool operator==(const IntegerLayerNorm&, const IntegerLayerNorm&) = default;
};

// Recurrent on codes. A gate's two parts are fixed-point numbers with 12 bits of fraction, A from
// the input x, U from the state h: clamp(((W x + offset) multiplier) >> shift, -65535, 65535), row
// by row. s and tanh are interpolated (tm_gates.h), 15 bits of fraction. All products are rounded:
//   rnn   h' = tanh(A + U)
//   gru   r, z = s(A + U), n = tanh(A + r U), h' = (1 - z) n + z h
//   lstm  i, f, o = s(A + U), g = tanh(A + U), c' = f c + i g, h' = o tanh(c')
// h has 15 bits of fraction and c cell_fraction, both clamped to 16 bits. Products with U and later
// layers see h as a code of 8 bits, 2^7 h rounded. The result is that code, or h itself if the
// range lo..hi has 16 bits.
// Roles for layer k: weight_ih_lk, weight_hh_lk int8 as Recurrent's; offset_ih_lk,
// multiplier_ih_lk, shift_ih_lk, offset_hh_lk, multiplier_hh_lk, shift_hh_lk int32 [gates*hidden].
struct IntegerRecurrent {
  static constexpr int32_t kLargestPart = 65535;
  static constexpr int kPartFraction = 12;
  static constexpr int kStateFraction = 15;
  static constexpr int kCodeFraction = 7;
  Recurrent::Cell cell = Recurrent::Cell::kLstm;
  int hidden = 1;
  int layers = 1;
  bool last_step_only = true;
  int cell_fraction = 11;  // at most 12: |c| < 2^(15 - cell_fraction)
  int32_t lo = -128;
  int32_t hi = 127;
  bool HasWideResult() const { return hi > 127; }
  Recurrent Float() const { return {cell, hidden, layers, last_step_only}; }
  friend bool operator==(const IntegerRecurrent&, const IntegerRecurrent&) = default;
};

// Product of two integer tensors: q = clamp(((x - zero_point0) (y - zero_point1) multiplier +
// offset + 2^(shift-1)) >> shift, lo, hi); with shift 0 the power is left out. 32 bits hold it.
struct MulRequantize {
  int32_t zero_point0 = 0;
  int32_t zero_point1 = 0;
  int32_t multiplier = 1;
  int shift = 0;
  int32_t lo = -128;
  int32_t hi = 127;
  int32_t offset = 0;
  int32_t Added() const { return offset + (shift > 0 ? int32_t{1} << (shift - 1) : 0); }
  friend bool operator==(const MulRequantize&, const MulRequantize&) = default;
};

// y = (q - zero_point) * scale, the only way out of the integers: behind the last of them unless
// the network's output is integer, and before a layer that stays float.
struct Dequantize {
  float scale = 1.0f;
  int32_t zero_point = 0;
  friend bool operator==(const Dequantize&, const Dequantize&) = default;
};

using AnyOp =
    std::variant<Identity, BatchNorm, Conv2d, ConvTranspose2d, Linear, Relu, Clamp, LeakyRelu,
                 Sigmoid, Tanh, Gelu, Softmax, LogSoftmax, MaxPool, AvgPool, AdaptiveAvgPool,
                 Flatten, Reshape, Transpose, Pad, Slice, Resize, Dropout, LayerNorm, Recurrent,
                 Add, Mul, Scale, Concat, FakeQuantize, QuantizeInput, SumPool, Requantize,
                 AddRequantize, Lookup, IntegerSoftmax, IntegerLayerNorm, IntegerRecurrent,
                 MulRequantize, Dequantize>;

// The variant itself; its copies are compiled once, not in every file that copies a graph.
struct Op : AnyOp {
  using AnyOp::AnyOp;
  Op();
  Op(const Op&);
  Op(Op&&) noexcept;
  Op& operator=(const Op&);
  Op& operator=(Op&&) noexcept;
  ~Op();
  friend bool operator==(const Op& a, const Op& b);
};

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
