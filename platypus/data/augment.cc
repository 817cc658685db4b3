#include "platypus/data/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "platypus/base/error.h"

namespace platypus::data {
namespace {

using Series = std::vector<double>;
using Channels = std::vector<Series>;  // one series of values for each channel

// Linear interpolation of `x` at `time`, going on straight beyond the ends.
double At(const Series& x, double time) {
  if (x.size() == 1) return x[0];
  const double last = static_cast<double>(x.size() - 2);
  const auto i = static_cast<size_t>(std::clamp(std::floor(time), 0.0, last));
  return x[i] + (time - static_cast<double>(i)) * (x[i + 1] - x[i]);
}

Series Resized(const Series& x, int64_t size) {
  if (size == 1) return {(x.front() + x.back()) / 2};
  Series y(static_cast<size_t>(size));
  const double step = static_cast<double>(x.size() - 1) / static_cast<double>(size - 1);
  for (size_t i = 0; i + 1 < y.size(); ++i) y[i] = At(x, static_cast<double>(i) * step);
  y.back() = x.back();
  return y;
}

double Range(const Series& x) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  return *high - *low;
}

double Noise(const std::string& distribution, Random& random) {
  if (distribution == "uniform") return random.Uniform(-std::sqrt(3.0), std::sqrt(3.0));
  if (distribution == "laplace") {
    const double u = random.Uniform() - 0.5;
    return (u < 0 ? 1.0 : -1.0) * std::log1p(-2.0 * std::min(std::abs(u), 0.5 - 1e-17));
  }
  return random.Normal();
}

// x changed by e, which is a share of the range if normalised.
void Apply(const Augmenter& augmenter, Series& x, const Series& e) {
  const double range = augmenter.normalize ? Range(x) : 1.0;
  for (size_t t = 0; t < x.size(); ++t)
    x[t] = augmenter.multiplicative ? x[t] * (1 + e[t]) : x[t] + e[t] * range;
}

// Symmetric window functions of `size` values.
Series Window(const std::string& name, int64_t size) {
  Series w(static_cast<size_t>(size), 1.0);
  if (size == 1 || name == "boxcar") return w;
  const auto cosines = [&](std::initializer_list<double> factors) {
    for (size_t i = 0; i < w.size(); ++i) {
      w[i] = 0;
      int k = 0;
      for (const double a : factors) {
        const double angle =
            2.0 * std::numbers::pi * k * static_cast<double>(i) / static_cast<double>(size - 1);
        w[i] += (k % 2 == 0 ? a : -a) * std::cos(angle);
        ++k;
      }
    }
  };
  if (name == "hann") cosines({0.5, 0.5});
  if (name == "hamming") cosines({0.54, 0.46});
  if (name == "blackman") cosines({0.42, 0.5, 0.08});
  if (name == "flattop") cosines({0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368});
  const double middle = static_cast<double>(size - 1) / 2;
  for (size_t i = 0; i < w.size(); ++i) {
    const double distance = std::abs(static_cast<double>(i) - middle);
    if (name == "bartlett") w[i] = 1 - distance / middle;
    if (name == "triang") w[i] = 1 - distance / (static_cast<double>(size + size % 2) / 2);
  }
  return w;
}

Series Convolved(const Series& x, const Series& window) {
  const auto n = static_cast<int64_t>(x.size());
  const auto size = static_cast<int64_t>(window.size());
  const double sum = std::accumulate(window.begin(), window.end(), 0.0);
  if (sum == 0.0) return x;  // hann and bartlett of two values
  Series y(x.size());
  const int64_t first = size % 2 == 0 ? 1 - size / 2 : -(size / 2);
  for (int64_t t = 0; t < n; ++t) {
    double total = 0;
    for (int64_t k = 0; k < size; ++k) {
      int64_t at = (t + first + k) % (2 * n);  // d c b a | a b c d | d c b a
      if (at < 0) at += 2 * n;
      if (at >= n) at = 2 * n - 1 - at;
      total += window[static_cast<size_t>(k)] * x[static_cast<size_t>(at)];
    }
    y[static_cast<size_t>(t)] = total / sum;
  }
  return y;
}

// Second derivatives of the not-a-knot cubic spline through knots one apart.
Series SplineCurvature(const Series& y) {
  const size_t q = y.size();
  if (q == 3) return Series(3, y[2] - 2 * y[1] + y[0]);
  std::vector<Series> rows(q, Series(q + 1, 0.0));
  for (size_t i = 1; i + 1 < q; ++i) {
    rows[i][i - 1] = rows[i][i + 1] = 1.0 / 6;
    rows[i][i] = 2.0 / 3;
    rows[i][q] = y[i + 1] - 2 * y[i] + y[i - 1];
  }
  for (const size_t end : {size_t{0}, q - 1}) {
    const size_t start = end == 0 ? 0 : q - 3;
    rows[end][start] = 1;
    rows[end][start + 1] = -2;
    rows[end][start + 2] = 1;
  }
  for (size_t c = 0; c < q; ++c) {  // Gauss with the largest pivot
    size_t pivot = c;
    for (size_t r = c + 1; r < q; ++r)
      if (std::abs(rows[r][c]) > std::abs(rows[pivot][c])) pivot = r;
    std::swap(rows[c], rows[pivot]);
    for (size_t r = 0; r < q; ++r) {
      if (r == c) continue;
      const double factor = rows[r][c] / rows[c][c];
      for (size_t k = c; k <= q; ++k) rows[r][k] -= factor * rows[c][k];
    }
  }
  Series curvature(q);
  for (size_t i = 0; i < q; ++i) curvature[i] = rows[i][q] / rows[i][i];
  return curvature;
}

double SplineAt(const Series& y, const Series& m, double at) {
  const double last = static_cast<double>(y.size() - 2);
  const auto i = static_cast<size_t>(std::clamp(std::floor(at), 0.0, last));
  const double b = at - static_cast<double>(i);
  const double a = 1 - b;
  return a * y[i] + b * y[i + 1] + ((a * a * a - a) * m[i] + (b * b * b - b) * m[i + 1]) / 6;
}

// A smooth path that begins at 0 and whose largest distance from it is `size`.
Series DriftPath(size_t length, int64_t points, double size, Random& random) {
  Series knots(static_cast<size_t>(points) + 2);
  double sum = 0;
  for (double& knot : knots) knot = sum += random.Normal();
  const Series curvature = SplineCurvature(knots);
  const double step = static_cast<double>(knots.size() - 1) / static_cast<double>(length);
  Series path(length);
  for (size_t t = 0; t < length; ++t)
    path[t] = SplineAt(knots, curvature, static_cast<double>(t) * step) - knots[0];
  double largest = 0;
  for (const double d : path) largest = std::max(largest, std::abs(d));
  for (double& d : path) d = largest > 0 ? d / largest * size : 0;
  return path;
}

// Where blocks begin, for one length of blocks.
std::vector<size_t> BlockStarts(size_t length, size_t size, double probability, Random& random) {
  std::vector<size_t> starts;
  for (size_t t = 0; t + size < length; ++t)
    if (random.Uniform() < probability) starts.push_back(t);
  return starts;
}

void Fill(const std::string& fill, double value, size_t start, size_t size, const Series& before,
          Series& x) {
  const size_t first = fill == "bfill" ? start : start + 1;
  double with = value;
  if (fill == "ffill") with = before[start];
  if (fill == "bfill") with = before[start + size];
  if (fill == "mean") {
    with = std::accumulate(before.begin(), before.end(), 0.0) / static_cast<double>(before.size());
  }
  for (size_t t = first; t < first + size && t < x.size(); ++t) x[t] = with;
}

Series Pooled(const Series& x, const std::string& kind, size_t size) {
  Series y(x.size());
  for (size_t start = 0; start < x.size(); start += size) {
    const auto first = x.begin() + static_cast<std::ptrdiff_t>(start);
    const size_t count = std::min(size, x.size() - start);
    const auto last = first + static_cast<std::ptrdiff_t>(count);
    double value = std::accumulate(first, last, 0.0) / static_cast<double>(count);
    if (kind == "max") value = *std::max_element(first, last);
    if (kind == "min") value = *std::min_element(first, last);
    std::fill_n(y.begin() + static_cast<std::ptrdiff_t>(start), count, value);
  }
  return y;
}

double Quantile(const Series& sorted, double share) {
  return At(sorted, share * static_cast<double>(sorted.size() - 1));
}

Series Quantized(const Series& x, const std::string& how, int64_t levels) {
  constexpr int kIterations = 100;
  const auto n = static_cast<double>(levels);
  Series y(x.size());
  if (how == "uniform") {
    const double low = *std::min_element(x.begin(), x.end());
    const double range = Range(x) > 0 ? Range(x) : 1.0;
    for (size_t t = 0; t < x.size(); ++t) {
      const double k = std::clamp(std::nearbyint(n * (x[t] - low) / range), 0.0, n - 1);
      y[t] = (k + 0.5) / n * range + low;
    }
    return y;
  }
  Series sorted = x;
  std::sort(sorted.begin(), sorted.end());
  Series centres(static_cast<size_t>(levels));
  for (size_t k = 0; k < centres.size(); ++k)
    centres[k] = Quantile(sorted, (static_cast<double>(k) + 0.5) / n);
  const auto nearest = [&](double value) {
    const auto above = std::lower_bound(centres.begin(), centres.end(), value);
    if (above == centres.begin()) return size_t{0};
    const auto i = static_cast<size_t>(above - centres.begin());
    if (above == centres.end()) return i - 1;
    return value - centres[i - 1] <= centres[i] - value ? i - 1 : i;
  };
  for (int round = 0; how == "kmeans" && round < kIterations; ++round) {
    Series sums(centres.size(), 0.0);
    Series counts(centres.size(), 0.0);
    for (const double value : sorted) {
      sums[nearest(value)] += value;
      counts[nearest(value)] += 1;
    }
    const Series before = centres;
    for (size_t k = 0; k < centres.size(); ++k)
      if (counts[k] > 0) centres[k] = sums[k] / counts[k];
    std::sort(centres.begin(), centres.end());
    if (centres == before) break;
  }
  for (size_t t = 0; t < x.size(); ++t) y[t] = centres[nearest(x[t])];
  return y;
}

// Monotone cubic (Fritsch, Butland 1984) through knots `step` apart.
class Monotone {
 public:
  Monotone(Series y, double step) : y_(std::move(y)), step_(step), slopes_(y_.size()) {
    const size_t n = y_.size();
    Series d(n - 1);
    for (size_t i = 0; i + 1 < n; ++i) d[i] = (y_[i + 1] - y_[i]) / step_;
    for (size_t i = 1; i + 1 < n; ++i)
      slopes_[i] = d[i - 1] * d[i] > 0 ? 2 / (1 / d[i - 1] + 1 / d[i]) : 0;
    const auto end = [&](double near, double next) {
      const double slope = (3 * near - next) / 2;
      if (slope * near <= 0) return 0.0;
      return near * next < 0 && std::abs(slope) > 3 * std::abs(near) ? 3 * near : slope;
    };
    slopes_[0] = n == 2 ? d[0] : end(d[0], d[1]);
    slopes_[n - 1] = n == 2 ? d[0] : end(d[n - 2], d[n - 3]);
  }
  double At(double x) const {
    const double last = static_cast<double>(y_.size() - 2);
    const auto i = static_cast<size_t>(std::clamp(std::floor(x / step_), 0.0, last));
    const double b = x / step_ - static_cast<double>(i);
    const double b2 = b * b;
    const double b3 = b2 * b;
    return (2 * b3 - 3 * b2 + 1) * y_[i] + (b3 - 2 * b2 + b) * step_ * slopes_[i] +
           (3 * b2 - 2 * b3) * y_[i + 1] + (b3 - b2) * step_ * slopes_[i + 1];
  }

