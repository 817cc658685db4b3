#ifndef PLATYPUS_PIPELINE_MODEL_COST_H_
#define PLATYPUS_PIPELINE_MODEL_COST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platypus/config/registry.h"
#include "platypus/graph/graph.h"
#include "platypus/pipeline/cost_rates.h"

// What an untrained network will take of a device: estimated, before there is a package that could
// be measured (docs/tools.md has the formula and where its numbers come from).
namespace platypus::pipeline {

// What a figure rests on.
enum class Evidence {
  kExact,      // computed: the same with any compiler
  kEstimated,  // by the cost model
  kLinked,     // by a linker's map
  kEmulated,   // counted on an emulated core
  kMeasured    // on this machine, or on a board
};
const char* Name(Evidence evidence);  // "estimated", ...

struct CostModel {
  const char* core;    // as the device table calls it, "Cortex-M0+"
  const char* rates;   // core of FittedRates()
  double float_ratio;  // instructions of floating-point work (features) to those of a Cortex-M4
  double cycles_per_instruction;  // assumed
  const char* source;
};

// That of the core; of a core that nothing is known of, that of the Cortex-M4.
const CostModel& CostModelOf(const std::string& core);

// Instructions of one multiply-accumulate of a convolution by the bits of its weight: on a core, of
// our kernels; on the TI-NPU in units of one with 8 bits.
struct MacRates {
  double two = 1, four = 1, eight = 1;
  double Of(int weight_bits) const {
    return weight_bits == 2 ? two : weight_bits == 4 ? four : eight;
  }
};

struct LayerEstimate {
  std::string name;
  std::string kind;  // layer_work.h
  double instructions = 0;
};

struct ModelCost {
  bool integers = false;  // false: it stays in float; a layer may have no integer form
  int64_t parameters = 0;
  int64_t macs = 0;
  int64_t constant_octets = 0;  // exactly as in a balanced package; with any other, at least
  // Constants and an estimate of the code; without feature extraction.
  int64_t flash_octets = 0;
  int64_t ram_octets = 0;  // exact: arena as planned, input (as floats and as codes), output
  double instructions = 0;
  double cycles = 0;
  double error = 0;  // of instructions, in nine of ten networks: 0.1 = 10 %
  std::vector<LayerEstimate> layers;
};

// The numbers that a network is to compute with.
struct Deployment {
  bool integers = true;  // where it has an integer form
  int weight_bits = 8;
};

// Of a float network.
ModelCost EstimateCost(const graph::Graph& network, const CostModel& model,
                       const Deployment& deployment = {});

// The network with integers, ranges made up: sizes and instructions do not depend on them.
graph::Graph IntegersOf(const graph::Graph& network, int weight_bits);

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
