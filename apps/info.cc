#include "apps/command.h"

#include "apps/cost_text.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>

#include "platypus/advice/catalogue.h"
#include "platypus/base/error.h"
#include "platypus/config/load.h"
#include "platypus/graph/graph.h"
#include "platypus/pipeline/device_limits.h"

namespace platypus::apps {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  std::string registry;
  std::string module;
  std::string task;
  std::string device;
  std::string model;
  std::string input;
  int classes = 0;
  bool dot = false;
  bool json = false;
};

Shape ParseInput(const std::string& text) {
  const config::Value value = config::ParseYaml("[" + text + "]", "--input");
  Shape shape;
  for (const config::Value& item : value.items) {
    const auto extent = config::ToInteger(item);
    if (!extent || *extent < 1)
      Fail(Category::kUsage, "--input {}: expected channels,length,1", text);
    shape.push_back(*extent);
  }
  while (shape.size() < 3) shape.push_back(1);
  return shape;
}

// ---- one model ---------------------------------------------------------------------------------

// What would become of every layer on a part with an accelerator, and why.
void PrintNpu(const std::vector<deploy::NpuPlacement>& placements) {
  fmt::print(
      "\nnpu of parts that have one: {:.0f} % of the multiply-accumulates would run there, by "
      "its published limits; the generated C does not use it\n",
      100 * deploy::ShareOnNpu(placements));
  for (const deploy::NpuPlacement& placement : placements)
    fmt::print("  {:<20} {}\n", placement.layer, deploy::Explain(placement));
}

Json PlacementJson(const std::vector<deploy::NpuPlacement>& placements) {
  Json json = Json::array();
  for (const deploy::NpuPlacement& placement : placements) {
    json.push_back({{"layer", placement.layer},
                    {"type", placement.type},
                    {"runs", placement.Runs()},
                    {"text", deploy::Explain(placement)}});
  }
  return json;
}

Json NpuJson(const std::vector<deploy::NpuFinding>& findings) {
  Json json = Json::array();
  for (const deploy::NpuFinding& f : findings) {
    json.push_back(
        {{"layer", f.layer}, {"type", f.type}, {"problem", f.problem}, {"advice", f.advice}});
  }
  return json;
}

int ModelCommand(const Arguments& a, const config::Registry& registry) {
  const graph::Graph network = advice::BuildModel(
      registry, a.model, a.input.empty() ? Shape{} : ParseInput(a.input), a.classes);
  if (!a.json) {
    fmt::print("{}", a.dot ? graph::ToDot(network) : graph::ToText(network));
    if (a.dot) return 0;
    PrintCost(registry, a.model, network, a.device);
    PrintNpu(deploy::PlaceOnNpu(network));
    return 0;
  }
  Json layers = Json::array();
  for (const graph::Node& node : network.nodes) {
    layers.push_back({{"name", node.name},
                      {"type", graph::Name(node.op)},
                      {"shape", network.At(node.output).shape},
                      {"macs", graph::CountMacs(network, node)}});
  }
  const Json json = {{"model", a.model},
                     {"input", network.Input().shape},
                     {"output", network.Output().shape},
                     {"parameters", graph::CountParameters(network)},
                     {"macs", graph::CountMacs(network)},
                     {"layers", layers},
                     {"cost", CostJson(registry, a.model, network, a.device)},
                     {"npu", NpuJson(deploy::LintForNpu(network))},
                     {"npu_layers", PlacementJson(deploy::PlaceOnNpu(network))}};
  fmt::print("{}\n", json.dump(2));
  return 0;
}

// ---- tasks -------------------------------------------------------------------------------------