 private:
  Series y_;
  double step_;
  Series slopes_;
};

// Times at which a window is read whose speed changes `changes` times by at most `ratio`.
Series WarpedTimes(size_t length, int64_t changes, double ratio, Random& random) {
  Series speeds(static_cast<size_t>(changes) + 1);
  for (double& speed : speeds) speed = random.Uniform();
  const auto [low, high] = std::minmax_element(speeds.begin(), speeds.end());
  const double shift = (*high - ratio * *low) / (1 - ratio);
  Series times(speeds.size() + 1, 0.0);
  for (size_t k = 0; k < speeds.size(); ++k) times[k + 1] = times[k] + speeds[k] - shift;
  const double last = static_cast<double>(length - 1);
  const double total = times.back();
  for (size_t k = 0; k < times.size(); ++k)
    times[k] = total > 0 ? times[k] / total * last
                         : last * static_cast<double>(k) / static_cast<double>(speeds.size());
  const Monotone map(times, last / static_cast<double>(speeds.size()));
  Series at(length);
  for (size_t t = 0; t < length; ++t) at[t] = map.At(static_cast<double>(t));
  return at;
}

// One augmenter on one window.
class Changing {
 public:
  Changing(const Augmenter& augmenter, Channels& x, Random& random)
      : a_(augmenter), x_(x), random_(random) {}

