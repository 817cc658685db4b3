// Blocks of two positions and four channels.
#define TM_POSITIONS 2
#include "tests/deploy/kernels_fuzz.h"

namespace platypus::deploy {
namespace {

TEST(KernelsOfTwoPositionsTest, Convolutions) {
  FuzzConvolutions<tm_i8, tm_i8>(1);
  FuzzConvolutions<tm_i8, tm_u8>(2);
  FuzzConvolutions<tm_u8, tm_i8>(3);
  FuzzConvolutions<tm_u8, tm_u8>(4);
}

TEST(KernelsOfTwoPositionsTest, Depthwise) {
  FuzzDepthwise<tm_i8, tm_i8>(5);
  FuzzDepthwise<tm_i8, tm_u8>(6);
  FuzzDepthwise<tm_u8, tm_i8>(7);
  FuzzDepthwise<tm_u8, tm_u8>(8);
}

TEST(KernelsTest, SumPools) { FuzzPools(9); }

TEST(KernelsTest, SharpEdgesOfTheInputConversion) {
  const tm_f32 x[] = {-1e30f, -128.5f, -0.25f, 0.0f, 126.99f, 127.0f, 1e30f, NAN};
  const tm_f32 zero = 0.0f;
  const tm_f32 one = 1.0f;
  tm_i8 q[8];
  tm_quantize_i8(x, 1, 8, &zero, &one, &one, -128.0f, 127.0f, q);
  const tm_i8 expected[] = {-128, -128, -1, 0, 126, 127, 127, -128};
  for (int i = 0; i < 8; ++i) EXPECT_EQ(q[i], expected[i]) << x[i];
}

}  // namespace
}  // namespace platypus::deploy
