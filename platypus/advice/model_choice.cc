#include "platypus/advice/model_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "platypus/base/error.h"
#include "platypus/deploy/npu_lint.h"
#include "platypus/pipeline/model_cost.h"
#include "platypus/zoo/zoo.h"

namespace platypus::advice {
namespace {

// Parameters that so many samples can teach (spec deployment 15).
int64_t ParameterLimit(int64_t samples) {
  return samples < 500 ? 2'000 : samples < 5'000 ? 10'000 : samples < 50'000 ? 30'000 : 1'000'000;
}

bool Lists(const config::Value& entry, const char* key, const std::string& name) {
  const config::Value* list = entry.Find(key);
  return list != nullptr && std::ranges::any_of(list->items, [&](const config::Value& item) {
           return item.text == name;
         });
}

// Octets that windows, tables and buffers of the feature extraction take.
struct FeatureCost {
  int64_t flash = 0, ram = 0;
  double instructions = 0;  // of one sample, on a Cortex-M4
};
FeatureCost CostOf(const features::Pipeline& pipeline) {
  constexpr int64_t kFloat = 4;
  const int64_t frame = pipeline.frame_size;
  const int64_t variables = pipeline.variables;
  FeatureCost cost;
  // The rows of a frame, and what it becomes; the network's input is the network's.
  cost.ram = (frame * variables + NumElements(pipeline.OutputShape())) * kFloat;
  if (pipeline.stages.empty()) {
    cost.instructions = 20.0 * static_cast<double>(NumElements(pipeline.OutputShape()));
    return cost;
  }
  const bool transforms = std::ranges::any_of(pipeline.stages, [](const features::Stage& stage) {
    return std::holds_alternative<features::Fft>(stage);
  });
  cost.flash = 3'000;
  if (transforms) {
    cost.flash += frame * kFloat;
    cost.ram += 3 * frame * kFloat;
    // 22 a point and doubling, and a logarithm or root for each value that is left.
    cost.instructions = static_cast<double>(variables * frame) * 22 *
                        std::bit_width(static_cast<uint64_t>(frame)) / 2;
  }
  cost.instructions += static_cast<double>(variables * frame) * 30;
  cost.instructions *= pipeline.frame_concat;
  return cost;
}

}  // namespace

Cost EstimateCost(const graph::Graph& network, const features::Pipeline& pipeline,
                  const config::Registry& registry, const std::string& device) {
  const pipeline::DeviceFacts facts = pipeline::FactsOf(device, *registry.devices.Find(device));
  const pipeline::CostModel& model = pipeline::CostModelOf(facts.core);
  const pipeline::ModelCost alone = pipeline::EstimateCost(network, model);
  const FeatureCost features = CostOf(pipeline);
  Cost cost;
  cost.is_integer = alone.integers;
  cost.parameters = alone.parameters;
  cost.macs = alone.macs;
  cost.flash_octets = alone.flash_octets + features.flash;
  cost.ram_octets = alone.ram_octets + features.ram;
  cost.cycles =
      alone.cycles + features.instructions * model.float_ratio * model.cycles_per_instruction;
  if (facts.clock_hz) cost.seconds = cost.cycles / *facts.clock_hz;
  return cost;
}

std::vector<ModelChoice> ChooseModels(const config::Registry& registry, const std::string& task,
                                      const std::string& device, const features::Pipeline& pipeline,
                                      int outputs, int64_t samples) {
  const pipeline::DeviceFacts facts = pipeline::FactsOf(device, *registry.devices.Find(device));
  const std::string category = registry.tasks.Find(task)->Text("category");
  std::vector<ModelChoice> choices;
  for (const auto& [name, entry] : registry.models.entries.entries) {
    if (entry.Text("task_category") != category || !entry.Text("notice").empty()) continue;
    const bool own_task = entry.Text("task_type") == task;
    const bool generic = entry.Text("task_type").starts_with("generic_");
    if ((!own_task && !generic) || !Lists(entry, "devices", device)) continue;
    config::Training training;
    training.model_name = name;
    training.model_training_id = entry.Text("network");
    ModelChoice choice;
    choice.name = name;
    graph::Graph network;
    try {
      network = zoo::Build(training, registry, pipeline.OutputShape(), outputs, 1);
      if (NumElements(network.Output().shape) != outputs) continue;
      choice.cost = EstimateCost(network, pipeline, registry, device);
    } catch (const Error& error) {
      if (error.category() == Category::kInternal) throw;
      continue;  // the samples are too short for it, or it has no C form
    }
    const Cost& cost = choice.cost;
    if (facts.flash_octets && cost.flash_octets > *facts.flash_octets) continue;
    if (facts.ram_octets && cost.ram_octets > *facts.ram_octets) continue;
    if (own_task) choice.score += 1;
    if (cost.parameters <= ParameterLimit(samples)) {
      choice.score += 1;
      choice.reasons.push_back(
          fmt::format("{} parameters for {} samples", cost.parameters, samples));
    } else {
      choice.reasons.push_back(
          fmt::format("{} parameters are many for {} samples", cost.parameters, samples));
    }
    if (!cost.is_integer) {
      choice.reasons.emplace_back("stays in floating point");
    } else {
      choice.score += 1;
    }
    if (facts.has_npu && cost.is_integer && deploy::LintForNpu(network).empty()) {
      choice.score += 1;
      choice.reasons.emplace_back("every layer fits the NPU");
    }
    if (facts.ram_octets) {
      choice.reasons.push_back(fmt::format(
          "about {:.0f} % of the RAM",
          100.0 * static_cast<double>(cost.ram_octets) / static_cast<double>(*facts.ram_octets)));
    }
    choices.push_back(std::move(choice));
  }
  std::ranges::stable_sort(choices, [](const ModelChoice& a, const ModelChoice& b) {
    return a.score != b.score ? a.score > b.score : a.cost.cycles < b.cost.cycles;
  });
  return choices;
}

}  // namespace platypus::advice
