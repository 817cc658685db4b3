#include "platypus/advice/catalogue.h"

#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/config/load.h"
#include "platypus/features/pipeline.h"
#include "platypus/zoo/zoo.h"

namespace platypus::advice {
namespace {

bool Lists(const config::Value& entry, const char* key, const std::string& name) {
  const config::Value* list = entry.Find(key);
  return list != nullptr && std::ranges::any_of(list->items, [&](const config::Value& item) {
           return item.text == name;
         });
}

const config::Value& TaskOf(const config::Registry& registry, const std::string& task) {
  const config::Value* entry = registry.tasks.Find(task);
  if (entry == nullptr) {
    throw Error(Category::kUsage, fmt::format("there is no task '{}'", task),
                Suggest(task, registry.tasks.Names()));
  }
  return *entry;
}

// The task that every data set of a category may name.
std::string GenericTask(const std::string& category) { return "generic_" + category; }

Shape ReferenceInput(const config::Value& model) {
  Shape input;
  if (const config::Value* reference = model.Find("reference")) {
    if (const config::Value* extents = reference->Find("input")) {
      for (const config::Value& item : extents->items)
        input.push_back(config::ToInteger(item).value_or(1));
    }
  }
  return input.empty() ? Shape{1, 128, 1} : input;
}

int ReferenceOutputs(const config::Value& model) {
  const config::Value* reference = model.Find("reference");
  const config::Value* outputs = reference == nullptr ? nullptr : reference->Find("outputs");
  return outputs == nullptr ? 2 : static_cast<int>(config::ToInteger(*outputs).value_or(2));
}

}  // namespace

graph::Graph BuildModel(const config::Registry& registry, const std::string& model,
                        const Shape& input, int outputs) {
  const config::Value* entry = registry.models.Find(model);
  if (entry == nullptr) {
    throw Error(Category::kUsage, fmt::format("there is no model '{}'", model),
                Suggest(model, registry.models.Names()));
  }
  config::Training training;
  training.model_name = model;
  training.model_training_id = entry->Text("network");
  return zoo::Build(training, registry, input.empty() ? ReferenceInput(*entry) : input,
                    outputs > 0 ? outputs : ReferenceOutputs(*entry), 1);
}

std::vector<CatalogueModel> ModelsFor(const config::Registry& registry, const std::string& task,
                                      const std::string& device) {
  const std::string category = TaskOf(registry, task).Text("category");
  std::optional<pipeline::DeviceFacts> facts;
  if (!device.empty()) {
    const config::Value* entry = registry.devices.Find(device);
    if (entry == nullptr) {
      throw Error(Category::kUsage, fmt::format("there is no device '{}'", device),
                  Suggest(device, registry.devices.Names()));
    }
    facts = pipeline::FactsOf(device, *entry);
  }
  std::vector<CatalogueModel> models;
  for (const bool generic : {false, true}) {
    for (const auto& [name, entry] : registry.models.entries.entries) {
      const std::string own = entry.Text("task_type");
      const bool wanted =
          generic ? own != task && (own == GenericTask(category) ||
                                    (own.empty() && entry.Text("task_category") == category))
                  : own == task;
      if (!wanted || (facts && !Lists(entry, "devices", device))) continue;
      CatalogueModel model;
      model.name = name;
      model.generic = generic;
      model.runs = registry.networks.Find(entry.Text("network")) != nullptr;
      if (const config::Value* devices = entry.Find("devices")) {
        for (const config::Value& item : devices->items) model.devices.push_back(item.text);
      }
      if (facts && model.runs) {
        try {
          const graph::Graph network = BuildModel(registry, name);
          model.input = network.Input().shape;
          model.outputs = static_cast<int>(NumElements(network.Output().shape));
          model.cost = pipeline::EstimateCost(network, pipeline::CostModelOf(facts->core));
          if (facts->has_npu) model.npu = deploy::LintForNpu(network);
        } catch (const Error& error) {
          if (error.category() != Category::kModel) throw;
          model.runs = false;  // not for its reference input
        }
      }
      models.push_back(std::move(model));
    }
  }
  return models;
}

std::vector<CataloguePreset> PresetsFor(const config::Registry& registry, const std::string& task) {
  const std::string generic = GenericTask(TaskOf(registry, task).Text("category"));
  std::vector<CataloguePreset> presets;
  // Any device and model that a configuration of the task may name.
  const std::vector<std::string> devices = DevicesFor(registry, task);
  const std::vector<CatalogueModel> models = ModelsFor(registry, task, "");
  const std::string device = devices.empty() ? "" : devices[0];
  const std::string model = models.empty() ? "" : models[0].name;
  for (const auto& [name, entry] : registry.feature_presets.entries.entries) {
    const config::Value* tasks = entry.Find("tasks");
    const bool wanted = tasks == nullptr || tasks->items.empty() || Lists(entry, "tasks", task) ||
                        Lists(entry, "tasks", generic);
    if (!wanted) continue;
    CataloguePreset preset;
    preset.name = name;
    const config::Value* values = entry.Find("values");
    const bool sized = values != nullptr && values->Find("frame_size") != nullptr;
    try {
      const config::Loaded loaded = config::LoadText(
          fmt::format("common: {{task_type: {}, target_device: {}}}\n"
                      "dataset: {{dataset_name: default, input_data_path: .}}\n"
                      "data_processing_feature_extraction: {{feature_extraction_name: {}}}\n"
                      "training: {{model_name: {}}}\n",
                      task, device, name, model),
          "preset", ".", {}, registry);
      const config::FeatureExtraction& settings = loaded.config.data_processing_feature_extraction;
      if (const int* count = std::get_if<int>(&settings.variables)) preset.variables = *count;
      NullSink nobody;
      if (sized)
        preset.output = features::MakePipeline(settings, preset.variables, nobody).OutputShape();
    } catch (const Error&) {  // it needs more than the preset says
    }
    presets.push_back(std::move(preset));
  }
  return presets;
}

std::vector<std::string> DatasetsFor(const config::Registry& registry, const std::string& task) {
  const bool anomalies = TaskOf(registry, task).Text("category").ends_with("anomalydetection");
  std::vector<std::string> names;
  for (const std::string& name : registry.datasets.Names()) {
    if (name.find(task) == std::string::npos) continue;
    if (name.ends_with("_ad") && !anomalies) continue;
    names.push_back(name);
  }
  return names;
}

std::vector<std::string> DevicesFor(const config::Registry& registry, const std::string& task) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : registry.devices.entries.entries) {
    if (Lists(entry, "tasks", task)) names.push_back(name);
  }
  return names;
}

}  // namespace platypus::advice
