#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <map>
#include <numbers>

#include "platypus/base/random.h"
#include "platypus/features/pipeline.h"
#include "tm_fe.h"
#include "tm_pir.h"
#include "tm_q15.h"

// Transforms beside straightforward computations of the same formulas, in double or in integers.
namespace platypus::features {
namespace {

using Settings = config::FeatureExtraction;
using Doubles = std::vector<double>;
using Codes = std::vector<int>;

Settings Make(std::vector<std::string> transforms, int frame_size) {
  Settings s;
  s.feat_ext_transform = std::move(transforms);
  s.frame_size = frame_size;
  return s;
}

std::vector<float> FeaturesOf(const Settings& settings, const std::vector<float>& rows,
                              int variables = 1) {
  NullSink sink;
  std::vector<float> features;
  Extract(MakePipeline(settings, variables, sink), rows, features);
  return features;
}

std::vector<float> Noise(uint64_t seed, int count, double deviation) {
  Random random(seed, "noise");
  std::vector<float> x;
  for (int i = 0; i < count; ++i) x.push_back(static_cast<float>(random.Normal() * deviation));
  return x;
}

std::vector<float> Parabola(int count, int a, int b, int modulus, int minus = 0) {
  std::vector<float> x;
  for (int n = 0; n < count; ++n)
    x.push_back(static_cast<float>((a * n * n + b * n) % modulus - minus));
  return x;
}

void ExpectNear(const std::vector<float>& values, const Doubles& expected, double share) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], expected[i], share * std::max(1.0, std::abs(expected[i])))
        << "feature " << i;
  }
}

int Wrap(int64_t v) { return static_cast<int16_t>(static_cast<uint16_t>(v & 0xffff)); }
int Saturate(int64_t v) { return static_cast<int>(std::clamp<int64_t>(v, -32768, 32767)); }
int Down(double v) {
  const double nearest = std::round(v);
  return Saturate(static_cast<int64_t>(std::abs(v - nearest) < 1e-6 ? nearest : std::floor(v)));
}

// The transform on 16 bits, stage by stage as it is specified, on complex numbers of integers.
struct Point {
  int64_t re = 0, im = 0;
};
Point Sum(Point a, Point b) { return {Saturate(a.re + b.re), Saturate(a.im + b.im)}; }
Point Difference(Point a, Point b) { return {Saturate(a.re - b.re), Saturate(a.im - b.im)}; }
Point Half(Point a) { return {a.re >> 1, a.im >> 1}; }
Point Turn(Point v, int64_t index, int64_t length) {
  const double angle =
      2 * std::numbers::pi * static_cast<double>(index) / static_cast<double>(length);
  const int64_t c = Down(32768 * std::cos(angle));
  const int64_t s = Down(32768 * std::sin(angle));
  return {Wrap((c * v.re + s * v.im) >> 16), Wrap((c * v.im - s * v.re) >> 16)};
}

void RadixFour(Point* z, int64_t length, int64_t table, int64_t step) {
  for (int64_t span = length; span >= 4; span /= 4, step *= 4) {
    const bool first = span == length;
    const bool last = span == 4;
    const int64_t q = span / 4;
    for (int64_t group = 0; group < length; group += span) {
      for (int64_t j = 0; j < q; ++j) {
        Point* at[4];
        Point in[4];
        for (int64_t k = 0; k < 4; ++k) {
          at[k] = z + group + j + k * q;
          in[k] = first ? Half(Half(*at[k])) : *at[k];
        }
        const Point r = Sum(in[0], in[2]), d = Difference(in[0], in[2]);
        const Point t = Sum(in[1], in[3]), u = Difference(in[1], in[3]);
        const Point rh = Half(r), th = Half(t), dh = Half(d), uh = Half(u);
        Point out[4] = {{rh.re + th.re, rh.im + th.im},
                        {rh.re - th.re, rh.im - th.im},
                        {dh.re + uh.im, dh.im - uh.re},
                        {dh.re - uh.im, dh.im + uh.re}};
        if (first) {
          out[1] = Difference(r, t);
          out[2] = {Saturate(d.re + u.im), Saturate(d.im - u.re)};
          out[3] = {Saturate(d.re - u.im), Saturate(d.im + u.re)};
        } else if (!last) {
          out[0] = Half(out[0]);
        }
        if (!last) {
          out[1] = Turn(out[1], 2 * j * step, table);
          out[2] = Turn(out[2], j * step, table);
          out[3] = Turn(out[3], 3 * j * step, table);
        }
        for (int64_t k = 0; k < 4; ++k) *at[k] = {Wrap(out[k].re), Wrap(out[k].im)};
      }
    }
  }
}

