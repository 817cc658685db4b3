#include "platypus/pipeline/model_cost.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "platypus/deploy/layers.h"
#include "platypus/quantize/quantize.h"

namespace platypus::pipeline {
namespace {

constexpr const char* kOwn = "instructions fitted to counts on this core";

constexpr std::array kCostModels = {
    CostModel{"Cortex-M4", "cortex-m4", 1, 1.3, kOwn},
    CostModel{"Cortex-M4F", "cortex-m4", 1, 1.3, kOwn},
    CostModel{"Cortex-M33", "cortex-m33", 1, 1.25, kOwn},
    CostModel{"Cortex-M0+", "cortex-m0plus", 24, 1.35, kOwn},
    CostModel{"Cortex-R5F", "cortex-r5f", 1, 1.0, kOwn},
    CostModel{"C28x", "cortex-m4", 1, 6.1,
              "no open compiler and emulator: instructions of the Cortex-M4, cycles so that "
              "integers take the vendor's published 8.5 to 11.7 for each MAC"},
    CostModel{"C29x", "cortex-m4", 1, 2.6,
              "no open compiler and emulator: instructions of the Cortex-M4, cycles so that "
              "integers take the vendor's published 3.9 to 4.5 for each MAC"},
};

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

const char* Name(Evidence evidence) {
  switch (evidence) {
    case Evidence::kExact:
      return "exact";
    case Evidence::kEstimated:
      return "estimated";
    case Evidence::kLinked:
      return "linked";
    case Evidence::kEmulated:
      return "emulated";
    case Evidence::kMeasured:
      return "measured";
  }
  return "";
}

graph::Graph IntegersOf(const graph::Graph& network, int weight_bits) {
  quantize::Settings settings;
  settings.precision.weight_bits = weight_bits;
  graph::Graph prepared = quantize::PrepareForTraining(network, settings);
  for (const graph::Node& node : prepared.nodes) {
    if (std::holds_alternative<graph::FakeQuantize>(node.op))
      prepared.Parameter(node, "range") = {{2}, std::vector<float>{-4, 4}};
  }
  return quantize::Convert(prepared, settings);
}

ModelCost EstimateCost(const graph::Graph& network, const CostModel& model,
                       const Deployment& deployment) {
  ModelCost cost;
  cost.parameters = graph::CountParameters(network);
  cost.macs = graph::CountMacs(network);
  cost.integers = deployment.integers && quantize::FloatLayers(network, {}).empty();
  const graph::Graph deployed =
      cost.integers ? IntegersOf(network, deployment.weight_bits) : graph::FoldBatchNorm(network);
  const deploy::CNetwork net = deploy::LowerToC(deployed);
  for (const deploy::Table& table : net.tables) cost.constant_octets += table.octets;
  const CoreRates& rates = RatesOf(model.rates);
  std::set<std::string> kinds;
  const auto add = [&](const LayerWork& layer) {
    cost.layers.push_back({layer.name, layer.kind, Instructions(rates, layer)});
    cost.instructions += cost.layers.back().instructions;
    kinds.insert(layer.kind);
  };
  for (const LayerWork& layer : WorkOf(deployed, net)) {
    add(layer);
    std::ranges::for_each(layer.within, add);
  }
  const CodeRates& code = net.is_integer ? rates.integer_code : rates.float_code;
  cost.flash_octets =
      cost.constant_octets +
      static_cast<int64_t>(code.whole + code.per_layer * static_cast<double>(net.layers.size()) +
                           code.per_kind * static_cast<double>(kinds.size()));
  const int64_t inputs = NumElements(network.Input().shape);
  cost.ram_octets = net.memory.arena_octets + inputs * (net.TakesCodes() ? 5 : 8) +
                    net.out_elements * (net.GivesCodes() ? 1 : 4);
  cost.cycles = model.cycles_per_instruction * cost.instructions;
  cost.error = rates.instructions.nine_of_ten;
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
  const CoreRates& rates = RatesOf(CostModelOf(facts.core).rates);
  const auto of = [&](const char* kind) {
    return RatesOf(rates, {"", kind, /*work=*/1, /*outputs=*/0}).per_work;
  };
  return {of("conv, weights of 2"), of("conv, weights of 4"), of("conv")};
}

}  // namespace platypus::pipeline
