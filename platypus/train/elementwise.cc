#include <algorithm>
#include <cmath>
#include <numbers>
#include <variant>

#include "platypus/base/random.h"
#include "platypus/train/local_layer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/elementwise.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>
// After highway.h, and again for each instruction set.
#include "platypus/train/activations-inl.h"

#ifndef PLATYPUS_TRAIN_ELEMENTWISE_ONCE
#define PLATYPUS_TRAIN_ELEMENTWISE_ONCE
namespace platypus::train {

using AnyElementwise =
    std::variant<graph::Clamp, graph::LeakyRelu, graph::Sigmoid, graph::Tanh, graph::Gelu>;

// What tells the random numbers of one block and step from those of another.
struct DropoutKey {
  uint32_t first = 0;
  uint32_t second = 0;
};

}  // namespace platypus::train
#endif

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
using DBits = hn::RebindToUnsigned<D>;
using Bits = hn::Vec<DBits>;

HWY_INLINE V Set(float value) { return hn::Set(D(), value); }

// exp(-x^2 / 2) and the normal distribution's integral up to x. For z = |x| / sqrt(2):
// erfc(z) = t (a1 + a2 t + ... + a5 t^4) exp(-z^2), t = 1 / (1 + p z), to 1.5e-7 (Abramowitz and
// Stegun 1964, 7.1.26).
struct Normal {
  explicit HWY_INLINE Normal(V x) {
    const V z = hn::Mul(hn::Abs(x), Set(static_cast<float>(1.0 / std::numbers::sqrt2)));
    const V t = hn::Div(Set(1.0f), hn::MulAdd(Set(0.3275911f), z, Set(1.0f)));
    V sum = Set(1.061405429f);
    sum = hn::MulAdd(sum, t, Set(-1.453152027f));
    sum = hn::MulAdd(sum, t, Set(1.421413741f));
    sum = hn::MulAdd(sum, t, Set(-0.284496736f));
    sum = hn::MulAdd(sum, t, Set(0.254829592f));
    bell = hn::Exp(D(), hn::Neg(hn::Min(Set(100.0f), hn::Mul(z, z))));
    const V tail = hn::Mul(Set(0.5f), hn::Mul(hn::Mul(sum, t), bell));
    integral = hn::IfThenElse(hn::Lt(x, hn::Zero(D())), tail, hn::Sub(Set(1.0f), tail));
  }
  V bell, integral;
};

// f(x)
HWY_INLINE V Value(const graph::Clamp& op, V x) {
  return AtMost(Set(op.high), AtLeast(Set(op.low), x));
}
HWY_INLINE V Value(const graph::LeakyRelu& op, V x) {
  return hn::IfThenElse(hn::Ge(x, hn::Zero(D())), x, hn::Mul(Set(op.slope), x));
}
HWY_INLINE V Value(const graph::Sigmoid&, V x) { return SigmoidOf(x); }
HWY_INLINE V Value(const graph::Tanh&, V x) { return TanhOf(x); }
HWY_INLINE V Value(const graph::Gelu&, V x) { return hn::Mul(x, Normal(x).integral); }

// f'(x) from x or from y = f(x).
HWY_INLINE V Slope(const graph::Clamp& op, V x, V) {
  const auto inside = hn::And(hn::Gt(x, Set(op.low)), hn::Lt(x, Set(op.high)));
  return hn::IfThenElseZero(inside, Set(1.0f));
}
HWY_INLINE V Slope(const graph::LeakyRelu& op, V x, V) {
  return hn::IfThenElse(hn::Ge(x, hn::Zero(D())), Set(1.0f), Set(op.slope));
}
HWY_INLINE V Slope(const graph::Sigmoid&, V, V y) { return SigmoidSlope(y); }
HWY_INLINE V Slope(const graph::Tanh&, V, V y) { return TanhSlope(y); }
HWY_INLINE V Slope(const graph::Gelu&, V x, V) {
  constexpr float kDensity =
      static_cast<float>(0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2);  // 1 / sqrt(2 pi)
  const Normal normal(x);
  return hn::MulAdd(hn::Mul(x, Set(kDensity)), normal.bell, normal.integral);
}

// body(i) for every vector of `count` values, a multiple of kLanes.
template <typename Body>
HWY_INLINE void ForVectors(int64_t count, Body body) {
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(D()))) body(i);
}

template <typename Op>
HWY_INLINE void ForwardAs(const Op& op, const float* x, int64_t count, float* y) {
  const D d;
  ForVectors(count,
             [&](int64_t i) HWY_ATTR { hn::Store(Value(op, hn::Load(d, x + i)), d, y + i); });
}

void ForwardImpl(const AnyElementwise& any, const float* x, int64_t count, float* y) {
  std::visit([&](const auto& op) HWY_ATTR { ForwardAs(op, x, count, y); }, any);
}

template <typename Op>
HWY_INLINE void BackwardAs(const Op& op, const float* HWY_RESTRICT x, const float* HWY_RESTRICT y,
                           const float* HWY_RESTRICT dy, int64_t count, float* HWY_RESTRICT dx) {
  const D d;
  ForVectors(count, [&](int64_t i) HWY_ATTR {
    const V slope = Slope(op, hn::Load(d, x + i), hn::Load(d, y + i));
    hn::Store(hn::Mul(hn::Load(d, dy + i), slope), d, dx + i);
  });
}

