#include <algorithm>
#include <cmath>
#include <numbers>

#include "platypus/exec/exponential.h"
#include "platypus/exec/kernels.h"

namespace platypus::exec {
namespace {

template <typename T, typename Function>
[[gnu::always_inline]] inline void Map(const T* in, Dims dims, T* out, Function function) {
  const int64_t size = dims.Count() * kLanes;
  for (int64_t i = 0; i < size; ++i) out[i] = function(in[i]);
}

}  // namespace

PLATYPUS_CLONES void Relu(const float* in, Dims dims, float* out) {
  Map(in, dims, out, [](float x) { return x > 0.0f ? x : 0.0f; });
}

PLATYPUS_CLONES void Clamp(const graph::Clamp& op, const float* in, Dims dims, float* out) {
  Map(in, dims, out, [&op](float x) { return std::min(std::max(x, op.low), op.high); });
}

PLATYPUS_CLONES void Clamp(const graph::Clamp& op, const int32_t* in, Dims dims, int32_t* out) {
  // In doubles, so that a bound may lie outside of the integers.
  Map(in, dims, out,
      [&op](int32_t x) { return static_cast<int32_t>(std::clamp<double>(x, op.low, op.high)); });
}

PLATYPUS_CLONES void LeakyRelu(float slope, const float* in, Dims dims, float* out) {
  Map(in, dims, out, [slope](float x) { return x >= 0.0f ? x : slope * x; });
}

PLATYPUS_CLONES void Sigmoid(const float* in, Dims dims, float* out) {
  Map(in, dims, out, [](float x) { return Logistic(x); });
}

PLATYPUS_CLONES void Tanh(const float* in, Dims dims, float* out) {
  Map(in, dims, out, [](float x) { return Tanh(x); });
}

PLATYPUS_CLONES void Gelu(const float* in, Dims dims, float* out) {
  Map(in, dims, out, [](float x) {
    return 0.5f * x * (1.0f + std::erf(x * (1.0f / std::numbers::sqrt2_v<float>)));
  });
}

}  // namespace platypus::exec
