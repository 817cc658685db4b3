#include "platypus/train/kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/kernels.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// kOuts x kPositions outputs held in registers.
template <int kOuts, int kPositions>
HWY_INLINE void TileBlock(const TileJob& job, const float* HWY_RESTRICT weight, const float* bias,
                          const float* HWY_RESTRICT in, float* HWY_RESTRICT out, int64_t width) {
  const D d;
  for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
    V sum[kOuts][kPositions];
    for (int o = 0; o < kOuts; ++o) {
      const V start = bias != nullptr ? hn::Set(d, bias[o]) : hn::Zero(d);
      for (int p = 0; p < kPositions; ++p) sum[o][p] = start;
    }
    const float* w = weight;
    for (int64_t i = 0; i < job.ins; ++i) {
      const float* source = in + i * job.in_stride + lane;
      for (int64_t t = 0; t < job.tap_count; ++t, w += width) {
        const float* tap = source + job.taps[t];
        V x[kPositions];
        for (int p = 0; p < kPositions; ++p) x[p] = hn::Load(d, tap + p * job.step);
        for (int o = 0; o < kOuts; ++o) {
          const V factor = hn::Set(d, w[o]);
          for (int p = 0; p < kPositions; ++p) sum[o][p] = hn::MulAdd(factor, x[p], sum[o][p]);
        }
      }
    }
    for (int o = 0; o < kOuts; ++o) {
      for (int p = 0; p < kPositions; ++p) {
        hn::Store(sum[o][p], d, out + o * job.out_stride + p * job.out_step + lane);
      }
    }
  }
}

template <int kOuts>
HWY_INLINE void TileRow(const TileJob& job, const float* weight, const float* bias, float* out) {
  constexpr int kPositions = kOuts == 1 ? 8 : 4;
  int64_t p = 0;
  for (; p + kPositions <= job.positions; p += kPositions) {
    TileBlock<kOuts, kPositions>(job, weight, bias, job.in + p * job.step, out + p * job.out_step, kOuts);
  }
  for (; p < job.positions; ++p) {
    TileBlock<kOuts, 1>(job, weight, bias, job.in + p * job.step, out + p * job.out_step, kOuts);
  }
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
  for (int o = 0; o < kOuts; ++o) {
    for (int k = 0; k < kCount; ++k) sum[o][k] = hn::Zero(d);
  }
  const float* dy = job.dy + out * job.dy_stride;
  const float* in[kCount];
  for (int k = 0; k < kCount; ++k) in[k] = job.in + job.offsets[first + k];
  for (int64_t row = 0; row < job.rows; ++row) {
    for (int64_t p = 0; p < job.positions; ++p) {
      const int64_t at_dy = row * job.dy_row + p * kLanes;
      const int64_t at_in = row * job.in_row + p * job.step;
      for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
        V g[kOuts];
        for (int o = 0; o < kOuts; ++o) g[o] = hn::Load(d, dy + o * job.dy_stride + at_dy + lane);
        for (int k = 0; k < kCount; ++k) {
          const V x = hn::Load(d, in[k] + at_in + lane);
          for (int o = 0; o < kOuts; ++o) sum[o][k] = hn::MulAdd(g[o], x, sum[o][k]);
        }
      }
    }
  }
  for (int o = 0; o < kOuts; ++o) {
    for (int k = 0; k < kCount; ++k) {
      job.grad[(out + o) * job.grad_stride + first + k] += hn::GetLane(hn::SumOfLanes(d, sum[o][k]));
    }
  }
}

template <int kOuts>
HWY_INLINE void GradientRow(const WeightGradientJob& job, int64_t out) {
  constexpr int kCount = 5;  // the zoo's kernels have 3 or 5 taps
  int64_t k = 0;
  for (; k + kCount <= job.count; k += kCount) GradientBlock<kOuts, kCount>(job, out, k);
  for (; k + 3 <= job.count; k += 3) GradientBlock<kOuts, 3>(job, out, k);
  for (; k < job.count; ++k) GradientBlock<kOuts, 1>(job, out, k);
}

