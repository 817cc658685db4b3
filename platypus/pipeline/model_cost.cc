#include "platypus/pipeline/model_cost.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "platypus/deploy/layers.h"
#include "platypus/quantize/quantize.h"

namespace platypus::pipeline {
namespace {

constexpr const char* kMeasured =
    "instructions measured by `platypus bench` on this core's emulator; cycles by its pipeline";
constexpr const char* kStandIn = "no open compiler and emulator: instructions of the Cortex-M4";

constexpr std::array kCostModels = {
    CostModel{"Cortex-M4", 2.6, 6.0, 8, 1.3, 4000, 250, kMeasured},
    CostModel{"Cortex-M4F", 2.6, 6.0, 8, 1.3, 4000, 250, kMeasured},
    CostModel{"Cortex-M33", 2.4, 6.0, 8, 1.25, 4000, 250, kMeasured},
    CostModel{"Cortex-M0+", 4.8, 60, 12, 1.35, 7000, 250, kMeasured},
    CostModel{"C28x", 2.6, 6.0, 8, 3.6, 4000, 250,
              "the vendor's published cycles of its own integer code, 8.5 to 11.7 for each MAC"},
    CostModel{"C29x", 2.6, 6.0, 8, 1.6, 6000, 300,
              "the vendor's published cycles of its own integer code, 3.9 to 4.5 for each MAC"},
    CostModel{"Cortex-R5F", 2.6, 6.0, 8, 1.0, 4000, 250, kStandIn},
};

// The network with integers, ranges made up: sizes do not depend on them.
graph::Graph IntegersOf(const graph::Graph& network) {
  const quantize::Settings settings{.weights = quantize::MakeWeightQuantizer(8)};
  graph::Graph prepared = quantize::PrepareForTraining(network, settings);
  for (const graph::Node& node : prepared.nodes) {
    if (std::holds_alternative<graph::FakeQuantize>(node.op))
      prepared.Parameter(node, "range") = {{2}, std::vector<float>{-4, 4}};
  }
  return quantize::Convert(prepared, settings);
}

// "1311 (1.28 MB text)" -> 1311.
std::optional<double> LeadingNumber(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end == text.c_str() || !(value > 0) ? std::nullopt : std::optional(value);
}

}  // namespace

const CostModel& CostModelOf(const std::string& core) {
  const auto* found =
      std::ranges::find_if(kCostModels, [&](const CostModel& model) { return core == model.core; });
  return found == kCostModels.end() ? kCostModels.front() : *found;
}

ModelCost EstimateCost(const graph::Graph& network, const CostModel& model) {
  ModelCost cost;
  cost.parameters = graph::CountParameters(network);
  cost.macs = graph::CountMacs(network);
  cost.integers = !quantize::WithoutIntegerForm(network).has_value();
  const deploy::CNetwork net =
      deploy::LowerToC(cost.integers ? IntegersOf(network) : graph::FoldBatchNorm(network));
  int64_t tables = 0;
  int64_t values = 0;
  for (const deploy::Table& table : net.tables) tables += table.octets;
  for (const deploy::CLayer& layer : net.layers) values += layer.activation_octets;
  if (!net.is_integer) values /= 4;
  const int64_t inputs = NumElements(network.Input().shape);
  cost.flash_octets = tables + model.code_octets +
                      model.code_octets_per_layer * static_cast<int64_t>(net.layers.size());
  cost.ram_octets = net.memory.arena_octets + inputs * (net.is_integer ? 5 : 8) +
                    net.out_elements * (net.is_integer ? 1 : 4);
  cost.cycles = model.cycles_per_instruction *
                ((net.is_integer ? model.per_mac_integer : model.per_mac_float) *
                     static_cast<double>(cost.macs) +
                 model.per_value * static_cast<double>(values));
  return cost;
}

DeviceFacts FactsOf(const std::string& name, const config::Value& device) {
  DeviceFacts facts;
  facts.name = name;
  facts.family = device.Text("family");
  facts.core = device.Text("core");
  facts.accelerator = device.Text("accelerator");
  facts.has_npu = facts.accelerator.starts_with("NPU");
  if (const auto mhz = LeadingNumber(device.Text("clock_mhz"))) facts.clock_hz = *mhz * 1e6;
  const auto octets = [&](const char* key) -> std::optional<int64_t> {
    const auto kilo = LeadingNumber(device.Text(key));
    if (!kilo) return std::nullopt;
    return static_cast<int64_t>(*kilo * 1024);
  };
  facts.flash_octets = octets("flash_kb");
  facts.ram_octets = octets("ram_kb");
  return facts;
}

}  // namespace platypus::pipeline