std::vector<Point> TransformQ15(const Codes& x) {
  const auto n = static_cast<int64_t>(x.size());
  const int64_t m = n / 2;
  std::vector<Point> z;
  for (size_t i = 0; i < x.size(); i += 2) z.push_back({x[i], x[i + 1]});
  const int bits = static_cast<int>(std::lround(std::log2(static_cast<double>(m))));
  if (bits % 2 == 0) {
    RadixFour(z.data(), m, m, 1);
  } else {
    for (int64_t i = 0; i < m / 2; ++i) {
      Point& a = z[static_cast<size_t>(i)];
      Point& b = z[static_cast<size_t>(i + m / 2)];
      const Point ah = Half(a), bh = Half(b);
      const Point d = {ah.re - bh.re, ah.im - bh.im};
      const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(m);
      const int64_t c = Down(32768 * std::cos(angle)), s = Down(32768 * std::sin(angle));
      a = {(ah.re + bh.re) >> 1, (ah.im + bh.im) >> 1};
      b = {Wrap(((d.re * c) >> 16) + ((d.im * s) >> 16)),
           Wrap(((d.im * c) >> 16) - ((d.re * s) >> 16))};
    }
    RadixFour(z.data(), m / 2, m, 2);
    RadixFour(z.data() + m / 2, m / 2, m, 2);
    for (Point& p : z) p = {Wrap(2 * p.re), Wrap(2 * p.im)};
  }
  std::vector<Point> sorted(z.size());
  for (size_t i = 0; i < z.size(); ++i) {
    size_t reversed = 0;
    for (int b = 0; b < bits; ++b) reversed |= ((i >> b) & 1) << (bits - 1 - b);
    sorted[reversed] = z[i];
  }
  std::vector<Point> out(static_cast<size_t>(m + 1));
  out.front() = {(sorted[0].re + sorted[0].im) >> 1, 0};
  out.back() = {(sorted[0].re - sorted[0].im) >> 1, 0};
  for (int64_t i = 1; i < m; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n);
    const auto weight = [](double v) {
      return int64_t{Saturate(static_cast<int64_t>(std::floor(32768 * v + 0.5)))};
    };
    const int64_t a0 = weight(0.5 * (1 - std::sin(angle))), a1 = weight(-0.5 * std::cos(angle));
    const int64_t b0 = weight(0.5 * (1 + std::sin(angle))), b1 = weight(0.5 * std::cos(angle));
    const Point p = sorted[static_cast<size_t>(i)], q = sorted[static_cast<size_t>(m - i)];
    out[static_cast<size_t>(i)] = {Wrap((p.re * a0 - p.im * a1 + q.re * b0 + q.im * b1) >> 16),
                                   Wrap((q.re * b1 - q.im * b0 + p.im * a0 + p.re * a1) >> 16)};
  }
  return out;
}

std::vector<Point> RuntimeTransform(const Codes& x) {
  const int n = static_cast<int>(x.size());
  std::vector<int16_t> z(x.begin(), x.end());
  std::vector<int16_t> out(x.size() + 2);
  tm_q15_rfft(z.data(), n, TwiddleTableQ15(n).data(), SplitTableQ15(n).data(), out.data());
  std::vector<Point> points;
  for (size_t i = 0; i < out.size(); i += 2) points.push_back({out[i], out[i + 1]});
  return points;
}

class Q15Test : public testing::TestWithParam<int> {};

TEST_P(Q15Test, TransformHasTheSpecifiedBits) {
  const int n = GetParam();
  Random random(static_cast<uint64_t>(n), "q15");
  for (int kind = 0; kind < 12; ++kind) {
    Codes x;
    const double phase = random.Uniform(0, 6);
    for (int t = 0; t < n; ++t) {
      if (kind < 4) x.push_back(static_cast<int>(random.Uniform(-32768, 32767)));
      if (kind == 4) x.push_back(t % 2 == 0 ? 32767 : -32768);
      if (kind == 5) x.push_back(-32768);
      if (kind == 6) x.push_back(t % 4 < 2 ? 32767 : -32768);
      if (kind == 7) x.push_back(t == 3 ? 32767 : 0);
      if (kind >= 8) x.push_back(static_cast<int>(32767 * std::sin(phase + kind * t * 0.3)));
    }
    const std::vector<Point> expected = TransformQ15(x);
    const std::vector<Point> found = RuntimeTransform(x);
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i].re, expected[i].re) << "kind " << kind << " bin " << i;
      ASSERT_EQ(found[i].im, expected[i].im) << "kind " << kind << " bin " << i;
    }
  }
}

