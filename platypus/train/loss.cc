#include "platypus/train/loss.h"

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
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

// Loss of one element and its derivative by y.
struct Point {
  double loss;
  double slope;
};
double Sign(double x) { return x > 0 ? 1.0 : (x < 0 ? -1.0 : 0.0); }

Point At(const MeanSquaredError&, double y, double t) { return {(y - t) * (y - t), 2 * (y - t)}; }
Point At(const MeanAbsoluteError&, double y, double t) { return {std::abs(y - t), Sign(y - t)}; }
Point At(const Huber& loss, double y, double t) {
  const double delta = loss.delta;
  const double d = y - t;
  if (std::abs(d) <= delta) return {d * d / 2, d};
  return {delta * (std::abs(d) - delta / 2), delta * Sign(d)};
}
Point At(const Smape&, double y, double t) {
  constexpr double kSmallest = 1e-8;
  const double d = y - t;
  const double size = (std::abs(y) + std::abs(t)) / 2;
  if (size <= kSmallest) return {100 * std::abs(d) / kSmallest, 100 * Sign(d) / kSmallest};
  return {100 * std::abs(d) / size,
          100 * (Sign(d) * size - std::abs(d) * Sign(y) / 2) / (size * size)};
}

// The mean over the elements of one sample; y and gradient step by kLanes.
template <typename Elementwise>
double Run(const Elementwise& loss, const BlockOutput& out, int64_t lane, const float* y,
           float* gradient) {
  const float* target = out.targets[static_cast<size_t>(lane)];
  const auto n = static_cast<double>(out.elements);
  double total = 0;
  for (int64_t k = 0; k < out.elements; ++k) {
    const auto [value, slope] = At(loss, double{y[k * kLanes]}, double{target[k]});
    total += value / n;
    gradient[k * kLanes] = static_cast<float>(slope * out.scale / n);
  }
  return total;
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

double MeanLoss(const Loss& loss, std::span<const float> outputs, std::span<const float> targets) {
  Check(outputs.size() == targets.size(), "{} outputs for {} targets", outputs.size(),
        targets.size());
  return std::visit(
      graph::Overloaded{[](const CrossEntropy&) -> double {
                          Check(false, "the mean cross-entropy of values");
                          return 0;
                        },
                        [&](const auto& elementwise) {
                          double sum = 0;
                          for (size_t i = 0; i < outputs.size(); ++i)
                            sum += At(elementwise, double{outputs[i]}, double{targets[i]}).loss;
                          return sum / static_cast<double>(std::max<size_t>(1, outputs.size()));
                        }},
      loss);
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
