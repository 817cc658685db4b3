#ifndef PLATYPUS_TRAIN_LOSS_H_
#define PLATYPUS_TRAIN_LOSS_H_

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

namespace platypus::train {

// What a network's output is compared with, and how. y: output, t: target, both [elements] of one
// sample; the loss of a sample is a mean over its elements, that of a batch the mean over samples.

// -sum over k of t_k log softmax(y)_k, t_k = w_k q_k: q_k = (1 - smoothing) [k = label] +
// smoothing / K, or the batch's targets; w_k = class_weights[k], or 1 without. The gradient is
// (sum of t) softmax(y)_k - t_k. A batch of labels is divided by the sum of its labels' weights,
// one of targets by its number of samples (torch.nn.functional.cross_entropy).
struct CrossEntropy {
  float smoothing = 0.0f;
  std::vector<float> class_weights = {};
};
// (y - t)^2.
struct MeanSquaredError {};
// |y - t|.
struct MeanAbsoluteError {};
// d^2 / 2 where d = |y - t| <= delta, else delta (d - delta / 2).
struct Huber {
  float delta = 1.0f;
};
// 100 |y - t| / ((|y| + |t|) / 2), at least 1e-8 below the line: 0 ... 200.
struct Smape {};

using Loss = std::variant<CrossEntropy, MeanSquaredError, MeanAbsoluteError, Huber, Smape>;

// One block of samples at its output: values and gradients [element][kLanes].
struct BlockOutput {
  const float* y = nullptr;
  float* gradient = nullptr;  // of the batch's loss; written for the first `lanes` lanes
  int64_t elements = 0;
  int64_t lanes = 0;                           // samples of the block
  std::span<const int32_t> labels = {};        // [lanes]; empty without classes
  std::span<const float* const> targets = {};  // [lanes], [elements] each; may be empty
  double scale = 1.0;                          // 1 / (samples, or their weights) of the batch
};
struct BlockLoss {
  double sum = 0;       // of the samples' losses
  int64_t correct = 0;  // samples whose largest output is their label's
  bool finite = true;
};
BlockLoss LossAndGradient(const Loss& loss, const BlockOutput& output);

// Mean over all elements, for the losses that compare values with targets (not CrossEntropy).
double MeanLoss(const Loss& loss, std::span<const float> outputs, std::span<const float> targets);

// What a batch's sum of losses is divided by: its number of samples, or with class weights the sum
// of its labels' weights. labels: those that the loss compares with, empty where targets stand for
// them.
double TotalWeight(const Loss& loss, std::span<const int32_t> labels, int64_t count);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_LOSS_H_
