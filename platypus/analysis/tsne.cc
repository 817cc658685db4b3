#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "platypus/analysis/projection.h"
#include "platypus/base/error.h"
#include "platypus/base/interrupted.h"
#include "platypus/base/random.h"

namespace platypus::analysis {
namespace {

constexpr size_t kLanes = 8;

// Sum of lanes in a fixed order: the compiler uses vectors, the bits do not depend on them.
float Sum(const std::array<float, kLanes>& lanes) {
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

class Embedding {
 public:
  Embedding(std::span<const float> samples, size_t width, const TsneOptions& options,
            double perplexity, ThreadPool& pool)
      : dimensions_(static_cast<size_t>(options.dimensions)),
        count_(samples.size() / width),
        // Rows are padded to whole lanes with pairs whose probability is 0; their points lie so far
        // away that they do not push either.
        stride_((count_ + kLanes - 1) / kLanes * kLanes),
        pool_(pool) {
    probability_.assign(count_ * stride_, 0);
    Neighbours(samples, width, perplexity);
    Start(samples, width, options.seed);
  }

  double Divergence() {
    Sums();
    const double z = Normaliser();
    std::vector<double> rows(count_);
    ForRows([&](size_t i) {
      double sum = 0;
      for (size_t j = 0; j < count_; ++j) {
        const double p = probability_[i * stride_ + j];
        if (p <= 0) continue;
        double distance = 0;
        for (size_t d = 0; d < dimensions_; ++d) {
          const double step = position_[d][i] - position_[d][j];
          distance += step * step;
        }
        sum += p * std::log(p * z * (1 + distance));
      }
      rows[i] = sum;
    });
    double divergence = 0;
    for (const double row : rows) divergence += row;
    return divergence;
  }

  void Step(double exaggeration, double momentum, double rate) {
    exaggeration_ = static_cast<float>(exaggeration);
    Sums();
    const double z = Normaliser();
    std::array<double, 3> mean{};
    for (size_t d = 0; d < dimensions_; ++d) {
      for (size_t i = 0; i < count_; ++i) {
        const double gradient = 4 * (attraction_[d][i] - repulsion_[d][i] / z);
        double& speed = speed_[d][i];
        double& gain = gain_[d][i];
        gain = (gradient > 0) == (speed > 0) ? gain * 0.8 : gain + 0.2;
        gain = std::max(gain, 0.01);
        speed = momentum * speed - rate * gain * gradient;
        position_[d][i] = static_cast<float>(position_[d][i] + speed);
        mean[d] += position_[d][i] / static_cast<double>(count_);
      }
      for (size_t i = 0; i < count_; ++i)
        position_[d][i] = static_cast<float>(position_[d][i] - mean[d]);
    }
  }

  std::vector<double> Points() const {
    std::vector<double> points(count_ * dimensions_);
    for (size_t i = 0; i < count_; ++i) {
      for (size_t d = 0; d < dimensions_; ++d) points[i * dimensions_ + d] = position_[d][i];
    }
    return points;
  }

 private:
  template <typename Work>
  void ForRows(Work work) {
    constexpr size_t kBlock = 16;
    pool_.Run(static_cast<int64_t>((count_ + kBlock - 1) / kBlock), [&](int64_t block) {
      const auto first = static_cast<size_t>(block) * kBlock;
      for (size_t i = first; i < std::min(count_, first + kBlock); ++i) work(i);
    });
  }

  // p_ij: of each sample a normal distribution over the others whose entropy is that of
  // `perplexity` equal ones, made symmetric.
  void Neighbours(std::span<const float> samples, size_t width, double perplexity) {
    const double entropy = std::log(perplexity);
    ForRows([&](size_t i) {
      float* const row = &probability_[i * stride_];
      std::vector<double> distance(count_);
      double nearest = std::numeric_limits<double>::infinity();
      for (size_t j = 0; j < count_; ++j) {
        double sum = 0;
        for (size_t d = 0; d < width; ++d) {
          const double step = static_cast<double>(samples[i * width + d]) - samples[j * width + d];
          sum += std::isfinite(step) ? step * step : 0.0;
        }
        distance[j] = sum;
        if (j != i) nearest = std::min(nearest, sum);
      }
      double scale = 0;
      for (size_t j = 0; j < count_; ++j) scale += (distance[j] -= nearest);
      double beta = scale > 0 ? static_cast<double>(count_) / scale : 1;
      double low = 0;
      double high = std::numeric_limits<double>::infinity();
      std::vector<double> weight(count_);
      double total = 1;
      for (int attempt = 0; attempt < 100; ++attempt) {
        total = 0;
        double mean = 0;
        for (size_t j = 0; j < count_; ++j) {
          weight[j] = j == i ? 0 : std::exp(-beta * distance[j]);
          total += weight[j];
          mean += weight[j] * distance[j];
        }
        const double error = std::log(total) + beta * mean / total - entropy;
        if (std::abs(error) < 1e-5) break;
        (error > 0 ? low : high) = beta;
        beta = std::isinf(high) ? beta * 2 : (low + high) / 2;
      }
      for (size_t j = 0; j < count_; ++j) row[j] = static_cast<float>(weight[j] / total);
    });
    for (size_t i = 0; i < count_; ++i) {
      for (size_t j = i + 1; j < count_; ++j) {
        const float both = (probability_[i * stride_ + j] + probability_[j * stride_ + i]) /
                           (2 * static_cast<float>(count_));
        probability_[i * stride_ + j] = probability_[j * stride_ + i] = both;
      }
    }
  }

  void Start(std::span<const float> samples, size_t width, uint64_t seed) {
    const PrincipalComponents pca =
        FitPca(samples, static_cast<int64_t>(width), static_cast<int>(dimensions_), pool_);
    const std::vector<double> points = Project(pca, samples, pool_);
    const auto components = static_cast<size_t>(pca.Count());
    Random random(seed, "t-SNE");
    const double unit = components > 0 ? 1e-4 / std::sqrt(pca.variance[0]) : 0;
    for (size_t d = 0; d < dimensions_; ++d) {
      position_[d].assign(stride_, 1e18F);
      attraction_[d].assign(count_, 0);
      repulsion_[d].assign(count_, 0);
      speed_[d].assign(count_, 0);
      gain_[d].assign(count_, 1);
      // A trace of noise parts samples that are equal.
      for (size_t i = 0; i < count_; ++i) {
        const double at = d < components ? points[i * components + d] * unit : 0.0;
        position_[d][i] = static_cast<float>(at + random.Normal() * (d < components ? 1e-7 : 1e-4));
      }
    }
    weights_.assign(count_, 0);
  }

  void Sums() {
    if (dimensions_ == 2) {
      SumsOf<2>();
    } else {
      SumsOf<3>();
    }
  }

  // With w = 1 / (1 + |y_i - y_j|^2): of each row the sum of w, of p w (y_i - y_j) and of
  // w^2 (y_i - y_j).
  template <size_t kDimensions>
  void SumsOf() {
    ForRows([&](size_t i) {
      std::array<float, kLanes> total{};
      std::array<std::array<float, kLanes>, kDimensions> pull{};
      std::array<std::array<float, kLanes>, kDimensions> push{};
      const float* const row = &probability_[i * stride_];
      for (size_t first = 0; first < stride_; first += kLanes) {
        std::array<std::array<float, kLanes>, kDimensions> step;
        std::array<float, kLanes> distance{};
        for (size_t d = 0; d < kDimensions; ++d) {
          const float* const at = &position_[d][first];
          const float own = position_[d][i];
          for (size_t l = 0; l < kLanes; ++l) {
            step[d][l] = own - at[l];
            distance[l] += step[d][l] * step[d][l];
          }
        }
        std::array<float, kLanes> w;
        std::array<float, kLanes> pw;
        std::array<float, kLanes> ww;
        for (size_t l = 0; l < kLanes; ++l) {
          w[l] = 1.0F / (1.0F + distance[l]);
          total[l] += w[l];
          pw[l] = row[first + l] * w[l];
          ww[l] = w[l] * w[l];
        }
        for (size_t d = 0; d < kDimensions; ++d) {
          for (size_t l = 0; l < kLanes; ++l) {
            pull[d][l] += pw[l] * step[d][l];
            push[d][l] += ww[l] * step[d][l];
          }
        }
      }
      weights_[i] = Sum(total) - 1;  // without the sample itself
      for (size_t d = 0; d < kDimensions; ++d) {
        attraction_[d][i] = exaggeration_ * Sum(pull[d]);
        repulsion_[d][i] = Sum(push[d]);
      }
    });
  }

  double Normaliser() const {
    double z = 0;
    for (const float weight : weights_) z += weight;
    return std::max(z, 1e-12);
  }

  size_t dimensions_, count_, stride_;
  ThreadPool& pool_;
  float exaggeration_ = 1;
  std::vector<float> probability_;  // [sample][stride]
  std::array<std::vector<float>, 3> position_, attraction_, repulsion_;
  std::array<std::vector<double>, 3> speed_, gain_;
  std::vector<float> weights_;
};

}  // namespace

TsneResult Tsne(std::span<const float> samples, int64_t width, const TsneOptions& options,
                ThreadPool& pool, ProgressSink& sink) {
  Check(options.dimensions == 2 || options.dimensions == 3, "t-SNE to {} dimensions",
        options.dimensions);
  TsneResult result;
  const auto size = static_cast<size_t>(std::max<int64_t>(1, width));
  const size_t count = samples.size() / size;
  result.perplexity =
      std::min(options.perplexity, std::max(1.0, (static_cast<double>(count) - 1) / 3));
  if (count < 4) {  // no neighbourhoods to keep
    result.points.assign(count * static_cast<size_t>(options.dimensions), 0);
    for (size_t i = 0; i < count; ++i)
      result.points[i * static_cast<size_t>(options.dimensions)] = static_cast<double>(i);
    return result;
  }
  Embedding embedding(samples.first(count * size), size, options, result.perplexity, pool);
  result.divergence_at_start = embedding.Divergence();
  const double rate = std::max(static_cast<double>(count) / 48, 50.0);
  for (int i = 0; i < options.iterations; ++i) {
    const bool early = i < options.iterations / 4;
    embedding.Step(early ? 12 : 1, early ? 0.5 : 0.8, rate);
    if ((i + 1) % 50 == 0 || i + 1 == options.iterations) {
      sink.OnProgress({options.stage, "", i + 1, options.iterations, "iterations", {}});
      if (sink.Cancelled()) throw Interrupted("interrupted while drawing pictures");
    }
  }
  result.divergence = embedding.Divergence();
  result.points = embedding.Points();
  return result;
}

}  // namespace platypus::analysis
