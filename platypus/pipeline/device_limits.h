#ifndef PLATYPUS_PIPELINE_DEVICE_LIMITS_H_
#define PLATYPUS_PIPELINE_DEVICE_LIMITS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platypus/config/config.h"
#include "platypus/config/registry.h"
#include "platypus/graph/graph.h"
#include "platypus/pipeline/model_cost.h"

// Whether a package fits its device, and what to change when it does not.
namespace platypus::pipeline {

// Octets that a package takes, and what that rests on.
struct Need {
  int64_t flash_octets = 0, ram_octets = 0;
  Evidence evidence = Evidence::kEstimated;
};

// A memory of the device of which more than 80 % is taken.
struct LimitFinding {
  bool fits = true;  // false: more than all of it
  std::string text;  // "flash of F28003: 400000 of 393216 octets (102 %, linked)"
};

// In words, nothing where the device's memory is not known or amply there.
std::vector<LimitFinding> CheckLimits(const DeviceFacts& device, const Need& need);

// The smallest change with which the network, built for `input` and `outputs`, would fit: a key
// ("training.quantization_weight_bitwidth: 4"), else the largest smaller model of the task, else
// the smallest other device; with what that would take, estimated. `beyond` is what the package
// takes beyond the estimate for its network alone: features, application. Empty: nothing helps.
std::string SmallestRemedy(const config::Registry& registry, const config::Config& config,
                           const Shape& input, int outputs, const Need& need);

// The same findings as lines to print, with the remedy behind the first that does not fit.
struct LimitReport {
  bool fits = true;
  std::vector<std::string> texts;
};
LimitReport ReportLimits(const config::Registry& registry, const config::Config& config,
                         const Shape& input, int outputs, const Need& need);

// Error (configuration) with the remedy if constants alone or the network's own RAM, which are
// exact before any training, are more than the device has.
void RequireRoom(const config::Registry& registry, const config::Config& config,
                 const graph::Graph& network);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_DEVICE_LIMITS_H_