std::string Capital(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

int TasksCommand(const Arguments& a, const config::Registry& registry) {
  std::map<std::string, std::vector<std::string>> tasks;  // by module, sorted
  for (const auto& [name, entry] : registry.tasks.entries.entries)
    tasks[entry.Text("module")].push_back(name);
  Json json = Json::array();
  for (auto& [module, names] : tasks) {
    if (!a.module.empty() && module != a.module) continue;
    std::ranges::sort(names);
    if (!a.json) fmt::print("{} Task Types:\n", Capital(module));
    for (const std::string& name : names) {
      const config::Value& entry = *registry.tasks.Find(name);
      const size_t devices = advice::DevicesFor(registry, name).size();
      const bool runs = entry.Text("runs") == "true";
      if (a.json) {
        json.push_back({{"task", name},
                        {"name", entry.Text("display_name")},
                        {"module", module},
                        {"category", entry.Text("category")},
                        {"devices", advice::DevicesFor(registry, name)},
                        {"runs", runs}});
      } else {
        fmt::print("  {:<36} {:<34} {} devices{}\n", name, entry.Text("display_name"), devices,
                   runs ? "" : ", not in this version");
      }
    }
    if (!a.json) fmt::print("\n");
  }
  if (a.json) {
    fmt::print("{}\n", json.dump(2));
  } else {
    fmt::print("platypus info -t TASK [-d DEVICE] shows models, devices and presets of one.\n");
  }
  return 0;
}

// ---- one task ----------------------------------------------------------------------------------

// All of them up to five, else four and how many more.
std::string Abbreviated(const std::vector<std::string>& names) {
  constexpr size_t kAll = 5;
  const size_t shown = names.size() <= kAll ? names.size() : kAll - 1;
  std::string text;
  for (size_t i = 0; i < shown; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (shown < names.size()) text += fmt::format(", ... (+{})", names.size() - shown);
  return text;
}

std::string Milliseconds(const pipeline::ModelCost& cost, const pipeline::DeviceFacts& device) {
  if (!device.clock_hz) return "-";
  return fmt::format("{:.2f}", 1e3 * cost.cycles / *device.clock_hz);
}

std::string NpuText(const advice::CatalogueModel& model) {
  if (!model.npu) return "-";
  return model.npu->empty() ? "all layers" : fmt::format("all but {}", model.npu->size());
}

Json CostJson(const pipeline::ModelCost& cost, const pipeline::DeviceFacts& device) {
  return {{"evidence", Name(pipeline::Evidence::kEstimated)},
          {"integers", cost.integers},
          {"parameters", cost.parameters},
          {"macs", cost.macs},
          {"flash_octets", cost.flash_octets},
          {"ram_octets", cost.ram_octets},
          {"cycles", static_cast<int64_t>(cost.cycles)},
          {"seconds", device.clock_hz ? Json(cost.cycles / *device.clock_hz) : Json(nullptr)},
          {"fits_flash",
           device.flash_octets ? Json(cost.flash_octets <= *device.flash_octets) : Json(nullptr)},
          {"fits_ram",
           device.ram_octets ? Json(cost.ram_octets <= *device.ram_octets) : Json(nullptr)}};
}

std::string Kilo(const std::optional<int64_t>& octets) {
  return octets ? fmt::format("{} KB", *octets / 1024) : "not known";
}

void PrintDevices(const config::Registry& registry, const std::vector<std::string>& devices) {
  fmt::print("Supported Devices ({}):\n", devices.size());
  std::vector<std::pair<std::string, std::string>> families;  // in order of appearance
  for (const std::string& name : devices) {
    const std::string family = registry.devices.Find(name)->Text("family");
    const auto known =
        std::ranges::find(families, family, &std::pair<std::string, std::string>::first);
    if (known == families.end()) {
      families.emplace_back(family, name);
    } else {
      known->second += ", " + name;
    }
  }
  for (const auto& [family, names] : families) fmt::print("  {:<12} {}\n", family, names);
}

void PrintModels(const std::vector<advice::CatalogueModel>& models,
                 const std::optional<pipeline::DeviceFacts>& device) {
  if (!device) {
    fmt::print("\nModels ({} available):\n", models.size());
    for (const advice::CatalogueModel& model : models) {
      fmt::print("  {:<34} {}{}{}\n", model.name, Abbreviated(model.devices),
                 model.generic ? ", generic" : "", model.runs ? "" : ", not in this version");
    }
    return;
  }
  fmt::print("\nModels for {} ({} available):\n", device->name, models.size());
  if (models.empty()) {
    fmt::print(
        "  none; `platypus info -t TASK` shows the devices that the task's models are for\n");
    return;
  }
  fmt::print("  {:<34} {:>10} {:>9} {:>8} {:>8} {:>9} {:<13} {}\n", "model", "parameters", "MACs",
             "flash", "RAM", "ms", "NPU", "numbers");
  fmt::print("  {:<34} {:>10} {:>9} {:>8} {:>8} {:>9}\n", "", "exact", "exact", "estim.", "exact",
             "estim.");
  for (const advice::CatalogueModel& model : models) {
    if (!model.cost) {
      fmt::print("  {:<34} not in this version\n", model.name);
      continue;
    }
    const pipeline::ModelCost& cost = *model.cost;
    const std::vector<pipeline::LimitFinding> limits =
        pipeline::CheckLimits(*device, {cost.flash_octets, cost.ram_octets});
    const bool fits = std::ranges::all_of(limits, &pipeline::LimitFinding::fits);
    fmt::print("  {:<34} {:>10} {:>9} {:>8} {:>8} {:>9} {:<13} {}{}{}\n", model.name,
               cost.parameters, cost.macs, cost.flash_octets, cost.ram_octets,
               Milliseconds(cost, *device), NpuText(model), cost.integers ? "integers" : "float",
               model.generic ? ", generic" : "",
               !fits             ? ", too large"
               : !limits.empty() ? ", tight"
                                 : "");
  }
  const pipeline::CostModel& source = pipeline::CostModelOf(device->core);
  fmt::print(
      "  For the models' reference inputs, without feature extraction and without the NPU; {} "
      "flash, {} RAM, {}. Tight: above 80 % of one.\n  Time: {}, nine of ten within {:.0f} %; {} "
      "cycles an instruction (assumed).\n",
      Kilo(device->flash_octets), Kilo(device->ram_octets),
      device->clock_hz ? fmt::format("{:g} MHz", *device->clock_hz / 1e6) : "no clock known",
      source.source, 100 * pipeline::RatesOf(source.rates).instructions.nine_of_ten,
      source.cycles_per_instruction);
}

int TaskCommand(const Arguments& a, const config::Registry& registry) {
  const std::vector<advice::CatalogueModel> models = advice::ModelsFor(registry, a.task, a.device);
  const config::Value& task = *registry.tasks.Find(a.task);
  if (!a.module.empty() && task.Text("module") != a.module) {
    throw Error(Category::kUsage,
                fmt::format("task '{}' is not of the module {}", a.task, a.module),
                fmt::format("-m {}", task.Text("module")));
  }
  const std::vector<std::string> devices = advice::DevicesFor(registry, a.task);
  const std::vector<advice::CataloguePreset> presets = advice::PresetsFor(registry, a.task);
  const std::vector<std::string> datasets = advice::DatasetsFor(registry, a.task);
  std::optional<pipeline::DeviceFacts> device;
  if (!a.device.empty()) device = pipeline::FactsOf(a.device, *registry.devices.Find(a.device));
  if (a.json) {
    Json json = {{"module", task.Text("module")},
                 {"task", a.task},
                 {"name", task.Text("display_name")},
                 {"devices", devices}};
    if (device) json["device"] = device->name;
    json["models"] = Json::array();
    for (const advice::CatalogueModel& model : models) {
      Json entry = {{"name", model.name},
                    {"generic", model.generic},
                    {"runs", model.runs},
                    {"devices", model.devices}};
      if (model.cost) {
        entry["input"] = model.input;
        entry["outputs"] = model.outputs;
        entry["cost"] = CostJson(*model.cost, *device);
      }
      if (model.npu) entry["npu"] = NpuJson(*model.npu);
      json["models"].push_back(std::move(entry));
    }
    json["presets"] = Json::array();
    for (const advice::CataloguePreset& preset : presets) {
      json["presets"].push_back({{"name", preset.name},
                                 {"variables", preset.variables},
                                 {"output", preset.output ? Json(*preset.output) : Json(nullptr)}});
    }
    json["datasets"] = datasets;
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  fmt::print("{} ({})\n\n", task.Text("display_name"), a.task);
  PrintDevices(registry, devices);
  PrintModels(models, device);
  fmt::print("\nFeature Extraction Presets ({} available):\n", presets.size());
  for (const advice::CataloguePreset& preset : presets) {
    fmt::print("  {:<64} {}\n", preset.name,
               preset.output ? ToString(*preset.output) : "by frame_size");
  }
  fmt::print("\nExample Datasets ({} available):\n", datasets.size());
  for (const std::string& name : datasets) fmt::print("  {}\n", name);
  fmt::print("\nplatypus init NAME FOLDER makes one of them.\n");
  return 0;
}

void RequireName(const char* what, const std::string& name, const config::Table& table) {
  if (name.empty() || table.Find(name) != nullptr) return;
  throw Error(Category::kUsage, fmt::format("there is no {} '{}'", what, name),
              Suggest(name, table.Names()));
}

int InfoCommand(const Arguments& a) {
  const config::Registry registry = config::LoadRegistry(a.registry);
  std::vector<std::string> modules;
  for (const auto& [name, entry] : registry.tasks.entries.entries) {
    if (std::ranges::find(modules, entry.Text("module")) == modules.end())
      modules.push_back(entry.Text("module"));
  }
  if (!a.module.empty() && std::ranges::find(modules, a.module) == modules.end()) {
    throw Error(Category::kUsage, fmt::format("there is no module '{}'", a.module),
                Suggest(a.module, modules));
  }
  RequireName("task", a.task, registry.tasks);
  RequireName("device", a.device, registry.devices);
  if (!a.model.empty()) return ModelCommand(a, registry);
  if (!a.task.empty()) return TaskCommand(a, registry);
  if (!a.device.empty()) {
    throw Error(Category::kUsage, "-d DEVICE shows the models of a task, but no task is named",
                "add -t TASK; `platypus info` lists them");
  }
  return TasksCommand(a, registry);
}

}  // namespace

Command AddInfo(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand(
      "info",
      "tasks, devices, models with their cost, presets; the layers of a model\nExample: platypus "
      "info -t generic_timeseries_classification -d MSPM0G3507");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("-m,--module", a->module, "timeseries, vision, audio, radar (all)");
  parser->add_option("-t,--task", a->task, "task: its devices, models, presets, data sets");
  parser->add_option("-d,--device", a->device, "models for this device, with their cost there");
  parser->add_option("--model", a->model, "the layers of a model");
  parser->add_option("--input", a->input, "channels,length of a model's input");
  parser->add_option("--classes", a->classes, "number of a model's classes");
  parser->add_flag("--dot", a->dot, "a model for Graphviz");
  parser->add_flag("--json", a->json, "for programs");
  parser->add_option("--registry", a->registry, "folder with models of your own");
  return {parser, [a] { return InfoCommand(*a); }};
}

}  // namespace platypus::apps
