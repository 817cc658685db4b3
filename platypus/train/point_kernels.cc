#include <algorithm>
#include <limits>

#include "platypus/train/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/point_kernels.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>
// After highway.h, and again for each instruction set.
#include "platypus/train/steps-inl.h"

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
void ApplyImpl(const Pointwise& p, const float* HWY_RESTRICT in, const Rows& rows,
               float* HWY_RESTRICT out) {
  const D d;
  Choose(p, [&](const auto& steps) HWY_ATTR {
    for (int64_t r = 0; r < rows.rows; ++r) {
      const float* HWY_RESTRICT from = in + r * rows.count;
      float* HWY_RESTRICT to = out + r * rows.stride;
      for (int64_t i = 0; i < rows.count; i += static_cast<int64_t>(hn::Lanes(d))) {
        hn::Store(steps.Value(hn::Load(d, from + i)), d, to + i);
      }
    }
  });
}

void AddAppliedImpl(const Pointwise& p, const float* HWY_RESTRICT in, int64_t count,
                    float* HWY_RESTRICT out) {
  const D d;
  Choose(p, [&](const auto& steps) HWY_ATTR {
    for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
      hn::Store(hn::Add(hn::Load(d, out + i), steps.Value(hn::Load(d, in + i))), d, out + i);
    }
  });
}

void MinMaxImpl(const Pointwise& p, const float* HWY_RESTRICT in, int64_t positions,
                const float* HWY_RESTRICT mask, float* min, float* max) {
  const D d;
  const V infinity = hn::Set(d, std::numeric_limits<float>::infinity());
  Choose(p, [&](const auto& steps) HWY_ATTR {
    for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
      V low = infinity;
      V high = hn::Neg(infinity);
      for (int64_t i = 0; i < positions; ++i) {
        const V t = steps.Rectified(hn::Load(d, in + i * kLanes + lane));
        low = hn::Min(low, t);
        high = hn::Max(high, t);
      }
      const auto used = hn::Gt(hn::LoadU(d, mask + lane), hn::Zero(d));
      low = hn::IfThenElse(used, low, infinity);
      high = hn::IfThenElse(used, high, hn::Neg(infinity));
      *min = std::min(*min, hn::GetLane(hn::MinOfLanes(d, low)));
      *max = std::max(*max, hn::GetLane(hn::MaxOfLanes(d, high)));
    }
  });
}

void PointGradientImpl(const Pointwise& p, const NormGradient& norm, const float* HWY_RESTRICT y,
                       const float* HWY_RESTRICT g, const float* HWY_RESTRICT mask,
                       const Rows& rows, float* HWY_RESTRICT out) {
  const D d;
  const V slope = hn::Set(d, norm.slope);
  const V rest = hn::Set(d, norm.rest);
  Choose(p, [&](const auto& steps) HWY_ATTR {
    for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
      const auto used = hn::Gt(hn::LoadU(d, mask + lane), hn::Zero(d));
      for (int64_t r = 0; r < rows.rows; ++r) {
        const int64_t from = r * rows.count + static_cast<int64_t>(lane);
        float* HWY_RESTRICT to = out + r * rows.stride + lane;
        for (int64_t i = 0; i < rows.count; i += kLanes) {
          const V value = hn::Load(d, y + from + i);
          const V kept = steps.Masked(value, hn::Load(d, g + from + i));
          const V all = hn::MulAdd(steps.gain, kept, hn::NegMulAdd(slope, value, rest));
          hn::Store(hn::IfThenElseZero(used, all), d, to + i);
        }
      }
    }
  });
}

// Sums run over runs of positions short enough for float, four at a time; the runs are added up in
// double.
constexpr int64_t kRun = 64;

