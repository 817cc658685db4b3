#ifndef PLATYPUS_TRAIN_OPTIMIZER_H_
#define PLATYPUS_TRAIN_OPTIMIZER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/config/config.h"
#include "platypus/train/kernels.h"

namespace platypus::train {

// Moves parameters against their gradients. With learning rate r, decay d, momentum u, and sums
// that begin with 0:
//   sgd           g += d p; v = u v + g; p -= r v
//   sgd_nesterov  as sgd, p -= r (g + u v)
//   rmsprop       g += d p; s = 0.9 s + 0.1 g^2; b = u b + g / (sqrt(s) + 0.0316); p -= r b
//   adam          g += d p; m, v with 0.9, 0.999, bias-corrected; p -= r m / (sqrt(v) + 1e-8)
//   adamw         p -= r d p first, then adam without g += d p
class Optimizer {
 public:
  Optimizer(const config::Training& settings, size_t parameters);

  struct Outcome {
    bool finite = true;  // the gradients as they came; if not, parameters are of no use any more
    double penalty = 0;  // what regularisation adds to the loss
  };

  // Regularises and clips the gradients in place as the settings say (lambda_reg, clip_grad_value,
  // clip_grad_norm, in this order), then moves the parameters. All threads work on chunks of a
  // fixed size, sums are taken chunk by chunk: the same bits for any number of threads.
  Outcome Step(std::span<float> parameters, std::span<float> gradients, double learning_rate,
               ThreadPool& pool);

  // For checkpoints.
  std::vector<float>& First() { return first_; }
  std::vector<float>& Second() { return second_; }
  int64_t& Steps() { return steps_; }

 private:
  enum class Method { kSgd, kNesterov, kRmsprop, kAdam, kAdamW };
  struct Chunk {
    bool finite = true;
    double penalty = 0;
    double squares = 0;  // of the gradients, when the norm is to be clipped
  };

  OptimizerStep MakeStep(double learning_rate) const;
  void Move(const OptimizerStep& step, std::span<const float> gradients, size_t first,
            std::span<float> parameters);

  Method method_;
  float momentum_;
  float decay_;
  double lambda_;
  std::optional<double> clip_value_;
  std::optional<double> clip_norm_;
  int64_t steps_ = 0;
  std::vector<float> first_;   // velocity, or Adam's m
  std::vector<float> second_;  // squares
  std::vector<Chunk> chunks_;  // of the present step
};

// L1 and L2 regularisation: returns lambda sum |p| + lambda sum p^2 over all parameters, and adds
// its gradient, lambda sign(p) + 2 lambda p, to `gradients`; sign(0) = 0.
double Regularize(double lambda, std::span<const float> parameters, std::span<float> gradients);

// Cuts every gradient to [-limit, limit].
void ClipValue(std::span<float> gradients, double limit);

// mean = keep * mean + (1 - keep) * values.
void MoveAverage(double keep, std::span<const float> values, std::span<float> mean,
                 ThreadPool& pool);

// Learning rate of an epoch (from 0) as the reference's schedules have it.
double LearningRate(const config::Training& settings, double base, int epoch, int epochs);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_OPTIMIZER_H_
