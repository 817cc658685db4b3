#ifndef PLATYPUS_QUANTIZE_BIT_CHOICE_H_
#define PLATYPUS_QUANTIZE_BIT_CHOICE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platypus/graph/graph.h"

// Which layers get how many bits: what rounding does to weights, and the best of all choices.
namespace platypus::quantize {

// ||Q(W) - W||^2 over all weights of a node, one scale for each row of output (or gate) channels
// or for each tensor, as the quantizer says.
double RoundingError(const graph::Graph& graph, const graph::Node& node,
                     const graph::WeightQuantizer& quantizer);

// Names of the parameters of a node that become codes: no biases.
std::vector<std::string> WeightNames(const graph::Graph& graph, const graph::Node& node);
int64_t CountWeights(const graph::Graph& graph, const graph::Node& node);
// What they take in flash with so many bits (32 = float), packed as the kernels read them
// (runtime/rt/tm_weights.h): of 4 and 2 bits four codes are one element; four neighbouring channels
// share elements, of the up to three channels left each has its own.
int64_t PackedOctets(const graph::Graph& graph, const graph::Node& node, int bits);

// One of the things that a layer may become.
struct BitChoice {
  int bits = 8;
  int64_t cost = 0;
  double loss = 0;
};

// One choice for each layer (its index) so that the costs sum to at most `budget` and the losses to
// as little as possible, exactly; of equal sums the cheaper. Nothing if the cheapest choices are
// beyond the budget. (Multiple-choice knapsack: of all partial sums those are kept that no other
// one beats in both. Takes layers * choices * different sums of costs.)
std::optional<std::vector<size_t>> ChooseWithinBudget(
    std::span<const std::vector<BitChoice>> layers, int64_t budget);

}  // namespace platypus::quantize

#endif  // PLATYPUS_QUANTIZE_BIT_CHOICE_H_