void BackwardImpl(const AnyElementwise& any, const float* x, const float* y, const float* dy,
                  int64_t count, float* dx) {
  std::visit([&](const auto& op) HWY_ATTR { BackwardAs(op, x, y, dy, count, dx); }, any);
}

// A bijection of 32 bits that leaves no visible trace of its argument (Wellons 2018, "lowbias32").
HWY_INLINE Bits Mix(Bits x) {
  const DBits d;
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<16>(x)), hn::Set(d, 0x7FEB352Du));
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<15>(x)), hn::Set(d, 0x846CA68Bu));
  return hn::Xor(x, hn::ShiftRight<16>(x));
}

// Value i of a block has the random number Mix(Mix(i + first) ^ second), whatever the width of a
// vector: kept where its upper 24 bits are not below probability * 2^24.
void DropoutImpl(DropoutKey key, float probability, const float* HWY_RESTRICT x, int64_t count,
                 float* HWY_RESTRICT factors, float* HWY_RESTRICT y) {
  const D d;
  const DBits bits;
  const hn::RebindToSigned<D> integers;
  const V keep = Set(1.0f / (1.0f - probability));
  const V limit = Set(probability * 0x1.0p24f);
  ForVectors(count, [&](int64_t i) HWY_ATTR {
    const Bits counter = hn::Iota(bits, static_cast<uint32_t>(i) + key.first);
    const Bits number = Mix(hn::Xor(Mix(counter), hn::Set(bits, key.second)));
    const auto upper = hn::BitCast(integers, hn::ShiftRight<8>(number));
    const auto kept = hn::Ge(hn::ConvertTo(d, upper), limit);
    const V factor = hn::IfThenElseZero(kept, keep);
    hn::Store(factor, d, factors + i);
    hn::Store(hn::Mul(hn::Load(d, x + i), factor), d, y + i);
  });
}

void MultiplyImpl(const float* a, const float* b, int64_t count, bool add, float* to) {
  const D d;
  ForVectors(count, [&](int64_t i) HWY_ATTR {
    const V old = add ? hn::Load(d, to + i) : hn::Zero(d);
    hn::Store(hn::MulAdd(hn::Load(d, a + i), hn::Load(d, b + i), old), d, to + i);
  });
}

// Runs short enough for float, added up in double.
double DotImpl(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, int64_t count) {
  constexpr int64_t kRun = 64 * kLanes;
  const D d;
  double total = 0;
  for (int64_t start = 0; start < count; start += kRun) {
    V sum = hn::Zero(d);
    ForVectors(std::min(kRun, count - start), [&](int64_t i) HWY_ATTR {
      sum = hn::MulAdd(hn::Load(d, a + start + i), hn::Load(d, b + start + i), sum);
    });
    total += double{hn::GetLane(hn::SumOfLanes(d, sum))};
  }
  return total;
}

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(ForwardImpl);
HWY_EXPORT(BackwardImpl);
HWY_EXPORT(DropoutImpl);
HWY_EXPORT(MultiplyImpl);
HWY_EXPORT(DotImpl);

void Multiply(const float* a, const float* b, int64_t count, bool add, float* to) {
  HWY_DYNAMIC_DISPATCH(MultiplyImpl)(a, b, count, add, to);
}

template <typename Op>
void Elementwise<Op>::Forward(const Pass& pass) const {
  HWY_DYNAMIC_DISPATCH(ForwardImpl)(op, pass.x, elements * kLanes, pass.y);
}

template <typename Op>
void Elementwise<Op>::Backward(const Pass& pass, const Return& back) const {
  if (back.dx == nullptr) return;
  HWY_DYNAMIC_DISPATCH(BackwardImpl)(op, pass.x, pass.y, back.dy, elements * kLanes, back.dx);
}

template struct Elementwise<graph::Clamp>;
template struct Elementwise<graph::LeakyRelu>;
template struct Elementwise<graph::Sigmoid>;
template struct Elementwise<graph::Tanh>;
template struct Elementwise<graph::Gelu>;

void DropoutLayer::Forward(const Pass& pass) const {
  const int64_t n = elements * kLanes;
  if (!pass.training) {
    std::copy(pass.x, pass.x + n, pass.y);
    return;
  }
  const uint64_t seed = Random(pass.draw, "dropout").Next();
  const DropoutKey key = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  HWY_DYNAMIC_DISPATCH(DropoutImpl)(key, probability, pass.x, n, pass.kept, pass.y);
}

void DropoutLayer::Backward(const Pass& pass, const Return& back) const {
  if (back.dx == nullptr) return;
  Multiply(back.dy, pass.kept, elements * kLanes, false, back.dx);
}

void ScaleLayer::Forward(const Pass& pass) const {
  const float factor = pass.parameters[0];
  for (int64_t i = 0; i < elements * kLanes; ++i) pass.y[i] = factor * pass.x[i];
}

void ScaleLayer::Backward(const Pass& pass, const Return& back) const {
  back.parameters[0] +=
      static_cast<float>(HWY_DYNAMIC_DISPATCH(DotImpl)(back.dy, pass.x, elements * kLanes));
  if (back.dx == nullptr) return;
  const float factor = pass.parameters[0];
  for (int64_t i = 0; i < elements * kLanes; ++i) back.dx[i] = factor * back.dy[i];
}

}  // namespace platypus::train
#endif  // HWY_ONCE
