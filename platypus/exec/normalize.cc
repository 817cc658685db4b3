#include <algorithm>
#include <cmath>

#include "platypus/exec/kernels.h"

namespace platypus::exec {
namespace {

// Along the channels of one position of one lane; `stride` floats lie between two channels.
float Largest(const float* x, int64_t channels, int64_t stride) {
  float largest = x[0];
  for (int64_t c = 1; c < channels; ++c) largest = std::max(largest, x[c * stride]);
  return largest;
}

// Sum of exp(x - largest), which no x makes infinite.
float SumOfPowers(const float* x, int64_t channels, int64_t stride, float largest) {
  float sum = 0.0f;
  for (int64_t c = 0; c < channels; ++c) sum += std::exp(x[c * stride] - largest);
  return sum;
}

}  // namespace

void Softmax(const float* in, Dims dims, float* out) {
  const int64_t stride = dims.h * dims.w * kLanes;
  for (int64_t i = 0; i < stride; ++i) {
    const float largest = Largest(in + i, dims.c, stride);
    const float sum = SumOfPowers(in + i, dims.c, stride, largest);
    for (int64_t c = 0; c < dims.c; ++c) {
      out[c * stride + i] = std::exp(in[c * stride + i] - largest) / sum;
    }
  }
}

void LogSoftmax(const float* in, Dims dims, float* out) {
  const int64_t stride = dims.h * dims.w * kLanes;
  for (int64_t i = 0; i < stride; ++i) {
    const float largest = Largest(in + i, dims.c, stride);
    const float log_sum = std::log(SumOfPowers(in + i, dims.c, stride, largest));
    for (int64_t c = 0; c < dims.c; ++c) {
      out[c * stride + i] = in[c * stride + i] - largest - log_sum;
    }
  }
}

PLATYPUS_CLONES void LayerNorm(const graph::LayerNorm& op, const float* weight, const float* bias,
                               const float* in, Dims dims, float* out) {
  const int64_t elements = dims.Count();
  const auto count = static_cast<float>(elements);
  float mean[kLanes] = {};
  float variance[kLanes] = {};
  for (int64_t e = 0; e < elements; ++e) {
    for (int i = 0; i < kLanes; ++i) mean[i] += in[e * kLanes + i];
  }
  for (float& value : mean) value /= count;
  for (int64_t e = 0; e < elements; ++e) {
    for (int i = 0; i < kLanes; ++i) {
      const float d = in[e * kLanes + i] - mean[i];
      variance[i] += d * d;
    }
  }
  float gain[kLanes];
  for (int i = 0; i < kLanes; ++i) gain[i] = 1.0f / std::sqrt(variance[i] / count + op.epsilon);
  for (int64_t e = 0; e < elements; ++e) {
    for (int i = 0; i < kLanes; ++i) {
      out[e * kLanes + i] = (in[e * kLanes + i] - mean[i]) * gain[i] * weight[e] + bias[e];
    }
  }
}

}  // namespace platypus::exec
