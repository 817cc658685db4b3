#include "platypus/train/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/math_kernels.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>
// After highway.h, and again for each instruction set.
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

// `count` is a multiple of kLanes.
void SigmoidImpl(const float* in, int64_t count, float* out) {
  const D d;
  const V one = hn::Set(d, 1.0f);
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
    const V e = hn::Exp(d, hn::Neg(hn::Load(d, in + i)));
    hn::Store(hn::Div(one, hn::Add(one, e)), d, out + i);
  }
}

void TanhImpl(const float* in, int64_t count, float* out) {
  const D d;
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
    hn::Store(hn::Tanh(d, hn::Load(d, in + i)), d, out + i);
  }
}

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(SigmoidImpl);
HWY_EXPORT(TanhImpl);

void Sigmoid(const float* in, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(SigmoidImpl)(in, count, out);
}
void Tanh(const float* in, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(TanhImpl)(in, count, out);
}

}  // namespace platypus::train
#endif  // HWY_ONCE
