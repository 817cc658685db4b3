// Kernels of cores with DSP instructions, on the values that those give (tm_dsp.h).
#define TM_DSP 1
#define TM_OPTIMISE TM_SPEED
#define TM_POSITIONS 2
#include "tests/deploy/kernels_fuzz.h"

namespace platypus::deploy {
namespace {

TEST(KernelsWithDspTest, Convolutions) { FuzzConvolutions(21); }

TEST(KernelsWithDspTest, Depthwise) { FuzzDepthwise(22); }

TEST(KernelsWithDspTest, Grouped) { FuzzGrouped(23); }

TEST(KernelsWithDspTest, SumPools) { FuzzPools(24); }

TEST(KernelsWithDspTest, MaxPools) { FuzzMaxPools(25); }

TEST(KernelsWithDspTest, Bands) { FuzzBands(26); }

// Sums of few bits are scaled while they grow: the largest ones stay right.
TEST(KernelsWithDspTest, LargestSumsOfFewBits) {
  Random random(27, "largest");
  const auto expect = [&](auto in, int bits) {
    using In = decltype(in);
    auto l = RandomLayer<In, tm_i16>(random, Kind::kLinear, bits);
    l.s.in_c = 1030;
    l.s.out_c = 4;
    l.x.assign(1030, static_cast<In>(Lowest<In>() < 0 ? Lowest<In>() : Highest<In>()));
    l.weight.assign(4 * 1030, static_cast<tm_i8>(-(1 << (bits - 1))));
    StoreWeights(l, bits, false);
    l.r = {l.offset.data(), nullptr, l.shift.data(), -32768, 32767, 0, 1, 0, 0};
    l.shift[0] = sizeof(In) == 1 ? 7 : 15;
    l.y.assign(6, 77);
    Convolve(l.x.data(), l.q, l.s, l.r, l.y.data() + 1);
    ExpectOutput(l.y, NaiveConvolution(l), bits);
  };
  for (const int bits : {4, 2}) {
    expect(tm_i8{}, bits);
    expect(tm_u8{}, bits);
    expect(tm_i16{}, bits);
  }
}

// Each instruction as the architecture manual has it, on words drawn at random.
TEST(KernelsWithDspTest, Instructions) {
  Random random(26, "words");
  const auto half = [](tm_u32 word, int at) {
    return int64_t{static_cast<int16_t>(word >> (16 * at))};
  };
  const auto octet = [](tm_u32 word, int at) { return word >> (8 * at) & 255u; };
  for (int round = 0; round < 2000; ++round) {
    const auto x = static_cast<tm_u32>(random.Below(uint64_t{1} << 32));
    const auto y = static_cast<tm_u32>(random.Below(uint64_t{1} << 32));
    const int64_t sum = Between(random, -1000000, 1000000);
    const auto wrapped = [](int64_t value) { return static_cast<int32_t>(value); };
    EXPECT_EQ(tm_smlad(x, y, static_cast<tm_i32>(sum)),
              wrapped(half(x, 0) * half(y, 0) + half(x, 1) * half(y, 1) + sum));
    EXPECT_EQ(tm_smlabb(x, y, static_cast<tm_i32>(sum)), wrapped(half(x, 0) * half(y, 0) + sum));
    EXPECT_EQ(tm_smlatt(x, y, static_cast<tm_i32>(sum)), wrapped(half(x, 1) * half(y, 1) + sum));
    EXPECT_EQ(tm_pkhbt(x, y), (x & 0xFFFFu) | (y << 16));
    EXPECT_EQ(tm_pkhtb(x, y), (x >> 16) | (y & 0xFFFF0000u));
    EXPECT_EQ(tm_smulwb(static_cast<tm_i32>(x), static_cast<tm_i32>(half(y, 0))),
              int64_t{static_cast<int32_t>(x)} * half(y, 0) >> 16);
    for (const int at : {0, 1}) {
      const tm_u32 u = octet(x, 2 * at), v = octet(x, 2 * at + 1);
      EXPECT_EQ(half(tm_uxtb16(x), at), u);
      EXPECT_EQ(half(tm_uxtb16_ror8(x), at), v);
      EXPECT_EQ(half(tm_sxtb16(x), at), static_cast<int8_t>(u));
      EXPECT_EQ(half(tm_sxtb16_ror8(x), at), static_cast<int8_t>(v));
      const auto sixteen = [](int64_t value) { return int64_t{static_cast<int16_t>(value)}; };
      EXPECT_EQ(half(tm_uxtab16(y, x), at), sixteen(half(y, at) + u));
      EXPECT_EQ(half(tm_uxtab16_ror8(y, x), at), sixteen(half(y, at) + v));
      EXPECT_EQ(half(tm_sxtab16(y, x), at), sixteen(half(y, at) + static_cast<int8_t>(u)));
      EXPECT_EQ(half(tm_sxtab16_ror8(y, x), at), sixteen(half(y, at) + static_cast<int8_t>(v)));
    }
    for (const int at : {0, 1, 2, 3}) {
      EXPECT_EQ(octet(tm_max_u8(x, y), at), std::max(octet(x, at), octet(y, at)));
      EXPECT_EQ(static_cast<int8_t>(octet(tm_max_i8(x, y), at)),
                std::max(static_cast<int8_t>(octet(x, at)), static_cast<int8_t>(octet(y, at))));
    }
  }
}

}  // namespace
}  // namespace platypus::deploy
