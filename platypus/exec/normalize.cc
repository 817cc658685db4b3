#include <algorithm>
#include <cmath>

#include "platypus/exec/kernels.h"
#include "tm_functions.h"
#include "tm_math.h"

namespace platypus::exec {
namespace {

// One value of each lane.
using Lanes = float[kLanes];

// The largest channel of one position; `stride` floats lie between two channels.
[[gnu::always_inline]] inline void Largest(const float* x, int64_t channels, int64_t stride,
                                           Lanes& largest) {
  std::copy(x, x + kLanes, largest);
  for (int64_t c = 1; c < channels; ++c) {
    for (int i = 0; i < kLanes; ++i) largest[i] = std::max(largest[i], x[c * stride + i]);
  }
}

// exp(x - largest), which no x makes infinite, of each channel, and their sum; y may be x.
[[gnu::always_inline]] inline void Powers(const float* x, int64_t channels, int64_t stride,
                                          const Lanes& largest, float* y, Lanes& sum) {
  std::fill(sum, sum + kLanes, 0.0f);
  for (int64_t c = 0; c < channels; ++c) {
    for (int i = 0; i < kLanes; ++i) {
      const float power = tm_expf(x[c * stride + i] - largest[i]);
      y[c * stride + i] = power;
      sum[i] += power;
    }
  }
}

}  // namespace

PLATYPUS_CLONES void Softmax(const float* in, Dims dims, float* out) {
  const int64_t stride = dims.h * dims.w * kLanes;
  for (int64_t p = 0; p < stride; p += kLanes) {
    Lanes largest;
    Lanes sum;
    Largest(in + p, dims.c, stride, largest);
    Powers(in + p, dims.c, stride, largest, out + p, sum);
    for (int64_t c = 0; c < dims.c; ++c) {
      for (int i = 0; i < kLanes; ++i) out[c * stride + p + i] /= sum[i];
    }
  }
}

PLATYPUS_CLONES void LogSoftmax(const float* in, Dims dims, float* out) {
  const int64_t stride = dims.h * dims.w * kLanes;
  for (int64_t p = 0; p < stride; p += kLanes) {
    Lanes largest;
    Lanes sum;
    Largest(in + p, dims.c, stride, largest);
    Powers(in + p, dims.c, stride, largest, out + p, sum);
    for (float& value : sum) value = tm_logf(value);
    for (int64_t c = 0; c < dims.c; ++c) {
      for (int i = 0; i < kLanes; ++i) {
        const int64_t at = c * stride + p + i;
        out[at] = in[at] - largest[i] - sum[i];
      }
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
