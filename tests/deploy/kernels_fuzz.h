// Integer layers of the runtime against plain loops, on random extents. Included by one test file
// for each way of blocking (TM_POSITIONS), so everything here has internal linkage.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/deploy/fixtures.h"
#include "tm_kernels.h"

namespace platypus::deploy {
namespace {

using fixtures::Between;

// Values of codes, one Requantize for each output channel, and an output with guards around it.
template <typename In, typename Out>
struct Layer {
  tm_shape s{};
  int groups = 1;
  std::vector<In> x;
  std::vector<tm_i8> weight;  // [out][kh][kw][in / groups]
  std::vector<tm_i32> offset;
  std::vector<tm_i16> multiplier;
  std::vector<tm_u8> shift;
  tm_requant r{};
  std::vector<Out> y;

  size_t OutLength() const { return static_cast<size_t>(s.out_h) * s.out_w * s.out_c; }
};

template <typename T>
tm_i32 Lowest() {
  return std::is_signed_v<T> ? -128 : 0;
}
template <typename T>
tm_i32 Highest() {
  return std::is_signed_v<T> ? 127 : 255;
}

template <typename In, typename Out>
Layer<In, Out> RandomLayer(Random& random, bool depthwise) {
  Layer<In, Out> l;
  tm_shape& s = l.s;
  do {
    s.in_h = Between(random, 1, 6);
    s.in_w = Between(random, 1, 20);
    s.in_c = Between(random, 1, 9);
    s.kernel_h = Between(random, 1, 3);
    s.kernel_w = Between(random, 1, 5);
    s.stride_h = Between(random, 1, 3);
    s.stride_w = Between(random, 1, 3);
    s.dilation_h = Between(random, 1, 2);
    s.dilation_w = Between(random, 1, 3);
    s.pad_h = Between(random, 0, s.kernel_h - 1);
    s.pad_w = Between(random, 0, s.kernel_w - 1);
    const int bottom = Between(random, 0, s.pad_h);
    const int right = Between(random, 0, s.pad_w);
    const int room_h = s.in_h + s.pad_h + bottom - (s.kernel_h - 1) * s.dilation_h - 1;
    const int room_w = s.in_w + s.pad_w + right - (s.kernel_w - 1) * s.dilation_w - 1;
    s.out_h = room_h < 0 ? 0 : room_h / s.stride_h + 1;
    s.out_w = room_w < 0 ? 0 : room_w / s.stride_w + 1;
  } while (s.out_h == 0 || s.out_w == 0);
  s.out_c = depthwise ? s.in_c : Between(random, 1, 11);
  l.groups = depthwise ? s.in_c : 1;
  for (int i = 0; i < s.in_h * s.in_w * s.in_c; ++i) {
    l.x.push_back(static_cast<In>(Between(random, Lowest<In>(), Highest<In>())));
  }
  const int row = s.kernel_h * s.kernel_w * s.in_c / l.groups;
  l.weight = fixtures::Weights(random, int64_t{s.out_c} * row);
  const int kind = fixtures::Below(random, 3);  // multiplier 1, 32 bits, 64 bits
  l.r.shared = fixtures::Below(random, 4) == 0 ? 1 : 0;
  l.r.wide = kind == 2 ? 1 : 0;
  for (int c = 0; c < (l.r.shared != 0 ? 1 : s.out_c); ++c) {
    l.offset.push_back(Between(random, -20000, 20000));
    l.multiplier.push_back(
        static_cast<tm_i16>(kind == 1 ? Between(random, -200, 200) : Between(random, -4095, 4095)));
    l.shift.push_back(static_cast<tm_u8>(Between(random, kind == 0 ? 4 : 10, kind == 2 ? 22 : 15)));
  }
  l.r.offset = l.offset.data();
  l.r.multiplier = kind == 0 ? nullptr : l.multiplier.data();
  l.r.shift = l.shift.data();
  l.r.lo = Lowest<Out>() + fixtures::Below(random, 3);
  l.r.hi = Highest<Out>() - fixtures::Below(random, 3);
  l.y.assign(l.OutLength() + 2, 77);
  return l;
}

template <typename In, typename Out>
Out Requantized(const Layer<In, Out>& l, int64_t sum, int c) {
  const auto at = static_cast<size_t>(l.r.shared != 0 ? 0 : c);
  const int64_t factor = l.r.multiplier == nullptr ? 1 : l.multiplier[at];
  const int64_t code = ((sum + l.offset[at]) * factor) >> l.shift[at];
  return static_cast<Out>(std::clamp<int64_t>(code, l.r.lo, l.r.hi));
}

// Sums `term(tap position or -1, ky, kx)` over each window, for each output channel.
template <typename In, typename Out, typename Term>
std::vector<Out> Naive(const Layer<In, Out>& l, Term term) {
  const tm_shape& s = l.s;
  std::vector<Out> y;
  for (int oy = 0; oy < s.out_h; ++oy) {
    for (int ox = 0; ox < s.out_w; ++ox) {
      for (int c = 0; c < s.out_c; ++c) {
        int64_t sum = 0;
        for (int ky = 0; ky < s.kernel_h; ++ky) {
          for (int kx = 0; kx < s.kernel_w; ++kx) {
            const int iy = oy * s.stride_h - s.pad_h + ky * s.dilation_h;
            const int ix = ox * s.stride_w - s.pad_w + kx * s.dilation_w;
            if (iy < 0 || iy >= s.in_h || ix < 0 || ix >= s.in_w) continue;
            sum += term((iy * s.in_w + ix) * s.in_c, ky, kx, c);
          }
        }
        y.push_back(Requantized(l, sum, c));
      }
    }
  }
  return y;
}

template <typename In, typename Out>
std::vector<Out> NaiveConvolution(const Layer<In, Out>& l) {
  const tm_shape& s = l.s;
  const int ins = s.in_c / l.groups;
  const int outs = s.out_c / l.groups;
  return Naive(l, [&](int at, int ky, int kx, int c) {
    int64_t sum = 0;
    for (int i = 0; i < ins; ++i) {
      const int w = ((c * s.kernel_h + ky) * s.kernel_w + kx) * ins + i;
      sum += int64_t{l.x[static_cast<size_t>(at + c / outs * ins + i)]} *
             l.weight[static_cast<size_t>(w)];
    }
    return sum;
  });
}

template <typename Out>
void ExpectOutput(const std::vector<Out>& guarded, const std::vector<Out>& expected, int round) {
  ASSERT_EQ(std::vector<Out>(guarded.begin() + 1, guarded.end() - 1), expected)
      << "round " << round;
  ASSERT_EQ(guarded.front(), 77) << "round " << round;
  ASSERT_EQ(guarded.back(), 77) << "round " << round;
}

// One name for the four pairs of types.
#define TM_TEST_OVERLOADS(name)                                                              \
  [[maybe_unused]] void Run_##name(const tm_i8* x, const tm_i8* w, tm_shape s, tm_requant r, \
                                   tm_i8* y) {                                               \
    tm_##name##_i8_i8(x, w, s, r, y);                                                        \
  }                                                                                          \
  [[maybe_unused]] void Run_##name(const tm_i8* x, const tm_i8* w, tm_shape s, tm_requant r, \
                                   tm_u8* y) {                                               \
    tm_##name##_i8_u8(x, w, s, r, y);                                                        \
  }                                                                                          \
  [[maybe_unused]] void Run_##name(const tm_u8* x, const tm_i8* w, tm_shape s, tm_requant r, \
                                   tm_i8* y) {                                               \
    tm_##name##_u8_i8(x, w, s, r, y);                                                        \
  }                                                                                          \
  [[maybe_unused]] void Run_##name(const tm_u8* x, const tm_i8* w, tm_shape s, tm_requant r, \
                                   tm_u8* y) {                                               \
    tm_##name##_u8_u8(x, w, s, r, y);                                                        \
  }
