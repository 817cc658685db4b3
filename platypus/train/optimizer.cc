#include "platypus/train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "platypus/base/error.h"

namespace platypus::train {

namespace {

// Parameters of a chunk: few enough that small networks have work for several threads.
constexpr size_t kChunk = 1024;

// work(number, first) for every chunk of `count` values.
template <typename Work>
void ForChunks(size_t count, ThreadPool& pool, Work work) {
  const auto run = [&](int64_t number, int) {
    work(static_cast<size_t>(number), static_cast<size_t>(number) * kChunk);
  };
  // A reference fits into std::function: nothing is allocated.
  pool.Run(static_cast<int64_t>((count + kChunk - 1) / kChunk),
           std::function<void(int64_t, int)>(std::ref(run)));
}

template <typename T>
std::span<T> ChunkAt(std::span<T> row, size_t first) {
  return row.subspan(first, std::min(kChunk, row.size() - first));
}

}  // namespace

Optimizer::Optimizer(const config::Training& settings, size_t parameters)
    : method_(settings.optimizer == "sgd"            ? Method::kSgd
              : settings.optimizer == "sgd_nesterov" ? Method::kNesterov
              : settings.optimizer == "rmsprop"      ? Method::kRmsprop
              : settings.optimizer == "adamw"        ? Method::kAdamW
                                                     : Method::kAdam),
      momentum_(static_cast<float>(settings.momentum)),
      decay_(static_cast<float>(settings.weight_decay)),
      lambda_(settings.lambda_reg),
      clip_value_(settings.clip_grad_value),
      clip_norm_(settings.clip_grad_norm),
      first_(parameters, 0.0f),
      second_(parameters, 0.0f),
      chunks_((parameters + kChunk - 1) / kChunk) {}

OptimizerStep Optimizer::MakeStep(double learning_rate) const {
  OptimizerStep step;
  step.rate = static_cast<float>(learning_rate);
  step.momentum = momentum_;
  (method_ == Method::kAdamW ? step.shrink : step.decay) =
      method_ == Method::kAdamW ? step.rate * decay_ : decay_;
  step.correction1 = static_cast<float>(1.0 - std::pow(0.9, static_cast<double>(steps_)));
  step.correction2 = static_cast<float>(1.0 - std::pow(0.999, static_cast<double>(steps_)));
  return step;
}

// `first` is the number of the first of these parameters.
void Optimizer::Move(const OptimizerStep& step, std::span<const float> gradients, size_t first,
                     std::span<float> parameters) {
  const size_t count = parameters.size();
  float* m = first_.data() + first;
  float* v = second_.data() + first;
  switch (method_) {
    case Method::kSgd:
    case Method::kNesterov:
      return Momentum(step, method_ == Method::kNesterov, gradients.data(), count,
                      parameters.data(), m);
    case Method::kRmsprop:
      return Rmsprop(step, gradients.data(), count, parameters.data(), m, v);
    case Method::kAdam:
    case Method::kAdamW:
      return Adam(step, gradients.data(), count, parameters.data(), m, v);
  }
}

Optimizer::Outcome Optimizer::Step(std::span<float> parameters, std::span<float> gradients,
                                   double learning_rate, ThreadPool& pool) {
  Check(parameters.size() == first_.size() && gradients.size() == first_.size(),
        "optimiser: {} parameters", parameters.size());
  ++steps_;
  const OptimizerStep step = MakeStep(learning_rate);
  const auto prepare = [&](size_t number, size_t first) {
    const std::span<float> g = ChunkAt(gradients, first);
    Chunk& chunk = chunks_[number];
    chunk.finite = AllFinite(g.data(), g.size());
    if (lambda_ != 0) chunk.penalty = Regularize(lambda_, ChunkAt(parameters, first), g);
    if (clip_value_) ClipValue(g, *clip_value_);
    if (!clip_norm_) return;
    chunk.squares = 0;
    for (const float x : g) chunk.squares += double{x} * x;
  };
  const auto move = [&](size_t first) {
    Move(step, ChunkAt(gradients, first), first, ChunkAt(parameters, first));
  };
  if (clip_norm_) {
    ForChunks(gradients.size(), pool, prepare);
    double squares = 0;
    for (const Chunk& chunk : chunks_) squares += chunk.squares;
    const double norm = std::sqrt(squares);
    const auto factor = static_cast<float>(norm > *clip_norm_ ? *clip_norm_ / norm : 1.0);
    ForChunks(gradients.size(), pool, [&](size_t, size_t first) {
      for (float& g : ChunkAt(gradients, first)) g *= factor;
      move(first);
    });
  } else {
    // In one go, while the gradients are in the cache.
    ForChunks(gradients.size(), pool, [&](size_t number, size_t first) {
      prepare(number, first);
      move(first);
    });
  }
  Outcome outcome;
  for (const Chunk& chunk : chunks_) {
    outcome.finite = outcome.finite && chunk.finite;
    outcome.penalty += chunk.penalty;
  }
  return outcome;
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

void ClipValue(std::span<float> gradients, double limit) {
  const auto most = static_cast<float>(limit);
  for (float& g : gradients) g = std::clamp(g, -most, most);
}

void MoveAverage(double keep, std::span<const float> values, std::span<float> mean,
                 ThreadPool& pool) {
  Check(values.size() == mean.size(), "{} values, {} averages", values.size(), mean.size());
  ForChunks(values.size(), pool, [&](size_t, size_t first) {
    const std::span<const float> value = ChunkAt(values, first);
    Blend(static_cast<float>(keep), value.data(), value.size(), mean.data() + first);
  });
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
