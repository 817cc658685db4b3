#ifndef PLATYPUS_PIPELINE_AUTO_PRECISION_H_
#define PLATYPUS_PIPELINE_AUTO_PRECISION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "platypus/base/progress.h"
#include "platypus/config/config.h"
#include "platypus/pipeline/lesson.h"
#include "platypus/pipeline/model_cost.h"
#include "platypus/quantize/quantize.h"

// training.auto_quantization: bits of every layer's weights from how much the loss suffers by them.
namespace platypus::pipeline {

struct LayerChoice {
  std::string name;
  std::string type;
  int64_t weights = 0;
  double trace = 0;  // of the loss's Hessian, block of this layer
  double trace_error = 0;
  int64_t instructions = 0;  // at 8 bits, estimated
  int bits = 8;              // chosen; 32 = float
};

// An average that was tried (goal tolerance).
struct PrecisionTrial {
  double average_bits = 0;  // allowed
  double metric = 0;
  bool passes = false;
};

struct AutoPrecision {
  config::AutoGoal goal = config::AutoGoal::kTolerance;
  std::string task;
  std::string metric;  // "accuracy", "r2", "smape", "mse"
  bool higher_is_better = true;
  double float_metric = 0;  // measured on the validation split
  // Goal tolerance.
  double threshold = 0;
  int fewest_bits = 0, most_bits = 0;  // range of the search, average bits
  int average_bits = 0;                // found
  std::vector<PrecisionTrial> trials;
  // Goals flash and instructions, in octets of weights or instructions.
  int64_t budget = 0, used = 0, at_eight_bits = 0;
  std::vector<LayerChoice> layers;  // in the graph's order
  int64_t weight_octets = 0;        // packed; float weights take four
  double AverageBits() const;       // of a weight
};

// The fake-quantised graph, ranges chosen, that the quantised phase would start from.
using Calibrated = std::function<graph::Graph(const quantize::Settings& settings)>;

struct PrecisionRequest {
  const graph::Graph& trained;  // float
  const Lesson& lesson;         // in whose units it gives values
  const config::Config& config;
  const quantize::Settings& settings;  // layers that it names are not touched
  train::LabelledSet samples;          // of training, some hundred: what the Hessian is measured on
  Calibrated calibrated;
  MacRates rates;  // of goal instructions
};

// How a layer's perturbation is estimated: trace / weights * ||Q(W) - W||^2 (HAWQ-V2, Dong et al.
// 2020), W with its batch norm folded in. Of all choices of 2, 4, 8 bits (and float for goal
// tolerance) within a budget the one with the smallest sum is taken, exactly. Goal tolerance: the
// budget is an average of bits, the smallest one (by bisection, as in the reference) whose INTEGER
// network, calibrated but not trained, keeps to the tolerance on the validation split; then layers
// in float are tried at 8 bits, the least sensitive first. Deterministic. Error (configuration) for
// a budget that nothing keeps to.
AutoPrecision ChoosePrecision(const PrecisionRequest& request, ThreadPool& pool,
                              ProgressSink& sink);

// The choice as settings.
void Apply(const AutoPrecision& choice, const graph::Graph& trained, quantize::Settings& settings);

// Lines of the log: sensitivities, search, allocation, and the table of layers
// (auto_precision_text.cc, like the next).
std::vector<std::string> Lines(const AutoPrecision& choice);
// training/quantization/auto_quantization.json.
std::string ToJson(const AutoPrecision& choice);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_AUTO_PRECISION_H_
