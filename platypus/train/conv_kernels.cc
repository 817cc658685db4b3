#include <algorithm>

#include "platypus/train/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/conv_kernels.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// Positions side by side, so that the sums and their operands just fit the registers. Every loop
// over registers is marked for unrolling: an array that is indexed by a variable would live in
// memory.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM
constexpr int kWide = 6;
#else
constexpr int kWide = 3;
#endif

// kOuts x kPositions outputs held in registers.
template <int kOuts, int kPositions>
HWY_INLINE void TileBlock(const TileJob& job, const float* HWY_RESTRICT weight, const float* bias,
                          int64_t position, float* HWY_RESTRICT out) {
  const D d;
  const int64_t ins = job.ins;
  const int64_t tap_count = job.tap_count;
  const int64_t in_stride = job.in_stride;
  const int64_t* HWY_RESTRICT taps = job.taps;
  for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
    const float* HWY_RESTRICT in[kPositions];
    V sum[kOuts][kPositions];
    HWY_UNROLL(8)
    for (int p = 0; p < kPositions; ++p) in[p] = job.in + job.in_at[position + p] + lane;
    HWY_UNROLL(8)
    for (int o = 0; o < kOuts; ++o) {
      const V start = bias != nullptr ? hn::Set(d, bias[o]) : hn::Zero(d);
      HWY_UNROLL(8)
      for (int p = 0; p < kPositions; ++p) sum[o][p] = start;
    }
    const float* HWY_RESTRICT w = weight;
    for (int64_t i = 0; i < ins; ++i) {
      for (int64_t t = 0; t < tap_count; ++t, w += kOuts) {
        const int64_t at = i * in_stride + taps[t];
        V x[kPositions];
        HWY_UNROLL(8)
        for (int p = 0; p < kPositions; ++p) x[p] = hn::Load(d, in[p] + at);
        HWY_UNROLL(8)
        for (int o = 0; o < kOuts; ++o) {
          const V factor = hn::Set(d, w[o]);
          HWY_UNROLL(8)
          for (int p = 0; p < kPositions; ++p) sum[o][p] = hn::MulAdd(factor, x[p], sum[o][p]);
        }
      }
    }
    HWY_UNROLL(8)
    for (int p = 0; p < kPositions; ++p) {
      float* HWY_RESTRICT to = out + job.out_at[position + p] + lane;
      HWY_UNROLL(8)
      for (int o = 0; o < kOuts; ++o) hn::Store(sum[o][p], d, to + o * job.out_stride);
    }
  }
}

template <int kOuts>
HWY_INLINE void TileRow(const TileJob& job, const float* weight, const float* bias, float* out) {
  constexpr int kPositions = kOuts == 1 ? 8 : kWide;
  int64_t p = 0;
  for (; p + kPositions <= job.positions; p += kPositions) {
    TileBlock<kOuts, kPositions>(job, weight, bias, p, out);
  }
  for (; p + 2 <= job.positions; p += 2) TileBlock<kOuts, 2>(job, weight, bias, p, out);
  for (; p < job.positions; ++p) TileBlock<kOuts, 1>(job, weight, bias, p, out);
}

void TileImpl(const TileJob& job) {
  const int64_t per_out = job.ins * job.tap_count;
  int64_t o = 0;
  for (; o + kOutBlock <= job.outs; o += kOutBlock) {
    TileRow<kOutBlock>(job, job.weight + o * per_out, job.bias != nullptr ? job.bias + o : nullptr,
                       job.out + o * job.out_stride);
  }
  for (; o < job.outs; ++o) {
    TileRow<1>(job, job.weight + o * per_out, job.bias != nullptr ? job.bias + o : nullptr,
               job.out + o * job.out_stride);
  }
}

// kOuts x kCount sums held in registers while positions go by.
template <int kOuts, int kCount>
HWY_INLINE void GradientBlock(const WeightGradientJob& job, int64_t out, int64_t first) {
  const D d;
  V sum[kOuts][kCount];
  HWY_UNROLL(8)
  for (int o = 0; o < kOuts; ++o) {
    HWY_UNROLL(16)
    for (int k = 0; k < kCount; ++k) sum[o][k] = hn::Zero(d);
  }
  const float* in[kCount];
  HWY_UNROLL(16)
  for (int k = 0; k < kCount; ++k) in[k] = job.in + job.offsets[first + k];
  const int64_t dy_stride = job.dy_stride;
  const int64_t step = job.step;
  for (int64_t row = 0; row < job.rows; ++row) {
    const float* HWY_RESTRICT dy = job.dy + out * dy_stride + row * job.dy_row;
    int64_t at = row * job.in_row;
    for (int64_t p = 0; p < job.positions; ++p, dy += kLanes, at += step) {
      for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
        V g[kOuts];
        HWY_UNROLL(8)
        for (int o = 0; o < kOuts; ++o) g[o] = hn::Load(d, dy + o * dy_stride + lane);
        HWY_UNROLL(16)
        for (int k = 0; k < kCount; ++k) {
          const V x = hn::Load(d, in[k] + at + lane);
          HWY_UNROLL(8)
          for (int o = 0; o < kOuts; ++o) sum[o][k] = hn::MulAdd(g[o], x, sum[o][k]);
        }
      }
    }
  }
  HWY_UNROLL(8)
  for (int o = 0; o < kOuts; ++o) {
    HWY_UNROLL(16)
    for (int k = 0; k < kCount; ++k) {
      job.grad[(out + o) * job.grad_stride + first + k] = hn::GetLane(hn::SumOfLanes(d, sum[o][k]));
    }
  }
}