TM_TEST_OVERLOADS(conv)
TM_TEST_OVERLOADS(depthwise)

template <typename In, typename Out>
void FuzzConvolutions(uint64_t seed) {
  Random random(seed, "kernels");
  for (int round = 0; round < 2000; ++round) {
    Layer<In, Out> l = RandomLayer<In, Out>(random, false);
    Run_conv(l.x.data(), l.weight.data(), l.s, l.r, l.y.data() + 1);
    ExpectOutput(l.y, NaiveConvolution(l), round);
  }
}

template <typename In, typename Out>
void FuzzDepthwise(uint64_t seed) {
  Random random(seed, "kernels");
  for (int round = 0; round < 1500; ++round) {
    Layer<In, Out> l = RandomLayer<In, Out>(random, true);
    const tm_shape& s = l.s;
    const int taps = s.kernel_h * s.kernel_w;
    std::vector<tm_i8> reordered(l.weight.size());  // [kh][kw][channel]
    for (int c = 0; c < s.in_c; ++c) {
      for (int t = 0; t < taps; ++t) {
        reordered[static_cast<size_t>(t * s.in_c + c)] =
            l.weight[static_cast<size_t>(c * taps + t)];
      }
    }
    Run_depthwise(l.x.data(), reordered.data(), s, l.r, l.y.data() + 1);
    ExpectOutput(l.y, NaiveConvolution(l), round);
  }
}

[[maybe_unused]] void FuzzPools(uint64_t seed) {
  Random random(seed, "kernels");
  for (int round = 0; round < 1500; ++round) {
    Layer<tm_u8, tm_i8> sum = RandomLayer<tm_u8, tm_i8>(random, true);
    sum.s.dilation_h = sum.s.dilation_w = 1;
    sum.s.out_h = (sum.s.in_h + sum.s.pad_h - sum.s.kernel_h) / sum.s.stride_h + 1;
    sum.s.out_w = (sum.s.in_w + sum.s.pad_w - sum.s.kernel_w) / sum.s.stride_w + 1;
    if (sum.s.in_h + sum.s.pad_h < sum.s.kernel_h || sum.s.in_w + sum.s.pad_w < sum.s.kernel_w) {
      continue;
    }
    sum.y.assign(sum.OutLength() + 2, 77);
    tm_sum_pool_u8_i8(sum.x.data(), sum.s, sum.r, sum.y.data() + 1);
    ExpectOutput(sum.y,
                 Naive(sum, [&](int at, int, int,
                                int c) { return int64_t{sum.x[static_cast<size_t>(at + c)]}; }),
                 round);
  }
}

}  // namespace
}  // namespace platypus::deploy
