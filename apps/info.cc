#include "apps/command.h"

#include "platypus/base/error.h"
#include "platypus/config/load.h"
#include "platypus/deploy/npu_lint.h"
#include "platypus/graph/graph.h"
#include "platypus/zoo/zoo.h"

namespace platypus::apps {
namespace {

struct Arguments {
  std::string registry;
  std::string model;
  std::string input;
  int classes = 0;
  bool dot = false;
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

void PrintNpu(const std::vector<deploy::NpuFinding>& findings) {
  if (findings.empty()) {
    fmt::print("\nnpu: every layer fits the accelerators of parts that have one\n");
    return;
  }
  fmt::print("\nnpu: an accelerator would leave to the processor\n");
  for (const deploy::NpuFinding& f : findings) {
    fmt::print("  {:<20} {:<10} {}{}\n", f.layer, f.type, f.problem,
               f.advice.empty() ? "" : fmt::format("; legal: {}", f.advice));
  }
}

int InfoCommand(const Arguments& a) {
  const config::Registry registry = config::LoadRegistry(a.registry);
  if (a.model.empty()) {
    fmt::print("{:<32} {:<34} {:>10} {}\n", "model", "task", "parameters", "runs");
    for (const auto& [name, entry] : registry.models.entries.entries) {
      const config::Value* reference = entry.Find("reference");
      // A model runs if its network builds and its task (null: any classification) runs.
      const config::Value* task = registry.tasks.Find(entry.Text("task_type"));
      const bool runs = registry.networks.Find(entry.Text("network")) != nullptr &&
                        (task == nullptr || task->Text("runs") == "true");
      fmt::print("{:<32} {:<34} {:>10} {}\n", name, entry.Text("task_type"),
                 reference == nullptr ? "" : reference->Text("parameters"),
                 runs ? "yes" : "not yet");
    }
    return 0;
  }
  const config::Value* entry = registry.models.Find(a.model);
  if (entry == nullptr) {
    throw Error(Category::kUsage, fmt::format("there is no model '{}'", a.model),
                Suggest(a.model, registry.models.Names()));
  }
  Shape input = {1, 128, 1};
  int classes = 2;
  if (const config::Value* reference = entry->Find("reference")) {
    input.clear();
    for (const config::Value& item : reference->Find("input")->items)
      input.push_back(config::ToInteger(item).value_or(1));
    classes = static_cast<int>(config::ToInteger(*reference->Find("outputs")).value_or(2));
  }
  if (!a.input.empty()) input = ParseInput(a.input);
  if (a.classes > 0) classes = a.classes;
  config::Training training;
  training.model_name = a.model;
  training.model_training_id = entry->Text("network");
  const graph::Graph network = zoo::Build(training, registry, input, classes, 1);
  fmt::print("{}", a.dot ? graph::ToDot(network) : graph::ToText(network));
  if (!a.dot) PrintNpu(deploy::LintForNpu(network));
  return 0;
}

}  // namespace

Command AddInfo(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand(
      "info",
      "models, and the layers of one\nExample: platypus info --model CLS_1k_NPU --input 1,512");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("--model", a->model, "name of the model (none: list them)");
  parser->add_option("--input", a->input, "channels,length");
  parser->add_option("--classes", a->classes, "number of classes");
  parser->add_flag("--dot", a->dot, "Graphviz instead of text");
  parser->add_option("--registry", a->registry, "folder with models of your own");
  return {parser, [a] { return InfoCommand(*a); }};
}

}  // namespace platypus::apps