// sum over positions and lanes of each of kSums values: term(offset, values).
template <int kSums, typename Term>
HWY_INLINE void SumUp(int64_t positions, const float* HWY_RESTRICT mask, double (&totals)[kSums],
                      Term term) {
  constexpr int kChains = 4;
  const D d;
  for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
    const auto used = hn::Gt(hn::LoadU(d, mask + lane), hn::Zero(d));
    for (int64_t start = 0; start < positions; start += kRun) {
      V sum[kChains][kSums];
      HWY_UNROLL(4)
      for (int k = 0; k < kChains; ++k) {
        HWY_UNROLL(4)
        for (int s = 0; s < kSums; ++s) sum[k][s] = hn::Zero(d);
      }
      const int64_t end = std::min(positions, start + kRun);
      int64_t i = start;
      for (; i + kChains <= end; i += kChains) {
        HWY_UNROLL(4)
        for (int k = 0; k < kChains; ++k)
          term(static_cast<size_t>((i + k) * kLanes) + lane, sum[k]);
      }
      for (; i < end; ++i) term(static_cast<size_t>(i * kLanes) + lane, sum[0]);
      HWY_UNROLL(4)
      for (int s = 0; s < kSums; ++s) {
        const V all = hn::Add(hn::Add(sum[0][s], sum[1][s]), hn::Add(sum[2][s], sum[3][s]));
        totals[s] += double{hn::GetLane(hn::SumOfLanes(d, hn::IfThenElseZero(used, all)))};
      }
    }
  }
}

double SumImpl(const float* HWY_RESTRICT in, int64_t positions, const float* mask) {
  const D d;
  double total[1] = {};
  SumUp<1>(positions, mask, total,
           [=](size_t at, V(&sum)[1]) HWY_ATTR { sum[0] = hn::Add(sum[0], hn::Load(d, in + at)); });
  return total[0];
}

void MomentsImpl(const float* HWY_RESTRICT in, float centre, int64_t positions, const float* mask,
                 double* sum, double* squares) {
  const D d;
  const V shift = hn::Set(d, centre);
  double totals[2] = {};
  SumUp<2>(positions, mask, totals, [=](size_t at, V(&sums)[2]) HWY_ATTR {
    const V x = hn::Load(d, in + at);
    const V off = hn::Sub(x, shift);
    sums[0] = hn::Add(sums[0], x);
    sums[1] = hn::MulAdd(off, off, sums[1]);
  });
  *sum = totals[0];
  *squares = totals[1];
}

void SumGradientImpl(const Pointwise& p, const float* HWY_RESTRICT y, const float* HWY_RESTRICT g,
                     float mean, int64_t positions, const float* mask, double* sum,
                     double* product) {
  const D d;
  const V centre = hn::Set(d, mean);
  double totals[2] = {};
  Choose(p, [&](const auto& steps) HWY_ATTR {
    SumUp<2>(positions, mask, totals, [=](size_t at, V(&sums)[2]) HWY_ATTR {
      const V value = hn::Load(d, y + at);
      const V kept = steps.Masked(value, hn::Load(d, g + at));
      sums[0] = hn::Add(sums[0], kept);
      sums[1] = hn::MulAdd(kept, hn::Sub(value, centre), sums[1]);
    });
  });
  *sum = totals[0];
  *product = totals[1];
}

double StepGradientImpl(const Pointwise& p, const float* HWY_RESTRICT y,
                        const float* HWY_RESTRICT g, int64_t positions, const float* mask) {
  const D d;
  double total[1] = {};
  if (!p.quantize) return 0;
  Choose(p, [&](const auto& steps) HWY_ATTR {
    SumUp<1>(positions, mask, total, [=](size_t at, V(&sum)[1]) HWY_ATTR {
      sum[0] = hn::MulAdd(hn::Load(d, g + at), steps.StepSlope(hn::Load(d, y + at)), sum[0]);
    });
  });
  return total[0];
}

// body(whole vectors at i), then the rest one by one with one(i).
template <typename Body, typename One>
HWY_INLINE void ForAll(size_t count, Body body, One one) {
  const D d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) body(i);
  for (; i < count; ++i) one(i);
}

void AccumulateImpl(const float* HWY_RESTRICT from, size_t count, float* HWY_RESTRICT to) {
  const D d;
  ForAll(
      count,
      [&](size_t i) HWY_ATTR {
        hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, from + i)), d, to + i);
      },
      [&](size_t i) { to[i] += from[i]; });
}

// body(tag, i) for whole vectors, then one lane at a time. The optimisers' arithmetic below has no
// fused multiply-add: the same bits on every machine, and for the rest of the row.
template <typename Body>
HWY_INLINE void ForLanes(size_t count, Body body) {
  const hn::CappedTag<float, 1> one_lane;
  ForAll(
      count, [&](size_t i) HWY_ATTR { body(D(), i); },
      [&](size_t i) HWY_ATTR { body(one_lane, i); });
}

