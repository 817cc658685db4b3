#ifndef PLATYPUS_BENCH_PEAK_H_
#define PLATYPUS_BENCH_PEAK_H_

#include <hwy/aligned_allocator.h>

#include <array>
#include <vector>

#include "platypus/train/kernels.h"

namespace platypus::train {

// What the tile kernel reaches when everything is in registers or the first cache: 4 outputs, 4
// positions, many taps of the same 64 floats. The practical peak of fused multiply-adds.
class PeakTile {
 public:
  PeakTile() {
    job_.in = floats_.get();
    job_.ins = 1;
    job_.taps = taps_.data();
    job_.tap_count = kTaps;
    job_.weight = floats_.get();
    job_.out = floats_.get() + kWeights;
    job_.outs = kOutBlock;
    job_.out_stride = kPositions * kLanes;
    job_.in_at = job_.out_at = at_.data();
    job_.positions = kPositions;
  }
  void Run() const { Tile(job_); }
  static double Flops() { return 2.0 * kWeights * kPositions * kLanes; }

 private:
  static constexpr int64_t kTaps = 256;
  static constexpr int64_t kPositions = 4;
  static constexpr int64_t kWeights = kOutBlock * kTaps;
  static constexpr int64_t kFloats = kWeights + kOutBlock * kPositions * kLanes;

  hwy::AlignedFreeUniquePtr<float[]> floats_ = [] {
    auto floats = hwy::AllocateAligned<float>(kFloats);
    for (int64_t i = 0; i < kFloats; ++i) floats[static_cast<size_t>(i)] = 0.01f;
    return floats;
  }();
  std::vector<int64_t> taps_ = std::vector<int64_t>(kTaps, 0);
  std::array<int32_t, kPositions> at_ = {0, kLanes, 2 * kLanes, 3 * kLanes};
  TileJob job_;
};

}  // namespace platypus::train

#endif  // PLATYPUS_BENCH_PEAK_H_
