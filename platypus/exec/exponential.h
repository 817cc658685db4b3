#ifndef PLATYPUS_EXEC_EXPONENTIAL_H_
#define PLATYPUS_EXEC_EXPONENTIAL_H_

#include <bit>
#include <cmath>
#include <cstdint>

// Exponentials of plain floats without branches, so that loops over them become vector instructions
// (the C library's are called once a value). Multiplications and additions only, none of them
// fused: every instruction set gives the same bits. A NaN stays one.
namespace platypus::exec {

// By bits: of a choice between two values the compiler makes two ways, each computed by itself.
[[gnu::always_inline]] inline float Choose(bool first, float a, float b) {
  const uint32_t mask = -static_cast<uint32_t>(first);
  return std::bit_cast<float>((std::bit_cast<uint32_t>(a) & mask) |
                              (std::bit_cast<uint32_t>(b) & ~mask));
}

// exp(x) within 2 units of the last place: 2^k exp(r) with |r| <= ln(2) / 2, exp(r) by the
// polynomial of Cephes' expf.
[[gnu::always_inline]] inline float Exp(float x) {
  const float lowest = -104.0f;  // below, no float is left
  const float highest = 89.0f;   // above, infinity
  x = Choose(x < lowest, lowest, x);
  x = Choose(x > highest, highest, x);
  const float shift = 0x1.8p23f;  // a float this large has no digits behind the point: rounds
  const float shifted = x * 0x1.715476p+0f + shift;
  const float k = shifted - shift;
  const float r = x - k * 0x1.63p-1f - k * -0x1.bd0106p-13f;  // ln(2) in two parts
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // 2^k in two factors, since neither 2^129 nor 2^-150 is a normal float.
  const int32_t power =
      static_cast<int32_t>(std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(shift));
  const int32_t half = power >> 1;
  const auto factor = [](int32_t n) {
    return std::bit_cast<float>((static_cast<uint32_t>(n) + 127u) << 23);
  };
  return p * factor(half) * factor(power - half);
}

[[gnu::always_inline]] inline float Logistic(float x) { return 1.0f / (1.0f + Exp(-x)); }

// Near zero by the polynomial of Cephes' tanhf, where 1 - 2 / (exp(2 x) + 1) has lost its digits.
[[gnu::always_inline]] inline float Tanh(float x) {
  const float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float small = (p * z + 1.0f) * x;
  const float large = 1.0f - 2.0f / (Exp(2.0f * x) + 1.0f);
  return Choose(std::fabs(x) < 0.625f, small, large);
}

}  // namespace platypus::exec

#endif  // PLATYPUS_EXEC_EXPONENTIAL_H_
