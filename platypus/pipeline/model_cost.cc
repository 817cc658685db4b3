#include "platypus/pipeline/model_cost.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "platypus/deploy/layers.h"
#include "platypus/quantize/quantize.h"

namespace platypus::pipeline {
namespace {

constexpr const char* kMeasured = "instructions as `platypus bench` counts them on this core";
constexpr const char* kStandIn = "no open compiler and emulator: instructions of the Cortex-M4";

// Least squares over runs of six networks of 0.3k to 67k parameters, within 5 % but for the
// smallest and for code, 20 %.
constexpr CostRates kM0 = {4.8, 10.8, 2500, 770};
constexpr CostRates kM0Float = {147, 216, 2200, 280};
constexpr CostRates kM4 = {2.05, 9.2, 300, 580};
constexpr CostRates kM4Float = {3.8, 8.7, 560, 195};
constexpr CostRates kM33 = {1.92, 8.5, 260, 570};
constexpr CostRates kM33Float = {3.8, 8.6, 460, 200};

constexpr std::array kCostModels = {
    CostModel{"Cortex-M4", kM4, kM4Float, 1, 1.3, kMeasured},
    CostModel{"Cortex-M4F", kM4, kM4Float, 1, 1.3, kMeasured},
    CostModel{"Cortex-M33", kM33, kM33Float, 1, 1.25, kMeasured},
    CostModel{"Cortex-M0+", kM0, kM0Float, 24, 1.35, kMeasured},
    CostModel{"C28x", kM4, kM4Float, 1, 4.0,
              "instructions of the Cortex-M4, cycles so that integers take the vendor's published "
              "8.5 to 11.7 for each MAC"},
    CostModel{"C29x", kM4, kM4Float, 1, 1.7,
              "instructions of the Cortex-M4, cycles so that integers take the vendor's published "
              "3.9 to 4.5 for each MAC"},
    CostModel{"Cortex-R5F", kM4, kM4Float, 1, 1.0, kStandIn},
};

// The network with integers, ranges made up: sizes do not depend on them.
graph::Graph IntegersOf(const graph::Graph& network) {
  const quantize::Settings settings;
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
  cost.integers = quantize::FloatLayers(network, {}).empty();
  const deploy::CNetwork net =
      deploy::LowerToC(cost.integers ? IntegersOf(network) : graph::FoldBatchNorm(network));
  int64_t tables = 0;
  int64_t values = 0;
  for (const deploy::Table& table : net.tables) tables += table.octets;
  for (const deploy::CLayer& layer : net.layers) values += layer.activation_octets;
  if (!net.is_integer) values /= 4;
  const int64_t inputs = NumElements(network.Input().shape);
  const CostRates& rates = net.is_integer ? model.integers : model.floats;
  cost.flash_octets =
      tables + rates.code + rates.code_per_layer * static_cast<int64_t>(net.layers.size());
  cost.ram_octets = net.memory.arena_octets + inputs * (net.is_integer ? 5 : 8) +
                    net.out_elements * (net.is_integer ? 1 : 4);
  cost.cycles = model.cycles_per_instruction * (rates.per_mac * static_cast<double>(cost.macs) +
                                                rates.per_value * static_cast<double>(values));
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

MacRates MacRatesOf(const DeviceFacts& facts) {
  // The vendor's times of CLS_4k on the NPU are 300 us with 8 bits and 200 us with 4; nothing is
  // published of 2, which are taken to gain as much again.
  if (facts.has_npu) return {4.0 / 9, 2.0 / 3, 1};
  const double eight = CostModelOf(facts.core).integers.per_mac;
  return {eight, eight, eight};
}

}  // namespace platypus::pipeline