// Within the roundings of its stages, each of which halves, of the real transform divided by n.
TEST_P(Q15Test, TransformIsNearTheRealOne) {
  const int n = GetParam();
  Random random(static_cast<uint64_t>(n), "near");
  Codes x;
  for (int t = 0; t < n; ++t) x.push_back(static_cast<int>(random.Uniform(-20000, 20000)));
  const std::vector<Point> found = RuntimeTransform(x);
  for (int k = 0; k <= n / 2; k += 1 + n / 128) {
    std::complex<double> sum = 0;
    for (int t = 0; t < n; ++t) {
      sum += double(x[static_cast<size_t>(t)]) *
             std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(int64_t{k} * t % n) / n);
    }
    EXPECT_NEAR(static_cast<double>(found[static_cast<size_t>(k)].re), sum.real() / n, 20);
    EXPECT_NEAR(static_cast<double>(found[static_cast<size_t>(k)].im), sum.imag() / n, 20);
  }
}

INSTANTIATE_TEST_SUITE_P(Lengths, Q15Test,
                         testing::Values(32, 64, 128, 256, 512, 1024, 2048, 4096, 8192));

Settings ChainQ15(int frame_size, int features, int shift) {
  Settings s =
      Make({"FFT_Q15", "Q15_SCALE", "Q15_MAG", "DC_REMOVE", "BIN_Q15", "CONCAT"}, frame_size);
  s.feature_size_per_frame = features;
  s.q15_scale_factor = shift;
  s.normalize_bin = true;
  return s;
}

TEST(Q15ChainTest, ReferenceVectors) {
  const std::vector<float> small = Parabola(32, 97, 31, 8191, 4095);
  Codes x(small.begin(), small.end());
  const std::vector<Point> spectrum = RuntimeTransform(x);
  const int re[] = {-457, -547, -613, 49,   224, -3,  -283, 69, 64,
                    -160, -728, 164,  -413, 393, -25, -162, 272};
  const int im[] = {0,   168, 76,   553,  151, 153, 103,  186, 287,
                    -23, 438, -362, -425, -14, 285, -346, 0};
  for (size_t i = 0; i < 17; ++i) {
    EXPECT_EQ(spectrum[i].re, re[i]);
    EXPECT_EQ(spectrum[i].im, im[i]);
  }
  Settings s = Make({"FFT_Q15", "Q15_SCALE", "Q15_MAG", "CONCAT"}, 32);
  s.q15_scale_factor = 5;
  EXPECT_EQ(FeaturesOf(s, small),
            (std::vector<float>{7312, 9155, 9883, 8882, 4322, 2448, 4818, 3174, 4704, 2586, 13593,
                                6358, 9481, 6291, 4577, 6112, 4351}));
  EXPECT_EQ(FeaturesOf(ChainQ15(32, 4, 5), small), (std::vector<float>{6383, 3820, 8930, 3760}));
  const std::vector<float> large = Parabola(256, 7, 13, 4096);
  EXPECT_EQ(FeaturesOf(ChainQ15(256, 16, 5), large),
            (std::vector<float>{1347, 726, 897, 1002, 1142, 1113, 1039, 1104, 1069, 1240, 1070,
                                1224, 970, 1045, 1531, 517}));
  EXPECT_EQ(FeaturesOf(ChainQ15(256, 16, 4), large),
            (std::vector<float>{673, 363, 448, 500, 570, 556, 519, 551, 534, 619, 535, 611, 484,
                                522, 765, 258}));
}

// Quirk 24: values outside 16 bits do not wrap.
TEST(Q15ChainTest, SamplesSaturate) {
  EXPECT_EQ(tm_q15_truncate(1e9f), 32767);
  EXPECT_EQ(tm_q15_truncate(32767.9f), 32767);
  EXPECT_EQ(tm_q15_truncate(-1e9f), -32768);
  EXPECT_EQ(tm_q15_truncate(-2.9f), -2);
  EXPECT_EQ(tm_q15_truncate(NAN), -32768);
  EXPECT_EQ(FeaturesOf(Make({"TO_Q15"}, 6), {0.5f, -1.0f, 1.0f, 2.0f, 1.5f / 32768, -2.5f / 32768}),
            (std::vector<float>{16384, -32768, 32767, 32767, 2, -2}));
}

TEST(Q15ChainTest, ShiftsBothWaysAndBinsRoundDown) {
  const std::vector<int16_t> in = {100, -100, 32767, -7};
  std::vector<int16_t> out(4);
  tm_q15_shift(in.data(), 4, 9, out.data());
  EXPECT_EQ(out, (std::vector<int16_t>{32767, -32768, 32767, -3584}));
  tm_q15_shift(in.data(), 4, -1, out.data());
  EXPECT_EQ(out, (std::vector<int16_t>{50, -50, 16383, -4}));
  out.resize(2);
  tm_q15_bin(in.data(), 4, 1, 2, 2, 2, out.data());
  EXPECT_EQ(out, (std::vector<int16_t>{16333, -4}));  // the second has one value only
  tm_q15_bin(in.data(), 4, 2, 2, 2, 1, out.data());
  EXPECT_EQ(out, (std::vector<int16_t>{32760, 0}));
}

