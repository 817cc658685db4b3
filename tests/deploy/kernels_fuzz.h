// Integer layers of the runtime against plain loops, on random extents. Included by one test file
// for each way of blocking (TM_POSITIONS), so everything here has internal linkage.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/deploy/fixtures.h"
#include "tm_bands.h"
#include "tm_kernels.h"

namespace platypus::deploy {
namespace {

using fixtures::Between;

enum class Kind { kPlain, kDepthwise, kGrouped, kLinear };

// Values of codes, one Requantize for each output channel, and an output with guards around it.
template <typename In, typename Out>
struct Layer {
  tm_shape s{};
  int groups = 1;
  std::vector<In> x;
  std::vector<tm_i8> weight;  // [out][kh][kw][in / groups]
  std::vector<tm_i8> octets;  // as the kernels read it: of 8 bits, wide, of 4, of 2
  std::vector<tm_i16> wide;
  std::vector<tm_u16> fours;
  std::vector<tm_u8> twos;
  tm_weights q{};
  std::vector<tm_i32> offset;
  std::vector<tm_i16> multiplier;
  std::vector<tm_u8> shift;
  tm_requant r{};
  std::vector<Out> y;

  size_t OutLength() const { return static_cast<size_t>(s.out_h) * s.out_w * s.out_c; }
};

template <typename T>
tm_i32 Lowest() {
  return std::numeric_limits<T>::min();
}
template <typename T>
tm_i32 Highest() {
  return std::numeric_limits<T>::max();
}

// The layout that tm_weights.h describes: where the code of channel c at place k stands.
struct CodePlace {
  size_t element;
  int at;
};
inline CodePlace PlaceOf(int channels, int row, int c, int k) {
  const int blocks = channels / 4;
  if (c < 4 * blocks) return {static_cast<size_t>(c / 4 * row + k), c % 4};
  const int behind = blocks * row + (c - 4 * blocks) * ((row + 3) / 4);
  return {static_cast<size_t>(behind + k / 4), k % 4};
}

template <typename In, typename Out>
void StoreWeights(Layer<In, Out>& l, int bits, bool depthwise) {
  const int channels = l.s.out_c;
  const int row = static_cast<int>(l.weight.size()) / channels;
  l.octets.resize(l.weight.size());
  l.fours.assign(l.weight.size(), 0);
  l.twos.assign(l.weight.size(), 0);
  for (int c = 0; c < channels; ++c) {
    for (int k = 0; k < row; ++k) {
      const tm_i8 code = l.weight[static_cast<size_t>(c * row + k)];
      l.octets[static_cast<size_t>(depthwise ? k * channels + c : c * row + k)] = code;
      const CodePlace place = PlaceOf(channels, row, c, k);
      l.fours.at(place.element) |= static_cast<tm_u16>((code & 15) << (4 * place.at));
      l.twos.at(place.element) |= static_cast<tm_u8>((code & 3) << (2 * place.at));
    }
  }
  for (size_t i = 0; bits == 16 && i < l.octets.size(); i += 4) {
    for (const size_t at : {i, i + 2, i + 1, i + 3}) l.wide.push_back(l.octets[at]);
  }
  const void* codes = bits == 16  ? static_cast<const void*>(l.wide.data())
                      : bits == 8 ? static_cast<const void*>(l.octets.data())
                      : bits == 4 ? static_cast<const void*>(l.fours.data())
                                  : l.twos.data();
  l.q = {codes, bits};
}

// bits: of the weights as they are stored; 16: codes of 8 bits, wide.
template <typename In, typename Out>
Layer<In, Out> RandomLayer(Random& random, Kind kind_of_layer, int bits = 8) {
  const bool depthwise = kind_of_layer == Kind::kDepthwise;
  Layer<In, Out> l;
  tm_shape& s = l.s;
  do {
    s.in_h = Between(random, 1, 6);
    s.in_w = Between(random, 1, fixtures::Below(random, 10) == 0 ? 90 : 20);
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
  if (kind_of_layer == Kind::kLinear) {
    const int longest = bits < 8 && fixtures::Below(random, 4) == 0 ? 700 : 40;
    s = {1, 1, Between(random, 1, longest), 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0};
  }
  // Deep ones, whose windows are brought together for all channels.
  const bool deep = kind_of_layer == Kind::kPlain && fixtures::Below(random, 4) == 0;
  if (bits == 16 || deep) s.in_c = (s.in_c + 3) / 4 * 4;
  l.groups = depthwise ? s.in_c : kind_of_layer == Kind::kGrouped ? Between(random, 2, 3) : 1;
  if (kind_of_layer == Kind::kGrouped) s.in_c = l.groups * Between(random, 1, 3);
  s.out_c = depthwise ? s.in_c
            : deep    ? Between(random, 15, 20)
                      : l.groups * Between(random, 1, l.groups == 1 ? 11 : 4);
  for (int i = 0; i < s.in_h * s.in_w * s.in_c; ++i) {
    l.x.push_back(static_cast<In>(Between(random, Lowest<In>(), Highest<In>())));
  }
  const int row = s.kernel_h * s.kernel_w * s.in_c / l.groups;
  const int most = (1 << (std::min(bits, 8) - 1)) - 1;
  for (int i = 0; i < s.out_c * row; ++i) {
    l.weight.push_back(static_cast<tm_i8>(Between(random, -most - 1, most)));
  }
  StoreWeights(l, bits, depthwise);
  // Multiplier 1; products of 32 bits, of 64 bits, of more than 32 bits of which 16 are dropped.
  const int kind = fixtures::Below(random, 4);
  l.r.shared = fixtures::Below(random, 4) == 0 ? 1 : 0;
  l.r.wide = kind < 2 ? 0 : kind - 1;
  // What keeps a product within 32 bits.
  const int64_t bound = int64_t{row} * (most + 1) * (Highest<In>() + 1) + 20000;
  const auto narrow = static_cast<int>(std::min<int64_t>(200, INT32_MAX / bound));
  for (int c = 0; c < (l.r.shared != 0 ? 1 : s.out_c); ++c) {
    l.offset.push_back(Between(random, -20000, 20000));
    l.multiplier.push_back(static_cast<tm_i16>(kind == 1 ? Between(random, -narrow, narrow)
                                                         : Between(random, -32767, 32767)));
    const int least = kind == 0 ? 4 : kind == 3 ? 16 : 10;
    l.shift.push_back(static_cast<tm_u8>(Between(random, least, kind < 2 ? 15 : 22)));
  }
  l.r.offset = l.offset.data();
  l.r.multiplier = kind == 0 ? nullptr : l.multiplier.data();
  l.r.shift = l.shift.data();
  l.r.nearest = fixtures::Below(random, 2);
  l.r.zero = l.r.nearest != 0 ? Between(random, -100, 100) : 0;
  l.r.lo = Lowest<Out>() + fixtures::Below(random, 3);
  l.r.hi = Highest<Out>() - fixtures::Below(random, 3);
  l.y.assign(l.OutLength() + 2, 77);
  return l;
}

template <typename In, typename Out>
Out Requantized(const Layer<In, Out>& l, int64_t sum, int c) {
  const auto at = static_cast<size_t>(l.r.shared != 0 ? 0 : c);
  const int64_t factor = l.r.multiplier == nullptr ? 1 : l.multiplier[at];
  const int64_t product = (sum + l.offset[at]) * factor;
  int64_t code = product >> l.shift[at];
  if (l.r.nearest != 0) {
    const double real = std::ldexp(static_cast<double>(product), -l.shift[at] - 1);
    const double rounded =
        l.r.multiplier == nullptr ? std::nearbyint(real) : std::floor(real + 0.5);
    code = static_cast<int64_t>(rounded) + l.r.zero;
  }
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

// One name for all pairs of types.
#define TM_TEST_KERNELS(in, out)                                                                \
  [[maybe_unused]] void Convolve(const tm_##in* x, tm_weights q, tm_shape s, tm_requant r,      \
                                 tm_##out* y) {                                                 \
    tm_conv_##in##_##out(x, q, s, r, y);                                                        \
  }                                                                                             \
  [[maybe_unused]] void Depthwise(const tm_##in* x, tm_weights q, tm_shape s, tm_requant r,     \
                                  tm_##out* y) {                                                \
    tm_depthwise_##in##_##out(x, q, s, r, y);                                                   \
  }                                                                                             \
  [[maybe_unused]] void Grouped(const tm_##in* x, tm_weights q, int groups, tm_shape s,         \
                                tm_requant r, tm_##out* y) {                                    \
    tm_grouped_##in##_##out(x, q, groups, s, r, y);                                             \
  }                                                                                             \
  [[maybe_unused]] void SumPool(const tm_##in* x, tm_shape s, tm_requant r, tm_##out* y) {      \
    tm_sum_pool_##in##_##out(x, s, r, y);                                                       \
  }                                                                                             \
  [[maybe_unused]] void Requantize(const tm_##in* x, int positions, int channels, tm_requant r, \
                                   tm_##out* y) {                                               \
    tm_requantize_##in##_##out(x, positions, channels, r, y);                                   \
  }
#define TM_TEST_ALL_KERNELS(in) \
  TM_TEST_KERNELS(in, i8)       \
  TM_TEST_KERNELS(in, u8)       \
  TM_TEST_KERNELS(in, i16)
TM_TEST_ALL_KERNELS(i8)
TM_TEST_ALL_KERNELS(u8)
TM_TEST_ALL_KERNELS(i16)

// Calls fuzz(input, output) with a value of every pair of types.
template <typename Fuzz>
void ForAllTypes(Fuzz fuzz) {
  const auto with = [&](auto in) {
    fuzz(in, tm_i8{});
    fuzz(in, tm_u8{});
    fuzz(in, tm_i16{});
  };
  with(tm_i8{});
  with(tm_u8{});
  with(tm_i16{});
}

// Octets that y must begin before x if it lies over it: what has been written at the end of a strip
// may not be read by its windows or later ones.
template <typename In, typename Out>
size_t Lead(const Layer<In, Out>& l) {
  const tm_shape& s = l.s;
  const int positions = s.out_h * s.out_w;
  const bool depthwise = l.groups == s.in_c && s.in_c > 1;
  const int strip = depthwise ? tm_depthwise_strip(s) : std::clamp(s.out_w, 4, TM_STRIP);
  int64_t lead = 0;
  int64_t read = static_cast<int64_t>(l.x.size() * sizeof(In));
  for (int p = positions - 1; p >= 0; --p) {
    for (int ky = 0; ky < s.kernel_h; ++ky) {
      for (int kx = 0; kx < s.kernel_w; ++kx) {
        const int iy = p / s.out_w * s.stride_h - s.pad_h + ky * s.dilation_h;
        const int ix = p % s.out_w * s.stride_w - s.pad_w + kx * s.dilation_w;
        if (iy < 0 || iy >= s.in_h || ix < 0 || ix >= s.in_w) continue;
        read = std::min<int64_t>(read, int64_t{iy * s.in_w + ix} * s.in_c * sizeof(In));
      }
    }
    const int64_t written = int64_t{std::min(p + strip, positions)} * s.out_c * sizeof(Out);
    lead = std::max(lead, written - read);
  }
  return static_cast<size_t>(lead);
}

template <typename In, typename Out, typename Run>
void ExpectOverItsInput(const Layer<In, Out>& l, const std::vector<Out>& expected, size_t least,
                        Run run, int round) {
  const size_t lead = (least + 3) / 4 * 4;
  const size_t octets = std::max(lead + l.x.size() * sizeof(In), expected.size() * sizeof(Out));
  std::vector<uint32_t> memory(octets / 4 + 1);
  auto* y = reinterpret_cast<Out*>(memory.data());
  auto* x = reinterpret_cast<In*>(reinterpret_cast<char*>(memory.data()) + lead);
  std::copy(l.x.begin(), l.x.end(), x);
  run(x, l, y);
  ASSERT_EQ(std::vector<Out>(y, y + expected.size()), expected) << "round " << round;
}

// Every pair of types with weights of every number of bits, and of wide ones where there are
// kernels for them.
template <typename Run>
void FuzzLayers(uint64_t seed, Kind kind, int rounds, Run run) {
  Random random(seed, "kernels");
  const bool has_wide = TM_DSP != 0 && (kind == Kind::kPlain || kind == Kind::kLinear);
  for (const int bits : {16, 8, 4, 2}) {
    if (bits == 16 && !has_wide) continue;
    ForAllTypes([&](auto in, auto out) {
      for (int round = 0; round < rounds && !testing::Test::HasFatalFailure(); ++round) {
        auto l = RandomLayer<decltype(in), decltype(out)>(random, kind, bits);
        const auto expected = NaiveConvolution(l);
        run(l.x.data(), l, l.y.data() + 1);
        ExpectOutput(l.y, expected, round);
        ExpectOverItsInput(l, expected, Lead(l), run, round);
      }
    });
  }
}

[[maybe_unused]] void FuzzConvolutions(uint64_t seed) {
  const auto run = [](const auto* x, const auto& l, auto* y) { Convolve(x, l.q, l.s, l.r, y); };
  FuzzLayers(seed, Kind::kPlain, 700, run);
  FuzzLayers(seed, Kind::kLinear, 100, run);
}

[[maybe_unused]] void FuzzDepthwise(uint64_t seed) {
  FuzzLayers(seed, Kind::kDepthwise, 300,
             [](const auto* x, const auto& l, auto* y) { Depthwise(x, l.q, l.s, l.r, y); });
}

[[maybe_unused]] void FuzzGrouped(uint64_t seed) {
  FuzzLayers(seed, Kind::kGrouped, 300,
             [](const auto* x, const auto& l, auto* y) { Grouped(x, l.q, l.groups, l.s, l.r, y); });
}

[[maybe_unused]] void FuzzPools(uint64_t seed) {
  Random random(seed, "kernels");
  ForAllTypes([&](auto in, auto out) {
    for (int round = 0; round < 300; ++round) {
      auto l = RandomLayer<decltype(in), decltype(out)>(random, Kind::kDepthwise);
      tm_shape& s = l.s;
      if (s.in_h + s.pad_h < s.kernel_h || s.in_w + s.pad_w < s.kernel_w) continue;
      s.dilation_h = s.dilation_w = 1;
      s.out_h = (s.in_h + s.pad_h - s.kernel_h) / s.stride_h + 1;
      s.out_w = (s.in_w + s.pad_w - s.kernel_w) / s.stride_w + 1;
      l.y.assign(l.OutLength() + 2, 77);
      SumPool(l.x.data(), s, l.r, l.y.data() + 1);
      const auto term = [&](int at, int, int, int c) {
        return int64_t{l.x[static_cast<size_t>(at + c)]};
      };
      ExpectOutput(l.y, Naive(l, term), round);
    }
  });
}

// The largest code of each window.
template <typename T>
std::vector<T> Largest(const std::vector<T>& x, const tm_shape& s) {
  std::vector<T> largest;
  for (int oy = 0; oy < s.out_h; ++oy) {
    for (int ox = 0; ox < s.out_w; ++ox) {
      for (int c = 0; c < s.out_c; ++c) {
        tm_i32 code = Lowest<T>();
        for (int ky = 0; ky < s.kernel_h; ++ky) {
          for (int kx = 0; kx < s.kernel_w; ++kx) {
            const int iy = oy * s.stride_h - s.pad_h + ky * s.dilation_h;
            const int ix = ox * s.stride_w - s.pad_w + kx * s.dilation_w;
            if (iy < 0 || iy >= s.in_h || ix < 0 || ix >= s.in_w) continue;
            code = std::max<tm_i32>(code, x[static_cast<size_t>((iy * s.in_w + ix) * s.in_c + c)]);
          }
        }
        largest.push_back(static_cast<T>(code));
      }
    }
  }
  return largest;
}

[[maybe_unused]] void MaxPool(const tm_i8* x, tm_shape s, tm_i8* y) { tm_max_pool_i8(x, s, y); }
[[maybe_unused]] void MaxPool(const tm_u8* x, tm_shape s, tm_u8* y) { tm_max_pool_u8(x, s, y); }
[[maybe_unused]] void MaxPool(const tm_i16* x, tm_shape s, tm_i16* y) { tm_max_pool_i16(x, s, y); }

template <typename T>
void FuzzLargest(Random& random) {
  for (int round = 0; round < 300; ++round) {
    auto l = RandomLayer<T, T>(random, Kind::kDepthwise);
    MaxPool(l.x.data(), l.s, l.y.data() + 1);
    ExpectOutput(l.y, Largest(l.x, l.s), round);
  }
}

[[maybe_unused]] void FuzzMaxPools(uint64_t seed) {
  Random random(seed, "kernels");
  FuzzLargest<tm_i8>(random);
  FuzzLargest<tm_u8>(random);
  FuzzLargest<tm_i16>(random);
}

// A pool over a layer's output.
inline tm_shape RandomPool(Random& random, const tm_shape& of) {
  tm_shape p{};
  p.in_h = of.out_h;
  p.in_w = of.out_w;
  p.in_c = p.out_c = of.out_c;
  p.kernel_h = Between(random, 1, std::min(4, p.in_h));
  p.kernel_w = Between(random, 1, std::min(4, p.in_w));
  p.stride_h = Between(random, 1, 4);
  p.stride_w = Between(random, 1, 4);
  p.dilation_h = p.kernel_h * 2 <= p.in_h ? Between(random, 1, 2) : 1;
  p.dilation_w = p.kernel_w * 2 <= p.in_w ? Between(random, 1, 2) : 1;
  p.pad_h = Between(random, 0, p.kernel_h / 2);
  p.pad_w = Between(random, 0, p.kernel_w / 2);
  const auto windows = [&](int in, int kernel, int dilation, int stride, int pad) {
    const int behind = Between(random, 0, pad);
    return (in + pad + behind - (kernel - 1) * dilation - 1) / stride + 1;
  };
  p.out_h = windows(p.in_h, p.kernel_h, p.dilation_h, p.stride_h, p.pad_h);
  p.out_w = windows(p.in_w, p.kernel_w, p.dilation_w, p.stride_w, p.pad_w);
  return p;
}

// A convolution that feeds a pool gives what the pool gives of the whole, from a strip that is no
// longer than the bands say; also where the output lies over the input.
[[maybe_unused]] void FuzzBands(uint64_t seed) {
  Random random(seed, "kernels");
  ForAllTypes([&](auto in, auto out) {
    using In = decltype(in);
    using Out = decltype(out);
    for (int round = 0; round < 400 && !testing::Test::HasFatalFailure(); ++round) {
      auto l = RandomLayer<In, Out>(random, Kind::kPlain, 8 >> Between(random, 0, 2));
      const tm_shape p = RandomPool(random, l.s);
      if (p.out_h == 1 && (p.in_h > 1 || l.s.in_h > 1)) continue;
      const int windows = p.out_h > 1 ? 1 : Between(random, 1, 6);
      size_t in_strip = 0;
      int64_t lead = 0;
      int64_t written = 0;
      tm_band b;
      tm_begin_bands(&b);
      while (tm_next_band(l.s, p, windows, &b) != 0) {
        in_strip = std::max(in_strip, static_cast<size_t>(b.pool.in_h) * b.pool.in_w * p.in_c);
        lead = std::max<int64_t>(lead, written - static_cast<int64_t>(b.x * sizeof(In)));
        written = int64_t{b.y + b.pool.out_h * b.pool.out_w * p.out_c} * sizeof(Out);
      }
      EXPECT_EQ(written, static_cast<int64_t>(int64_t{p.out_h} * p.out_w * p.out_c * sizeof(Out)));
      const auto run = [&](const In* x, const auto&, Out* y) {
        std::vector<Out> strip(in_strip + 1, 77);
        tm_begin_bands(&b);
        while (tm_next_band(l.s, p, windows, &b) != 0) {
          std::copy_n(strip.begin() + b.from, b.kept, strip.begin());
          Convolve(x + b.x, l.q, b.layer, l.r, strip.data() + b.kept);
          MaxPool(strip.data(), b.pool, y + b.y);
        }
        EXPECT_EQ(strip.back(), 77);
      };
      const std::vector<Out> expected = Largest(NaiveConvolution(l), p);
      l.y.assign(expected.size() + 2, 77);
      run(l.x.data(), l, l.y.data() + 1);
      ExpectOutput(l.y, expected, round);
      ExpectOverItsInput(l, expected, static_cast<size_t>(lead), run, round);
    }
  });
}

[[maybe_unused]] void FuzzRequantize(uint64_t seed) {
  Random random(seed, "kernels");
  ForAllTypes([&](auto in, auto out) {
    for (int round = 0; round < 100; ++round) {
      auto l = RandomLayer<decltype(in), decltype(out)>(random, Kind::kDepthwise);
      const int positions = l.s.in_h * l.s.in_w;
      l.y.assign(l.x.size() + 2, 77);
      Requantize(l.x.data(), positions, l.s.in_c, l.r, l.y.data() + 1);
      decltype(l.y) expected;
      for (size_t i = 0; i < l.x.size(); ++i) {
        expected.push_back(Requantized(l, l.x[i], static_cast<int>(i) % l.s.in_c));
      }
      ExpectOutput(l.y, expected, round);
    }
  });
}

}  // namespace
}  // namespace platypus::deploy