  void Run() {
    switch (a_.kind) {
      case AugmenterKind::kAddNoise:
        return AddNoise();
      case AugmenterKind::kConvolve:
        return ForEach([&] { return Window(Word(), Integer("size")); },
                       [](Series& x, const Series& window) { x = Convolved(x, window); });
      case AugmenterKind::kCrop:
        return Crop();
      case AugmenterKind::kDrift:
        return ForEach(
            [&] {
              return DriftPath(Length(), Integer("n_drift_points"), Number("max_drift"), random_);
            },
            [&](Series& x, const Series& path) { Apply(a_, x, path); });
      case AugmenterKind::kDropout:
        return Dropout();
      case AugmenterKind::kPool:
        return ForEach([&] { return std::pair(Word(), Integer("size")); },
                       [](Series& x, const auto& how) {
                         x = Pooled(x, how.first, static_cast<size_t>(how.second));
                       });
      case AugmenterKind::kQuantize:
        return ForEach([&] { return std::pair(Word(), Integer("n_levels")); },
                       [](Series& x, const auto& how) { x = Quantized(x, how.first, how.second); });
      case AugmenterKind::kResize:
        for (const int64_t size = Integer("size"); Series & x : x_) x = Resized(x, size);
        return;
      case AugmenterKind::kReverse:
        for (Series& x : x_) std::reverse(x.begin(), x.end());
        return;
      case AugmenterKind::kTimeWarp:
        return TimeWarp();
    }
  }

