#include "platypus/analysis/goodness_of_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

#include "platypus/analysis/projection.h"

namespace platypus::analysis {
namespace {

using Complex = std::complex<double>;

constexpr int64_t kMostFrames = 3000;

size_t SmallestFactor(size_t n) {
  for (size_t f = 2; f * f <= n; ++f) {
    if (n % f == 0) return f;
  }
  return n;
}

// out = DFT of in[0], in[stride], ..., by decimation in time with any factor. root[k] =
// exp(-2 pi i k / size) of the whole transform, whose size is n * root_stride.
void Transform(const Complex* in, size_t stride, Complex* out, size_t n,
               const std::vector<Complex>& root, size_t root_stride) {
  if (n == 1) {
    out[0] = in[0];
    return;
  }
  const size_t factor = SmallestFactor(n);
  const size_t part = n / factor;
  for (size_t f = 0; f < factor; ++f)
    Transform(in + f * stride, stride * factor, out + f * part, part, root, root_stride * factor);
  std::vector<Complex> sums(factor);
  for (size_t k = 0; k < part; ++k) {
    for (size_t q = 0; q < factor; ++q) {
      Complex sum = 0;
      for (size_t f = 0; f < factor; ++f)
        sum += out[f * part + k] * root[f * (k + q * part) % n * root_stride];
      sums[q] = sum;
    }
    for (size_t q = 0; q < factor; ++q) out[k + q * part] = sums[q];
  }
}

constexpr std::array<double, 8> kLow = {
    -0.010597401785069032, 0.0328830116668852, 0.030841381835560764, -0.18703481171909309,
    -0.027983769416859854, 0.6308807679298589, 0.7148465705529157,   0.2303778133088965};

// One level of the transform of a signal that is mirrored at its borders.
void Split(const std::vector<double>& signal, std::vector<double>& low, std::vector<double>& high) {
  const auto n = static_cast<int64_t>(signal.size());
  const auto taps = static_cast<int64_t>(kLow.size());
  const int64_t count = (n + taps - 1) / 2;
  low.assign(static_cast<size_t>(count), 0);
  high.assign(static_cast<size_t>(count), 0);
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t j = 0; j < taps; ++j) {
      int64_t at = (2 * k + 1 - j) % (2 * n);
      if (at < 0) at += 2 * n;
      if (at >= n) at = 2 * n - 1 - at;
      const double x = signal[static_cast<size_t>(at)];
      low[static_cast<size_t>(k)] += kLow[static_cast<size_t>(j)] * x;
      const double mirrored = kLow[static_cast<size_t>(taps - 1 - j)];
      high[static_cast<size_t>(k)] += (j % 2 == 0 ? -mirrored : mirrored) * x;
    }
  }
}

void DescribeFrame(std::span<const double> frame, float* fourier, float* wavelet) {
  const std::vector<double> spectrum = SpectrumMagnitudes(frame);
  for (size_t k = 0; k < spectrum.size(); ++k)
    fourier[k] = static_cast<float>(std::log1p(spectrum[k]));
  for (const std::vector<double>& level : WaveletLevels(frame)) {
    const auto count = static_cast<double>(level.size());
    double mean = 0;
    double squares = 0;
    double magnitudes = 0;
    for (const double c : level) mean += c / count;
    for (const double c : level) {
      squares += (c - mean) * (c - mean) / count;
      magnitudes += std::abs(c);
    }
    const auto [least, most] = std::minmax_element(level.begin(), level.end());
    for (const double value : {mean, std::sqrt(squares), *most, *least, magnitudes})
      *wavelet++ = static_cast<float>(value);
  }
}

