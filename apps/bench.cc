#include "apps/command.h"

#include <nlohmann/json.hpp>

#include "platypus/config/registry.h"
#include "platypus/pipeline/finished_run.h"
#include "platypus/pipeline/model_cost.h"

namespace platypus::apps {
namespace {

struct Arguments {
  std::string where;
  std::vector<std::string> cores;
  double clock_mhz = 0;
  bool json = false;
};

nlohmann::ordered_json Json(const deploy::BenchResult& r) {
  if (!r.ran) return {{"core", r.core}, {"ran", false}, {"notice", r.notice}};
  auto layers = nlohmann::ordered_json::array();
  for (const deploy::LayerCost& layer : r.layers) {
    layers.push_back({{"name", layer.name},
                      {"what", layer.what},
                      {"macs", layer.macs},
                      {"instructions", layer.instructions},
                      {"seconds", layer.seconds}});
  }
  return {{"core", r.core},
          {"ran", true},
          {"evidence", r.instructions > 0 ? "emulated" : "measured"},
          {"instructions", r.instructions},
          {"feature_instructions", r.feature_instructions},
          {"seconds", r.seconds},
          {"layers", layers}};
}

// One table: a row for each layer, a column for each core.
void PrintTable(const std::vector<deploy::BenchResult>& results) {
  std::vector<const deploy::BenchResult*> ran;
  for (const deploy::BenchResult& r : results) {
    if (r.ran) ran.push_back(&r);
  }
  if (ran.empty()) return;
  const auto unit = [](const deploy::BenchResult& r) {
    return r.instructions > 0 ? "instructions" : "microseconds";
  };
  const auto cost = [](const deploy::BenchResult& r, int64_t instructions, double seconds) {
    return r.instructions > 0 ? std::to_string(instructions) : fmt::format("{:.2f}", 1e6 * seconds);
  };
  fmt::print("{:<3} {:<28} {:>10}", "#", "layer", "MACs");
  for (const deploy::BenchResult* r : ran) fmt::print(" {:>14}", r->core);
  fmt::print("\n{:<3} {:<28} {:>10}", "", "", "");
  for (const deploy::BenchResult* r : ran) fmt::print(" {:>14}", unit(*r));
  fmt::print("\n{:<3} {:<28} {:>10}", "", "", "exact");
  for (const deploy::BenchResult* r : ran)
    fmt::print(" {:>14}", r->instructions > 0 ? "emulated" : "measured");
  fmt::print("\n");
  int64_t macs = 0;
  for (size_t i = 0; i < ran[0]->layers.size(); ++i) {
    const deploy::LayerCost& layer = ran[0]->layers[i];
    macs += layer.macs;
    fmt::print("{:<3} {:<28} {:>10}", i, layer.name.substr(0, 28), layer.macs);
    for (const deploy::BenchResult* r : ran)
      fmt::print(" {:>14}", cost(*r, r->layers[i].instructions, r->layers[i].seconds));
    fmt::print("\n");
  }
  fmt::print("{:<3} {:<28} {:>10}", "", "whole inference", macs);
  for (const deploy::BenchResult* r : ran)
    fmt::print(" {:>14}", cost(*r, r->instructions, r->seconds));
  fmt::print("\n{:<3} {:<28} {:>10}", "", "features of one sample", "");
  for (const deploy::BenchResult* r : ran) {
    fmt::print(" {:>14}", r->instructions > 0 ? std::to_string(r->feature_instructions) : "-");
  }
  fmt::print("\n");
}

// Time of an inference on the run's device, or at the clock that was asked for.
void PrintTime(const deploy::BenchResult& r, const Arguments& a) {
  if (r.instructions == 0) return;
  const config::Registry registry = config::LoadRegistry();
  const std::string name = pipeline::FindPackage(a.where).Device();
  const config::Value* device = registry.devices.Find(name);
  const bool own = device != nullptr && device->Text("verify_core") == r.core;
  if (!own && a.clock_mhz <= 0) return;
  pipeline::DeviceFacts facts;
  if (own) facts = pipeline::FactsOf(name, *device);
  if (a.clock_mhz > 0) facts.clock_hz = a.clock_mhz * 1e6;
  if (!facts.clock_hz) return;
  const double cycles = own ? pipeline::CostModelOf(facts.core).cycles_per_instruction : 1;
  const auto milliseconds = [&](int64_t instructions) {
    return 1e3 * static_cast<double>(instructions) * cycles / *facts.clock_hz;
  };
  fmt::print(
      "{}: about {:.3f} ms an inference and {:.3f} ms the features at {:g} MHz, {} cycles an "
      "instruction (estimated)\n",
      own ? name : r.core, milliseconds(r.instructions), milliseconds(r.feature_instructions),
      *facts.clock_hz / 1e6, cycles);
}

int BenchCommand(const Arguments& a, const Globals& globals) {
  std::vector<deploy::BenchResult> results;
  {
    const auto log = OpenLog(globals);
    results = pipeline::BenchPackage(a.where, a.cores, *log);
    for (const deploy::BenchResult& r : results) {
      if (!r.ran) log->OnNotice(r.notice);
    }
  }
  if (a.json) {
    auto json = nlohmann::ordered_json::array();
    for (const deploy::BenchResult& r : results) json.push_back(Json(r));
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  PrintTable(results);
  for (const deploy::BenchResult& r : results) PrintTime(r, a);
  return 0;
}

}  // namespace

Command AddBench(CLI::App& program, const Globals& globals) {
  CLI::App* parser = program.add_subcommand(
      "bench",
      "instructions and time of every layer of a run's C package\nExample: platypus bench RUN "
      "--core cortex-m0plus --clock 80");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("RUN", a->where, "run folder, or its package")->required();
  parser
      ->add_option("--core", a->cores,
                   fmt::format("{} (repeatable; all)", fmt::join(deploy::Cores(), ", ")))
      ->take_all();
  parser->add_option("--clock", a->clock_mhz,
                     "MHz, to tell the time that instructions take (that of the run's device)");
  parser->add_flag("--json", a->json, "for programs");
  return {parser, [a, &globals] { return BenchCommand(*a, globals); }};
}

}  // namespace platypus::apps
