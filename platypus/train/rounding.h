#ifndef PLATYPUS_TRAIN_ROUNDING_H_
#define PLATYPUS_TRAIN_ROUNDING_H_

#include <cstddef>
#include <span>
#include <variant>

#include "platypus/graph/quantization.h"

// Fake quantisation of weights. With u = w / scale, codes lo ... hi (graph::WeightCodes; the scale
// follows the weights of every step and counts as a constant) and s(x) = 1 / (1 + exp(-x)), a
// weight is replaced by scale * r(u). The gradient of w is that of the rounded weight times r'(u),
// which is 1 for all but SoftTernary and LearnedStep: rounding is passed straight through, and no
// weight lies outside its codes.
namespace platypus::train {

// r = clamp(nearest integer, halves to even).
struct NearestRounding {};
// r = -1, 0, 1 with the steps at -+graph::kTernaryThreshold.
struct TernaryRounding {};
// r = clamp(f + s(T (u - f - 1/2))), f = floor(u), T the temperature.
struct SoftSigmoidRounding {
  float temperature = 1;
};
// r = clamp(m + tanh(T (u - m)) / (2 tanh(T / 2))), m = floor(u) + 1/2: integers stay.
struct SoftTanhRounding {
  float temperature = 1;
};
// r = s(T (u - 1/2)) + s(T (u + 1/2)) - 1 (deep binary quantisation with two steps); r' is its
// derivative.
struct SoftTernaryRounding {
  float temperature = 1;
};
// Nearest; the scale is trained (Esser et al. 2020): r' = 1 inside lo ... hi, else 0, and the
// gradient of the scale is the sum of the rounded weights' times r - u inside, r outside, divided
// by sqrt(n hi) for n weights.
struct LearnedStepRounding {};
using WeightRounding = std::variant<NearestRounding, TernaryRounding, SoftSigmoidRounding,
                                    SoftTanhRounding, SoftTernaryRounding, LearnedStepRounding>;

// What conversion and every pass but a training step computes with: whole codes.
WeightRounding HardRounding(graph::Rounding rounding);
// Of an epoch (from 0) of `epochs`: soft at first, hard in the last one. T = 500^(epoch / (epochs -
// 1)) of the sigmoid and the tanh; of the ternary the larger of that and 2^epoch, at most 2^20.
WeightRounding TrainingRounding(graph::Rounding rounding, int epoch, int epochs);

// An array of weights with the codes to round it to.
struct WeightArray {
  graph::WeightQuantizer quantizer;
  graph::WeightLayout layout;
  std::span<const float> values;
  std::span<const float> steps = {};  // where they are learned, for each of graph::CodeRows
};

void RoundWeights(const WeightRounding& rounding, const WeightArray& weights,
                  std::span<float> rounded);
// gradient: of the rounded weights, becomes that of the weights. step_gradient: as many as steps.
void RoundGradients(const WeightRounding& rounding, const WeightArray& weights,
                    std::span<float> gradient, std::span<float> step_gradient);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_ROUNDING_H_