double Purity(const std::vector<double>& points, const std::vector<int32_t>& labels,
              ThreadPool& pool) {
  constexpr size_t kNeighbours = 5;
  const size_t count = labels.size();
  const size_t most = std::min(kNeighbours, count - 1);
  if (count < 2) return std::nan("");
  std::vector<double> share(count);
  pool.Run(static_cast<int64_t>(count), [&](int64_t sample) {
    const auto i = static_cast<size_t>(sample);
    std::vector<std::pair<double, size_t>> others;
    others.reserve(count);
    for (size_t j = 0; j < count; ++j) {
      double distance = 0;
      for (size_t d = 0; d < 3; ++d) {
        const double step = points[i * 3 + d] - points[j * 3 + d];
        distance += step * step;
      }
      if (j != i) others.emplace_back(distance, j);
    }
    std::nth_element(others.begin(), others.begin() + static_cast<std::ptrdiff_t>(most - 1),
                     others.end());
    for (size_t k = 0; k < most; ++k)
      share[i] += (labels[others[k].second] == labels[i] ? 1.0 : 0.0) / static_cast<double>(most);
  });
  double sum = 0;
  for (const double s : share) sum += s;
  return sum / static_cast<double>(count);
}

}  // namespace

std::vector<double> SpectrumMagnitudes(std::span<const double> signal) {
  const size_t n = signal.size();
  if (n == 0) return {};
  std::vector<Complex> root(n);
  for (size_t k = 0; k < n; ++k)
    root[k] =
        std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
  const std::vector<Complex> in(signal.begin(), signal.end());
  std::vector<Complex> out(n);
  Transform(in.data(), 1, out.data(), n, root, 1);
  std::vector<double> magnitudes(n / 2);
  for (size_t k = 0; k < magnitudes.size(); ++k) magnitudes[k] = std::abs(out[k]);
  return magnitudes;
}

std::vector<std::vector<double>> WaveletLevels(std::span<const double> signal) {
  std::vector<double> rest(signal.begin(), signal.end());
  if (rest.empty()) rest.push_back(0);
  std::vector<std::vector<double>> levels;
  for (int level = 0; level < 3; ++level) {
    std::vector<double> low;
    std::vector<double> high;
    Split(rest, low, high);
    levels.insert(levels.begin(), std::move(high));
    rest = std::move(low);
  }
  levels.insert(levels.begin(), std::move(rest));
  return levels;
}

FrameFeatures DescribeFrames(std::span<const RawRecording> recordings, int64_t frame_size,
                             ThreadPool& pool) {
  FrameFeatures features;
  if (frame_size < 1) return features;
  const auto columns_of = [](const RawRecording& r) {
    return r.rows > 0 ? static_cast<int64_t>(r.values.size()) / r.rows : 0;
  };
  int64_t columns = 0;
  for (const RawRecording& r : recordings) {
    if (columns == 0) columns = columns_of(r);
  }
  int64_t total = 0;
  for (const RawRecording& r : recordings) {
    if (columns_of(r) == columns && columns > 0) total += r.rows / frame_size;
  }
  features.skip = std::max<int64_t>(1, (total + kMostFrames - 1) / kMostFrames);
  struct Frame {
    const float* first;
    int32_t label;
  };
  std::vector<Frame> frames;
  for (const RawRecording& r : recordings) {
    if (columns_of(r) != columns || columns == 0) continue;
    for (int64_t i = 0; i < r.rows / frame_size; i += features.skip)
      frames.push_back({r.values.data() + i * frame_size * columns, r.label});
  }
  features.fourier_width = columns * (frame_size / 2);
  features.wavelet_width = columns * 20;
  features.fourier.resize(frames.size() * static_cast<size_t>(features.fourier_width));
  features.wavelet.resize(frames.size() * static_cast<size_t>(features.wavelet_width));
  for (const Frame& frame : frames) features.labels.push_back(frame.label);
  pool.Run(static_cast<int64_t>(frames.size()), [&](int64_t i) {
    std::vector<double> column(static_cast<size_t>(frame_size));
    for (int64_t c = 0; c < columns; ++c) {
      for (int64_t t = 0; t < frame_size; ++t) {
        const float value = frames[static_cast<size_t>(i)].first[t * columns + c];
        column[static_cast<size_t>(t)] = std::isfinite(value) ? value : 0;
      }
      DescribeFrame(column,
                    features.fourier.data() + i * features.fourier_width + c * (frame_size / 2),
                    features.wavelet.data() + i * features.wavelet_width + c * 20);
    }
  });
  return features;
}

