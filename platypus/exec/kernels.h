#ifndef PLATYPUS_EXEC_KERNELS_H_
#define PLATYPUS_EXEC_KERNELS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "platypus/graph/op.h"

// What each operator does to one block of samples. A tensor of a block is [C][H][W][kLanes], one
// lane a sample; a flat tensor [F] is [F][1][1][kLanes]. Loops over lanes are innermost, so that
// compilers turn them into vector instructions.
namespace platypus::exec {

constexpr int kLanes = 16;

struct Dims {
  int64_t c = 1;
  int64_t h = 1;
  int64_t w = 1;
  int64_t Count() const { return c * h * w; }
};

// Function multiversioning: one binary uses the widest vectors of the machine it runs on.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define PLATYPUS_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define PLATYPUS_CLONES
#endif

// weight [C][out/groups][kh][kw]; the order of the sum is that of a convolution (convolution.h).
void ConvolveTransposed(const graph::ConvTranspose2d& op, const float* weight, const float* bias,
                        const float* in, Dims in_dims, float* out, Dims out_dims);
void ConvolveTransposed(const graph::ConvTranspose2d& op, const int32_t* weight, const int32_t* in,
                        Dims in_dims, int32_t* out, Dims out_dims);

// Cells that share the input between them (windows.h: pools that slide a kernel).
void Pool(const graph::AdaptiveAvgPool& op, const float* in, Dims in_dims, float* out,
          Dims out_dims);
// Sums, each times what tm_cells.h says: the same multiple of every mean.
void Pool(const graph::AdaptiveAvgPool& op, const int32_t* in, Dims in_dims, int32_t* out,
          Dims out_dims);

// y = x * gain[c] + shift[c].
void Affine(const float* gain, const float* shift, const float* in, Dims dims, float* out);
void Relu(const float* in, Dims dims, float* out);
// On integers the bounds are codes, and whole.
void Clamp(const graph::Clamp& op, const float* in, Dims dims, float* out);
void Clamp(const graph::Clamp& op, const int32_t* in, Dims dims, int32_t* out);
void LeakyRelu(float slope, const float* in, Dims dims, float* out);
void Sigmoid(const float* in, Dims dims, float* out);
void Tanh(const float* in, Dims dims, float* out);
void Gelu(const float* in, Dims dims, float* out);
void Scale(float factor, const float* in, Dims dims, float* out);
void FakeQuantize(float scale, int32_t lo, int32_t hi, const float* in, Dims dims, float* out);
// Parameters per channel, or one for all if `shared`.
void Quantize(const graph::QuantizeInput& op, const float* offset, const int32_t* multiplier,
              const int32_t* shift, bool shared, const float* in, Dims dims, int32_t* out);
void Requantize(const graph::Requantize& op, const int32_t* offset, const int32_t* multiplier,
                const int32_t* shift, bool shared, const int32_t* in, Dims dims, int32_t* out);
void AddRequantize(const graph::AddRequantize& op, const int32_t* x, const int32_t* y, Dims dims,
                   int32_t* out);
void MulRequantize(const graph::MulRequantize& op, const int32_t* x, const int32_t* y, Dims dims,
                   int32_t* out);
void Lookup(const int32_t* table, const int32_t* in, Dims dims, int32_t* out);
void Add(const float* x, const float* y, Dims dims, float* out);
void Mul(const float* x, const float* y, Dims dims, float* out);
void Dequantize(const graph::Dequantize& op, const int32_t* in, Dims dims, float* out);

// Over the channels of each position, and over all elements of a sample. weight, bias [C][H][W].
void Softmax(const float* in, Dims dims, float* out);
void LogSoftmax(const float* in, Dims dims, float* out);
void LayerNorm(const graph::LayerNorm& op, const float* weight, const float* bias, const float* in,
               Dims dims, float* out);
void IntegerSoftmax(const int32_t* table, const int32_t* in, Dims dims, int32_t* out);
// multiplier, offset [C][H][W].
void IntegerLayerNorm(const graph::IntegerLayerNorm& op, const int32_t* multiplier,
                      const int32_t* offset, const int32_t* in, Dims dims, int32_t* out);

// Elements in other places. On integers the value of a Pad is a code, and whole.
void Transpose(const graph::Transpose& op, const float* in, Dims in_dims, float* out);
void Transpose(const graph::Transpose& op, const int32_t* in, Dims in_dims, int32_t* out);
void Pad(const graph::Pad& op, const float* in, Dims in_dims, float* out);
void Pad(const graph::Pad& op, const int32_t* in, Dims in_dims, int32_t* out);
void Slice(const graph::Slice& op, const float* in, Dims in_dims, float* out);
void Slice(const graph::Slice& op, const int32_t* in, Dims in_dims, int32_t* out);
void ResizeNearest(const float* in, Dims in_dims, float* out, Dims out_dims);
void ResizeNearest(const int32_t* in, Dims in_dims, int32_t* out, Dims out_dims);
void ResizeBilinear(const float* in, Dims in_dims, float* out, Dims out_dims);
// The whole numbers of tm_resize.h: parts of rows times parts of columns too large.
void ResizeBilinear(const int32_t* in, Dims in_dims, int32_t* out, Dims out_dims);

// in [V][F], out [hidden][F] or [hidden].
struct RecurrentLayer {
  std::vector<float> weight_ih;  // [gates * hidden][inputs]
  std::vector<float> weight_hh;  // [gates * hidden][hidden]
  std::vector<float> bias_ih;    // [gates * hidden]
  std::vector<float> bias_hh;
};
void Recur(const graph::Recurrent& op, std::span<const RecurrentLayer> layers, const float* in,
           Dims in_dims, float* out);

struct IntegerRecurrentLayer {
  // ((W x + offset) multiplier) >> shift, row by row.
  struct Part {
    std::vector<int8_t> weight;  // [gates * hidden][columns]
    std::vector<int32_t> offset, multiplier, shift;
  };
  Part from_input, from_state;
};
void Recur(const graph::IntegerRecurrent& op, std::span<const IntegerRecurrentLayer> layers,
           const int32_t* in, Dims in_dims, int32_t* out);

}  // namespace platypus::exec

#endif  // PLATYPUS_EXEC_KERNELS_H_
