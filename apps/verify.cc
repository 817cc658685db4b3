#include "apps/command.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "platypus/pipeline/finished_run.h"

namespace platypus::apps {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  std::string where;
  std::vector<std::string> cores;
  bool all = false;
  bool layers = false;
  bool json = false;
};

bool Differs(const deploy::VerifyResult& r) { return r.mismatches + r.recording_mismatches > 0; }

// "-" for what was not found out.
std::string OrDash(int64_t value) { return value < 0 ? "-" : std::to_string(value); }

Json Parts(const std::vector<deploy::LinkedPart>& parts) {
  Json json = Json::array();
  for (const deploy::LinkedPart& part : parts)
    json.push_back({{"name", part.name}, {"octets", part.octets}});
  return json;
}

Json ToJson(const deploy::VerifyResult& r) {
  if (!r.ran) return {{"core", r.core}, {"ran", false}, {"notice", r.notice}};
  Json layers = Json::array();
  for (const deploy::LayerCost& layer : r.layers) {
    layers.push_back({{"name", layer.name},
                      {"what", layer.what},
                      {"macs", layer.macs},
                      {"instructions", layer.instructions},
                      {"stack_octets", layer.stack_octets},
                      {"stack_bound_octets", layer.stack_bound_octets},
                      {"code_octets", layer.code_octets},
                      {"constant_octets", layer.constant_octets},
                      {"tables", Parts(layer.tables)}});
  }
  return {{"core", r.core},
          {"ran", true},
          {"samples", r.samples},
          {"mismatches", r.mismatches},
          {"recordings", r.recordings},
          {"recording_mismatches", r.recording_mismatches},
          {"max_output_difference", r.max_output_difference},
          {"max_feature_difference", r.max_feature_difference},
          {"accuracy", std::isfinite(r.accuracy) ? Json(r.accuracy) : Json(nullptr)},
          {"first_difference", r.first_difference},
          {"evidence", {{"sizes", "linked"}, {"instructions", "emulated"}, {"stack", "emulated"}}},
          {"flash_octets", r.flash_bytes},
          {"ram_octets", r.ram_bytes},
          {"stack_octets", r.stack_bytes},
          {"stack_bound_octets", r.stack_bound_bytes},
          {"instructions", r.instructions},
          {"feature_instructions", r.feature_instructions},
          {"layers", layers},
          {"shared", Parts(r.shared)},
          {"libraries", r.libraries}};
}

void PrintCores(const std::vector<deploy::VerifyResult>& results) {
  constexpr const char* kRow =
      "{:<17} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8} {:>7} {:>7} {:>13} {:>12}\n";
  fmt::print(kRow, "core", "samples", "differ", "recordings", "differ", "flash", "RAM", "stack",
             "bound", "instructions", "features");
  fmt::print(kRow, "", "", "", "", "", "linked", "linked", "painted", "linked", "emulated",
             "emulated");
  for (const deploy::VerifyResult& r : results) {
    if (!r.ran) {
      fmt::print("{:<17} {}\n", r.core, r.notice);
      continue;
    }
    const bool emulated = r.instructions > 0;
    const auto measured = [&](int64_t value) { return emulated ? OrDash(value) : "-"; };
    fmt::print(kRow, r.core, r.samples, r.mismatches, r.recordings, r.recording_mismatches,
               measured(r.flash_bytes), r.ram_bytes, measured(r.stack_bytes),
               measured(r.stack_bound_bytes), measured(r.instructions),
               measured(r.feature_instructions));
    if (!r.first_difference.empty()) fmt::print("  first difference: {}\n", r.first_difference);
  }
}

// What each layer takes of one core, what they share, and every table.
void PrintLayers(const deploy::VerifyResult& r) {
  constexpr const char* kRow = "{:<3} {:<36} {:>10} {:>13} {:>8} {:>7} {:>7} {:>8} {:>8}\n";
  fmt::print("\n{}: octets, linked and painted; instructions, emulated\n", r.core);
  fmt::print(kRow, "#", "layer", "MACs", "instructions", "each MAC", "stack", "bound", "code",
             "tables");
  for (size_t i = 0; i < r.layers.size(); ++i) {
    const deploy::LayerCost& layer = r.layers[i];
    fmt::print(kRow, i, layer.name.substr(0, 36), layer.macs, layer.instructions,
               layer.macs == 0 ? "-"
                               : fmt::format("{:.2f}", static_cast<double>(layer.instructions) /
                                                           static_cast<double>(layer.macs)),
               layer.stack_octets, OrDash(layer.stack_bound_octets), layer.code_octets,
               layer.TableOctets());
  }
  for (const deploy::LinkedPart& part : r.shared)
    fmt::print(kRow, "", part.name, "", "", "", "", "", part.octets, "");
  fmt::print("\n{:<52} {:<30} {:>8}\n", "table", "layer", "linked");
  for (const deploy::LayerCost& layer : r.layers) {
    for (const deploy::LinkedPart& table : layer.tables)
      fmt::print("{:<52} {:<30} {:>8}\n", table.name, layer.name, table.octets);
  }
}

int VerifyCommand(const Arguments& a, const Globals& globals) {
  std::vector<deploy::VerifyResult> results;
  {
    const auto log = OpenLog(globals);
    results = pipeline::VerifyAgain(a.where, a.cores, *log);
  }
  if (a.json) {
    Json json = Json::array();
    for (const deploy::VerifyResult& r : results) json.push_back(ToJson(r));
    fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    PrintCores(results);
    for (const deploy::VerifyResult& r : results) {
      if (r.ran && r.instructions > 0 && (a.layers || results.size() == 1)) PrintLayers(r);
    }
  }
  return std::ranges::any_of(results, Differs) ? 1 : 0;
}

}  // namespace

Command AddVerify(CLI::App& program, const Globals& globals) {
  CLI::App* parser = program.add_subcommand(
      "verify",
      "repeat the proof of a run's C package, and measure it\nExample: platypus verify RUN --all\n"
      "Example: platypus verify RUN --core cortex-m4");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("RUN", a->where, "run folder, or its package")->required();
  CLI::Option* core =
      parser
          ->add_option("--core", a->cores,
                       fmt::format("{} (repeatable; all)", fmt::join(deploy::Cores(), ", ")))
          ->take_all();
  parser->add_flag("--all", a->all, "every core, as without --core")->excludes(core);
  parser->add_flag("--layers", a->layers,
                   "what each layer and table takes of every core (of a single core it is shown)");
  parser->add_flag("--json", a->json, "for programs");
  return {parser, [a, &globals] { return VerifyCommand(*a, globals); }};
}

}  // namespace platypus::apps
