#include <algorithm>
#include <cmath>
#include <numbers>

#include "platypus/base/random.h"
#include "platypus/train/local_layer.h"

namespace platypus::train {
namespace {

// y = f(x) for `n` values.
void Run(const graph::Clamp& op, const float* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = std::min(std::max(x[i], op.low), op.high);
}
void Run(const graph::LeakyRelu& op, const float* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] >= 0.0f ? x[i] : op.slope * x[i];
}
void Run(const graph::Sigmoid&, const float* x, int64_t n, float* y) { Sigmoid(x, n, y); }
void Run(const graph::Tanh&, const float* x, int64_t n, float* y) { Tanh(x, n, y); }
void Run(const graph::Gelu&, const float* x, int64_t n, float* y) {
  constexpr float kHalfRoot = static_cast<float>(1.0 / std::numbers::sqrt2);
  for (int64_t i = 0; i < n; ++i) y[i] = 0.5f * x[i] * (1.0f + std::erf(x[i] * kHalfRoot));
}

// f'(x), from x or from y.
float Slope(const graph::Clamp& op, float x, float) { return x > op.low && x < op.high ? 1 : 0; }
float Slope(const graph::LeakyRelu& op, float x, float) { return x >= 0.0f ? 1.0f : op.slope; }
float Slope(const graph::Sigmoid&, float, float y) { return y * (1.0f - y); }
float Slope(const graph::Tanh&, float, float y) { return 1.0f - y * y; }
float Slope(const graph::Gelu&, float x, float) {
  constexpr float kHalfRoot = static_cast<float>(1.0 / std::numbers::sqrt2);
  constexpr float kDensity =
      static_cast<float>(0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2);  // 1 / sqrt(2 pi)
  return 0.5f * (1.0f + std::erf(x * kHalfRoot)) + x * kDensity * std::exp(-0.5f * x * x);
}

}  // namespace

template <typename Op>
void Elementwise<Op>::Forward(const Pass& pass) const {
  Run(op, pass.x, elements * kLanes, pass.y);
}

template <typename Op>
void Elementwise<Op>::Backward(const Pass& pass, const Return& back) const {
  if (back.dx == nullptr) return;
  for (int64_t i = 0; i < elements * kLanes; ++i) {
    back.dx[i] = back.dy[i] * Slope(op, pass.x[i], pass.y[i]);
  }
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
  Random random(pass.draw, "dropout");
  const float keep = 1.0f / (1.0f - probability);
  for (int64_t i = 0; i < n; ++i) {
    pass.kept[i] = random.Uniform() < probability ? 0.0f : keep;
    pass.y[i] = pass.x[i] * pass.kept[i];
  }
}

void DropoutLayer::Backward(const Pass& pass, const Return& back) const {
  if (back.dx == nullptr) return;
  for (int64_t i = 0; i < elements * kLanes; ++i) back.dx[i] = back.dy[i] * pass.kept[i];
}

void ScaleLayer::Forward(const Pass& pass) const {
  const float factor = pass.parameters[0];
  for (int64_t i = 0; i < elements * kLanes; ++i) pass.y[i] = factor * pass.x[i];
}

void ScaleLayer::Backward(const Pass& pass, const Return& back) const {
  double sum = 0;
  for (int64_t i = 0; i < elements * kLanes; ++i) sum += double{back.dy[i]} * pass.x[i];
  back.parameters[0] += static_cast<float>(sum);
  if (back.dx == nullptr) return;
  const float factor = pass.parameters[0];
  for (int64_t i = 0; i < elements * kLanes; ++i) back.dx[i] = factor * back.dy[i];
}

}  // namespace platypus::train
