#include "platypus/quantize/observers.h"

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"

namespace platypus::quantize {
namespace {

Range Extremes(std::span<const float> values) {
  const auto [low, high] = std::ranges::minmax_element(values);
  return {*low, *high};
}

// PyTorch's averaging constant, which the reference uses.
constexpr float kShare = 0.01f;

void Average(Range& range, const Range& batch) {
  if (range.Empty()) {
    range = batch;
    return;
  }
  range.min += kShare * (batch.min - range.min);
  range.max += kShare * (batch.max - range.max);
}

// The code that a value rounds to, before it is clamped.
double CodeOf(double x, const graph::Codes& codes) {
  return std::floor(x / codes.scale + 0.5) + codes.zero_point;
}

}  // namespace

float Quantile(std::span<float> values, double p) {
  Check(!values.empty(), "a quantile of nothing");
  const double at = p * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(std::floor(at));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), nth, values.end());
  if (below + 1 == values.size()) return *nth;
  const float next = *std::min_element(nth + 1, values.end());
  return static_cast<float>(*nth + (at - static_cast<double>(below)) * (double{next} - *nth));
}

void Histogram::Add(std::span<const float> values) {
  for (const float x : values) {
    if (x == 0.0f || !std::isfinite(x)) continue;
    if (width_ == 0) {
      counts_.assign(2 * kSide, 0);
      width_ = std::ldexp(1.0, std::ilogb(x) + 1) / kSide;
    }
    while (std::abs(double{x}) >= width_ * kSide) Widen();
    ++counts_[static_cast<size_t>(std::floor(x / width_) + kSide)];
    ++total_;
  }
}

// Pairs of bins become one; bins next to 0 stay next to it.
void Histogram::Widen() {
  std::vector<int64_t> wider(counts_.size(), 0);
  for (size_t i = 0; i < counts_.size(); ++i) wider[kSide / 2 + i / 2] += counts_[i];
  counts_ = std::move(wider);
  width_ *= 2;
}

double MeanSquaredError(const Histogram& values, const graph::Codes& codes) {
  double sum = 0;
  for (size_t i = 0; i < values.Counts().size(); ++i) {
    if (values.Counts()[i] == 0) continue;
    const double x = values.Centre(i);
    const double code = std::clamp<double>(CodeOf(x, codes), codes.lo, codes.hi);
    const double error = x - (code - codes.zero_point) * codes.scale;
    sum += static_cast<double>(values.Counts()[i]) * error * error;
  }
  return values.Total() > 0 ? sum / static_cast<double>(values.Total()) : 0.0;
}

double Divergence(const Histogram& values, const graph::Codes& codes) {
  const std::span<const int64_t> counts = values.Counts();
  const auto code_of = [&](size_t i) { return CodeOf(values.Centre(i), codes); };
  size_t first = 0;
  size_t last = counts.size();  // bins [first, last) lie inside
  int64_t below = 0;
  int64_t above = 0;
  while (first < last && code_of(first) < codes.lo) below += counts[first++];
  while (last > first && code_of(last - 1) > codes.hi) above += counts[--last];
  const int64_t inside = values.Total() - below - above;
  if (inside == 0) return values.Total() == 0 ? 0.0 : HUGE_VAL;
  // Codes that have less than a bin each lose nothing that a histogram shows.
  if (static_cast<int64_t>(last - first) <= int64_t{codes.hi} - codes.lo) return HUGE_VAL;
  double sum = 0;
  for (size_t begin = first; begin < last;) {
    size_t end = begin;
    int64_t together = 0;
    int64_t filled = 0;
    for (const double code = code_of(begin); end < last && code_of(end) == code; ++end) {
      together += counts[end];
      filled += counts[end] > 0 ? 1 : 0;
    }
    for (size_t i = begin; i < end; ++i) {
      const int64_t outside = (i == first ? below : 0) + (i + 1 == last ? above : 0);
      const double p =
          static_cast<double>(counts[i] + outside) / static_cast<double>(values.Total());
      if (p == 0) continue;
      const double q =
          counts[i] > 0 ? static_cast<double>(together) / static_cast<double>(filled) : 1e-4;
      sum += p * std::log(p * static_cast<double>(inside) / q);
    }
    begin = end;
  }
  return sum;
}

