#ifndef PLATYPUS_TRAIN_CONVOLUTION_H_
#define PLATYPUS_TRAIN_CONVOLUTION_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "platypus/graph/op.h"
#include "platypus/train/kernels.h"

namespace platypus::train {

// One convolution (or, with 1x1 everything, a linear layer) on a block of samples: forward,
// gradient of the input, gradient of the weights. Inputs are padded copies, so that no kernel knows
// about borders. A network of kernels k x 1 on a width of 1 is turned on its side: positions run
// along the columns.
class Convolution {
 public:
  // in: [C, H, W], out: [C', H', W'].
  Convolution(const graph::Conv2d& op, const int64_t (&in)[3], const int64_t (&out)[3]);

  // A plane with borders of zeros.
  struct Border {
    int64_t rows = 1;
    int64_t columns = 1;
    int64_t top = 0;
    int64_t left = 0;
    int64_t bottom = 0;
    int64_t right = 0;
    bool Empty() const { return top + left + bottom + right == 0; }
    int64_t Width() const { return columns + left + right; }
    int64_t Plane() const { return (rows + top + bottom) * Width(); }
    // Planes of `channels` channels inside their borders at `to`: write(channel, rows, at) fills
    // the inside.
    template <typename Write>
    void Enclose(int64_t channels, float* to, Write write) const {
      const Rows inside{rows, columns * kLanes, Width() * kLanes};
      for (int64_t c = 0; c < channels; ++c, to += Plane() * kLanes) {
        float* at = to + Inside();
        std::fill(to, at, 0.0f);
        write(c, inside, at);
        for (int64_t r = 1; r < rows; ++r) {
          std::fill(at + inside.count, at + inside.stride, 0.0f);
          at += inside.stride;
        }
        std::fill(at + inside.count, to + Plane() * kLanes, 0.0f);
      }
    }
    // The same for planes that stand at `from`; without borders returns `from`.
    const float* Enclose(const float* from, int64_t channels, float* to) const;
    // Where the plane begins inside its border, floats.
    int64_t Inside() const { return (top * Width() + left) * kLanes; }
  };
  const Border& Input() const { return input_; }        // of x
  const Border& Gradient() const { return gradient_; }  // of dy for BackwardInput
  int64_t InChannels() const { return groups_ * ins_; }
  int64_t OutChannels() const { return groups_ * outs_; }
  int64_t PackedSize() const;  // floats that Pack writes

  // Brings weights [out][in/groups][kh][kw] into the order that Forward and BackwardInput read.
  void Pack(std::span<const float> weight, std::span<float> packed) const;

  // x: bordered as Input(); y: [C'][H'][W'].
  void Forward(const float* x, std::span<const float> packed, const float* bias, float* y) const;
  // dy: bordered as Gradient(); dx: [C][H][W], overwritten.
  void BackwardInput(const float* dy, std::span<const float> packed, float* dx) const;
  // x: bordered as Input(), dy: as Gradient(); dw [out][in/groups][kh][kw], overwritten.
  void BackwardWeight(const float* x, const float* dy, float* dw) const;

 private:
  // Input positions h = stride * q + phase - padding that the same taps reach.
  struct Phase {
    int64_t first_row = 0, last_row = 0;  // q, last excluded
    int64_t first_column = 0, last_column = 0;
    int64_t row = 0, column = 0;        // phase
    std::vector<int64_t> taps;          // index into the kernel
    std::vector<int64_t> offsets;       // floats from dy[q]
    std::vector<int32_t> dy_at, dx_at;  // offsets of the positions, floats
    int64_t packed = 0;                 // where its weights begin within a group's backward part
  };

  void MakePhases();
  int64_t ForwardPackedPerGroup() const {
    return outs_ * ins_ * static_cast<int64_t>(taps_.size());
  }

  int64_t groups_, ins_, outs_;  // per group
  int64_t out_rows_, out_columns_;
  int64_t kernel_h_, kernel_w_, stride_h_, stride_w_, dilation_h_, dilation_w_;
  Border input_;
  Border gradient_;
  std::vector<int64_t> taps_;         // offsets in a bordered plane, floats
  std::vector<int32_t> x_at_, y_at_;  // offsets of the output positions, floats
  std::vector<int64_t> offsets_;      // of every (input channel of a group, tap)
  std::vector<Phase> phases_;
};

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_CONVOLUTION_H_
