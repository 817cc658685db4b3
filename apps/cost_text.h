#ifndef PLATYPUS_APPS_COST_TEXT_H_
#define PLATYPUS_APPS_COST_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "platypus/config/registry.h"
#include "platypus/graph/graph.h"

// What a model will take of a device, or of every core that devices have, before it is trained.
namespace platypus::apps {

// `device` may be empty. With what the vendor has published of the model, where it has.
void PrintCost(const config::Registry& registry, const std::string& model,
               const graph::Graph& network, const std::string& device);
nlohmann::ordered_json CostJson(const config::Registry& registry, const std::string& model,
                                const graph::Graph& network, const std::string& device);

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_COST_TEXT_H_
