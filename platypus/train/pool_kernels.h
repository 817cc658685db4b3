#ifndef PLATYPUS_TRAIN_POOL_KERNELS_H_
#define PLATYPUS_TRAIN_POOL_KERNELS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "platypus/train/kernels.h"

namespace platypus::train {

// The inputs of every output of a channel, outputs in order.
class Windows {
 public:
  // Of one row or column of outputs: input indices first, first + step, ... below last.
  struct Range {
    int64_t first = 0;
    int64_t last = 0;
    int64_t step = 1;
  };
  // `width`: columns of the input. `area`: divisor of an average; 0: the inputs that a window has.
  Windows(const std::vector<Range>& rows, const std::vector<Range>& columns, int64_t height,
          int64_t width, float area = 0.0f);

  int64_t InPlane() const { return in_plane_; }
  int64_t Count() const { return static_cast<int64_t>(first_.size()) - 1; }
  // Offsets in floats of the inputs of output `o`.
  std::span<const int32_t> Taps(int64_t o) const {
    const auto at = static_cast<size_t>(o);
    return std::span(taps_).subspan(static_cast<size_t>(first_[at]),
                                    static_cast<size_t>(first_[at + 1] - first_[at]));
  }
  float Area(int64_t o) const { return area_ > 0.0f ? area_ : static_cast<float>(Taps(o).size()); }
  // Every input position stands in exactly one window.
  bool Partition() const { return partition_; }

 private:
  std::vector<int32_t> first_;  // [output + 1]: its inputs in taps_
  std::vector<int32_t> taps_;
  int64_t in_plane_;
  float area_;
  bool partition_;
};

// One channel, [position][lane]; x is read through `steps`. Gradients (of what is read) are added
// to dx, or overwrite it (of a partition).
void MaxPoolForward(const Windows& windows, const Pointwise& steps, const float* x, float* y);
// The gradient goes to the first largest value of each window.
void MaxPoolBackward(const Windows& windows, const Pointwise& steps, const float* x, const float* y,
                     const float* dy, float* dx);
void AveragePoolForward(const Windows& windows, const Pointwise& steps, const float* x, float* y);
void AveragePoolBackward(const Windows& windows, const float* dy, bool overwrite, float* dx);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_POOL_KERNELS_H_
