#include "apps/cost_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "platypus/pipeline/device_limits.h"
#include "platypus/pipeline/model_cost.h"
#include "platypus/pipeline/published_costs.h"

namespace platypus::apps {
namespace {

using Json = nlohmann::ordered_json;

// Cores that the devices have, each once, in the order of the table.
std::vector<std::string> CoresOf(const config::Registry& registry, const std::string& device) {
  std::vector<std::string> cores;
  for (const auto& [name, entry] : registry.devices.entries.entries) {
    if (!device.empty() && name != device) continue;
    if (std::ranges::find(cores, entry.Text("core")) == cores.end())
      cores.push_back(entry.Text("core"));
  }
  return cores;
}

std::string OfMemory(int64_t need, const std::optional<int64_t>& has) {
  if (!has) return fmt::format("{} octets (the device's is not known)", need);
  return fmt::format("{} of {} octets ({:.0f} %)", need, *has,
                     100 * static_cast<double>(need) / static_cast<double>(*has));
}

}  // namespace

void PrintCost(const config::Registry& registry, const std::string& model,
               const graph::Graph& network, const std::string& device) {
  const std::vector<std::string> cores = CoresOf(registry, device);
  fmt::print("\ncost, without feature extraction:\n  {:<14} {:>10} {:>10} {:>13} {:>7} {:>12}\n",
             "core", "flash", "RAM", "instructions", "+-", "cycles");
  fmt::print("  {:<14} {:>10} {:>10} {:>13} {:>7} {:>12}\n", "", "estimated", "exact", "estimated",
             "", "estimated");
  std::optional<pipeline::ModelCost> cost;
  for (const std::string& core : cores) {
    cost = pipeline::EstimateCost(network, pipeline::CostModelOf(core));
    fmt::print("  {:<14} {:>10} {:>10} {:>13.0f} {:>5.0f} % {:>12.0f}\n", core, cost->flash_octets,
               cost->ram_octets, cost->instructions, 100 * cost->error, cost->cycles);
  }
  if (!device.empty()) {
    const pipeline::DeviceFacts facts = pipeline::FactsOf(device, *registry.devices.Find(device));
    const pipeline::CostModel& source = pipeline::CostModelOf(facts.core);
    fmt::print(
        "\n  layer                                 kind                 instructions, "
        "estimated\n");
    for (const pipeline::LayerEstimate& layer : cost->layers)
      fmt::print("  {:<37} {:<20} {:>12.0f}\n", layer.name, layer.kind, layer.instructions);
    fmt::print(
        "\n{}: flash {}, RAM {}, {}\n", device, OfMemory(cost->flash_octets, facts.flash_octets),
        OfMemory(cost->ram_octets, facts.ram_octets),
        facts.clock_hz ? fmt::format("about {:.3f} ms at {:g} MHz",
                                     1e3 * cost->cycles / *facts.clock_hz, *facts.clock_hz / 1e6)
                       : "its clock is not known");
    fmt::print("  {}; {} cycles an instruction (assumed)\n", source.source,
               source.cycles_per_instruction);
    for (const pipeline::LimitFinding& finding :
         pipeline::CheckLimits(facts, {cost->flash_octets, cost->ram_octets}))
      fmt::print("  {}: {}\n", finding.fits ? "warning" : "error", finding.text);
  }
  const std::vector<pipeline::PublishedCost> published = pipeline::PublishedCosts(model);
  if (published.empty()) return;
  fmt::print(
      "\npublished by the vendor of its own code (1 channel of 256 values, two classes):\n"
      "  {:<20} {:>10} {:>10} {:>12}\n",
      "core", "flash", "RAM", "cycles");
  for (const pipeline::PublishedCost& p : published)
    fmt::print("  {:<20} {:>10} {:>10} {:>12}\n", p.target, p.flash_octets, p.ram_octets, p.cycles);
}

Json CostJson(const config::Registry& registry, const std::string& model,
              const graph::Graph& network, const std::string& device) {
  Json json = {{"cores", Json::array()}, {"published", Json::array()}};
  for (const std::string& core : CoresOf(registry, device)) {
    const pipeline::CostModel& source = pipeline::CostModelOf(core);
    const pipeline::ModelCost cost = pipeline::EstimateCost(network, source);
    Json layers = Json::array();
    for (const pipeline::LayerEstimate& layer : cost.layers) {
      layers.push_back({{"name", layer.name},
                        {"kind", layer.kind},
                        {"instructions", static_cast<int64_t>(layer.instructions)}});
    }
    json["cores"].push_back({{"core", core},
                             {"evidence", Name(pipeline::Evidence::kEstimated)},
                             {"integers", cost.integers},
                             {"constant_octets", cost.constant_octets},
                             {"flash_octets", cost.flash_octets},
                             {"ram_octets", cost.ram_octets},
                             {"instructions", static_cast<int64_t>(cost.instructions)},
                             {"error", cost.error},
                             {"cycles", static_cast<int64_t>(cost.cycles)},
                             {"source", source.source},
                             {"layers", layers}});
  }
  for (const pipeline::PublishedCost& p : pipeline::PublishedCosts(model)) {
    json["published"].push_back({{"target", p.target},
                                 {"flash_octets", p.flash_octets},
                                 {"ram_octets", p.ram_octets},
                                 {"cycles", p.cycles}});
  }
  return json;
}

}  // namespace platypus::apps
