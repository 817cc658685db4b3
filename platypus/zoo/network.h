#ifndef PLATYPUS_ZOO_NETWORK_H_
#define PLATYPUS_ZOO_NETWORK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "platypus/graph/graph.h"
#include "platypus/zoo/record.h"

namespace platypus::zoo {

// How node names come from layer ids. A layer that is several operators (ConvBNReLULayer) needs
// several names.
enum class Paths {
  kFeatures,  // "features.<id>"; several operators: features.<id>.0, features.<id>.1, ...
  kFlat,  // "<id>"; several operators: the last number of the id counts on: encoder.3, encoder.4
};

// The graph of a layer list with its initial weights (zoo.h).
graph::Graph BuildNetwork(const std::string& name, const std::vector<Record>& layers, Paths paths,
                          const Shape& input, int outputs, uint64_t seed);

}  // namespace platypus::zoo

#endif  // PLATYPUS_ZOO_NETWORK_H_
