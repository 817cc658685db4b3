#ifndef PLATYPUS_TRAIN_KERNELS_H_
#define PLATYPUS_TRAIN_KERNELS_H_

#include <cstddef>
#include <cstdint>

// The arithmetic of training, compiled for several instruction sets and chosen at run time
// (Highway). All work on one block of 16 samples: a plane is [position][kLanes], lanes innermost
// and contiguous.
namespace platypus::train {

constexpr int kLanes = 16;

// out[o][p] = bias[o] + sum over i, t of weight * in[i * in_stride + taps[t] + p * step], for outs
// x positions. Weights are packed by PackedSize/pack order: blocks of kOutBlock outputs, then
// [i][t][output of the block].
struct TileJob {
  const float* in = nullptr;
  int64_t ins = 0;
  int64_t in_stride = 0;          // floats between input channels
  const int64_t* taps = nullptr;  // offsets in floats
  int64_t tap_count = 0;
  int64_t step = kLanes;  // floats between the inputs of neighbouring positions
  const float* weight = nullptr;
  const float* bias = nullptr;  // null: zeros
  float* out = nullptr;
  int64_t outs = 0;
  int64_t out_stride = 0;     // floats between output channels
  int64_t out_step = kLanes;  // floats between neighbouring positions
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

// out = pointwise(in), `count` floats of one channel.
void Apply(const Pointwise& p, const float* in, int64_t count, float* out);
// Smallest and largest value of t after relu (before quantising) over lanes with mask != 0.
void MinMax(const Pointwise& p, const float* in, int64_t positions, const float* mask, float* min,
            float* max);
// Gradient through relu and quantise, in place: g = 0 where the value was cut off.
void MaskGradient(const Pointwise& p, const float* in, int64_t count, float* gradient);

// Sum of one channel over positions and lanes with mask, then sum of squares around `mean`.
double Sum(const float* in, int64_t positions, const float* mask);
double SumSquares(const float* in, float mean, int64_t positions, const float* mask);
// MaskGradient, then the sums of g and g * (y - mean) over positions and lanes with mask.
void MaskAndSum(const Pointwise& p, const float* y, float mean, int64_t positions,
                const float* mask, float* g, double* sum, double* product);
// Gradient of a batch norm, in place: g = gain * (g - mean_g - (y - mean) * slope) * mask.
void NormGradient(float gain, float mean_g, float mean, float slope, const float* y,
                  int64_t positions, const float* mask, float* g);

// Elementwise, `count` values (a multiple of kLanes); in and out may be the same.
void Sigmoid(const float* in, int64_t count, float* out);
void Tanh(const float* in, int64_t count, float* out);
// to = a * b, or to += a * b.
void Multiply(const float* a, const float* b, int64_t count, bool add, float* to);

// to += from, element by element.
void Accumulate(const float* from, size_t count, float* to);

// Adam's step (optimizer.h) on `count` parameters; decay: of AdamW, factor of the parameter itself.
struct AdamStep {
  float rate = 0;
  float decay = 0;        // added to the gradient: decay * p
  float shrink = 0;       // taken off the parameter first: shrink * p
  float correction1 = 1;  // 1 - beta1^t
  float correction2 = 1;
};
void Adam(const AdamStep& step, const float* gradient, size_t count, float* parameter, float* first,
          float* second);

// Which instruction set runs ("AVX3", "AVX2", ...).
const char* TargetName();

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_KERNELS_H_
