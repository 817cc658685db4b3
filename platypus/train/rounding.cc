#include "platypus/train/rounding.h"

#include <algorithm>
#include <cmath>

#include "platypus/graph/quantization.h"
#include "platypus/train/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/rounding.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>
// After highway.h, and again for each instruction set.
#include "platypus/train/activations-inl.h"

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
// r(u) of each rounding, before the clamp.
HWY_INLINE V Value(const NearestRounding&, V u) { return hn::Round(u); }

HWY_INLINE V Value(const TernaryRounding&, V u) {
  const D d;
  const V sign = hn::CopySign(hn::Set(d, 1.0f), u);
  return hn::IfThenElseZero(hn::Gt(hn::Abs(u), hn::Set(d, graph::kTernaryThreshold)), sign);
}

HWY_INLINE V Value(const SoftSigmoidRounding& r, V u) {
  const D d;
  const V f = hn::Floor(u);
  const V x = hn::Sub(hn::Sub(u, f), hn::Set(d, 0.5f));
  return hn::Add(f, SigmoidOf(hn::Mul(hn::Set(d, r.temperature), x)));
}

HWY_INLINE V Value(const SoftTanhRounding& r, V u) {
  const D d;
  const V m = hn::Add(hn::Floor(u), hn::Set(d, 0.5f));
  const V t = TanhOf(hn::Mul(hn::Set(d, r.temperature), hn::Sub(u, m)));
  return hn::Add(m, hn::Mul(t, hn::Set(d, 0.5f / std::tanh(r.temperature / 2))));
}

// The two sigmoids of a soft ternary rounding.
struct Sigmoids {
  V low, high;
};
HWY_INLINE Sigmoids Both(const SoftTernaryRounding& r, V u) {
  const D d;
  const V t = hn::Set(d, r.temperature);
  const V threshold = hn::Set(d, graph::kTernaryThreshold);
  return {SigmoidOf(hn::Mul(t, hn::Add(u, threshold))),
          SigmoidOf(hn::Mul(t, hn::Sub(u, threshold)))};
}

HWY_INLINE V Value(const SoftTernaryRounding& r, V u) {
  const Sigmoids s = Both(r, u);
  return hn::Sub(hn::Add(s.low, s.high), hn::Set(D(), 1.0f));
}

// The first `lanes` values of a vector; zeros behind them.
HWY_INLINE V Take(const float* from, size_t lanes) {
  const D d;
  if (lanes == hn::Lanes(d)) return hn::LoadU(d, from);
  HWY_ALIGN float all[kLanes] = {};
  std::copy(from, from + lanes, all);
  return hn::Load(d, all);
}

HWY_INLINE void Put(V v, size_t lanes, float* to) {
  const D d;
  if (lanes == hn::Lanes(d)) return hn::StoreU(v, d, to);
  HWY_ALIGN float all[kLanes];
  hn::Store(v, d, all);
  std::copy(all, all + lanes, to);
}

// body(i, lanes) for every vector of `count` values, the last one perhaps shorter.
template <typename Body>
HWY_INLINE void ForVectors(size_t count, Body body) {
  for (size_t i = 0; i < count; i += hn::Lanes(D())) body(i, std::min(hn::Lanes(D()), count - i));
}

// The same where a value may be visited twice: the last vector begins earlier instead of being
// shorter.
template <typename Body>
HWY_INLINE void ForWholeVectors(size_t count, Body body) {
  const size_t lanes = hn::Lanes(D());
  if (count < lanes) return body(0, count);
  for (size_t i = 0; i < count; i += lanes) body(std::min(i, count - lanes), lanes);
}

