#ifndef PLATYPUS_FEATURES_LANES_H_
#define PLATYPUS_FEATURES_LANES_H_

// The steps of tm_fe.h and tm_fft.h that join values of a frame, on kLanes frames at once: value k
// of frame l stands at [k * kLanes + l], arrays are aligned to 16 octets. Steps on single values
// take such frames as one long frame.
namespace platypus::features::lanes {

inline constexpr int kLanes = 4;

void Window(const float* in, const float* window, int n, float* out);
void SubtractMean(const float* in, int n, float* out);
// `work`: TM_RFFT_WORK(n) values of every frame. Complex values are two.
void Fft(const float* in, int n, const float* twiddle, float* work, float* out, int bins);
void Magnitude(const float* in, int n, float* out);
void Bin(const float* in, int n, int first, int width, int count, float divisor, float* out);
// `work`: n values of every frame.
void Haar(const float* in, int n, float* work, float* out);
void Hadamard(const float* in, int n, float* out);

}  // namespace platypus::features::lanes

#endif  // PLATYPUS_FEATURES_LANES_H_
