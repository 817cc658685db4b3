#include <algorithm>
#include <cmath>

#include "platypus/exec/kernels.h"
#include "platypus/exec/vectors.h"

namespace platypus::exec {
namespace {

// Calls step(index into a channel's elements) for every element of every lane, channel by channel.
template <typename Step>
[[gnu::always_inline]] inline void ForChannels(Dims dims, Step step) {
  const int64_t size = dims.h * dims.w * kLanes;
  for (int64_t c = 0; c < dims.c; ++c) {
    for (int64_t i = 0; i < size; ++i) step(c, c * size + i);
  }
}

}  // namespace

PLATYPUS_CLONES void Affine(const float* gain, const float* shift, const float* in, Dims dims,
                            float* out) {
  ForChannels(dims, [=](int64_t c, int64_t i) { out[i] = in[i] * gain[c] + shift[c]; });
}

PLATYPUS_CLONES void Scale(float factor, const float* in, Dims dims, float* out) {
  const int64_t size = dims.Count() * kLanes;
  for (int64_t i = 0; i < size; ++i) out[i] = in[i] * factor;
}

PLATYPUS_CLONES void FakeQuantize(float scale, int32_t lo, int32_t hi, const float* in, Dims dims,
                                  float* out) {
  const auto low = static_cast<float>(lo);
  const auto high = static_cast<float>(hi);
  ForChannels(dims, [=](int64_t, int64_t i) {
    const float q = std::floor(in[i] / scale + 0.5f);
    out[i] = std::min(std::max(q, low), high) * scale;
  });
}

void Quantize(const graph::QuantizeInput& op, const float* offset, const int32_t* multiplier,
              const int32_t* shift, bool shared, const float* in, Dims dims, int32_t* out) {
  const int64_t size = dims.h * dims.w * kLanes;
  for (int64_t c = 0; c < dims.c; ++c) {
    const int64_t p = shared ? 0 : c;
    CodeJob job;
    job.in = in + c * size;
    job.count = size;
    job.offset = offset[p];
    job.factor = static_cast<float>(multiplier[p]);
    job.power = std::ldexp(1.0f, -shift[p]);
    job.low = static_cast<float>(op.lo);
    job.high = static_cast<float>(op.hi);
    job.out = out + c * size;
    ToCodes(job);
  }
}

PLATYPUS_CLONES void Requantize(const graph::Requantize& op, const int32_t* offset,
                                const int32_t* multiplier, const int32_t* shift, bool shared,
                                const int32_t* in, Dims dims, int32_t* out) {
  const int64_t size = dims.h * dims.w * kLanes;
  const bool ones = std::all_of(multiplier, multiplier + (shared ? 1 : dims.c),
                                [](int32_t factor) { return factor == 1; });
  for (int64_t c = 0; c < dims.c; ++c) {
    const int64_t p = shared ? 0 : c;
    const int32_t add = offset[p];
    const int32_t factor = multiplier[p];
    const int32_t by = shift[p];
    const int32_t half = op.Half(by);
    const int32_t zero = op.zero_point;
    const int32_t* source = in + c * size;
    int32_t* target = out + c * size;
    if (ones) {
      for (int64_t i = 0; i < size; ++i) {
        const int32_t sum = source[i] + add;
        const int32_t floor = sum >> by;
        // Twice what the floor leaves, and one more where it is odd, against twice a half.
        const uint32_t rest = static_cast<uint32_t>(sum) - (static_cast<uint32_t>(floor) << by);
        const bool above = 2 * rest + static_cast<uint32_t>(floor & 1) > uint32_t{1} << by;
        const int32_t up = op.to_nearest && above ? 1 : 0;
        target[i] = std::clamp(floor + up + zero, op.lo, op.hi);
      }
    } else {
      for (int64_t i = 0; i < size; ++i) {
        const int64_t product = int64_t{source[i] + add} * factor + half;
        target[i] = static_cast<int32_t>(std::clamp<int64_t>((product >> by) + zero, op.lo, op.hi));
      }
    }
  }
}

PLATYPUS_CLONES void AddRequantize(const graph::AddRequantize& op, const int32_t* x,
                                   const int32_t* y, Dims dims, int32_t* out) {
  const int32_t added = op.Added();
  const int64_t size = dims.Count() * kLanes;
  for (int64_t i = 0; i < size; ++i) {
    const int32_t sum = x[i] * op.multiplier0 + y[i] * op.multiplier1 + added;
    out[i] = std::clamp(sum >> op.shift, op.lo, op.hi);
  }
}

PLATYPUS_CLONES void Add(const float* x, const float* y, Dims dims, float* out) {
  const int64_t size = dims.Count() * kLanes;
  for (int64_t i = 0; i < size; ++i) out[i] = x[i] + y[i];
}

PLATYPUS_CLONES void Mul(const float* x, const float* y, Dims dims, float* out) {
  const int64_t size = dims.Count() * kLanes;
  for (int64_t i = 0; i < size; ++i) out[i] = x[i] * y[i];
}

PLATYPUS_CLONES void Dequantize(const graph::Dequantize& op, const int32_t* in, Dims dims,
                                float* out) {
  const int64_t size = dims.Count() * kLanes;
  const int32_t zero = op.zero_point;
  const float scale = op.scale;
  for (int64_t i = 0; i < size; ++i) out[i] = static_cast<float>(in[i] - zero) * scale;
}

}  // namespace platypus::exec