float LargestImpl(const float* row, size_t count) {
  const D d;
  V largest = hn::Zero(d);
  ForWholeVectors(count, [&](size_t i, size_t lanes) HWY_ATTR {
    largest = hn::Max(largest, hn::Abs(Take(row + i, lanes)));
  });
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

template <typename Rounding>
HWY_INLINE void RoundAs(const Rounding& rounding, const graph::Codes& codes,
                        const float* HWY_RESTRICT weight, size_t count, float* HWY_RESTRICT to) {
  const D d;
  const V scale = hn::Set(d, codes.scale);
  const V lo = hn::Set(d, static_cast<float>(codes.lo));
  const V hi = hn::Set(d, static_cast<float>(codes.hi));
  ForWholeVectors(count, [&](size_t i, size_t lanes) HWY_ATTR {
    const V r = Value(rounding, hn::Div(Take(weight + i, lanes), scale));
    Put(hn::Mul(hn::Min(hi, hn::Max(lo, r)), scale), lanes, to + i);
  });
}

void RoundImpl(const WeightRounding& rounding, const graph::Codes& codes, const float* weight,
               size_t count, float* to) {
  std::visit([&](const auto& r) HWY_ATTR { RoundAs(r, codes, weight, count, to); }, rounding);
}

// r' = T (a (1 - a) + b (1 - b)) of the two sigmoids a, b.
void SoftTernaryGradientImpl(const SoftTernaryRounding& rounding, const graph::Codes& codes,
                             const float* HWY_RESTRICT weight, size_t count,
                             float* HWY_RESTRICT gradient) {
  const D d;
  const V one = hn::Set(d, 1.0f);
  ForVectors(count, [&](size_t i, size_t lanes) HWY_ATTR {
    const V u = hn::Div(Take(weight + i, lanes), hn::Set(d, codes.scale));
    const Sigmoids s = Both(rounding, u);
    const V slopes = hn::MulAdd(s.low, hn::Sub(one, s.low), hn::Mul(s.high, hn::Sub(one, s.high)));
    const V slope = hn::Mul(hn::Set(d, rounding.temperature), slopes);
    Put(hn::Mul(slope, Take(gradient + i, lanes)), lanes, gradient + i);
  });
}

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(LargestImpl);
HWY_EXPORT(RoundImpl);
HWY_EXPORT(SoftTernaryGradientImpl);

namespace {

// body(first weight, count, codes) for every run of weights with the same codes.
template <typename Body>
void ForRows(const graph::WeightQuantizer& quantizer, size_t channels,
             std::span<const float> weight, Body body) {
  const size_t rows = graph::CodeRows(quantizer, channels);
  const size_t count = weight.size() / rows;
  for (size_t first = 0; first < weight.size(); first += count) {
    const float largest = HWY_DYNAMIC_DISPATCH(LargestImpl)(weight.data() + first, count);
    body(first, count, graph::WeightCodes(quantizer, largest));
  }
}

}  // namespace

WeightRounding HardRounding(graph::Rounding rounding) {
  if (rounding == graph::Rounding::kTernary) return TernaryRounding{};
  return NearestRounding{};
}

WeightRounding TrainingRounding(graph::Rounding rounding, int epoch, int epochs) {
  constexpr float kLastTemperature = 500.0f;
  constexpr int kMostDoublings = 20;
  const float share = static_cast<float>(epoch) / static_cast<float>(std::max(1, epochs - 1));
  const float temperature = std::pow(kLastTemperature, share);
  switch (rounding) {
    case graph::Rounding::kSoftSigmoid:
      return SoftSigmoidRounding{temperature};
    case graph::Rounding::kSoftTanh:
      return SoftTanhRounding{temperature};
    case graph::Rounding::kTernary:
      return SoftTernaryRounding{std::ldexp(1.0f, std::min(epoch, kMostDoublings))};
    case graph::Rounding::kNearest:
      break;
  }
  return NearestRounding{};
}

void RoundWeights(const WeightRounding& rounding, const graph::WeightQuantizer& quantizer,
                  size_t channels, std::span<const float> weight, std::span<float> rounded) {
  ForRows(quantizer, channels, weight, [&](size_t first, size_t count, const graph::Codes& codes) {
    HWY_DYNAMIC_DISPATCH(RoundImpl)
    (rounding, codes, weight.data() + first, count, rounded.data() + first);
  });
}

void RoundGradients(const WeightRounding& rounding, const graph::WeightQuantizer& quantizer,
                    size_t channels, std::span<const float> weight, std::span<float> gradient) {
  const auto* soft = std::get_if<SoftTernaryRounding>(&rounding);
  if (soft == nullptr) return;
  ForRows(quantizer, channels, weight, [&](size_t first, size_t count, const graph::Codes& codes) {
    HWY_DYNAMIC_DISPATCH(SoftTernaryGradientImpl)
    (*soft, codes, weight.data() + first, count, gradient.data() + first);
  });
}

}  // namespace platypus::train
#endif  // HWY_ONCE
