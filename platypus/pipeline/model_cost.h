#ifndef PLATYPUS_PIPELINE_MODEL_COST_H_
#define PLATYPUS_PIPELINE_MODEL_COST_H_

#include <cstdint>
#include <optional>
#include <string>

#include "platypus/config/registry.h"
#include "platypus/graph/graph.h"

// What an untrained network will take of a device: estimated, before there is a package that could
// be measured (docs/tools.md has the formula and where its numbers come from).
namespace platypus::pipeline {

// Instructions of one inference = per_mac * multiply-accumulates + per_value * values that layers
// write; octets of code = code + code_per_layer * layers.
struct CostRates {
  double per_mac, per_value;
  int code, code_per_layer;
};

struct CostModel {
  const char* core;  // as the device table calls it, "Cortex-M0+"
  CostRates integers, floats;
  double float_ratio;  // instructions of floating-point work (features) to those of a Cortex-M4
  double cycles_per_instruction;  // assumed
  const char* source;
};

// That of the core; of a core that nothing is known of, that of the Cortex-M4.
const CostModel& CostModelOf(const std::string& core);

// Instructions of one multiply-accumulate by the bits of its weight: on a core, of our packed
// kernels; on the TI-NPU in units of one with 8 bits.
struct MacRates {
  double two = 1, four = 1, eight = 1;
  double Of(int weight_bits) const {
    return weight_bits == 2 ? two : weight_bits == 4 ? four : eight;
  }
};

struct ModelCost {
  bool integers = false;  // false: a layer has no integer form, the network stays in float
  int64_t parameters = 0;
  int64_t macs = 0;
  // Constants exactly as in the package, and an estimate of its code; without feature extraction.
  int64_t flash_octets = 0;
  int64_t ram_octets = 0;  // arena exactly as planned, input (as floats and as codes), output
  double cycles = 0;
};

// Of a float network, as it will be with 8-bit integers where it can be.
ModelCost EstimateCost(const graph::Graph& network, const CostModel& model);

// What the device table knows; its figures may be texts like "512 (1.4 field)".
struct DeviceFacts {
  std::string name, family, core, accelerator;
  std::optional<double> clock_hz;
  std::optional<int64_t> flash_octets, ram_octets;
  bool has_npu = false;
};
DeviceFacts FactsOf(const std::string& name, const config::Value& device);

MacRates MacRatesOf(const DeviceFacts& facts);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_MODEL_COST_H_
