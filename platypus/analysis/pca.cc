#include <algorithm>
#include <cmath>
#include <numeric>

#include "platypus/analysis/projection.h"
#include "platypus/base/error.h"
#include "platypus/base/random.h"

namespace platypus::analysis {
namespace {

using Vector = std::vector<double>;

double Dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double FiniteOr0(float value) { return std::isfinite(value) ? value : 0.0; }

// Eigenvalues (falling) and eigenvectors, columns of `vectors` [size][size], of a symmetric matrix:
// Jacobi's rotations.
void SymmetricEigen(Vector matrix, size_t size, Vector& values, Vector& vectors) {
  vectors.assign(size * size, 0);
  for (size_t i = 0; i < size; ++i) vectors[i * size + i] = 1;
  constexpr int kMostSweeps = 60;
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double off = 0;
    double diagonal = 0;
    for (size_t i = 0; i < size; ++i) {
      for (size_t k = 0; k < size; ++k)
        (i == k ? diagonal : off) += matrix[i * size + k] * matrix[i * size + k];
    }
    if (off <= 1e-30 * diagonal) break;
    for (size_t p = 0; p < size; ++p) {
      for (size_t q = p + 1; q < size; ++q) {
        const double apq = matrix[p * size + q];
        if (apq == 0) continue;
        const double theta = (matrix[q * size + q] - matrix[p * size + p]) / (2 * apq);
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1);
        const double s = t * c;
        for (size_t k = 0; k < size; ++k) {
          const double kp = matrix[k * size + p];
          const double kq = matrix[k * size + q];
          matrix[k * size + p] = c * kp - s * kq;
          matrix[k * size + q] = s * kp + c * kq;
        }
        for (size_t k = 0; k < size; ++k) {
          const double pk = matrix[p * size + k];
          const double qk = matrix[q * size + k];
          matrix[p * size + k] = c * pk - s * qk;
          matrix[q * size + k] = s * pk + c * qk;
          const double vp = vectors[k * size + p];
          const double vq = vectors[k * size + q];
          vectors[k * size + p] = c * vp - s * vq;
          vectors[k * size + q] = s * vp + c * vq;
        }
      }
    }
  }
  std::vector<size_t> order(size);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return matrix[a * size + a] > matrix[b * size + b]; });
  Vector sorted(size * size);
  values.resize(size);
  for (size_t k = 0; k < size; ++k) {
    values[k] = matrix[order[k] * size + order[k]];
    for (size_t i = 0; i < size; ++i) sorted[i * size + k] = vectors[i * size + order[k]];
  }
  vectors = std::move(sorted);
}

// v -> covariance * v, without the matrix. Blocks of samples are summed in their order.
class Covariance {
 public:
  Covariance(std::span<const float> samples, size_t width, ThreadPool& pool)
      : samples_(samples), width_(width), count_(samples.size() / width), pool_(pool) {
    blocks_ = std::min<size_t>(64, (count_ + 63) / 64);
    partial_.assign(blocks_ * width_, 0);
    mean_.assign(width_, 0);
    ForBlocks([&](size_t first, size_t last, double* sum) {
      for (size_t i = first; i < last; ++i) {
        for (size_t d = 0; d < width_; ++d) sum[d] += FiniteOr0(samples_[i * width_ + d]);
      }
    });
    Gather(mean_);
    for (double& m : mean_) m /= static_cast<double>(count_);
  }

  const Vector& Mean() const { return mean_; }

  double Trace() {
    Vector squares(width_, 0);
    ForBlocks([&](size_t first, size_t last, double* sum) {
      for (size_t i = first; i < last; ++i) {
        for (size_t d = 0; d < width_; ++d) {
          const double x = FiniteOr0(samples_[i * width_ + d]) - mean_[d];
          sum[d] += x * x;
        }
      }
    });
    Gather(squares);
    return std::accumulate(squares.begin(), squares.end(), 0.0) / static_cast<double>(count_ - 1);
  }

  void Times(const Vector& v, Vector& result) {
    ForBlocks([&](size_t first, size_t last, double* sum) {
      for (size_t i = first; i < last; ++i) {
        const float* const x = &samples_[i * width_];
        double product = 0;
        for (size_t d = 0; d < width_; ++d) product += (FiniteOr0(x[d]) - mean_[d]) * v[d];
        for (size_t d = 0; d < width_; ++d) sum[d] += product * (FiniteOr0(x[d]) - mean_[d]);
      }
    });
    Gather(result);
    for (double& r : result) r /= static_cast<double>(count_ - 1);
  }

 private:
  template <typename Work>
  void ForBlocks(Work work) {
    std::fill(partial_.begin(), partial_.end(), 0.0);
    pool_.Run(static_cast<int64_t>(blocks_), [&](int64_t block) {
      const auto b = static_cast<size_t>(block);
      work(count_ * b / blocks_, count_ * (b + 1) / blocks_, &partial_[b * width_]);
    });
  }
  void Gather(Vector& result) const {
    std::fill(result.begin(), result.end(), 0.0);
    for (size_t b = 0; b < blocks_; ++b) {
      for (size_t d = 0; d < width_; ++d) result[d] += partial_[b * width_ + d];
    }
  }

