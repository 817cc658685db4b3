#include "platypus/features/lanes.h"

#include <cmath>

#include "tm_math.h"
#include "tm_port.h"

namespace platypus::features::lanes {
namespace runtime {

// The code of the microcontroller once more, a vector in the place of a value: each frame goes
// through the same operations in the same order, so its bits are those of the microcontroller.
using tm_real = float __attribute__((vector_size(kLanes * sizeof(float)), may_alias));

tm_real tm_sqrtf(tm_real x) {  // NOLINT(readability-identifier-naming): of the runtime
  for (int l = 0; l < kLanes; ++l) x[l] = std::sqrt(x[l]);
  return x;
}

#undef TM_ZERO
#define TM_ZERO \
  tm_real {}
#define TM_FE_H  // their headers declare the functions of single frames
#define TM_FFT_H
#include "tm_fe.c"   // NOLINT(bugprone-suspicious-include)
#include "tm_fft.c"  // NOLINT(bugprone-suspicious-include)

}  // namespace runtime

namespace {

runtime::tm_real* Vectors(float* values) { return reinterpret_cast<runtime::tm_real*>(values); }
const runtime::tm_real* Vectors(const float* values) {
  return reinterpret_cast<const runtime::tm_real*>(values);
}

}  // namespace

void Window(const float* in, const float* window, int n, float* out) {
  runtime::tm_fe_window(Vectors(in), window, n, Vectors(out));
}

void SubtractMean(const float* in, int n, float* out) {
  runtime::tm_fe_subtract_mean(Vectors(in), n, Vectors(out));
}

void Fft(const float* in, int n, const float* twiddle, float* work, float* out, int bins) {
  runtime::tm_rfft(Vectors(in), n, twiddle, Vectors(work), Vectors(out), bins);
}

void Magnitude(const float* in, int n, float* out) {
  runtime::tm_fe_magnitude(Vectors(in), n, Vectors(out));
}

void Bin(const float* in, int n, int first, int width, int count, float divisor, float* out) {
  runtime::tm_fe_bin(Vectors(in), n, first, width, count, divisor, Vectors(out));
}

void Haar(const float* in, int n, float* work, float* out) {
  runtime::tm_fe_haar(Vectors(in), n, Vectors(work), Vectors(out));
}

void Hadamard(const float* in, int n, float* out) {
  runtime::tm_fe_hadamard(Vectors(in), n, Vectors(out));
}

}  // namespace platypus::features::lanes