void WeightGradientImpl(const WeightGradientJob& job) {
  int64_t o = 0;
  for (; o + kOutBlock <= job.outs; o += kOutBlock) GradientRow<kOutBlock>(job, o);
  for (; o < job.outs; ++o) GradientRow<1>(job, o);
}

// The loops below have no order to keep: the compiler vectorises them for the target of this pass.

void ApplyImpl(const Pointwise& p, const float* HWY_RESTRICT in, int64_t count, float* HWY_RESTRICT out) {
  if (p.quantize) {
    for (int64_t i = 0; i < count; ++i) {
      float t = p.gain * in[i] + p.shift;
      t = p.relu ? std::max(t, 0.0f) : t;
      t = std::floor(t * p.inverse_scale + 0.5f);
      out[i] = std::min(std::max(t, p.lo), p.hi) * p.scale;
    }
  } else if (p.relu) {
    for (int64_t i = 0; i < count; ++i) out[i] = std::max(p.gain * in[i] + p.shift, 0.0f);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i] = p.gain * in[i] + p.shift;
  }
}

void MinMaxImpl(const Pointwise& p, const float* HWY_RESTRICT in, int64_t positions,
                const float* HWY_RESTRICT mask, float* min, float* max) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float low[kLanes];
  float high[kLanes];
  std::fill(low, low + kLanes, kInfinity);
  std::fill(high, high + kLanes, -kInfinity);
  for (int64_t i = 0; i < positions; ++i) {
    for (int lane = 0; lane < kLanes; ++lane) {
      float t = p.gain * in[i * kLanes + lane] + p.shift;
      t = p.relu ? std::max(t, 0.0f) : t;
      low[lane] = std::min(low[lane], t);
      high[lane] = std::max(high[lane], t);
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    if (mask[lane] == 0.0f) continue;
    *min = std::min(*min, low[lane]);
    *max = std::max(*max, high[lane]);
  }
}

void MaskGradientImpl(const Pointwise& p, const float* HWY_RESTRICT in, int64_t count,
                      float* HWY_RESTRICT gradient) {
  for (int64_t i = 0; i < count; ++i) {
    const float t = p.gain * in[i] + p.shift;
    float keep = p.relu && !(t > 0.0f) ? 0.0f : 1.0f;
    if (p.quantize) {
      const float q = std::floor((p.relu ? std::max(t, 0.0f) : t) * p.inverse_scale + 0.5f);
      keep = q < p.lo || q > p.hi ? 0.0f : keep;
    }
    gradient[i] = keep != 0.0f ? gradient[i] : 0.0f;
  }
}

double Total(const float (&sum)[kLanes]) {
  double total = 0;
  for (const float lane : sum) total += lane;
  return total;
}

// Sums run over runs of positions short enough for float, which are added up in double.
constexpr int64_t kRun = 64;

double SumImpl(const float* HWY_RESTRICT in, int64_t positions, const float* HWY_RESTRICT mask) {
  double total = 0;
  for (int64_t start = 0; start < positions; start += kRun) {
    float sum[kLanes] = {};
    const int64_t end = std::min(positions, start + kRun);
    for (int64_t i = start; i < end; ++i) {
      for (int lane = 0; lane < kLanes; ++lane) sum[lane] += in[i * kLanes + lane];
    }
    for (int lane = 0; lane < kLanes; ++lane) sum[lane] *= mask[lane];
    total += Total(sum);
  }
  return total;
}