// 0 x is 0 for a finite x and NaN for others, and a sum keeps a NaN.
bool AllFiniteImpl(const float* HWY_RESTRICT values, size_t count) {
  V zeros = hn::Zero(D());
  float rest = 0.0f;
  ForAll(
      count,
      [&](size_t i)
          HWY_ATTR { zeros = hn::Add(zeros, hn::Mul(hn::Zero(D()), hn::LoadU(D(), values + i))); },
      [&](size_t i) { rest += 0.0f * values[i]; });
  return hn::GetLane(hn::SumOfLanes(D(), zeros)) + rest == 0.0f;
}

void BlendImpl(float keep, const float* HWY_RESTRICT value, size_t count,
               float* HWY_RESTRICT mean) {
  ForLanes(count, [&](auto d, size_t i) HWY_ATTR {
    const auto kept = hn::Mul(hn::Set(d, keep), hn::LoadU(d, mean + i));
    const auto added = hn::Mul(hn::Set(d, 1.0f - keep), hn::LoadU(d, value + i));
    hn::StoreU(hn::Add(kept, added), d, mean + i);
  });
}

void MomentumImpl(const OptimizerStep& step, bool nesterov, const float* HWY_RESTRICT gradient,
                  size_t count, float* HWY_RESTRICT parameter, float* HWY_RESTRICT velocity) {
  ForLanes(count, [&](auto d, size_t i) HWY_ATTR {
    const auto p = hn::LoadU(d, parameter + i);
    const auto g = hn::Add(hn::LoadU(d, gradient + i), hn::Mul(hn::Set(d, step.decay), p));
    const auto momentum = hn::Set(d, step.momentum);
    const auto v = hn::Add(hn::Mul(momentum, hn::LoadU(d, velocity + i)), g);
    hn::StoreU(v, d, velocity + i);
    const auto move = nesterov ? hn::Add(g, hn::Mul(momentum, v)) : v;
    hn::StoreU(hn::Sub(p, hn::Mul(hn::Set(d, step.rate), move)), d, parameter + i);
  });
}

void RmspropImpl(const OptimizerStep& step, const float* HWY_RESTRICT gradient, size_t count,
                 float* HWY_RESTRICT parameter, float* HWY_RESTRICT first,
                 float* HWY_RESTRICT second) {
  ForLanes(count, [&](auto d, size_t i) HWY_ATTR {
    const auto set = [&](float value) HWY_ATTR { return hn::Set(d, value); };
    const auto p = hn::LoadU(d, parameter + i);
    const auto g = hn::Add(hn::LoadU(d, gradient + i), hn::Mul(set(step.decay), p));
    const auto s =
        hn::Add(hn::Mul(set(0.9f), hn::LoadU(d, second + i)), hn::Mul(hn::Mul(set(0.1f), g), g));
    const auto b = hn::Add(hn::Mul(set(step.momentum), hn::LoadU(d, first + i)),
                           hn::Div(g, hn::Add(hn::Sqrt(s), set(0.0316f))));
    hn::StoreU(s, d, second + i);
    hn::StoreU(b, d, first + i);
    hn::StoreU(hn::Sub(p, hn::Mul(set(step.rate), b)), d, parameter + i);
  });
}

