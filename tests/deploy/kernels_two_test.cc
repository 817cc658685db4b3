// Blocks of two positions and four channels.
#define TM_OPTIMISE TM_SPEED
#define TM_POSITIONS 2
#include "tests/deploy/kernels_fuzz.h"

namespace platypus::deploy {
namespace {

TEST(KernelsOfTwoPositionsTest, Convolutions) { FuzzConvolutions(1); }

TEST(KernelsTest, Depthwise) { FuzzDepthwise(5); }

TEST(KernelsTest, Grouped) { FuzzGrouped(6); }

TEST(KernelsTest, SumPools) { FuzzPools(9); }

TEST(KernelsTest, MaxPools) { FuzzMaxPools(13); }

TEST(KernelsTest, Bands) { FuzzBands(14); }

TEST(KernelsTest, Requantize) { FuzzRequantize(10); }

// Products and sums of the widest codes: the formula in 64 bits.
TEST(KernelsTest, SumsOfMixedTypes) {
  Random random(12, "sums");
  for (int round = 0; round < 500; ++round) {
    const tm_i16 x = static_cast<tm_i16>(Between(random, -32768, 32767));
    const tm_u8 y = static_cast<tm_u8>(Between(random, 0, 255));
    const int m0 = Between(random, 1, 16000);
    const int m1 = Between(random, 1, 16000);
    const int shift = Between(random, 0, 15);
    tm_i16 z = 0;
    tm_add_i16_u8_i16(&x, &y, 1, m0, m1, 5, shift, -32768, 32767, &z);
    const int64_t sum = (int64_t{x} * m0 + int64_t{y} * m1 + 5) >> shift;
    EXPECT_EQ(z, std::clamp<int64_t>(sum, -32768, 32767)) << round;
  }
}

TEST(KernelsTest, FloatsToCodesInEveryOrder) {
  const tm_f32 x[] = {0.25f, 1.0f, -2.5f, 40000.0f, -40000.0f, 7.75f};
  const tm_f32 offset[] = {0.0f, 0.5f, 1.0f};
  const tm_f32 multiplier[] = {4.0f, 3.0f, 2.0f};
  const tm_f32 power[] = {1.0f, 0.5f, 0.25f};
  const auto code = [&](tm_f32 v, int c) {
    return std::clamp(std::floor((v + offset[c]) * multiplier[c] * power[c]), -32768.0f, 32767.0f);
  };
  tm_i16 q[6];
  tm_quantize_i16(x, 1, 3, 2, offset, multiplier, power, -32768.0f, 32767.0f, q);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(q[i], code(x[i], i / 2)) << i;
  tm_quantize_i16(x, 2, 3, 1, offset, multiplier, power, -32768.0f, 32767.0f, q);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(q[i], code(x[i], i % 3)) << i;
  tm_quantize_i16(x, 6, 1, 1, offset, multiplier, power, -32768.0f, 32767.0f, q);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(q[i], code(x[i], 0)) << i;
  tm_f32 back[6];
  tm_dequantize_i16(q, 6, 3, 0.5f, back);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(back[i], static_cast<tm_f32>(q[i] - 3) * 0.5f) << i;
}

TEST(KernelsTest, SharpEdgesOfTheInputConversion) {
  const tm_f32 x[] = {-1e30f, -128.5f, -0.25f, 0.0f, 126.99f, 127.0f, 1e30f, NAN};
  const tm_f32 zero = 0.0f;
  const tm_f32 one = 1.0f;
  tm_i8 q[8];
  tm_quantize_i8(x, 1, 1, 8, &zero, &one, &one, -128.0f, 127.0f, q);
  const tm_i8 expected[] = {-128, -128, -1, 0, 126, 127, 127, -128};
  for (int i = 0; i < 8; ++i) EXPECT_EQ(q[i], expected[i]) << x[i];
}

}  // namespace
}  // namespace platypus::deploy
