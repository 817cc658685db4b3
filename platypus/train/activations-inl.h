// Bounds and exponentials of a training step that are right for every float: a NaN stays one, so
// that a training that went astray shows. Included once for each instruction set: the guard turns
// with it.
#if defined(PLATYPUS_TRAIN_ACTIVATIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLATYPUS_TRAIN_ACTIVATIONS_INL_H_
#undef PLATYPUS_TRAIN_ACTIVATIONS_INL_H_
#else
#define PLATYPUS_TRAIN_ACTIVATIONS_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "platypus/train/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// max(bound, x) and min(bound, x), of which a NaN stays one: x86's instructions hand on their
// second operand then, others the first.
HWY_INLINE V AtLeast(V bound, V x) {
#if HWY_ARCH_X86
  return hn::Max(bound, x);
#else
  return hn::IfThenElse(hn::Lt(x, bound), bound, x);
#endif
}
HWY_INLINE V AtMost(V bound, V x) {
#if HWY_ARCH_X86
  return hn::Min(bound, x);
#else
  return hn::IfThenElse(hn::Gt(x, bound), bound, x);
#endif
}

// y, and a NaN where x is one: Highway's functions make a number of it.
HWY_INLINE V OrNan(V x, V y) { return hn::IfThenElse(hn::Eq(x, x), y, x); }

// exp(x), x <= 104 (Highway's own bound).
HWY_INLINE V Exp(V x) { return OrNan(x, hn::Exp(D(), x)); }

// 1 / (1 + exp(-x)); beyond -88 exp(-x) has no float.
HWY_INLINE V SigmoidOf(V x) {
  const V one = hn::Set(D(), 1.0f);
  const V e = hn::Exp(D(), AtMost(hn::Set(D(), 88.0f), hn::Neg(x)));
  return OrNan(x, hn::Div(one, hn::Add(one, e)));
}

// tanh(x), which is +-1 in float beyond 10.
HWY_INLINE V TanhOf(V x) {
  const V limit = hn::Set(D(), 10.0f);
  return OrNan(x, hn::Tanh(D(), AtMost(limit, AtLeast(hn::Neg(limit), x))));
}

// Derivatives by the function's value.
HWY_INLINE V SigmoidSlope(V s) { return hn::NegMulAdd(s, s, s); }
HWY_INLINE V TanhSlope(V t) { return hn::NegMulAdd(t, t, hn::Set(D(), 1.0f)); }

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // PLATYPUS_TRAIN_ACTIVATIONS_INL_H_