void AdamImpl(const OptimizerStep& step, const float* HWY_RESTRICT gradient, size_t count,
              float* HWY_RESTRICT parameter, float* HWY_RESTRICT first,
              float* HWY_RESTRICT second) {
  constexpr float kBeta1 = 0.9f;
  constexpr float kBeta2 = 0.999f;
  constexpr float kEpsilon = 1e-8f;
  ForLanes(count, [&](auto d, size_t i) HWY_ATTR {
    const auto set = [&](float value) HWY_ATTR { return hn::Set(d, value); };
    auto p = hn::LoadU(d, parameter + i);
    p = hn::Sub(p, hn::Mul(set(step.shrink), p));
    const auto g = hn::Add(hn::LoadU(d, gradient + i), hn::Mul(set(step.decay), p));
    const auto m =
        hn::Add(hn::Mul(set(kBeta1), hn::LoadU(d, first + i)), hn::Mul(set(1.0f - kBeta1), g));
    const auto v = hn::Add(hn::Mul(set(kBeta2), hn::LoadU(d, second + i)),
                           hn::Mul(hn::Mul(set(1.0f - kBeta2), g), g));
    hn::StoreU(m, d, first + i);
    hn::StoreU(v, d, second + i);
    const auto size = hn::Add(hn::Sqrt(hn::Div(v, set(step.correction2))), set(kEpsilon));
    const auto move = hn::Div(hn::Mul(set(step.rate), hn::Div(m, set(step.correction1))), size);
    hn::StoreU(hn::Sub(p, move), d, parameter + i);
  });
}

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(ApplyImpl);
HWY_EXPORT(AddAppliedImpl);
HWY_EXPORT(MinMaxImpl);
HWY_EXPORT(PointGradientImpl);
HWY_EXPORT(SumImpl);
HWY_EXPORT(MomentsImpl);
HWY_EXPORT(SumGradientImpl);
HWY_EXPORT(StepGradientImpl);
HWY_EXPORT(AccumulateImpl);
HWY_EXPORT(AllFiniteImpl);
HWY_EXPORT(BlendImpl);
HWY_EXPORT(AdamImpl);
HWY_EXPORT(MomentumImpl);
HWY_EXPORT(RmspropImpl);

void Apply(const Pointwise& p, const float* in, const Rows& rows, float* out) {
  HWY_DYNAMIC_DISPATCH(ApplyImpl)(p, in, rows, out);
}
void AddApplied(const Pointwise& p, const float* in, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(AddAppliedImpl)(p, in, count, out);
}
void MinMax(const Pointwise& p, const float* in, int64_t positions, const float* mask, float* min,
            float* max) {
  HWY_DYNAMIC_DISPATCH(MinMaxImpl)(p, in, positions, mask, min, max);
}
void PointGradient(const Pointwise& p, const NormGradient& norm, const float* y, const float* g,
                   const float* mask, const Rows& rows, float* out) {
  HWY_DYNAMIC_DISPATCH(PointGradientImpl)(p, norm, y, g, mask, rows, out);
}
double Sum(const float* in, int64_t positions, const float* mask) {
  return HWY_DYNAMIC_DISPATCH(SumImpl)(in, positions, mask);
}
void Moments(const float* in, float centre, int64_t positions, const float* mask, double* sum,
             double* squares) {
  HWY_DYNAMIC_DISPATCH(MomentsImpl)(in, centre, positions, mask, sum, squares);
}
void SumGradient(const Pointwise& p, const float* y, const float* g, float mean, int64_t positions,
                 const float* mask, double* sum, double* product) {
  HWY_DYNAMIC_DISPATCH(SumGradientImpl)(p, y, g, mean, positions, mask, sum, product);
}
double StepGradient(const Pointwise& p, const float* y, const float* g, int64_t positions,
                    const float* mask) {
  return HWY_DYNAMIC_DISPATCH(StepGradientImpl)(p, y, g, positions, mask);
}
void Accumulate(const float* from, size_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(AccumulateImpl)(from, count, to);
}
bool AllFinite(const float* values, size_t count) {
  return HWY_DYNAMIC_DISPATCH(AllFiniteImpl)(values, count);
}
void Blend(float keep, const float* value, size_t count, float* mean) {
  HWY_DYNAMIC_DISPATCH(BlendImpl)(keep, value, count, mean);
}
void Adam(const OptimizerStep& step, const float* gradient, size_t count, float* parameter,
          float* first, float* second) {
  HWY_DYNAMIC_DISPATCH(AdamImpl)(step, gradient, count, parameter, first, second);
}
void Momentum(const OptimizerStep& step, bool nesterov, const float* gradient, size_t count,
              float* parameter, float* velocity) {
  HWY_DYNAMIC_DISPATCH(MomentumImpl)(step, nesterov, gradient, count, parameter, velocity);
}
void Rmsprop(const OptimizerStep& step, const float* gradient, size_t count, float* parameter,
             float* first, float* second) {
  HWY_DYNAMIC_DISPATCH(RmspropImpl)(step, gradient, count, parameter, first, second);
}

}  // namespace platypus::train
#endif  // HWY_ONCE