TEST(Q15ChainTest, MagnitudesAreHalfTheRootOrOneLess) {
  Random random(1, "magnitudes");
  for (int i = 0; i < 200000; ++i) {
    const double scale = std::exp2(random.Uniform(0, 15));
    const std::vector<int16_t> in = {static_cast<int16_t>(random.Uniform(-scale, scale)),
                                     static_cast<int16_t>(random.Uniform(-scale, scale))};
    int16_t out = 0;
    tm_q15_magnitude(in.data(), 1, &out);
    const double root = std::floor(std::hypot(in[0], in[1]) / 2);
    ASSERT_LE(out, root);
    ASSERT_GE(out, root - 1) << in[0] << " " << in[1];
  }
  const std::vector<int16_t> extreme = {-32768, -32768};
  int16_t out = 0;
  tm_q15_magnitude(extreme.data(), 1, &out);
  EXPECT_EQ(out, 23170);
}

struct PirCase {
  int frame = 125, windows = 25, step = 4, chunk = 8, fft = 64;
};

Doubles PirWindow(const std::vector<float>& x, const PirCase& c, int i, double outside) {
  Doubles padded(4, outside);
  padded.insert(padded.end(), x.begin(), x.end());
  padded.insert(padded.end(), 3, outside);
  const int length = c.frame + 7 - c.windows * c.step;
  const auto first = padded.begin() + i * c.step;
  return {first, first + length};
}

Doubles Magnitudes(const Doubles& x, int fft) {
  Doubles out;
  for (int k = 0; k <= fft / 2; ++k) {
    std::complex<double> sum = 0;
    for (int t = 0; t < fft && t < static_cast<int>(x.size()); ++t)
      sum += x[static_cast<size_t>(t)] * std::polar(1.0, -2 * std::numbers::pi * k * t / fft);
    out.push_back(std::abs(sum));
  }
  return out;
}

double Kurtosis(const double* x, int n) {
  double mean = 0, m2 = 0, m4 = 0;
  for (int i = 0; i < n; ++i) mean += x[i] / n;
  for (int i = 0; i < n; ++i) {
    m2 += std::pow(x[i] - mean, 2) / n;
    m4 += std::pow(x[i] - mean, 4) / n;
  }
  if (std::sqrt(m2) < 1e-12) return 0;
  return ((double(n) * n - 1) * m4 / (m2 * m2) - 3.0 * (n - 1) * (n - 1)) / ((n - 2.0) * (n - 3.0));
}

int Sign(double v) { return v > 0 ? 1 : v < 0 ? -1 : 0; }

double Entropy(const Doubles& spectrum) {
  double power = 0, entropy = 0;
  for (const double v : spectrum) power += v * v;
  for (const double v : spectrum) {
    if (v > 0) entropy -= v * v / power * std::log(v * v / power);
  }
  return entropy;
}

// Indices of the two largest, largest first, lower ones first among equals.
std::pair<int, int> TwoLargest(const Doubles& spectrum) {
  std::vector<int> order;
  for (int k = 1; k < static_cast<int>(spectrum.size()); ++k) order.push_back(k);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return spectrum[static_cast<size_t>(a)] > spectrum[static_cast<size_t>(b)];
  });
  return {order[0], order[1]};
}

Doubles ExpectedPir(const std::vector<float>& x, const PirCase& c, double rate) {
  Doubles out;
  for (int i = 0; i < c.windows; ++i) {
    const Doubles w = PirWindow(x, c, i, 0);
    Doubles repeated;
    for (int t = 0; t < c.fft; ++t) repeated.push_back(w[static_cast<size_t>(t) % w.size()]);
    const Doubles spectrum = Magnitudes(repeated, c.fft);
    const int pool = c.fft / 32;
    for (int p = 0; p < 16; ++p) {
      double mean = 0;
      for (int j = 1; j <= pool; ++j) mean += spectrum[static_cast<size_t>(p * pool + j)] / pool;
      out.push_back(mean);
    }
    for (size_t k = 0; k + static_cast<size_t>(c.chunk) <= w.size();
         k += static_cast<size_t>(c.chunk))
      out.push_back(Kurtosis(&w[k], c.chunk));
    double crossings = 0, slopes = 0;
    for (size_t t = 1; t < w.size(); ++t) {
      crossings += Sign(w[t]) != Sign(w[t - 1]) ? 1 : 0;
      if (t > 1) slopes += Sign(w[t] - w[t - 1]) != Sign(w[t - 1] - w[t - 2]) ? 1 : 0;
    }
    const auto length = static_cast<double>(w.size());
    out.push_back(crossings / length);
    out.push_back(slopes / (length - 1));
    const Doubles own = Magnitudes(w, c.fft);
    const auto [first, second] = TwoLargest(own);
    out.push_back(second * rate / c.fft);
    out.push_back(first * rate / c.fft);
    out.push_back(Entropy(own));
  }
  return out;
}

