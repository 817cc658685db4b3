#include "apps/command.h"

#include <nlohmann/json.hpp>

#include "platypus/advice/recommend.h"
#include "platypus/base/files.h"

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Arguments {
  advice::RecommendRequest request;
  std::string dataset;
  std::string registry;
  std::string write;
  bool json = false;
  bool no_trial = false;
};

Json ToJson(const advice::Recommendation& r) {
  Json json;
  json["task"] = r.task;
  json["task_reason"] = r.task_reason;
  json["device"] = r.device;
  json["candidates"] = Json::array();
  for (const advice::Candidate& c : r.candidates) {
    Json features = Json::object();
    for (const auto& [key, value] : c.features.values) features[key] = value;
    const advice::Cost& cost = c.model.cost;
    Json entry = {{"features", c.features.name},
                  {"settings", features},
                  {"input", c.input},
                  {"model", c.model.name},
                  {"parameters", cost.parameters},
                  {"macs", cost.macs},
                  {"integer", cost.is_integer},
                  {"evidence", "estimated"},
                  {"flash_octets", cost.flash_octets},
                  {"ram_octets", cost.ram_octets},
                  {"seconds", cost.seconds ? Json(*cost.seconds) : Json(nullptr)},
                  {"feature_score", c.features.score},
                  {"model_score", c.model.score},
                  {"feature_reasons", c.features.reasons},
                  {"model_reasons", c.model.reasons},
                  {"trial", nullptr}};
    if (c.trial) {
      entry["trial"] = {{"metric", c.trial->metric},
                        {"value", c.trial->value},
                        {"loss", c.trial->loss},
                        {"epochs", c.trial->epochs}};
    }
    json["candidates"].push_back(entry);
  }
  json["notes"] = r.notes;
  json["configuration"] = r.candidates[0].yaml;
  return json;
}

std::string Milliseconds(const advice::Cost& cost) {
  return cost.seconds ? fmt::format("{:.2f}", 1e3 * *cost.seconds) : "?";
}

void Print(const advice::Recommendation& r) {
  fmt::print("task     {} ({})\ndevice   {}\n", r.task, r.task_reason, r.device);
  const advice::Candidate& best = r.candidates[0];
  fmt::print("features {}: {}\n", best.features.name, fmt::join(best.features.reasons, "; "));
  fmt::print("model    {}: {}\n", best.model.name, fmt::join(best.model.reasons, "; "));
  for (const std::string& note : r.notes) fmt::print("note     {}\n", note);
  const std::string metric = best.trial ? best.trial->metric : "score";
  fmt::print("\n{:>8}  {:<46} {:<22} {:>10} {:>9} {:>9} {:>8} {:>8}\n", metric, "features", "model",
             "parameters", "MACs", "flash", "RAM", "ms");
  constexpr size_t kMost = 12;
  for (size_t i = 0; i < std::min(kMost, r.candidates.size()); ++i) {
    const advice::Candidate& c = r.candidates[i];
    const advice::Cost& cost = c.model.cost;
    fmt::print("{:>8}  {:<46} {:<22} {:>10} {:>9} {:>9} {:>8} {:>8}\n",
               c.trial        ? fmt::format("{:.4f}", c.trial->value)
               : r.trials > 0 ? "-"
                              : fmt::format("{:.2f}", c.features.score + c.model.score),
               c.features.name, c.model.name, cost.parameters, cost.macs, cost.flash_octets,
               cost.ram_octets, Milliseconds(cost));
  }
  if (r.trials > 0) {
    fmt::print(
        "\n{} trials in {:.0f} s: {} on the validation split after a short training; nearly "
        "equal ones by time.\n",
        r.trials, r.seconds, metric);
  } else {
    fmt::print("\nBy rules alone; without --no-trial short trainings rank them.\n");
  }
  fmt::print(
      "Flash, RAM (octets) and time are estimated, parameters and MACs exact: a run links and "
      "emulates.\n");
}

int RecommendCommand(Arguments a, const Globals& globals) {
  if (!a.write.empty() && fs::exists(a.write)) {
    throw Error(Category::kUsage, fmt::format("{} is there already", a.write),
                "nothing is overwritten: name another file");
  }
  const config::Registry registry = config::LoadRegistry(a.registry);
  a.request.dataset = a.dataset;
  a.request.trial = !a.no_trial;
  advice::Recommendation r;
  {
    const auto log = OpenLog(globals);
    ThreadPool pool(0);
    r = advice::Recommend(a.request, registry, pool, *log);
  }
  const std::string& yaml = r.candidates[0].yaml;
  if (a.json) {
    fmt::print("{}\n", ToJson(r).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    Print(r);
    if (a.write.empty()) fmt::print("\n{}", yaml);
  }
  if (!a.write.empty()) {
    WriteFile(a.write, yaml);
    if (!a.json) fmt::print("\n{} is written; platypus run {}\n", a.write, a.write);
  }
  return 0;
}

}  // namespace

Command AddRecommend(CLI::App& program, const Globals& globals) {
  CLI::App* parser = program.add_subcommand(
      "recommend",
      "features and a model for recordings and a device, with the configuration\nExample: platypus "
      "recommend recordings -d MSPM0G5187 --write config.yaml");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("DATASET", a->dataset, "folder of the data set")->required();
  parser->add_option("-d,--device,--target_device", a->request.device, "device")->required();
  parser->add_option("-t,--task,--task_type", a->request.task, "task (found out from the folders)");
  parser->add_option("--seed", a->request.seed, "seed of splits and trials");
  parser->add_option("--registry", a->registry,
                     "folder with models, presets and devices of your own");
  parser->add_option("--write", a->write, "write the configuration to this file");
  parser->add_flag("--no-trial", a->no_trial, "rank by rules alone, train nothing");
  parser->add_flag("--json", a->json, "for programs");
  return {parser, [a, &globals] { return RecommendCommand(*a, globals); }};
}

}  // namespace platypus::apps
