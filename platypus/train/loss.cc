#include "platypus/train/loss.h"

#include <algorithm>
#include <cmath>

#include "platypus/graph/op.h"
#include "platypus/train/kernels.h"

namespace platypus::train {
namespace {

int64_t Largest(const float* y, int64_t elements) {
  int64_t best = 0;
  for (int64_t k = 1; k < elements; ++k) best = y[k * kLanes] > y[best * kLanes] ? k : best;
  return best;
}

double WeightOf(const CrossEntropy& loss, int64_t label) {
  return loss.class_weights.empty() ? 1.0
                                    : double{loss.class_weights.at(static_cast<size_t>(label))};
}

// One sample; y and gradient step by kLanes.
double Run(const CrossEntropy& loss, const BlockOutput& out, int64_t lane, const float* y,
           float* gradient) {
  const auto at = static_cast<size_t>(lane);
  const float* probabilities = out.targets.empty() ? nullptr : out.targets[at];
  const int64_t label = out.labels.empty() ? -1 : out.labels[at];
  const double top = y[Largest(y, out.elements) * kLanes];
  double sum = 0;
  for (int64_t k = 0; k < out.elements; ++k) sum += std::exp(y[k * kLanes] - top);
  const double log_sum = top + std::log(sum);
  const double base = loss.smoothing / static_cast<double>(out.elements);
  const auto target = [&](int64_t k) {
    const double q = probabilities != nullptr ? double{probabilities[k]}
                                              : (k == label ? 1.0 - loss.smoothing : 0.0) + base;
    return WeightOf(loss, k) * q;
  };
  double targets = 0;
  for (int64_t k = 0; k < out.elements; ++k) targets += target(k);
  double total = 0;
  for (int64_t k = 0; k < out.elements; ++k) {
    const double t = target(k);
    const double log_probability = y[k * kLanes] - log_sum;
    total -= t * log_probability;
    gradient[k * kLanes] =
        static_cast<float>((targets * std::exp(log_probability) - t) * out.scale);
  }
  return total;
}

// f(y, t) gives {loss, derivative by y} of one element.
template <typename Function>
double MeanOf(const BlockOutput& out, int64_t lane, const float* y, float* gradient, Function f) {
  const float* target = out.targets[static_cast<size_t>(lane)];
  const auto n = static_cast<double>(out.elements);
  double total = 0;
  for (int64_t k = 0; k < out.elements; ++k) {
    const auto [loss, slope] = f(double{y[k * kLanes]}, double{target[k]});
    total += loss / n;
    gradient[k * kLanes] = static_cast<float>(slope * out.scale / n);
  }
  return total;
}

struct Point {
  double loss;
  double slope;
};
double Sign(double x) { return x > 0 ? 1.0 : (x < 0 ? -1.0 : 0.0); }

double Run(const MeanSquaredError&, const BlockOutput& out, int64_t lane, const float* y,
           float* gradient) {
  return MeanOf(out, lane, y, gradient, [](double v, double t) {
    return Point{(v - t) * (v - t), 2 * (v - t)};
  });
}
double Run(const MeanAbsoluteError&, const BlockOutput& out, int64_t lane, const float* y,
           float* gradient) {
  return MeanOf(out, lane, y, gradient, [](double v, double t) {
    return Point{std::abs(v - t), Sign(v - t)};
  });
}
double Run(const Huber& loss, const BlockOutput& out, int64_t lane, const float* y,
           float* gradient) {
  const double delta = loss.delta;
  return MeanOf(out, lane, y, gradient, [delta](double v, double t) {
    const double d = v - t;
    if (std::abs(d) <= delta) return Point{d * d / 2, d};
    return Point{delta * (std::abs(d) - delta / 2), delta * Sign(d)};
  });
}
double Run(const Smape&, const BlockOutput& out, int64_t lane, const float* y, float* gradient) {
  constexpr double kSmallest = 1e-8;
  return MeanOf(out, lane, y, gradient, [](double v, double t) {
    const double d = v - t;
    const double size = (std::abs(v) + std::abs(t)) / 2;
    if (size <= kSmallest) return Point{100 * std::abs(d) / kSmallest, 100 * Sign(d) / kSmallest};
    return Point{100 * std::abs(d) / size,
                 100 * (Sign(d) * size - std::abs(d) * Sign(v) / 2) / (size * size)};
  });
}

}  // namespace

BlockLoss LossAndGradient(const Loss& loss, const BlockOutput& output) {
  BlockLoss block;
  for (int64_t lane = 0; lane < output.lanes; ++lane) {
    const float* y = output.y + lane;
    float* gradient = output.gradient + lane;
    const double sample =
        std::visit([&](const auto& l) { return Run(l, output, lane, y, gradient); }, loss);
    block.sum += sample;
    block.finite = block.finite && std::isfinite(sample);
    if (output.labels.empty()) continue;
    const int64_t label = output.labels[static_cast<size_t>(lane)];
    block.correct += Largest(y, output.elements) == label ? 1 : 0;
  }
  return block;
}

double TotalWeight(const Loss& loss, std::span<const int32_t> labels, int64_t count) {
  const auto* classes = std::get_if<CrossEntropy>(&loss);
  if (classes == nullptr || classes->class_weights.empty() || labels.empty()) {
    return static_cast<double>(count);
  }
  double sum = 0;
  for (const int32_t label : labels) sum += WeightOf(*classes, label);
  return sum;
}

}  // namespace platypus::train
