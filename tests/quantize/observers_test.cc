#include "platypus/quantize/observers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "platypus/base/random.h"

namespace platypus::quantize {
namespace {

std::vector<float> NormalWithOutliers(uint64_t seed, size_t count, bool positive) {
  Random random(seed, "values");
  std::vector<float> values(count);
  for (float& v : values) {
    v = static_cast<float>(random.Normal());
    if (positive) v = std::max(0.0f, v);
  }
  values[count / 3] = 37.0f;
  if (!positive) values[count / 2] = -25.0f;
  return values;
}

// Of the values themselves, in double.
double ExactError(std::span<const float> values, const graph::Codes& codes) {
  double sum = 0;
  for (const float x : values) {
    const double q = std::clamp<double>(
        std::floor(x / double{codes.scale} + 0.5) + codes.zero_point, codes.lo, codes.hi);
    sum += std::pow(x - (q - codes.zero_point) * codes.scale, 2);
  }
  return sum / static_cast<double>(values.size());
}
double ExactError(std::span<const float> values, const graph::FakeQuantize& op,
                  const Range& range) {
  return ExactError(values, graph::ActivationCodes(op, range.min, range.max));
}

template <typename Observer>
Range Observed(const graph::FakeQuantize& op, std::span<const float> values, size_t batch) {
  Observer observer;
  for (size_t at = 0; at < values.size(); at += batch)
    observer.Observe(values.subspan(at, std::min(batch, values.size() - at)));
  return observer.Choose(op);
}

TEST(ObserversTest, QuantilesAreThoseOfSortedValues) {
  Random random(1, "quantiles");
  for (const size_t count : {1, 2, 7, 10000}) {
    std::vector<float> values(count);
    for (float& v : values) v = static_cast<float>(random.Normal());
    std::vector<float> sorted = values;
    std::ranges::sort(sorted);
    for (const double p : {0.0, 0.0001, 0.25, 0.5, 0.9999, 1.0}) {
      const double at = p * static_cast<double>(count - 1);
      const auto i = static_cast<size_t>(at);
      const double next = sorted[std::min(i + 1, count - 1)];
      const double wanted = sorted[i] + (at - static_cast<double>(i)) * (next - sorted[i]);
      EXPECT_FLOAT_EQ(Quantile(values, p), static_cast<float>(wanted)) << count << " " << p;
    }
  }
}

TEST(ObserversTest, HistogramCountsInAnyOrder) {
  std::vector<float> values = NormalWithOutliers(2, 5000, false);
  values.insert(values.end(), {0.0f, 1e-20f, -64.0f, 63.99f});
  Histogram grown;
  grown.Add(values);
  std::ranges::sort(values, std::greater<>());
  Histogram sorted;
  for (const float v : values) sorted.Add(std::span(&v, 1));
  EXPECT_EQ(grown.Width(), sorted.Width());
  EXPECT_TRUE(std::ranges::equal(grown.Counts(), sorted.Counts()));
  EXPECT_EQ(grown.Width(), 128.0 / 2048);  // |-64| lies in [64, 128)
  std::map<int64_t, int64_t> wanted;
  for (const float v : values) {
    if (v != 0) ++wanted[static_cast<int64_t>(std::floor(v / grown.Width()))];
  }
  for (size_t i = 0; i < grown.Counts().size(); ++i) {
    const int64_t bin = static_cast<int64_t>(i) - Histogram::kSide;
    EXPECT_EQ(grown.Counts()[i], wanted.contains(bin) ? wanted[bin] : 0) << bin;
  }
  EXPECT_EQ(grown.Total(), static_cast<int64_t>(values.size()) - 1);
}

TEST(ObserversTest, MinMaxHoldsTheExtremes) {
  const std::vector<float> values = NormalWithOutliers(3, 1000, false);
  EXPECT_EQ((Observed<MinMaxObserver>({}, values, 64)), (Range{-25.0f, 37.0f}));
  EXPECT_TRUE((Observed<MinMaxObserver>({}, {}, 64).Empty()));
}

TEST(ObserversTest, MovingAverageIsGeometric) {
  MovingAverageObserver observer;
  const std::vector<float> first = {-1.0f, 0.5f, 2.0f};
  const std::vector<float> others = {-3.0f, 8.0f};
  observer.Observe(first);
  constexpr int kBatches = 40;
  for (int i = 0; i < kBatches; ++i) observer.Observe(others);
  const double kept = std::pow(0.99, kBatches);
  EXPECT_NEAR(observer.Choose({}).min, -3.0 + kept * 2.0, 1e-5);
  EXPECT_NEAR(observer.Choose({}).max, 8.0 - kept * 6.0, 1e-5);
}

TEST(ObserversTest, PercentilesOfEachBatchAreAveraged) {
  const std::vector<float> values = NormalWithOutliers(4, 40000, false);
  const auto quantiles = [&](size_t from, size_t count) {
    std::vector<float> sorted(values.begin() + static_cast<std::ptrdiff_t>(from),
                              values.begin() + static_cast<std::ptrdiff_t>(from + count));
    std::ranges::sort(sorted);
    const auto at = [&](double p) {
      const double x = p * static_cast<double>(count - 1);
      const auto i = static_cast<size_t>(x);
      return sorted[i] + (x - static_cast<double>(i)) * (double{sorted[i + 1]} - sorted[i]);
    };
    return std::pair(at(0.0001), at(0.9999));
  };
  const auto [low, high] = quantiles(0, 20000);
  const auto [low2, high2] = quantiles(20000, 20000);
  const Range range = Observed<PercentileObserver>({}, values, 20000);
  EXPECT_NEAR(range.min, low + 0.01 * (low2 - low), 1e-5);
  EXPECT_NEAR(range.max, high + 0.01 * (high2 - high), 1e-5);
  EXPECT_LT(range.max, 10.0f);  // 37 came by once in 20000 values
}

TEST(ObserversTest, MseRangeIsTheBestOfAnExhaustiveSearch) {
  for (const graph::FakeQuantize op :
       {graph::FakeQuantize{8, false, false}, graph::FakeQuantize{4, false, false},
        graph::FakeQuantize{2, false, false}, graph::FakeQuantize{8, true, false},
        graph::FakeQuantize{4, true, false}}) {
    for (const bool positive : {false, true}) {
      const std::vector<float> values = NormalWithOutliers(5, 20000, positive);
      double best = HUGE_VAL;
      for (int k = 0; k < 3000; ++k) {
        const float factor = std::exp2(static_cast<float>(-k) / 300.0f);
        const Range range = {positive ? 0.0f : -37.0f * factor, 37.0f * factor};
        best = std::min(best, ExactError(values, op, range));
      }
      const Range found = Observed<MseObserver>(op, values, 1000);
      EXPECT_LE(ExactError(values, op, found), 1.02 * best)
          << op.bits << " bits, powers of two " << op.power_of_two_scale << ", " << found.max;
      EXPECT_LT(found.max, 37.0f);
    }
  }
}

TEST(ObserversTest, MseRangeOfAffineCodesIsTheBestOfBothEnds) {
  Random random(6, "skew");
  std::vector<float> values(4000);
  for (float& v : values) v = static_cast<float>(std::exp(random.Normal()) - 1.5);
  const auto [low, high] = std::ranges::minmax(values);
  const graph::FakeQuantize op{4, false, true};
  double best = HUGE_VAL;
  for (int i = 0; i < 60; ++i) {
    for (int j = 0; j < 60; ++j) {
      best = std::min(best, ExactError(values, op,
                                       {low * std::exp2(-static_cast<float>(i) / 15),
                                        high * std::exp2(-static_cast<float>(j) / 15)}));
    }
  }
  const Range found = Observed<MseObserver>(op, values, 500);
  EXPECT_LE(ExactError(values, op, found), 1.05 * best);
}

// The definition, over a map from bins to counts.
double DirectDivergence(std::span<const float> values, double width, const graph::Codes& codes) {
  std::map<int64_t, double> all;
  for (const float v : values) {
    if (v != 0) ++all[static_cast<int64_t>(std::floor(v / width))];
  }
  const auto code = [&](int64_t bin) {
    return std::floor((static_cast<double>(bin) + 0.5) * width / codes.scale + 0.5) +
           codes.zero_point;
  };
  double total = 0;
  double inside = 0;
  std::map<int64_t, double> p;
  std::map<double, std::vector<int64_t>> of_code;
  int64_t first = INT64_MAX;
  int64_t last = INT64_MIN;
  for (int64_t bin = -Histogram::kSide; bin < Histogram::kSide; ++bin) {
    if (code(bin) < codes.lo || code(bin) > codes.hi) continue;
    first = std::min(first, bin);
    last = std::max(last, bin);
  }
  if (first > last || last - first + 1 < int64_t{codes.hi} - codes.lo + 1) return HUGE_VAL;
  for (const auto& [bin, count] : all) {
    total += count;
    p[std::clamp(bin, first, last)] += count;
    if (bin < first || bin > last) continue;
    inside += count;
    of_code[code(bin)].push_back(bin);
  }
  std::map<int64_t, double> q;
  for (const auto& [c, bins] : of_code) {
    double sum = 0;
    for (const int64_t bin : bins) sum += all[bin];
    for (const int64_t bin : bins) q[bin] = sum / static_cast<double>(bins.size());
  }
  double divergence = 0;
  for (const auto& [bin, count] : p) {
    const double expected = q.contains(bin) ? q[bin] : 1e-4;
    divergence += count / total * std::log(count / total / (expected / inside));
  }
  return divergence;
}

TEST(ObserversTest, DivergenceIsItsDefinition) {
  for (const graph::FakeQuantize op :
       {graph::FakeQuantize{8, false, false}, graph::FakeQuantize{4, false, false},
        graph::FakeQuantize{8, true, false}, graph::FakeQuantize{4, false, true}}) {
    const std::vector<float> values = NormalWithOutliers(7, 20000, false);
    Histogram histogram;
    histogram.Add(values);
    for (const float high : {37.0f, 20.0f, 5.0f, 3.1f, 1.0f}) {
      const graph::Codes codes = graph::ActivationCodes(op, -0.7f * high, high);
      const double wanted = DirectDivergence(values, histogram.Width(), codes);
      if (std::isinf(wanted)) {
        EXPECT_EQ(Divergence(histogram, codes), wanted) << high;
        continue;
      }
      EXPECT_NEAR(Divergence(histogram, codes), wanted, 1e-9 + 1e-9 * std::abs(wanted)) << high;
    }
  }
}

TEST(ObserversTest, EntropyRangeIsTheLeastDivergentOne) {
  for (const graph::FakeQuantize op :
       {graph::FakeQuantize{4, false, false}, graph::FakeQuantize{8, false, false},
        graph::FakeQuantize{8, true, false}}) {
    const std::vector<float> values = NormalWithOutliers(8, 30000, false);
    Histogram histogram;
    histogram.Add(values);
    const int steps = op.power_of_two_scale ? 1 : 16;
    double best = HUGE_VAL;
    for (int k = 0; k <= 12 * steps; ++k) {
      const auto factor = static_cast<float>(std::exp2(-static_cast<double>(k) / steps));
      best =
          std::min(best, DirectDivergence(values, histogram.Width(),
                                          graph::ActivationCodes(op, -25 * factor, 37 * factor)));
    }
    const Range found = Observed<EntropyObserver>(op, values, 777);
    EXPECT_LE(DirectDivergence(values, histogram.Width(),
                               graph::ActivationCodes(op, found.min, found.max)),
              best + 1e-9);
    EXPECT_LT(found.max, 37.0f);  // the two outliers are worth being clipped
    EXPECT_GT(found.max, 1.5f);
  }
}

TEST(ObserversTest, ConstantsAndZerosKeepTheirRange) {
  const std::vector<float> zeros(100, 0.0f);
  const std::vector<float> threes(100, 3.0f);
  for (const config::RangeObserver kind :
       {config::RangeObserver::kLoss, config::RangeObserver::kMinMax,
        config::RangeObserver::kMovingAverage, config::RangeObserver::kPercentile,
        config::RangeObserver::kEntropy, config::RangeObserver::kMse}) {
    const auto range = [&](std::span<const float> values) {
      Observer observer = MakeObserver(kind);
      return std::visit(
          [&](auto& o) {
            o.Observe(values);
            return o.Choose(graph::FakeQuantize{});
          },
          observer);
    };
    EXPECT_EQ(range(zeros), (Range{0.0f, 0.0f}));
    const Range found = range(threes);
    const graph::Codes codes = graph::ActivationCodes({}, found.min, found.max);
    EXPECT_NEAR(std::sqrt(ExactError(threes, codes)), 0.0, codes.scale / 2);
  }
}

}  // namespace
}  // namespace platypus::quantize
