#include "platypus/train/local_layer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "platypus/train/softmax.cc"
#include <hwy/foreach_target.h>  // compiles this file again for each instruction set
#include <hwy/highway.h>
// After highway.h, and again for each instruction set.
#include "platypus/train/activations-inl.h"

HWY_BEFORE_NAMESPACE();
namespace platypus::train::HWY_NAMESPACE {
// Every position and lane by itself.
void SoftmaxForwardImpl(const SoftmaxLayer& layer, const float* HWY_RESTRICT x,
                        float* HWY_RESTRICT y) {
  const D d;
  const int64_t plane = layer.positions * kLanes;
  for (int64_t i = 0; i < plane; i += static_cast<int64_t>(hn::Lanes(d))) {
    V top = hn::Load(d, x + i);
    for (int64_t c = 1; c < layer.channels; ++c) top = hn::Max(top, hn::Load(d, x + c * plane + i));
    V sum = hn::Zero(d);
    for (int64_t c = 0; c < layer.channels; ++c) {
      const V e = Exp(hn::Sub(hn::Load(d, x + c * plane + i), top));
      sum = hn::Add(sum, e);
      hn::Store(e, d, y + c * plane + i);
    }
    const V factor = hn::Div(hn::Set(d, 1.0f), sum);
    const V log = layer.logarithm ? hn::Log(d, sum) : sum;
    for (int64_t c = 0; c < layer.channels; ++c) {
      const int64_t at = c * plane + i;
      hn::Store(layer.logarithm ? hn::Sub(hn::Sub(hn::Load(d, x + at), top), log)
                                : hn::Mul(hn::Load(d, y + at), factor),
                d, y + at);
    }
  }
}

// Softmax: dx = y (dy - sum(dy y)); its logarithm: dx = dy - exp(y) sum(dy).
void SoftmaxBackwardImpl(const SoftmaxLayer& layer, const float* HWY_RESTRICT y,
                         const float* HWY_RESTRICT dy, float* HWY_RESTRICT dx) {
  const D d;
  const int64_t plane = layer.positions * kLanes;
  for (int64_t i = 0; i < plane; i += static_cast<int64_t>(hn::Lanes(d))) {
    V sum = hn::Zero(d);
    for (int64_t c = 0; c < layer.channels; ++c) {
      const V g = hn::Load(d, dy + c * plane + i);
      sum = layer.logarithm ? hn::Add(sum, g) : hn::MulAdd(g, hn::Load(d, y + c * plane + i), sum);
    }
    for (int64_t c = 0; c < layer.channels; ++c) {
      const int64_t at = c * plane + i;
      const V g = hn::Load(d, dy + at);
      const V value = hn::Load(d, y + at);
      hn::Store(
          layer.logarithm ? hn::NegMulAdd(Exp(value), sum, g) : hn::Mul(value, hn::Sub(g, sum)), d,
          dx + at);
    }
  }
}

}  // namespace platypus::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace platypus::train {

HWY_EXPORT(SoftmaxForwardImpl);
HWY_EXPORT(SoftmaxBackwardImpl);

void SoftmaxLayer::Forward(const Pass& pass) const {
  HWY_DYNAMIC_DISPATCH(SoftmaxForwardImpl)(*this, pass.x, pass.y);
}

void SoftmaxLayer::Backward(const Pass& pass, const Return& back) const {
  if (back.dx == nullptr) return;
  HWY_DYNAMIC_DISPATCH(SoftmaxBackwardImpl)(*this, pass.y, back.dy, back.dx);
}

}  // namespace platypus::train
#endif  // HWY_ONCE
