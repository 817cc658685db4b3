#ifndef PLATYPUS_ADVICE_CATALOGUE_H_
#define PLATYPUS_ADVICE_CATALOGUE_H_

#include <optional>
#include <string>
#include <vector>

#include "platypus/config/registry.h"
#include "platypus/deploy/npu_lint.h"
#include "platypus/graph/graph.h"
#include "platypus/pipeline/model_cost.h"

// What there is to choose from: tasks, devices, models, presets.
namespace platypus::advice {

struct CatalogueModel {
  std::string name;
  bool generic = false;  // of the generic task of the category, or of any: usable all the same
  bool runs = false;     // its network is known
  std::vector<std::string> devices;
  Shape input;  // that the figures are for
  int outputs = 0;
  std::optional<pipeline::ModelCost>
      cost;  // nullopt: no device was asked for, or the network is not known
  std::optional<std::vector<deploy::NpuFinding>> npu;  // nullopt: the device has no accelerator
};

// Models for a task: its own in the order of the registry, then the generic ones of its category.
// `device` (may be empty): only those that are offered for it, with their cost there. Error
// (usage) for names that are not known.
std::vector<CatalogueModel> ModelsFor(const config::Registry& registry, const std::string& task,
                                      const std::string& device);

// The model's network for its reference input, or for `input` and `outputs` where given. Error
// (usage, model).
graph::Graph BuildModel(const config::Registry& registry, const std::string& model,
                        const Shape& input = {}, int outputs = 0);

struct CataloguePreset {
  std::string name;
  int variables = 1;
  std::optional<Shape> output;  // nullopt: it leaves the frame's size to the configuration
};

// Feature presets for a task, and those for every task.
std::vector<CataloguePreset> PresetsFor(const config::Registry& registry, const std::string& task);

// Names of data sets for a task, by its name or its category's.
std::vector<std::string> DatasetsFor(const config::Registry& registry, const std::string& task);

// Devices that run a task, in the order of the registry.
std::vector<std::string> DevicesFor(const config::Registry& registry, const std::string& task);

}  // namespace platypus::advice

#endif  // PLATYPUS_ADVICE_CATALOGUE_H_
