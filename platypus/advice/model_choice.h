#ifndef PLATYPUS_ADVICE_MODEL_CHOICE_H_
#define PLATYPUS_ADVICE_MODEL_CHOICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platypus/base/array.h"
#include "platypus/config/registry.h"
#include "platypus/features/pipeline.h"
#include "platypus/graph/graph.h"

// Which models of the registry are worth a trial for a device.
namespace platypus::advice {

// What a network takes on a device, estimated before it is trained (docs/recommend.md says how, and
// how far that is off).
struct Cost {
  bool is_integer = true;  // false: it has a layer without integer form
  int64_t parameters = 0, macs = 0;
  int64_t flash_octets = 0, ram_octets = 0;
  double cycles = 0;              // features of one sample and one inference
  std::optional<double> seconds;  // the same; nullopt: clock not known
};
Cost EstimateCost(const graph::Graph& network, const features::Pipeline& pipeline,
                  const config::Registry& registry, const std::string& device);

struct ModelChoice {
  std::string name;
  Cost cost;
  double score = 0;
  std::vector<std::string> reasons;
};

// Models for the task that build for samples of the pipeline, that the reference offers for the
// device, and that its flash and RAM hold (as far as they are known); best first. `samples` train.
std::vector<ModelChoice> ChooseModels(const config::Registry& registry, const std::string& task,
                                      const std::string& device, const features::Pipeline& pipeline,
                                      int outputs, int64_t samples);

}  // namespace platypus::advice

#endif  // PLATYPUS_ADVICE_MODEL_CHOICE_H_
