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

HWY_INLINE V Value(const LearnedStepRounding&, V u) { return hn::Round(u); }

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

// The gradient of the step, before its division.
double LearnedStepGradientImpl(const graph::Codes& codes, const float* HWY_RESTRICT weight,
                               size_t count, float* HWY_RESTRICT gradient) {
  const D d;
  const V lo = hn::Set(d, static_cast<float>(codes.lo));
  const V hi = hn::Set(d, static_cast<float>(codes.hi));
  V sum = hn::Zero(d);
  ForVectors(count, [&](size_t i, size_t lanes) HWY_ATTR {
    const V u = hn::Div(Take(weight + i, lanes), hn::Set(d, codes.scale));
    const V g = Take(gradient + i, lanes);
    const auto inside = hn::And(hn::Ge(u, lo), hn::Le(u, hi));
    const V r = hn::Min(hi, hn::Max(lo, hn::Round(u)));
    sum = hn::MulAdd(g, hn::Sub(r, hn::IfThenElseZero(inside, u)), sum);
    Put(hn::IfThenElseZero(inside, g), lanes, gradient + i);
  });
  return double{hn::GetLane(hn::SumOfLanes(d, sum))};
}

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(LargestImpl);
HWY_EXPORT(RoundImpl);
HWY_EXPORT(SoftTernaryGradientImpl);
HWY_EXPORT(LearnedStepGradientImpl);

namespace {

// body(row, first weight, count, codes) for every run of weights, row by row of codes.
template <typename Body>
void ForRows(const WeightArray& weights, Body body) {
  const graph::WeightQuantizer& quantizer = weights.quantizer;
  const size_t rows = graph::CodeRows(quantizer, weights.layout.channels);
  for (size_t row = 0; row < rows; ++row) {
    const auto for_runs = [&](auto visit) {
      if (!quantizer.per_channel) return visit(0, weights.values.size());
      weights.layout.ForRuns(row, [&](size_t first) { visit(first, weights.layout.length); });
    };
    graph::Codes codes;
    if (quantizer.rounding == graph::Rounding::kLearnedStep) {
      codes = graph::StepCodes(quantizer, weights.steps[row]);
    } else if (graph::LargestCode(quantizer) == 1) {
      codes = graph::WeightCodes(quantizer,
                                 graph::Magnitude(quantizer, weights.layout, row, weights.values));
    } else {
      float largest = 0.0f;
      for_runs([&](size_t first, size_t count) {
        const float* run = weights.values.data() + first;
        largest = std::max(largest, HWY_DYNAMIC_DISPATCH(LargestImpl)(run, count));
      });
      codes = graph::WeightCodes(quantizer, largest);
    }
    for_runs([&](size_t first, size_t count) { body(row, first, count, codes); });
  }
}

}  // namespace

WeightRounding HardRounding(graph::Rounding rounding) {
  if (rounding == graph::Rounding::kTernary) return TernaryRounding{};
  if (rounding == graph::Rounding::kLearnedStep) return LearnedStepRounding{};
  return NearestRounding{};
}

WeightRounding TrainingRounding(graph::Rounding rounding, int epoch, int epochs) {
  constexpr float kLastTemperature = 500.0f;
  constexpr int kMostDoublings = 20;
  const float share =
      epochs < 2 ? 1.0f : static_cast<float>(epoch) / static_cast<float>(epochs - 1);
  const float temperature = std::pow(kLastTemperature, share);
  switch (rounding) {
    case graph::Rounding::kSoftSigmoid:
      return SoftSigmoidRounding{temperature};
    case graph::Rounding::kSoftTanh:
      return SoftTanhRounding{temperature};
    case graph::Rounding::kTernary:
      return SoftTernaryRounding{
          std::max(temperature, std::ldexp(1.0f, std::min(epoch, kMostDoublings)))};
    case graph::Rounding::kLearnedStep:
      return LearnedStepRounding{};
    case graph::Rounding::kNearest:
      break;
  }
  return NearestRounding{};
}

void RoundWeights(const WeightRounding& rounding, const WeightArray& weights,
                  std::span<float> rounded) {
  ForRows(weights, [&](size_t, size_t first, size_t count, const graph::Codes& codes) {
    HWY_DYNAMIC_DISPATCH(RoundImpl)
    (rounding, codes, weights.values.data() + first, count, rounded.data() + first);
  });
}

void RoundGradients(const WeightRounding& rounding, const WeightArray& weights,
                    std::span<float> gradient, std::span<float> step_gradient) {
  const float* values = weights.values.data();
  if (const auto* soft = std::get_if<SoftTernaryRounding>(&rounding)) {
    ForRows(weights, [&](size_t, size_t first, size_t count, const graph::Codes& codes) {
      HWY_DYNAMIC_DISPATCH(SoftTernaryGradientImpl)
      (*soft, codes, values + first, count, gradient.data() + first);
    });
  }
  if (!std::holds_alternative<LearnedStepRounding>(rounding)) return;
  const double n = static_cast<double>(weights.values.size()) /
                   static_cast<double>(step_gradient.size());  // weights of a step
  const double share = 1.0 / std::sqrt(n * graph::LargestCode(weights.quantizer));
  std::ranges::fill(step_gradient, 0.0f);
  ForRows(weights, [&](size_t row, size_t first, size_t count, const graph::Codes& codes) {
    const double sum = HWY_DYNAMIC_DISPATCH(LearnedStepGradientImpl)(codes, values + first, count,
                                                                     gradient.data() + first);
    step_gradient[row] += static_cast<float>(share * sum);
  });
}

}  // namespace platypus::train
#endif  // HWY_ONCE
