#ifndef PLATYPUS_EXEC_WINDOWS_H_
#define PLATYPUS_EXEC_WINDOWS_H_

#include <cstdint>
#include <vector>

#include "platypus/exec/kernels.h"
#include "platypus/exec/vectors.h"

namespace platypus::exec {

// Output positions of a convolution or pool that the same taps of its kernel reach: all in the
// middle, and those beside each border.
struct Region {
  std::vector<Tap> taps;          // row by row
  std::vector<int64_t> from, to;  // of each position: the kernel's origin in the input, the output
};
std::vector<Region> FindRegions(graph::Size2 kernel, graph::Size2 stride, graph::Size2 dilation,
                                const graph::Padding2& padding, Dims in, Dims out);

// Pools that slide a kernel. A SumPool adds, an AvgPool divides by the taps of the whole kernel.
class WindowPool {
 public:
  WindowPool(const graph::MaxPool& op, Dims in, Dims out);
  WindowPool(const graph::AvgPool& op, Dims in, Dims out);
  WindowPool(const graph::SumPool& op, Dims in, Dims out);
  template <typename T>
  void Run(const T* in, T* out) const;

 private:
  Dims in_, out_;
  bool is_max_ = false;
  int64_t divisor_ = 1;
  std::vector<Region> regions_;
};

}  // namespace platypus::exec

#endif  // PLATYPUS_EXEC_WINDOWS_H_
