#ifndef PLATYPUS_TRAIN_OPTIMIZER_H_
#define PLATYPUS_TRAIN_OPTIMIZER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "platypus/config/config.h"

namespace platypus::train {

// Moves parameters against their gradients. With learning rate r, decay d, momentum u:
//   sgd           g += d p; v = g at first, then u v + g; p -= r v
//   sgd_nesterov  as sgd, p -= r (g + u v)
//   rmsprop       g += d p; s = 0.9 s + 0.1 g^2; b = u b + g / (sqrt(s) + 0.0316); p -= r b
//   adam          g += d p; m, v with 0.9, 0.999, bias-corrected; p -= r m / (sqrt(v) + 1e-8)
//   adamw         p -= r d p first, then adam without g += d p
class Optimizer {
 public:
  Optimizer(const config::Training& settings, size_t parameters);

  void Step(std::span<float> parameters, std::span<const float> gradients, double learning_rate);

  // For checkpoints.
  std::vector<float>& First() { return first_; }
  std::vector<float>& Second() { return second_; }
  int64_t& Steps() { return steps_; }

 private:
  enum class Method { kSgd, kNesterov, kRmsprop, kAdam, kAdamW };
  Method method_;
  float momentum_;
  float decay_;
  int64_t steps_ = 0;
  std::vector<float> first_;   // velocity, or Adam's m
  std::vector<float> second_;  // squares
};

// L1 and L2 regularisation: returns lambda sum |p| + lambda sum p^2 over all parameters, and adds
// its gradient, lambda sign(p) + 2 lambda p, to `gradients`; sign(0) = 0.
double Regularize(double lambda, std::span<const float> parameters, std::span<float> gradients);

// Scales gradients down so that their Euclidean norm is at most `limit`; returns the norm before.
double ClipNorm(std::span<float> gradients, double limit);

// Cuts every gradient to [-limit, limit].
void ClipValue(std::span<float> gradients, double limit);

// Learning rate of an epoch (from 0) as the reference's schedules have it.
double LearningRate(const config::Training& settings, double base, int epoch, int epochs);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_OPTIMIZER_H_
