#ifndef PLATYPUS_TRAIN_POOL_KERNELS_H_
#define PLATYPUS_TRAIN_POOL_KERNELS_H_

#include <cstdint>
#include <vector>

#include "platypus/train/kernels.h"

namespace platypus::train {

// Window of every output row and column: input indices first, first + step, ... below last.
struct Windows {
  struct Range {
    int64_t first = 0;
    int64_t last = 0;
  };
  std::vector<Range> rows;
  std::vector<Range> columns;
  int64_t row_step = 1;
  int64_t column_step = 1;
  int64_t width = 1;        // columns of the input
  int64_t in_plane = 1;     // positions of an input channel
  float fixed_area = 0.0f;  // divisor of an average; 0: the window's own area

  // Every input position stands in exactly one window.
  bool Partition() const;
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