double SumSquaresImpl(const float* HWY_RESTRICT in, float mean, int64_t positions,
                      const float* HWY_RESTRICT mask) {
  double total = 0;
  for (int64_t start = 0; start < positions; start += kRun) {
    float sum[kLanes] = {};
    const int64_t end = std::min(positions, start + kRun);
    for (int64_t i = start; i < end; ++i) {
      for (int lane = 0; lane < kLanes; ++lane) {
        const float centred = in[i * kLanes + lane] - mean;
        sum[lane] += centred * centred;
      }
    }
    for (int lane = 0; lane < kLanes; ++lane) sum[lane] *= mask[lane];
    total += Total(sum);
  }
  return total;
}

void GradientSumsImpl(const float* HWY_RESTRICT g, const float* HWY_RESTRICT y, float mean,
                      int64_t positions, double* sum, double* product) {
  for (int64_t start = 0; start < positions; start += kRun) {
    float plain[kLanes] = {};
    float weighted[kLanes] = {};
    const int64_t end = std::min(positions, start + kRun);
    for (int64_t i = start; i < end; ++i) {
      for (int lane = 0; lane < kLanes; ++lane) {
        plain[lane] += g[i * kLanes + lane];
        weighted[lane] += g[i * kLanes + lane] * (y[i * kLanes + lane] - mean);
      }
    }
    *sum += Total(plain);
    *product += Total(weighted);
  }
}

void NormGradientImpl(float gain, float mean_g, float mean, float slope, const float* HWY_RESTRICT y,
                      int64_t positions, const float* HWY_RESTRICT mask, float* HWY_RESTRICT g) {
  for (int64_t i = 0; i < positions; ++i) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const int64_t at = i * kLanes + lane;
      g[at] = gain * (g[at] - mean_g - (y[at] - mean) * slope) * mask[lane];
    }
  }
}

const char* TargetNameImpl() { return hwy::TargetName(HWY_TARGET); }

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(TileImpl);
HWY_EXPORT(WeightGradientImpl);
HWY_EXPORT(ApplyImpl);
HWY_EXPORT(MinMaxImpl);
HWY_EXPORT(MaskGradientImpl);
HWY_EXPORT(SumImpl);
HWY_EXPORT(SumSquaresImpl);
HWY_EXPORT(GradientSumsImpl);
HWY_EXPORT(NormGradientImpl);
HWY_EXPORT(TargetNameImpl);

void Tile(const TileJob& job) { HWY_DYNAMIC_DISPATCH(TileImpl)(job); }
void WeightGradient(const WeightGradientJob& job) { HWY_DYNAMIC_DISPATCH(WeightGradientImpl)(job); }
void Apply(const Pointwise& p, const float* in, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(ApplyImpl)(p, in, count, out);
}
void MinMax(const Pointwise& p, const float* in, int64_t positions, const float* mask, float* min, float* max) {
  HWY_DYNAMIC_DISPATCH(MinMaxImpl)(p, in, positions, mask, min, max);
}
void MaskGradient(const Pointwise& p, const float* in, int64_t count, float* gradient) {
  HWY_DYNAMIC_DISPATCH(MaskGradientImpl)(p, in, count, gradient);
}
double Sum(const float* in, int64_t positions, const float* mask) {
  return HWY_DYNAMIC_DISPATCH(SumImpl)(in, positions, mask);
}
double SumSquares(const float* in, float mean, int64_t positions, const float* mask) {
  return HWY_DYNAMIC_DISPATCH(SumSquaresImpl)(in, mean, positions, mask);
}
void GradientSums(const float* g, const float* y, float mean, int64_t positions, double* sum, double* product) {
  HWY_DYNAMIC_DISPATCH(GradientSumsImpl)(g, y, mean, positions, sum, product);
}
void NormGradient(float gain, float mean_g, float mean, float slope, const float* y, int64_t positions,
                  const float* mask, float* g) {
  HWY_DYNAMIC_DISPATCH(NormGradientImpl)(gain, mean_g, mean, slope, y, positions, mask, g);
}
const char* TargetName() { return HWY_DYNAMIC_DISPATCH(TargetNameImpl)(); }

}  // namespace platypus::train
#endif  // HWY_ONCE
