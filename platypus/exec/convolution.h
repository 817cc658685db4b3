#ifndef PLATYPUS_EXEC_CONVOLUTION_H_
#define PLATYPUS_EXEC_CONVOLUTION_H_

#include <hwy/aligned_allocator.h>

#include <cstdint>
#include <span>
#include <vector>

#include "platypus/exec/kernels.h"
#include "platypus/exec/vectors.h"
#include "platypus/exec/windows.h"

namespace platypus::exec {

// Memory that one convolution leaves to the next.
class PairRoom {
 public:
  Pair* Take(size_t count);

 private:
  hwy::AlignedFreeUniquePtr<Pair[]> pairs_;
  size_t size_ = 0;
};

// A convolution of one block of samples. Order of the float sum, which generated C repeats: bias,
// then kernel row, kernel column, input channel ascending; taps outside of the input are left out.
class Convolution {
 public:
  // weight [out][in/groups][kh][kw]; bias [out], or empty.
  Convolution(const graph::Conv2d& op, std::span<const float> weight, std::span<const float> bias,
              Dims in, Dims out);
  Convolution(const graph::Conv2d& op, std::span<const int8_t> weight, Dims in, Dims out);

  void Run(const float* in, float* out) const;
  void Run(const int32_t* in, PairRoom& room, int32_t* out) const;

 private:
  // Calls visit(output, channel, tap) in the order [block of outputs][tap][input channel][output of
  // the block], or with `channel_first` [block][channel][tap][output].
  template <typename Visit>
  void ForWeights(int64_t channels, bool channel_first, Visit visit) const;
  template <typename In, typename Weight, typename Out>
  void RunAll(const In* in, int64_t channels, const Weight* weight, const Weight* bias,
              Out* out) const;
  bool MakeAllPairs(const int32_t* in, Pair* pairs) const;

  graph::Conv2d op_;
  Dims in_, out_;
  int64_t channels_;  // of the input of a group
  int64_t taps_;
  std::vector<Region> regions_;
  std::vector<float> bias_, floats_;
  std::vector<int32_t> integers_;
  std::vector<Pair> pairs_;
};

}  // namespace platypus::exec

#endif  // PLATYPUS_EXEC_CONVOLUTION_H_
