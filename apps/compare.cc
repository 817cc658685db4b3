#include "apps/command.h"

#include <nlohmann/json.hpp>

#include "platypus/base/error.h"
#include "platypus/pipeline/comparison.h"

namespace platypus::apps {
namespace {

struct Arguments {
  std::vector<std::string> where;
  bool json = false;
};

nlohmann::ordered_json Json(const pipeline::ComparedRun& run) {
  const auto number = [](const std::optional<double>& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
  };
  return {{"name", run.name},
          {"folder", run.folder},
          {"task_type", run.task_type},
          {"model", run.model},
          {"device", run.device},
          {"dataset", run.dataset},
          {"metric", run.metric},
          {"float", number(run.float_value)},
          {"quantized", number(run.integer_value)},
          {"parameters", run.parameters},
          {"core", run.core},
          {"flash_bytes", run.flash_bytes},
          {"ram_bytes", run.ram_bytes},
          {"instructions", run.instructions},
          {"differs", run.differs},
          {"pareto", run.on_front}};
}

int CompareCommand(const Arguments& a) {
  const std::vector<pipeline::ComparedRun> runs =
      pipeline::CompareRuns({a.where.begin(), a.where.end()});
  if (a.json) {
    auto json = nlohmann::ordered_json::array();
    for (const pipeline::ComparedRun& run : runs) json.push_back(Json(run));
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  size_t width = 3;
  size_t model = 5;
  for (const pipeline::ComparedRun& run : runs) {
    width = std::max(width, run.name.size());
    model = std::max(model, run.model.size());
  }
  fmt::print("  {:<{}} {:<{}} {:>10} {:<8} {:>8} {:>9} {:>8} {:>8} {:>12} {}\n", "run", width,
             "model", model, "parameters", "metric", "float", "quantised", "flash", "RAM",
             "instructions", "core");
  const auto value = [](const std::optional<double>& v) {
    return v ? fmt::format("{:.4f}", *v) : std::string("-");
  };
  const auto count = [](int64_t v) { return v > 0 ? std::to_string(v) : std::string("-"); };
  for (const pipeline::ComparedRun& run : runs) {
    fmt::print("{} {:<{}} {:<{}} {:>10} {:<8} {:>8} {:>9} {:>8} {:>8} {:>12} {}{}\n",
               run.on_front ? '*' : ' ', run.name, width, run.model, model, run.parameters,
               run.metric.empty() ? "-" : run.metric, value(run.float_value),
               value(run.integer_value), count(run.flash_bytes), count(run.ram_bytes),
               count(run.instructions), run.core.empty() ? "-" : run.core,
               run.differs ? " (C differs)" : "");
  }
  fmt::print(
      "* Pareto front: no other run of this metric is as good everywhere and better "
      "somewhere\n");
  return 0;
}

}  // namespace

Command AddCompare(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand(
      "compare",
      "runs side by side: metric, memory, instructions\nExample: platypus compare data/projects");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("RUN", a->where, "run folders, or folders of runs")->required();
  parser->add_flag("--json", a->json, "for programs");
  return {parser, [a] { return CompareCommand(*a); }};
}

}  // namespace platypus::apps
