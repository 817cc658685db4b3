#ifndef PLATYPUS_PIPELINE_LAYER_WORK_H_
#define PLATYPUS_PIPELINE_LAYER_WORK_H_

#include <string>
#include <vector>

#include "platypus/deploy/layers.h"
#include "platypus/graph/graph.h"

namespace platypus::pipeline {

// What the instructions of a layer of the generated C depend on.
struct LayerWork {
  std::string name;  // of the node
  // What it computes with what: "conv", "conv, weights of 4", "float linear", "maxpool, 16 bits",
  // ...
  std::string kind;
  double work = 0;     // multiply-accumulates; of a pool the values of all windows; else its inputs
  double outputs = 0;  // values
  std::vector<LayerWork> within = {};  // of a pool that the same layer of C computes
};

// Of the layers that LowerToC(network) has given, in their order.
std::vector<LayerWork> WorkOf(const graph::Graph& network, const deploy::CNetwork& lowered);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_LAYER_WORK_H_