Range Narrow(const graph::FakeQuantize& op, Range widest,
             const std::function<double(const graph::Codes&)>& cost) {
  constexpr int kOctaves = 12;
  constexpr int kFiner = 8;  // steps around the best one
  if (widest.Empty() || (widest.min == 0 && widest.max == 0)) return widest;
  const int steps = op.power_of_two_scale ? 1 : 16;  // an octave
  const auto cost_of = [&](const Range& range) {
    return cost(graph::ActivationCodes(op, range.min, range.max));
  };
  Range best = widest;
  double least = cost_of(best);
  // Of the best ends, in octaves below the widest.
  double below_min = 0;
  double below_max = 0;
  const auto attempt = [&](bool low, bool high, double octaves) {
    const auto factor = static_cast<float>(std::exp2(-octaves));
    Range range = best;
    if (low) range.min = widest.min * factor;
    if (high) range.max = widest.max * factor;
    const double found = cost_of(range);
    if (found >= least) return;
    least = found;
    best = range;
    if (low) below_min = octaves;
    if (high) below_max = octaves;
  };
  // Tries other ends, those that `low` and `high` say.
  const auto search = [&](bool low, bool high) {
    for (int k = 1; k <= kOctaves * steps; ++k) attempt(low, high, static_cast<double>(k) / steps);
    if (op.power_of_two_scale) return;
    const double centre = high ? below_max : below_min;
    for (int k = -kFiner; k <= kFiner; ++k)
      attempt(low, high, std::max(0.0, centre + static_cast<double>(k) / (steps * kFiner)));
  };
  if (!op.affine || widest.min >= 0) {
    search(true, true);
    return best;
  }
  constexpr int kRounds = 3;
  for (int round = 0; round < kRounds; ++round) {
    search(false, true);
    search(true, false);
  }
  return best;
}

void MinMaxObserver::Observe(std::span<const float> batch) {
  if (batch.empty()) return;
  const Range seen = Extremes(batch);
  range =
      range.Empty() ? seen : Range{std::min(range.min, seen.min), std::max(range.max, seen.max)};
}

void MovingAverageObserver::Observe(std::span<const float> batch) {
  if (!batch.empty()) Average(range, Extremes(batch));
}

void PercentileObserver::Observe(std::span<const float> batch) {
  if (batch.empty()) return;
  std::vector<float> values(batch.begin(), batch.end());
  const float low = Quantile(values, 0.0001);
  Average(range, {low, Quantile(values, 0.9999)});
}

void EntropyObserver::Observe(std::span<const float> batch) {
  seen.Observe(batch);
  values.Add(batch);
}

Range EntropyObserver::Choose(const graph::FakeQuantize& op) const {
  return Narrow(op, seen.range,
                [&](const graph::Codes& codes) { return Divergence(values, codes); });
}

void MseObserver::Observe(std::span<const float> batch) {
  seen.Observe(batch);
  values.Add(batch);
}

Range MseObserver::Choose(const graph::FakeQuantize& op) const {
  return Narrow(op, seen.range,
                [&](const graph::Codes& codes) { return MeanSquaredError(values, codes); });
}

Observer MakeObserver(config::RangeObserver wanted) {
  switch (wanted) {
    case config::RangeObserver::kMovingAverage:
      return MovingAverageObserver{};
    case config::RangeObserver::kPercentile:
      return PercentileObserver{};
    case config::RangeObserver::kEntropy:
      return EntropyObserver{};
    case config::RangeObserver::kMse:
      return MseObserver{};
    case config::RangeObserver::kLoss:
    case config::RangeObserver::kMinMax:
      break;
  }
  return MinMaxObserver{};
}

}  // namespace platypus::quantize