Settings PirSettings(const char* name, const PirCase& c, double rate) {
  Settings s = Make({name}, c.frame);
  s.window_count = c.windows;
  s.chunk_size = c.chunk;
  s.stride_size = (c.step + 1e-6) / c.frame;
  s.fft_size = c.fft;
  s.sampling_rate = rate;
  return s;
}

TEST(PirTest, ReferenceVectors) {
  const std::vector<float> f = FeaturesOf(PirSettings("PIR_FE", {}, 33), Parabola(125, 5, 3, 256));
  ASSERT_EQ(f.size(), 625u);
  ExpectNear({f.begin(), f.begin() + 25},
             {983.222,  493.66,  639.088, 247.168,  132.813, 265.705,  474.595, 444.387, 39.5232,
              537.197,  577.788, 420.338, 333.037,  109.254, 287.718,  140,     3.33733, -1.02402,
              -1.48499, 3.20879, 0.03125, 0.419355, 1.03125, 0.515625, 1.73795},
             1e-5);
  ExpectNear({f.begin() + 300, f.begin() + 325},
             {152.444,  31.2674,  344.296, 322.973,  448.71,  338.431,  527.112, 556.561, 433.714,
              326.256,  460.459,  438.918, 516.99,   423.618, 234.761,  160,     0.52934, 0.232593,
              -1.25428, -1.81691, 0,       0.516129, 1.54688, 0.515625, 1.65912},
             1e-5);
}

TEST(PirTest, AgreesWithTheFormulas) {
  const PirCase cases[] = {{}, {60, 5, 6, 5, 32}, {100, 1, 90, 4, 96}, {200, 3, 11, 9, 128}};
  uint64_t seed = 0;
  for (const PirCase& c : cases) {
    for (int repeat = 0; repeat < 4; ++repeat) {
      const std::vector<float> x = Noise(++seed, c.frame, 30);
      ExpectNear(FeaturesOf(PirSettings("PIR_FE", c, 33), x), ExpectedPir(x, c, 33), 2e-4);
    }
  }
}

// Quirk 25: no 0 / 0.
TEST(PirTest, SilenceHasNoEntropyAndNoKurtosis) {
  const std::vector<float> f =
      FeaturesOf(PirSettings("PIR_FE", {}, 33), std::vector<float>(125, 0.0f));
  for (size_t i = 0; i < f.size(); ++i) {
    const bool frequency = i % 25 == 22 || i % 25 == 23;
    EXPECT_TRUE(frequency || f[i] == 0.0f) << i;
    EXPECT_TRUE(std::isfinite(f[i]));
  }
  const std::vector<float> q =
      FeaturesOf(PirSettings("PIR_FE_Q15", {}, 31.25), std::vector<float>(125, 128.0f));
  EXPECT_EQ(q, std::vector<float>(625, 0.0f));
}

TEST(PirTest, KurtosisOfKnownSamples) {
  const std::vector<float> two = {1, 1, 1, 1, -1, -1, -1, -1};  // m4 / m2^2 = 1
  EXPECT_NEAR(tm_kurtosis(two.data(), 8), (63.0 - 147.0) / 30.0, 1e-5);
  const std::vector<float> same(8, 1e30f);
  EXPECT_EQ(tm_kurtosis(same.data(), 8), 0.0f);
  const std::vector<float> x = Noise(3, 8, 1);
  for (const float factor : {1e-9f, 1e-3f, 1e9f, 1e15f}) {  // does not depend on the scale
    std::vector<float> scaled = x;
    for (float& v : scaled) v *= factor;
    EXPECT_NEAR(tm_kurtosis(scaled.data(), 8), tm_kurtosis(x.data(), 8), 1e-4) << factor;
  }
}

TEST(PirTest, EntropyOfKnownSpectra) {
  std::vector<float> flat(33, 2.5f);
  EXPECT_NEAR(tm_entropy(flat.data(), 64), std::log(33.0), 5e-6);
  std::vector<float> line(33, 0.0f);
  line[7] = 1e-3f;
  EXPECT_EQ(tm_entropy(line.data(), 64), 0.0f);
}

struct PirQ15Rules {
  bool reference = false;  // wrapping products, means rounded to even, whole hertz
};

