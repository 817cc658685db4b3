#ifndef PLATYPUS_QUANTIZE_OBSERVERS_H_
#define PLATYPUS_QUANTIZE_OBSERVERS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <variant>
#include <vector>

#include "platypus/config/config.h"
#include "platypus/graph/quantization.h"

// Which range a tensor's codes shall span, from the values that come by in calibration.
namespace platypus::quantize {

struct Range {
  float min = 1;
  float max = -1;  // min > max: nothing came by
  bool Empty() const { return min > max; }
  friend bool operator==(const Range&, const Range&) = default;
};

// The quantile p of values, 0 <= p <= 1, between two of them linearly (p (n - 1) counted from 0).
// Reorders the values; at least one.
float Quantile(std::span<float> values, double p);

// Values other than 0 by size, in 2048 bins on either side of 0. Their width is a power of two that
// doubles when a value lies beyond, so that the counts do not depend on the order of the values.
class Histogram {
 public:
  static constexpr int kSide = 2048;

  void Add(std::span<const float> values);

  int64_t Total() const { return total_; }
  double Width() const { return width_; }
  std::span<const int64_t> Counts() const { return counts_; }
  // In the middle of bin i.
  double Centre(size_t i) const { return (static_cast<double>(i) - kSide + 0.5) * width_; }

 private:
  void Widen();

  double width_ = 0;  // 0: no value yet
  int64_t total_ = 0;
  std::vector<int64_t> counts_;
};

// Mean of (x - rounded x)^2 over the values of the histogram, each taken for its bin's middle.
double MeanSquaredError(const Histogram& values, const graph::Codes& codes);

// How much of the values' distribution the codes lose (Migacz 2017, over all codes instead of 128
// levels of magnitudes): the Kullback-Leibler divergence sum p log(p / q) over the bins inside the
// codes' range. p: the share of each bin, what lies outside counted in the outermost bins; q: the
// counts of the bins that round to one code spread evenly over those that are not empty, as a
// share of all that is inside. Where q is 0 it counts as 1e-4 of a value. Infinite for a range of
// fewer bins than codes.
double Divergence(const Histogram& values, const graph::Codes& codes);

// The range of the least cost among `widest` and narrower ones: both ends times 2^-k where scales
// are powers of two, times 2^(-k/16) where they are free, down to 2^-12, then 2^(-k/128) around the
// best; of affine codes each end for itself, in turn. Of equal ranges the widest.
Range Narrow(const graph::FakeQuantize& op, Range widest,
             const std::function<double(const graph::Codes&)>& cost);

// ---- observers: batches of values in, a range out ----------------------------------------------

// Everything that came by.
struct MinMaxObserver {
  Range range;
  void Observe(std::span<const float> batch);
  Range Choose(const graph::FakeQuantize&) const { return range; }
};

// The extremes of each batch, averaged: the first batch sets, others move by 1 / 100.
struct MovingAverageObserver {
  Range range;
  void Observe(std::span<const float> batch);
  Range Choose(const graph::FakeQuantize&) const { return range; }
};

// The quantiles 0.0001 and 0.9999 of each batch, averaged in the same way.
struct PercentileObserver {
  Range range;
  void Observe(std::span<const float> batch);
  Range Choose(const graph::FakeQuantize&) const { return range; }
};

// The range of the least Divergence.
struct EntropyObserver {
  MinMaxObserver seen;
  Histogram values;
  void Observe(std::span<const float> batch);
  Range Choose(const graph::FakeQuantize& op) const;
};

// The range of the least MeanSquaredError.
struct MseObserver {
  MinMaxObserver seen;
  Histogram values;
  void Observe(std::span<const float> batch);
  Range Choose(const graph::FakeQuantize& op) const;
};

using Observer = std::variant<MinMaxObserver, MovingAverageObserver, PercentileObserver,
                              EntropyObserver, MseObserver>;

// kLoss begins with the extremes (ChooseRanges goes on from there).
Observer MakeObserver(config::RangeObserver wanted);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_OBSERVERS_H_
