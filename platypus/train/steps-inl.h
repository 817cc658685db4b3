// A Pointwise in registers, for kernels that read values through it. Included once for each
// instruction set: the guard turns with it.
#if defined(PLATYPUS_TRAIN_STEPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLATYPUS_TRAIN_STEPS_INL_H_
#undef PLATYPUS_TRAIN_STEPS_INL_H_
#else
#define PLATYPUS_TRAIN_STEPS_INL_H_
#endif

#include <hwy/highway.h>

#include "platypus/train/activations-inl.h"
#include "platypus/train/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// Forward and backward must see the same t, so it is computed here only.
template <bool kRelu, bool kQuantize>
struct Steps {
  explicit Steps(const Pointwise& p)
      : gain(hn::Set(D(), p.gain)),
        shift(hn::Set(D(), p.shift)),
        scale(hn::Set(D(), p.scale)),
        inverse_scale(hn::Set(D(), p.inverse_scale)),
        lo(hn::Set(D(), p.lo)),
        hi(hn::Set(D(), p.hi)) {}

  HWY_INLINE V Affine(V y) const { return hn::MulAdd(gain, y, shift); }
  HWY_INLINE V Rectified(V y) const {
    const V t = Affine(y);
    return kRelu ? AtLeast(hn::Zero(D()), t) : t;
  }
  HWY_INLINE V Code(V t) const {
    return hn::Floor(hn::MulAdd(t, inverse_scale, hn::Set(D(), 0.5f)));
  }
  HWY_INLINE V Value(V y) const {
    const V t = Rectified(y);
    return kQuantize ? hn::Mul(AtMost(hi, AtLeast(lo, Code(t))), scale) : t;
  }
  // Derivative of the rounded value by the scale.
  HWY_INLINE V StepSlope(V y) const {
    const V t = Rectified(y);
    const V code = Code(t);
    const V kept = AtMost(hi, AtLeast(lo, code));
    return hn::Sub(kept, hn::IfThenElseZero(hn::Eq(kept, code), hn::Mul(t, inverse_scale)));
  }
  // g where the value was not cut off, else 0.
  HWY_INLINE V Masked(V y, V g) const {
    const V t = Affine(y);
    if (kRelu) g = hn::IfThenElseZero(hn::Gt(t, hn::Zero(D())), g);
    if (kQuantize) {
      const V code = Code(kRelu ? AtLeast(hn::Zero(D()), t) : t);
      g = hn::IfThenElseZero(hn::And(hn::Ge(code, lo), hn::Le(code, hi)), g);
    }
    return g;
  }

  V gain, shift, scale, inverse_scale, lo, hi;
};

// body(Steps) for the steps that p has.
template <typename Body>
HWY_INLINE void Choose(const Pointwise& p, Body body) {
  if (p.relu) {
    if (p.quantize) {
      body(Steps<true, true>(p));
    } else {
      body(Steps<true, false>(p));
    }
  } else if (p.quantize) {
    body(Steps<false, true>(p));
  } else {
    body(Steps<false, false>(p));
  }
}

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // PLATYPUS_TRAIN_STEPS_INL_H_
