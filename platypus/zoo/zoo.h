#ifndef PLATYPUS_ZOO_ZOO_H_
#define PLATYPUS_ZOO_ZOO_H_

#include <cstdint>
#include <filesystem>
#include <string>

#include "platypus/config/config.h"
#include "platypus/graph/graph.h"

// The room's first header: names of networks to graphs.
namespace platypus::zoo {

// The network that training.model_name (or model_training_id, or model_spec) names, for samples of
// `input` = [variables, features, 1] and `outputs` classes or targets, with initial weights drawn from
// `seed` (uniform(-1/sqrt(fan_in), 1/sqrt(fan_in)), batch norms 1, 0, 0, 1). Node names follow the
// reference's parameter paths ("features.1.0"). Error (model): unknown name with the nearest one, a network
// of a later release naming what is missing, a spec file's line, an input that is too short.
graph::Graph Build(const config::Training& training, const Shape& input, int outputs, uint64_t seed);

// The same from a YAML text of the declarative layer list (model-zoo 3). `source` is named in errors.
graph::Graph BuildFromSpec(const std::string& yaml, const std::string& source, const std::string& name,
                           const Shape& input, int outputs, uint64_t seed);

}  // namespace platypus::zoo

#endif  // PLATYPUS_ZOO_ZOO_H_