// Columns of counts, frequencies and spectrum of one window.
Doubles ExpectedPirQ15(const std::vector<float>& x, const PirCase& c, int i, double rate,
                       const PirQ15Rules& rules) {
  std::vector<float> centred = x;
  for (float& v : centred) v -= 128;
  const Doubles w = PirWindow(centred, c, i, 0);
  const auto spectrum_of = [&](const Codes& codes) {
    Codes magnitudes;
    for (const Point& p : TransformQ15(codes)) {
      const std::vector<int16_t> in = {static_cast<int16_t>(p.re), static_cast<int16_t>(p.im)};
      int16_t out = 0;
      tm_q15_magnitude(in.data(), 1, &out);
      magnitudes.push_back(out);
    }
    return magnitudes;
  };
  Codes repeated, alone;
  for (size_t t = 0; t < static_cast<size_t>(c.fft); ++t) {
    repeated.push_back(Saturate(static_cast<int64_t>(128 * w[t % w.size()])));
    alone.push_back(t < w.size() ? repeated.back() : 0);
  }
  Codes m = spectrum_of(repeated);
  m[0] = 0;
  Codes scaled;
  for (const int v : m) scaled.push_back(rules.reference ? Wrap(128 * v) : Saturate(128 * v));
  Doubles out;
  const int pool = c.fft / 32;
  for (size_t p = 0; p < 16; ++p) {
    int sum = 0;
    for (size_t j = 1; j <= static_cast<size_t>(pool); ++j)
      sum += scaled[p * static_cast<size_t>(pool) + j];
    out.push_back(rules.reference ? std::nearbyint(double(sum) / pool)
                                  : std::floor(double(sum) / pool));
  }
  for (size_t k = 0; k + static_cast<size_t>(c.chunk) <= w.size();
       k += static_cast<size_t>(c.chunk))
    out.push_back(rules.reference ? 0 : 1000 * Kurtosis(&w[k], c.chunk));
  int crossings = 0, slopes = 0;
  int direction = Sign(w[1] - w[0]);
  for (size_t t = 1; t < w.size(); ++t) {
    crossings += Sign(w[t]) != Sign(w[t - 1]) ? 1 : 0;
    const double d = w[t] - w[t - 1];
    if (t > 1 && std::abs(d) > 1 && Sign(d) != direction) {
      direction = Sign(d);
      ++slopes;
    }
  }
  out.push_back(1000 * crossings);
  out.push_back(1000 * slopes);
  const Codes& ranked = rules.reference ? scaled : m;
  int first = 0, second = 0;
  for (int k = 1; k <= c.fft / 2; ++k) {
    if (ranked[static_cast<size_t>(first)] < ranked[static_cast<size_t>(k)]) {
      second = first;
      first = k;
    } else if (ranked[static_cast<size_t>(second)] < ranked[static_cast<size_t>(k)]) {
      second = k;
    }
  }
  for (const int k : {first, second}) {
    out.push_back(rules.reference ? 1000 * std::floor(k * rate / (c.fft + 2))
                                  : std::floor(k * 1000 * rate / (c.fft + 2)));
  }
  if (rules.reference) {
    out.push_back(0);
  } else {
    const Codes own = spectrum_of(alone);
    out.push_back(1000 * Entropy({own.begin(), own.end()}));
  }
  return out;
}

TEST(PirQ15Test, TheFormulasGiveTheReferenceVectors) {
  const std::vector<float> x = Parabola(125, 5, 3, 256);
  EXPECT_EQ(ExpectedPirQ15(x, {}, 0, 31.25, {true}),
            (Doubles{9344,  -10944, 5440,   8896,  3136,  -16256, -12096, -8704, 3072,
                     14336, -3968,  -13504, 15232, -9280, -2048,  -14912, 0,     0,
                     0,     0,      14000,  14000, 12000, 9000,   0}));
  EXPECT_EQ(ExpectedPirQ15(x, {}, 12, 31.25, {true}),
            (Doubles{-13376, 3968,  11200, 8512,  -8128,  10496, 1920,   5632, -10048,
                     8960,   -6592, -9344, 576,   -11328, -2752, -12288, 0,    0,
                     0,      0,     15000, 16000, 2000,   5000,  0}));
}

TEST(PirQ15Test, AgreesWithTheFormulasWithoutTheirOverflow) {
  const PirCase cases[] = {{}, {60, 5, 6, 5, 32}, {100, 1, 90, 4, 128}};
  uint64_t seed = 0;
  for (const PirCase& c : cases) {
    for (const double deviation : {1.0, 10.0, 80.0}) {
      std::vector<float> x = Noise(++seed, c.frame, deviation);
      for (float& v : x) v = std::clamp(std::nearbyint(v + 128), 0.0f, 255.0f);
      const std::vector<float> f = FeaturesOf(PirSettings("PIR_FE_Q15", c, 31.25), x);
      const size_t columns = f.size() / static_cast<size_t>(c.windows);
      for (int i = 0; i < c.windows; ++i) {
        const auto first = f.begin() + i * static_cast<std::ptrdiff_t>(columns);
        const Doubles expected = ExpectedPirQ15(x, c, i, 31.25, {});
        ASSERT_EQ(expected.size(), columns);
        for (size_t k = 0; k < columns; ++k) {
          // Thousandths are rounded, all else is whole.
          const bool rounded = (k >= 16 && k + 5 < columns) || k + 1 == columns;
          EXPECT_NEAR(first[static_cast<std::ptrdiff_t>(k)], expected[k], rounded ? 0.52 : 0)
              << "column " << k;
        }
      }
    }
  }
}