  std::span<const float> samples_;
  size_t width_, count_, blocks_ = 1;
  ThreadPool& pool_;
  Vector partial_;  // [block][width]
  Vector mean_;
};

}  // namespace

std::vector<double> PrincipalComponents::Shares() const {
  std::vector<double> shares;
  for (const double v : variance)
    shares.push_back(total_variance > 0 ? v / total_variance : std::nan(""));
  return shares;
}

PrincipalComponents FitPca(std::span<const float> samples, int64_t width, int components,
                           ThreadPool& pool) {
  PrincipalComponents pca;
  const auto size = static_cast<size_t>(std::max<int64_t>(width, 0));
  pca.mean.assign(size, 0);
  if (size == 0 || samples.size() < size) return pca;
  const size_t count = samples.size() / size;
  Covariance covariance(samples, size, pool);
  pca.mean = covariance.Mean();
  if (count < 2) return pca;
  pca.total_variance = covariance.Trace();
  if (!(pca.total_variance > 0)) return pca;

  // basis' * covariance * basis is tridiagonal as long as no direction is a dead end; then the next
  // one is drawn anew, orthogonal to all before, and the coupling is 0.
  const size_t most = std::min(size, count - 1);
  const size_t wanted = std::min(most, static_cast<size_t>(std::max(0, components)));
  constexpr size_t kMostSteps = 240;
  constexpr double kTolerance = 1e-10;
  Random random(1, "principal components");
  std::vector<Vector> basis;
  Vector alpha;
  Vector beta;
  Vector values;
  Vector vectors;
  const auto orthogonalise = [&](Vector& v) {
    for (int twice = 0; twice < 2; ++twice) {
      for (const Vector& b : basis) {
        const double part = Dot(b, v);
        for (size_t d = 0; d < size; ++d) v[d] -= part * b[d];
      }
    }
    return std::sqrt(Dot(v, v));
  };
  const auto draw = [&] {
    Vector v(size);
    double length = 0;
    do {
      for (double& x : v) x = random.Normal();
      length = orthogonalise(v);
    } while (!(length > 1e-8));
    for (double& x : v) x /= length;
    return v;
  };
  Vector next = draw();
  Vector product(size);
  const size_t steps = std::min(size, kMostSteps);
  while (basis.size() < steps) {
    basis.push_back(next);
    covariance.Times(basis.back(), product);
    alpha.push_back(Dot(basis.back(), product));
    next = product;
    double length = orthogonalise(next);
    const bool dead = !(length > 1e-13 * pca.total_variance);
    // A dead end where nothing is left to find is the end too.
    const bool last =
        basis.size() == steps || (dead && std::accumulate(alpha.begin(), alpha.end(), 0.0) >
                                              (1 - 1e-12) * pca.total_variance);
    if (last || dead || basis.size() % 10 == 0) {
      const size_t m = basis.size();
      Vector matrix(m * m, 0);
      for (size_t i = 0; i < m; ++i) {
        matrix[i * m + i] = alpha[i];
        if (i + 1 < m) matrix[i * m + i + 1] = matrix[(i + 1) * m + i] = beta[i];
      }
      SymmetricEigen(std::move(matrix), m, values, vectors);
      double residual = 0;
      for (size_t k = 0; k < std::min(wanted, m); ++k)
        residual = std::max(residual, std::abs(length * vectors[(m - 1) * m + k]));
      if (last || (!dead && m >= wanted && residual <= kTolerance * values[0])) break;
    }
    if (dead) {
      next = draw();
      length = 0;
    } else {
      for (double& x : next) x /= length;
    }
    beta.push_back(length);
  }
  const size_t m = basis.size();
  for (size_t k = 0; k < wanted && values[k] > 1e-12 * values[0]; ++k) {
    Vector direction(size, 0);
    for (size_t i = 0; i < m; ++i) {
      for (size_t d = 0; d < size; ++d) direction[d] += vectors[i * m + k] * basis[i][d];
    }
    const auto largest =
        std::max_element(direction.begin(), direction.end(),
                         [](double a, double b) { return std::abs(a) < std::abs(b); });
    const double length = std::sqrt(Dot(direction, direction)) * (*largest < 0 ? -1 : 1);
    for (double& x : direction) x /= length;
    pca.directions.insert(pca.directions.end(), direction.begin(), direction.end());
    pca.variance.push_back(values[k]);
  }
  return pca;
}

std::vector<double> Project(const PrincipalComponents& pca, std::span<const float> samples,
                            ThreadPool& pool) {
  const size_t width = pca.mean.size();
  const auto components = static_cast<size_t>(pca.Count());
  const size_t count = width == 0 ? 0 : samples.size() / width;
  std::vector<double> points(count * components);
  constexpr size_t kBlock = 256;
  pool.Run(static_cast<int64_t>((count + kBlock - 1) / kBlock), [&](int64_t block) {
    const auto first = static_cast<size_t>(block) * kBlock;
    for (size_t i = first; i < std::min(count, first + kBlock); ++i) {
      for (size_t k = 0; k < components; ++k) {
        double sum = 0;
        for (size_t d = 0; d < width; ++d)
          sum += (FiniteOr0(samples[i * width + d]) - pca.mean[d]) * pca.directions[k * width + d];
        points[i * components + k] = sum;
      }
    }
  });
  return points;
}

}  // namespace platypus::analysis
