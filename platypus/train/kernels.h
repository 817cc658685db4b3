#ifndef PLATYPUS_TRAIN_KERNELS_H_
#define PLATYPUS_TRAIN_KERNELS_H_

#include <cstddef>
#include <cstdint>

// The arithmetic of training, compiled for several instruction sets and chosen at run time
// (Highway). All work on one block of 16 samples: a plane is [position][kLanes], lanes innermost
// and contiguous.
namespace platypus::train {

constexpr int kLanes = 16;

// out[o * out_stride + out_at[p]] = bias[o] + sum over i, t of weight * in[i * in_stride + taps[t]
// + in_at[p]], for outs x positions. Weights are packed by PackedSize/pack order: blocks of
// kOutBlock outputs, then [i][t][output of the block].
struct TileJob {
  const float* in = nullptr;
  int64_t ins = 0;
  int64_t in_stride = 0;          // floats between input channels
  const int64_t* taps = nullptr;  // offsets in floats
  int64_t tap_count = 0;
  const float* weight = nullptr;
  const float* bias = nullptr;  // null: zeros
  float* out = nullptr;
  int64_t outs = 0;
  int64_t out_stride = 0;          // floats between output channels
  const int32_t* in_at = nullptr;  // offsets of the positions, floats
  const int32_t* out_at = nullptr;
  int64_t positions = 0;
};
constexpr int64_t kOutBlock = 4;

// grad[o * grad_stride + k] = sum over rows, positions, lanes of dy[o][..] * in[offsets[k] + ..].
struct WeightGradientJob {
  const float* dy = nullptr;
  int64_t outs = 0;
  int64_t dy_stride = 0;  // floats between output channels
  int64_t dy_row = 0;     // floats between output rows
  const float* in = nullptr;
  const int64_t* offsets = nullptr;  // of each (input channel, tap)
  int64_t count = 0;
  int64_t step = kLanes;  // floats between the inputs of neighbouring positions
  int64_t in_row = 0;     // floats between the inputs of neighbouring output rows
  int64_t rows = 0;
  int64_t positions = 0;
  float* grad = nullptr;
  int64_t grad_stride = 0;
};

// A value that is not stored but computed where it is read, from a stored y of the same channel:
// t = gain * y + shift; with relu: max(t, 0); with quantize: clamp(floor(t / scale + 1/2), lo, hi)
// * scale.
struct Pointwise {
  float gain = 1.0f;
  float shift = 0.0f;
  bool affine = false;
  bool relu = false;
  bool quantize = false;
  float scale = 1.0f;
  float inverse_scale = 1.0f;
  float lo = 0.0f;
  float hi = 0.0f;
};

void Tile(const TileJob& job);
void WeightGradient(const WeightGradientJob& job);

// Rows of a plane: `count` floats each, without gaps where they are read, `stride` apart where they
// are written.
struct Rows {
  int64_t rows = 1;
  int64_t count = 0;
  int64_t stride = 0;
};

// out = pointwise(in), one channel.
void Apply(const Pointwise& p, const float* in, const Rows& rows, float* out);
// out += pointwise(in).
void AddApplied(const Pointwise& p, const float* in, int64_t count, float* out);
// Smallest and largest value of t after relu (before quantising) over lanes with mask != 0.
void MinMax(const Pointwise& p, const float* in, int64_t positions, const float* mask, float* min,
            float* max);
// Sum of one channel over positions and lanes with mask.
double Sum(const float* in, int64_t positions, const float* mask);
// Sums of x and of (x - centre)^2.
void Moments(const float* in, float centre, int64_t positions, const float* mask, double* sum,
             double* squares);

// What a batch norm adds to the gradient that passes it: rest - slope * y.
struct NormGradient {
  float slope = 0.0f;
  float rest = 0.0f;
};
// Back through a pointwise, one channel: out = gain * g' + rest - slope * y in lanes with mask,
// else 0; g' is g, or 0 where relu or quantise cut the value off.
void PointGradient(const Pointwise& p, const NormGradient& norm, const float* y, const float* g,
                   const float* mask, const Rows& rows, float* out);
// Sums of g' and of g' * (y - mean) over positions and lanes with mask.
void SumGradient(const Pointwise& p, const float* y, const float* g, float mean, int64_t positions,
                 const float* mask, double* sum, double* product);

// Sum of g * dv/dscale over positions and lanes with mask, v the rounded value: code - t / scale
// inside the codes, the code at either end outside.
double StepGradient(const Pointwise& p, const float* y, const float* g, int64_t positions,
                    const float* mask);

// to = a * b, or to += a * b: `count` values, a multiple of kLanes.
void Multiply(const float* a, const float* b, int64_t count, bool add, float* to);

// to += from, element by element.
void Accumulate(const float* from, size_t count, float* to);

// Whether `count` values are finite, all of them.
bool AllFinite(const float* values, size_t count);

// mean = keep * mean + (1 - keep) * value, `count` values.
void Blend(float keep, const float* value, size_t count, float* mean);

// Steps of optimisers (optimizer.h says the formulas) on `count` parameters.
struct OptimizerStep {
  float rate = 0;
  float decay = 0;        // added to the gradient: decay * p
  float momentum = 0;     // not of Adam
  float shrink = 0;       // Adam: taken off the parameter first, shrink * p
  float correction1 = 1;  // Adam: 1 - beta1^t
  float correction2 = 1;
};
void Adam(const OptimizerStep& step, const float* gradient, size_t count, float* parameter,
          float* first, float* second);
void Momentum(const OptimizerStep& step, bool nesterov, const float* gradient, size_t count,
              float* parameter, float* velocity);
void Rmsprop(const OptimizerStep& step, const float* gradient, size_t count, float* parameter,
             float* first, float* second);

// Which instruction set runs ("AVX3", "AVX2", ...).
const char* TargetName();

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_KERNELS_H_