 private:
  size_t Length() const { return x_[0].size(); }
  double Number(const char* name) { return a_.sizes.at(name).Draw(random_); }
  int64_t Integer(const char* name) { return a_.sizes.at(name).DrawInteger(random_); }
  std::string Word() { return a_.words[random_.Below(a_.words.size())]; }

  // Draws once, or once for every channel, and changes the channels by what was drawn.
  template <typename Draw, typename Change>
  void ForEach(Draw draw, Change change) {
    auto drawn = draw();
    for (size_t c = 0; c < x_.size(); ++c) {
      if (c > 0 && a_.per_channel) drawn = draw();
      change(x_[c], drawn);
    }
  }

  void AddNoise() {
    ForEach(
        [&] {
          const std::string distribution = Word();
          const double middle = Number("loc");
          const double size = Number("scale");
          Series e(Length());
          for (double& value : e) value = size * Noise(distribution, random_) + middle;
          return e;
        },
        [&](Series& x, const Series& e) { Apply(a_, x, e); });
  }

  void Crop() {
    const auto length = static_cast<int64_t>(Length());
    const int64_t size = std::min(length, Integer("size"));
    const auto start =
        static_cast<std::ptrdiff_t>(random_.Below(static_cast<uint64_t>(length - size + 1)));
    const int64_t wanted = Integer("resize");
    for (Series& x : x_) {
      const Series part(x.begin() + start, x.begin() + start + size);
      x = Resized(part, wanted == 0 ? length : wanted);
    }
  }

