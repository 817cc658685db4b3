// Functions of codes: tables, softmax, layer norm, products.
#include <algorithm>

#include "platypus/exec/kernels.h"
#include "tm_integer.h"

namespace platypus::exec {

PLATYPUS_CLONES void Lookup(const int32_t* table, const int32_t* in, Dims dims, int32_t* out) {
  const int64_t size = dims.Count() * kLanes;
  for (int64_t i = 0; i < size; ++i) out[i] = table[in[i] & 255];
}

PLATYPUS_CLONES void MulRequantize(const graph::MulRequantize& op, const int32_t* x,
                                   const int32_t* y, Dims dims, int32_t* out) {
  const int32_t added = op.Added();
  const int64_t size = dims.Count() * kLanes;
  for (int64_t i = 0; i < size; ++i) {
    const int32_t product = (x[i] - op.zero_point0) * (y[i] - op.zero_point1);
    out[i] = std::clamp((product * op.multiplier + added) >> op.shift, op.lo, op.hi);
  }
}

void IntegerSoftmax(const int32_t* table, const int32_t* in, Dims dims, int32_t* out) {
  const int64_t stride = dims.h * dims.w * kLanes;
  for (int64_t p = 0; p < stride; ++p) {
    int32_t largest = in[p];
    for (int64_t c = 1; c < dims.c; ++c) largest = std::max(largest, in[c * stride + p]);
    int64_t sum = 0;
    for (int64_t c = 0; c < dims.c; ++c) sum += table[largest - in[c * stride + p]];
    for (int64_t c = 0; c < dims.c; ++c) {
      const int64_t power = table[largest - in[c * stride + p]];
      out[c * stride + p] =
          static_cast<int32_t>(std::min<int64_t>((256 * power + sum / 2) / sum, 255));
    }
  }
}

void IntegerLayerNorm(const graph::IntegerLayerNorm& op, const int32_t* multiplier,
                      const int32_t* offset, const int32_t* in, Dims dims, int32_t* out) {
  const int64_t n = dims.Count();
  for (int lane = 0; lane < kLanes; ++lane) {
    int64_t sum = 0;
    int64_t squares = 0;
    for (int64_t e = 0; e < n; ++e) {
      const int64_t x = in[e * kLanes + lane];
      sum += x;
      squares += x * x;
    }
    const tm_root root = tm_reciprocal_root(n * squares - sum * sum + op.epsilon);
    const int shift = root.shift - op.fraction;
    const int64_t half = int64_t{1} << (shift - 1);
    for (int64_t e = 0; e < n; ++e) {
      const int64_t at = e * kLanes + lane;
      const int64_t t = ((n * in[at] - sum) * root.reciprocal + half) >> shift;
      out[at] = static_cast<int32_t>(
          std::clamp<int64_t>((t * multiplier[e] + offset[e]) >> op.shift, op.lo, op.hi));
    }
  }
}

}  // namespace platypus::exec
