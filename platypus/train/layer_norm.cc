#include <algorithm>
#include <cmath>

#include "platypus/train/local_layer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/layer_norm.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// totals[lane] = sum over elements of term(element, lane): runs short enough for float, added up in
// double.
template <typename Term>
HWY_INLINE void SumUp(int64_t elements, double (&totals)[kLanes], Term term) {
  constexpr int64_t kRun = 64;
  const D d;
  HWY_ALIGN float run[kLanes];
  std::fill(totals, totals + kLanes, 0.0);
  for (int64_t start = 0; start < elements; start += kRun) {
    const int64_t end = std::min(elements, start + kRun);
    for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
      V sum = hn::Zero(d);
      for (int64_t i = start; i < end; ++i) sum = term(static_cast<size_t>(i), lane, sum);
      hn::Store(sum, d, run + lane);
    }
    for (size_t lane = 0; lane < kLanes; ++lane) totals[lane] += double{run[lane]};
  }
}

// mean, inverse: [kLanes] each.
void LayerNormForwardImpl(const LayerNormLayer& layer, const float* HWY_RESTRICT x,
                          const float* HWY_RESTRICT weight, float* HWY_RESTRICT mean,
                          float* HWY_RESTRICT inverse, float* HWY_RESTRICT y) {
  const D d;
  const float* bias = weight + layer.elements;
  const auto n = static_cast<double>(layer.elements);
  double sum[kLanes];
  double squares[kLanes];
  SumUp(layer.elements, sum, [&](size_t i, size_t lane, V before) HWY_ATTR {
    return hn::Add(before, hn::Load(d, x + i * kLanes + lane));
  });
  for (size_t lane = 0; lane < kLanes; ++lane) mean[lane] = static_cast<float>(sum[lane] / n);
  SumUp(layer.elements, squares, [&](size_t i, size_t lane, V before) HWY_ATTR {
    const V u = hn::Sub(hn::Load(d, x + i * kLanes + lane), hn::LoadU(d, mean + lane));
    return hn::MulAdd(u, u, before);
  });
  for (size_t lane = 0; lane < kLanes; ++lane) {
    // The squares are taken around the mean rounded to float; what that adds is taken off again.
    const double rounding = sum[lane] / n - double{mean[lane]};
    const double variance = std::max(0.0, squares[lane] / n - rounding * rounding);
    inverse[lane] = static_cast<float>(1.0 / std::sqrt(variance + double{layer.epsilon}));
  }
  for (size_t i = 0; i < static_cast<size_t>(layer.elements); ++i) {
    for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
      const V u = hn::Mul(hn::Sub(hn::Load(d, x + i * kLanes + lane), hn::LoadU(d, mean + lane)),
                          hn::LoadU(d, inverse + lane));
      hn::Store(hn::MulAdd(u, hn::Set(d, weight[i]), hn::Set(d, bias[i])), d,
                y + i * kLanes + lane);
    }
  }
}

// With u = (x - mean) / deviation and g = dy * weight: dx = (g - mean(g) - u mean(g u)) /
// deviation. dx may be null.
void LayerNormBackwardImpl(const LayerNormLayer& layer, const float* HWY_RESTRICT x,
                           const float* HWY_RESTRICT weight, const float* HWY_RESTRICT mean,
                           const float* HWY_RESTRICT inverse, const float* HWY_RESTRICT dy,
                           float* HWY_RESTRICT gradient, float* HWY_RESTRICT dx) {
  const D d;
  const auto elements = static_cast<size_t>(layer.elements);
  const auto normal = [&](size_t i, size_t lane) HWY_ATTR {
    return hn::Mul(hn::Sub(hn::Load(d, x + i * kLanes + lane), hn::LoadU(d, mean + lane)),
                   hn::LoadU(d, inverse + lane));
  };
  for (size_t i = 0; i < elements; ++i) {
    V dweight = hn::Zero(d);
    V dbias = hn::Zero(d);
    for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
      const V g = hn::Load(d, dy + i * kLanes + lane);
      dweight = hn::MulAdd(g, normal(i, lane), dweight);
      dbias = hn::Add(dbias, g);
    }
    gradient[i] += hn::GetLane(hn::SumOfLanes(d, dweight));
    gradient[elements + i] += hn::GetLane(hn::SumOfLanes(d, dbias));
  }
  if (dx == nullptr) return;
  const auto n = static_cast<double>(layer.elements);
  double sum[kLanes];
  double product[kLanes];
  SumUp(layer.elements, sum, [&](size_t i, size_t lane, V before) HWY_ATTR {
    return hn::MulAdd(hn::Load(d, dy + i * kLanes + lane), hn::Set(d, weight[i]), before);
  });
  SumUp(layer.elements, product, [&](size_t i, size_t lane, V before) HWY_ATTR {
    const V g = hn::Mul(hn::Load(d, dy + i * kLanes + lane), hn::Set(d, weight[i]));
    return hn::MulAdd(g, normal(i, lane), before);
  });
  HWY_ALIGN float mean_g[kLanes];
  HWY_ALIGN float slope[kLanes];
  for (size_t lane = 0; lane < kLanes; ++lane) {
    mean_g[lane] = static_cast<float>(sum[lane] / n);
    slope[lane] = static_cast<float>(product[lane] / n);
  }
  for (size_t i = 0; i < elements; ++i) {
    for (size_t lane = 0; lane < kLanes; lane += hn::Lanes(d)) {
      const V g = hn::Mul(hn::Load(d, dy + i * kLanes + lane), hn::Set(d, weight[i]));
      const V rest = hn::NegMulAdd(normal(i, lane), hn::Load(d, slope + lane),
                                   hn::Sub(g, hn::Load(d, mean_g + lane)));
      hn::Store(hn::Mul(rest, hn::LoadU(d, inverse + lane)), d, dx + i * kLanes + lane);
    }
  }
}

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(LayerNormForwardImpl);
HWY_EXPORT(LayerNormBackwardImpl);

void LayerNormLayer::Forward(const Pass& pass) const {
  HWY_DYNAMIC_DISPATCH(LayerNormForwardImpl)
  (*this, pass.x, pass.parameters, pass.kept, pass.kept + kLanes, pass.y);
}

void LayerNormLayer::Backward(const Pass& pass, const Return& back) const {
  HWY_DYNAMIC_DISPATCH(LayerNormBackwardImpl)
  (*this, pass.x, pass.parameters, pass.kept, pass.kept + kLanes, back.dy, back.parameters,
   back.dx);
}

}  // namespace platypus::train
#endif  // HWY_ONCE
