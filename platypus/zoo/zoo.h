#ifndef PLATYPUS_ZOO_ZOO_H_
#define PLATYPUS_ZOO_ZOO_H_

#include <cstdint>
#include <string>

#include "platypus/config/config.h"
#include "platypus/config/registry.h"
#include "platypus/graph/graph.h"

// The room's first header: names of networks to graphs.
namespace platypus::zoo {

// The network of training.model_spec (a file), or else of the class id in model_training_id
// (or else model_name), with the options of training.model_config, for samples of `input` =
// [variables, features, 1] or [channels, height, width] and `outputs` classes or values, with
// initial weights drawn from `seed` (uniform in +-1/sqrt(fan_in); batch norms 1, 0, 0, 1). Node
// names follow the reference's parameter paths ("features.1.0"). Error (model): a name that is no
// network, a line of the spec file, an option that it has not, an input that is too short for the
// network (the hint says which would do).
graph::Graph Build(const config::Training& training, const config::Registry& registry,
                   const Shape& input, int outputs, uint64_t seed);

// The same from a layer list: a map id -> {type, parameters}, the same below the key model_spec, or
// a list; docs/networks.md describes records, names and options.
graph::Graph BuildFromSpec(const config::Value& spec, const std::string& name, const Shape& input,
                           int outputs, uint64_t seed, const config::Value& options = {});

// The network that learns to make [C, W, columns] features from [variables, rows, 1] raw rows
// (nn_for_feature_extraction): a batch norm, strided convolutions of 16 and more channels for each
// variable, a mean over time. The reference's, for any number of features. Nodes are called
// "extractor.0", ...
graph::Graph BuildExtractor(const Shape& raw, const Shape& features, uint64_t seed);

}  // namespace platypus::zoo

#endif  // PLATYPUS_ZOO_ZOO_H_