void Standardise(std::span<float> samples, int64_t width) {
  const auto size = static_cast<size_t>(width);
  const auto count = static_cast<double>(size == 0 ? 0 : samples.size() / size);
  for (size_t d = 0; d < size; ++d) {
    double mean = 0;
    double squares = 0;
    for (size_t i = d; i < samples.size(); i += size) mean += samples[i] / count;
    for (size_t i = d; i < samples.size(); i += size)
      squares += (samples[i] - mean) * (samples[i] - mean) / count;
    const double deviation = squares > 0 ? std::sqrt(squares) : 1;
    for (size_t i = d; i < samples.size(); i += size)
      samples[i] = static_cast<float>((samples[i] - mean) / deviation);
  }
}

void ScaleToUnit(std::span<float> samples, int64_t width) {
  const auto size = static_cast<size_t>(width);
  for (size_t d = 0; d < size && d < samples.size(); ++d) {
    float low = samples[d];
    float high = low;
    for (size_t i = d; i < samples.size(); i += size) {
      low = std::min(low, samples[i]);
      high = std::max(high, samples[i]);
    }
    const float range = high > low ? high - low : 1;
    for (size_t i = d; i < samples.size(); i += size) samples[i] = (samples[i] - low) / range;
  }
}

std::vector<FitView> GoodnessOfFit(const FrameFeatures& features, int64_t most_for_tsne,
                                   uint64_t seed, ThreadPool& pool, ProgressSink& sink) {
  std::vector<FitView> views;
  const size_t count = features.labels.size();
  if (count < 3) return views;
  const size_t step =
      (count + static_cast<size_t>(most_for_tsne) - 1) / static_cast<size_t>(most_for_tsne);
  const auto add = [&](const std::string& title, const std::vector<float>& original, int64_t width,
                       bool standard) {
    std::vector<float> samples = original;
    (standard ? Standardise : ScaleToUnit)(samples, width);
    const std::string name = title + (standard ? "+Standard Scaler" : "+MinMax Scaler");
    FitView pca{name + "+PCA", {}, features.labels, 0};
    const PrincipalComponents components = FitPca(samples, width, 3, pool);
    const auto found = static_cast<size_t>(components.Count());
    const std::vector<double> points = Project(components, samples, pool);
    pca.points.assign(count * 3, 0);
    for (size_t i = 0; i < count; ++i) {
      for (size_t d = 0; d < found; ++d) pca.points[i * 3 + d] = points[i * found + d];
    }
    pca.purity = Purity(pca.points, pca.labels, pool);
    views.push_back(std::move(pca));
    FitView tsne{name + "+TSNE", {}, {}, 0};
    std::vector<float> some;
    for (size_t i = 0; i < count; i += step) {
      const auto first = samples.begin() + static_cast<std::ptrdiff_t>(i) * width;
      some.insert(some.end(), first, first + width);
      tsne.labels.push_back(features.labels[i]);
    }
    TsneOptions options;
    options.dimensions = 3;
    options.seed = seed;
    options.stage = "goodness of fit";
    tsne.points = Tsne(some, width, options, pool, sink).points;
    tsne.points.resize(tsne.labels.size() * 3);  // frames of one value have no spectrum
    tsne.purity = Purity(tsne.points, tsne.labels, pool);
    views.push_back(std::move(tsne));
  };
  for (const bool standard : {true, false})
    add("FFT+Abs+Log", features.fourier, features.fourier_width, standard);
  for (const bool standard : {true, false})
    add("WT", features.wavelet, features.wavelet_width, standard);
  return views;
}

}  // namespace platypus::analysis
