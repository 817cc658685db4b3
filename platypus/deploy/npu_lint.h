#ifndef PLATYPUS_DEPLOY_NPU_LINT_H_
#define PLATYPUS_DEPLOY_NPU_LINT_H_

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

// In the order of the nodes of a float graph; empty: all of it runs on the accelerator.
std::vector<NpuFinding> LintForNpu(const graph::Graph& graph, int weight_bits = 8);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_NPU_LINT_H_