TEST(FiguresTest, StandBesideEachOther) {
  const std::vector<float> x = Noise(5, 60, 3);
  Settings s = Make({"SLOPE_FE", "ENT_FE", "DOM_FE", "ZCR_FE", "CONCAT"}, 60);
  s.fft_size = 64;
  s.sampling_rate = 100;
  const Doubles own = Magnitudes({x.begin(), x.end()}, 64);
  const auto [first, second] = TwoLargest(own);
  double crossings = 0, slopes = 0;
  for (size_t t = 1; t < x.size(); ++t) {
    crossings += Sign(x[t]) != Sign(x[t - 1]) ? 1 : 0;
    if (t > 1) slopes += Sign(x[t] - x[t - 1]) != Sign(x[t - 1] - x[t - 2]) ? 1 : 0;
  }
  ExpectNear(FeaturesOf(s, x),
             {Entropy(own), crossings / 60, second * 100.0 / 64, first * 100.0 / 64, slopes / 59},
             1e-5);
}

TEST(FiguresTest, KurtosisAloneHasAShapeOfItsOwn) {
  Settings s = PirSettings("KURT_FE", {}, 1);
  NullSink sink;
  EXPECT_EQ(MakePipeline(s, 2, sink).OutputShape(), (Shape{2, 25, 4}));
  const std::vector<float> x = Noise(6, 125, 1);
  const std::vector<float> f = FeaturesOf(s, x);
  const Doubles w = PirWindow(x, {}, 3, 0);
  EXPECT_NEAR(f[13], Kurtosis(&w[8], 8), 1e-4);
}

TEST(ShapeTest, WindowsAreRows) {
  NullSink sink;
  Settings s = PirSettings("PIR_FE", {}, 33);
  EXPECT_EQ(MakePipeline(s, 1, sink).OutputShape(), (Shape{1, 25, 25}));
  EXPECT_EQ(MakePipeline(s, 3, sink).OutputShape(), (Shape{3, 25, 25}));
  s.feat_ext_transform.push_back("CONCAT");
  s.num_frame_concat = 2;
  EXPECT_EQ(MakePipeline(s, 3, sink).OutputShape(), (Shape{3, 50, 25}));
  s.stacking = config::Stacking::k1D;
  EXPECT_EQ(MakePipeline(s, 3, sink).OutputShape(), (Shape{1, 150, 25}));
}

TEST(HaarTest, HalvesOfSumsAndDifferences) {
  EXPECT_EQ(FeaturesOf(Make({"HAAR"}, 8), {1, 3, 5, 11, 2, 0, -4, 6}),
            (std::vector<float>{3, 2, -3, 0, -1, -3, 1, -5}));
  EXPECT_EQ(FeaturesOf(Make({"HAAR"}, 1), {7}), (std::vector<float>{7}));
}

TEST(HaarTest, CanBeUndone) {
  const std::vector<float> x = Noise(7, 64, 10);
  std::vector<float> v = FeaturesOf(Make({"HAAR"}, 64), x);
  for (size_t half = 1; half < 64; half *= 2) {
    const std::vector<float> low(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(half));
    const std::vector<float> high(v.begin() + static_cast<std::ptrdiff_t>(half),
                                  v.begin() + static_cast<std::ptrdiff_t>(2 * half));
    for (size_t i = 0; i < half; ++i) {
      v[2 * i] = low[i] + high[i];
      v[2 * i + 1] = low[i] - high[i];
    }
  }
  ExpectNear(v, {x.begin(), x.end()}, 1e-6);
}

TEST(HadamardTest, HasTheSignsOfCommonBits) {
  const std::vector<float> x = Noise(8, 32, 10);
  const std::vector<float> v = FeaturesOf(Make({"HADAMARD"}, 32), x);
  for (unsigned k = 0; k < 32; ++k) {
    double sum = 0;
    for (unsigned t = 0; t < 32; ++t) sum += (std::popcount(k & t) % 2 == 0 ? 1.0 : -1.0) * x[t];
    EXPECT_NEAR(v[k], sum / 32, 1e-5);
  }
}

TEST(HadamardTest, KeepsTheEnergy) {
  const std::vector<float> x = Noise(9, 256, 1);
  double before = 0, after = 0;
  for (const float v : x) before += v * v / 256;
  for (const float v : FeaturesOf(Make({"HADAMARD"}, 256), x)) after += v * v;
  EXPECT_NEAR(after, before, 1e-5);
}