template <int kOuts>
HWY_INLINE void GradientRow(const WeightGradientJob& job, int64_t out) {
  // 4 x 5 sums and their operands need 25 registers; one output alone leaves room for a 3 x 3
  // kernel.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM
  constexpr int kCount = kOuts == 1 ? 9 : 5;
#else
  constexpr int kCount = kOuts == 1 ? 9 : 2;
#endif
  int64_t k = 0;
  for (; k + kCount <= job.count; k += kCount) GradientBlock<kOuts, kCount>(job, out, k);
  if constexpr (kCount > 4) {
    for (; k + 4 <= job.count; k += 4) GradientBlock<kOuts, 4>(job, out, k);
  }
  for (; k + 3 <= job.count; k += 3) GradientBlock<kOuts, 3>(job, out, k);
  if constexpr (kCount > 2) {
    for (; k + 2 <= job.count; k += 2) GradientBlock<kOuts, 2>(job, out, k);
  }
  for (; k < job.count; ++k) GradientBlock<kOuts, 1>(job, out, k);
}

// The same for few positions, where the sum over lanes at the end would cost more than all before:
// with x turned to [lane][k] the sum over lanes is a sum of vectors.
constexpr int64_t kFewPositions = 4;
constexpr int64_t kTurned = 64;  // k side by side
constexpr int64_t kFewestTurned = 8;

template <int kOuts>
HWY_INLINE void FewPositionsRow(const WeightGradientJob& job, const float* HWY_RESTRICT turned,
                                int64_t out, int64_t first) {
  constexpr int kVectors = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM ? 4 : 2;
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t end = std::min(kTurned, job.count - first);
  for (int64_t k = 0; k < end; k += kVectors * lanes) {
    V sum[kOuts][kVectors];
    HWY_UNROLL(8)
    for (int o = 0; o < kOuts; ++o) {
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) sum[o][v] = hn::Zero(d);
    }
    const float* HWY_RESTRICT x = turned + k;
    for (int64_t row = 0; row < job.rows; ++row) {
      const float* HWY_RESTRICT dy = job.dy + out * job.dy_stride + row * job.dy_row;
      for (int64_t at = 0; at < job.positions * kLanes; ++at, x += kTurned) {
        HWY_UNROLL(8)
        for (int o = 0; o < kOuts; ++o) {
          const V g = hn::Set(d, dy[o * job.dy_stride + at]);
          HWY_UNROLL(8)
          for (int v = 0; v < kVectors; ++v) {
            sum[o][v] = hn::MulAdd(g, hn::Load(d, x + v * lanes), sum[o][v]);
          }
        }
      }
    }
    HWY_UNROLL(8)
    for (int o = 0; o < kOuts; ++o) {
      float* grad = job.grad + (out + o) * job.grad_stride + first + k;
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) {
        const int64_t left = end - k - v * lanes;
        if (left >= lanes) {
          hn::StoreU(sum[o][v], d, grad + v * lanes);
        } else if (left > 0) {
          HWY_ALIGN float rest[kLanes];
          hn::Store(sum[o][v], d, rest);
          std::copy(rest, rest + left, grad + v * lanes);
        }
      }
    }
  }
}

void FewPositions(const WeightGradientJob& job) {
  HWY_ALIGN float turned[kFewPositions * kLanes * kTurned];
  for (int64_t first = 0; first < job.count; first += kTurned) {
    const int64_t end = std::min(kTurned, job.count - first);
    float* to = turned;
    for (int64_t row = 0; row < job.rows; ++row) {
      for (int64_t p = 0; p < job.positions; ++p, to += kLanes * kTurned) {
        const float* from = job.in + row * job.in_row + p * job.step;
        for (int64_t k = 0; k < kTurned; ++k) {
          for (int64_t lane = 0; lane < kLanes; ++lane) {
            to[lane * kTurned + k] = k < end ? from[job.offsets[first + k] + lane] : 0.0f;
          }
        }
      }
    }
    int64_t o = 0;
    for (; o + kOutBlock <= job.outs; o += kOutBlock) {
      FewPositionsRow<kOutBlock>(job, turned, o, first);
    }
    for (; o < job.outs; ++o) FewPositionsRow<1>(job, turned, o, first);
  }
}

void WeightGradientImpl(const WeightGradientJob& job) {
  if (job.rows * job.positions <= kFewPositions && job.count >= kFewestTurned) {
    FewPositions(job);
    return;
  }
  int64_t o = 0;
  for (; o + kOutBlock <= job.outs; o += kOutBlock) GradientRow<kOutBlock>(job, o);
  for (; o < job.outs; ++o) GradientRow<1>(job, o);
}

const char* TargetNameImpl() { return hwy::TargetName(HWY_TARGET); }

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(TileImpl);
HWY_EXPORT(WeightGradientImpl);
HWY_EXPORT(TargetNameImpl);

void Tile(const TileJob& job) { HWY_DYNAMIC_DISPATCH(TileImpl)(job); }
void WeightGradient(const WeightGradientJob& job) { HWY_DYNAMIC_DISPATCH(WeightGradientImpl)(job); }
const char* TargetName() { return HWY_DYNAMIC_DISPATCH(TargetNameImpl)(); }

}  // namespace platypus::train
#endif  // HWY_ONCE