  void Dropout() {
    const Choice& sizes = a_.sizes.at("size");
    std::vector<int64_t> lengths;
    for (const double size : sizes.values) lengths.push_back(static_cast<int64_t>(size));
    if (lengths.empty()) lengths.push_back(sizes.DrawInteger(random_));
    struct Block {
      size_t start;
      size_t size;
    };
    ForEach(
        [&] {
          const double p = Number("p");
          std::vector<Block> blocks;
          for (const int64_t length : lengths) {
            const auto size = static_cast<size_t>(length);
            const double probability = p / static_cast<double>(lengths.size() * size);
            for (const size_t start : BlockStarts(Length(), size, probability, random_))
              blocks.push_back({start, size});
          }
          return std::tuple(blocks, Word(), Number("value"));
        },
        [](Series& x, const auto& drawn) {
          const Series before = x;
          for (const Block& block : std::get<0>(drawn))
            Fill(std::get<1>(drawn), std::get<2>(drawn), block.start, block.size, before, x);
        });
  }

  void TimeWarp() {
    if (Length() < 2) return;
    const Series times =
        WarpedTimes(Length(), Integer("n_speed_change"), Number("max_speed_ratio"), random_);
    for (Series& x : x_) {
      const Series before = x;
      for (size_t t = 0; t < x.size(); ++t) x[t] = At(before, times[t]);
    }
  }

  const Augmenter& a_;
  Channels& x_;
  Random& random_;
};

}  // namespace

double Choice::Draw(Random& random) const {
  return values.empty() ? random.Uniform(low, high) : values[random.Below(values.size())];
}

int64_t Choice::DrawInteger(Random& random) const {
  if (!values.empty()) return static_cast<int64_t>(Draw(random));
  const auto first = static_cast<int64_t>(low);
  const auto count = std::max<int64_t>(1, static_cast<int64_t>(high) - first);
  return first + static_cast<int64_t>(random.Below(static_cast<uint64_t>(count)));
}

std::vector<std::vector<float>> Augment(std::span<const Augmenter> augmenters,
                                        std::span<const float> window, int64_t channels,
                                        uint64_t seed, uint64_t index) {
  const auto width = static_cast<size_t>(channels);
  std::vector<Channels> copies(1, Channels(width));
  for (size_t i = 0; i < window.size(); ++i) copies[0][i % width].push_back(double{window[i]});
  for (size_t n = 0; n < augmenters.size() && !window.empty(); ++n) {
    const Augmenter& augmenter = augmenters[n];
    Random random(augmenter.seed.value_or(seed),
                  fmt::format("{} {} {}", Name(augmenter.kind), n, index));
    std::vector<Channels> next;
    for (const Channels& copy : copies) {
      for (int r = 0; r < augmenter.repeats; ++r) {
        next.push_back(copy);
        if (random.Uniform() < augmenter.prob) Changing(augmenter, next.back(), random).Run();
      }
    }
    copies = std::move(next);
  }
  std::vector<std::vector<float>> results;
  for (const Channels& copy : copies) {
    std::vector<float> values;
    for (size_t t = 0; t < copy[0].size(); ++t) {
      for (const Series& x : copy) values.push_back(static_cast<float>(x[t]));
    }
    results.push_back(std::move(values));
  }
  return results;
}

std::optional<std::vector<float>> VaryGain(std::span<const config::GainVariation> gains,
                                           const std::string& class_name,
                                           std::span<const float> frame, uint64_t seed,
                                           uint64_t index) {
  const auto found = std::find_if(
      gains.begin(), gains.end(),
      [&](const config::GainVariation& gain) { return gain.class_name == class_name; });
  if (found == gains.end()) return std::nullopt;
  Random random(seed, fmt::format("gain {}", index));
  const double gain = random.Uniform(found->low, found->high);
  std::vector<float> values(frame.begin(), frame.end());
  for (float& value : values) value = static_cast<float>(gain * double{value});
  return values;
}

}  // namespace platypus::data