TEST(LinearityTest, OfTheLinearTransforms) {
  const std::vector<float> x = Noise(10, 64, 1), y = Noise(11, 64, 1);
  std::vector<float> both;
  for (size_t i = 0; i < 64; ++i) both.push_back(2 * x[i] - 0.5f * y[i]);
  for (const char* name : {"WINDOWING", "RAW_FE", "HAAR", "HADAMARD", "NORMALIZE", "DC_REMOVE"}) {
    const Settings s = Make({name}, 64);
    const std::vector<float> fx = FeaturesOf(s, x), fy = FeaturesOf(s, y);
    Doubles expected;
    for (size_t i = 0; i < fx.size(); ++i) expected.push_back(2.0 * fx[i] - 0.5 * fy[i]);
    ExpectNear(FeaturesOf(s, both), expected, 1e-5);
  }
}

TEST(MinMaxTest, SpansZeroToOne) {
  EXPECT_EQ(FeaturesOf(Make({"MINMAX"}, 4), {-1, 3, 1, 0}),
            (std::vector<float>{0, 1, 0.5f, 0.25f}));
  EXPECT_EQ(FeaturesOf(Make({"MINMAX"}, 3), {5, 5, 5}), (std::vector<float>{0, 0, 0}));
}

TEST(LogTest, TakesTheAbsoluteValueAndNoSilence) {
  Settings s = Make({"LOG_DB"}, 4);
  s.log_mul = 1;
  s.log_base = std::numbers::e;
  s.log_threshold = 0.5;
  ExpectNear(FeaturesOf(s, {-2.5f, 1.5f, -0.5f, 0}),
             {std::log(2.0), std::log(2.0), -104, std::log(0.5)}, 1e-6);
}

// The features of a channel do not depend on where it stands.
TEST(ChannelTest, PermutationsOfChannels) {
  std::map<std::string, Settings> all = {{"q15", ChainQ15(64, 8, 3)},
                                         {"pir", PirSettings("PIR_FE", {}, 33)},
                                         {"pir_q15", PirSettings("PIR_FE_Q15", {}, 31)},
                                         {"haar", Make({"HAAR", "MINMAX"}, 64)}};
  for (const auto& [name, s] : all) {
    const std::vector<float> rows = Noise(12, 3 * 5 * 125, 100);
    std::vector<float> turned;
    for (size_t i = 0; i < rows.size(); i += 3)
      turned.insert(turned.end(), {rows[i + 2], rows[i], rows[i + 1]});
    const std::vector<float> f = FeaturesOf(s, rows, 3), g = FeaturesOf(s, turned, 3);
    NullSink sink;
    const auto width = static_cast<size_t>(MakePipeline(s, 3, sink).FrameFeatures());
    ASSERT_EQ(f.size(), g.size());
    for (size_t i = 0; i < f.size(); ++i) {
      const size_t channel = i / width % 3;
      const size_t moved = i - channel * width + (channel + 1) % 3 * width;
      ASSERT_EQ(f[i], g[moved]) << name << " " << i;
    }
  }
}

// Quirk 16 and the presets of release 1.4: names without an effect are told, not run.
TEST(NamesTest, WithoutEffect) {
  class Notices : public NullSink {
   public:
    void OnNotice(const std::string& text) override { all += text + "\n"; }
    std::string all;
  } sink;
  Settings s = Make({"FE_DECIMATE", "FE_Q15", "CONCAT"}, 4);
  s.stacking = config::Stacking::k1D;
  const Pipeline p = MakePipeline(s, 2, sink);
  EXPECT_NE(sink.all.find("FE_DECIMATE has no effect"), std::string::npos) << sink.all;
  std::vector<float> features;
  Extract(p, std::vector<float>{1, 10, 2, 20, 3, 30, 4, 40}, features);
  EXPECT_EQ(features, (std::vector<float>{1, 2, 3, 4, 10, 20, 30, 40}));  // the mean is kept
  EXPECT_EQ(p.OutputShape(), (Shape{1, 8, 1}));
}

// Frequencies follow the rate of the samples that the transform sees.
TEST(PirTest, DownsampledFrequencies) {
  Settings s = PirSettings("PIR_FE", {}, 66);
  s.data_proc_transforms = {"Downsample"};
  s.new_sr = 33;
  const std::vector<float> x = Noise(13, 250, 10);
  std::vector<float> half;
  for (size_t i = 0; i < x.size(); i += 2) half.push_back(x[i]);
  EXPECT_EQ(FeaturesOf(s, x), FeaturesOf(PirSettings("PIR_FE", {}, 33), half));
}

}  // namespace
}  // namespace platypus::features
