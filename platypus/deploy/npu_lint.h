#ifndef PLATYPUS_DEPLOY_NPU_LINT_H_
#define PLATYPUS_DEPLOY_NPU_LINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "platypus/graph/graph.h"

// Which layers the neural accelerator of a part would leave to its processor, by the vendor's
// published limits. Nothing that is generated here uses the accelerator.
namespace platypus::deploy {

struct NpuFinding {
  std::string layer;    // name of the node
  std::string type;     // the accelerator's: FCONV, GCONV, ...; or the operator's
  std::string problem;  // "9 output channels, which is no multiple of 4"
  std::string advice;   // "8 or 12"; may be empty
};

// What would become of one layer.
struct NpuPlacement {
  std::string layer;
  std::string type;  // as above
  std::string what;  // "convolution of 8 to 16 channels, kernel 5x1, stride 2x1"
  int64_t macs = 0;
  std::vector<NpuFinding> problems;  // none: the accelerator runs it

  bool Runs() const { return problems.empty(); }
};

// Every layer of a float graph that computes on its own, in order. Batch norms, ReLUs and changes
// of shape are parts of others.
std::vector<NpuPlacement> PlaceOnNpu(const graph::Graph& graph, int weight_bits = 8);

// "runs on the NPU as GCONV: convolution of ..."; "stays on the processor: convolution of ...; 9
// output channels, which is no multiple of 4 (to change: 8 or 12)".
std::string Explain(const NpuPlacement& placement);

// How much of the multiply-accumulates would run there, 0 to 1; 1 if there are none.
double ShareOnNpu(const std::vector<NpuPlacement>& placements);

// What is in the way, in the order of the nodes; empty: all of it runs on the accelerator.
std::vector<NpuFinding> LintForNpu(const graph::Graph& graph, int weight_bits = 8);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_NPU_LINT_H_
