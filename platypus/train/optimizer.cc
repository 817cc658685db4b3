#include "platypus/train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "platypus/base/error.h"
#include "platypus/train/kernels.h"

namespace platypus::train {

Optimizer::Optimizer(const config::Training& settings, size_t parameters)
    : method_(settings.optimizer == "sgd"            ? Method::kSgd
              : settings.optimizer == "sgd_nesterov" ? Method::kNesterov
              : settings.optimizer == "rmsprop"      ? Method::kRmsprop
              : settings.optimizer == "adamw"        ? Method::kAdamW
                                                     : Method::kAdam),
      momentum_(static_cast<float>(settings.momentum)),
      decay_(static_cast<float>(settings.weight_decay)),
      first_(parameters, 0.0f),
      second_(parameters, 0.0f) {}

void Optimizer::Step(std::span<float> parameters, std::span<const float> gradients,
                     double learning_rate) {
  Check(parameters.size() == first_.size() && gradients.size() == first_.size(),
        "optimiser: {} parameters", parameters.size());
  ++steps_;
  const auto rate = static_cast<float>(learning_rate);
  if (method_ == Method::kAdam || method_ == Method::kAdamW) {
    AdamStep step;
    step.rate = rate;
    (method_ == Method::kAdam ? step.decay : step.shrink) =
        method_ == Method::kAdam ? decay_ : rate * decay_;
    step.correction1 = static_cast<float>(1.0 - std::pow(0.9, static_cast<double>(steps_)));
    step.correction2 = static_cast<float>(1.0 - std::pow(0.999, static_cast<double>(steps_)));
    Adam(step, gradients.data(), parameters.size(), parameters.data(), first_.data(),
         second_.data());
    return;
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    float& p = parameters[i];
    const float g = gradients[i] + decay_ * p;
    if (method_ == Method::kRmsprop) {
      second_[i] = 0.9f * second_[i] + 0.1f * g * g;
      first_[i] = momentum_ * first_[i] + g / (std::sqrt(second_[i]) + 0.0316f);
      p -= rate * first_[i];
    } else {
      first_[i] = steps_ == 1 ? g : momentum_ * first_[i] + g;
      p -= rate * (method_ == Method::kNesterov ? g + momentum_ * first_[i] : first_[i]);
    }
  }
}

double Regularize(double lambda, std::span<const float> parameters, std::span<float> gradients) {
  Check(parameters.size() == gradients.size(), "regularisation: {} parameters, {} gradients",
        parameters.size(), gradients.size());
  const auto factor = static_cast<float>(lambda);
  double sum = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const float p = parameters[i];
    const float sign = p > 0.0f ? 1.0f : (p < 0.0f ? -1.0f : 0.0f);
    gradients[i] += factor * (sign + 2.0f * p);
    sum += std::abs(double{p}) + double{p} * p;
  }
  return lambda * sum;
}

double ClipNorm(std::span<float> gradients, double limit) {
  double squares = 0;
  for (const float g : gradients) squares += double{g} * g;
  const double norm = std::sqrt(squares);
  if (norm > limit) {
    const auto factor = static_cast<float>(limit / norm);
    for (float& g : gradients) g *= factor;
  }
  return norm;
}

void ClipValue(std::span<float> gradients, double limit) {
  const auto most = static_cast<float>(limit);
  for (float& g : gradients) g = std::clamp(g, -most, most);
}

double LearningRate(const config::Training& settings, double base, int epoch, int epochs) {
  const int warmup = epochs > 1 && settings.lr_scheduler != "none"
                         ? std::min(settings.lr_warmup_epochs, epochs)
                         : 0;
  if (epoch < warmup) {
    const double share = settings.lr_warmup_method == "linear"
                             ? settings.lr_warmup_decay + (1.0 - settings.lr_warmup_decay) * epoch /
                                                              static_cast<double>(warmup)
                             : settings.lr_warmup_decay;
    return base * share;
  }
  const int t = epoch - warmup;
  if (settings.lr_scheduler == "cosineannealinglr") {
    const double turn = std::cos(std::numbers::pi * t / std::max(1, epochs - warmup));
    return settings.lr_min + (base - settings.lr_min) / 2 * (1 + turn);
  }
  if (settings.lr_scheduler == "steplr")
    return base * std::pow(settings.lr_gamma, t / settings.lr_step_size);
  if (settings.lr_scheduler == "exponentiallr") return base * std::pow(settings.lr_gamma, t);
  if (settings.lr_scheduler == "multisteplr") {
    const auto passed = std::count_if(settings.lr_milestones.begin(), settings.lr_milestones.end(),
                                      [&](int milestone) { return milestone <= t; });
    return base * std::pow(settings.lr_gamma, static_cast<double>(passed));
  }
  return base;
}

}  // namespace platypus::train
