#ifndef PLATYPUS_CONFIG_WRITE_H_
#define PLATYPUS_CONFIG_WRITE_H_

#include <string>

#include "platypus/config/load.h"

namespace platypus::config {

// The effective configuration as a YAML file (run.yaml); loading it gives the same configuration.
std::string ToYamlFile(const Loaded& loaded);
std::string ToJsonFile(const Loaded& loaded);

// What `platypus config` prints: every key, its value, the layer it came from and, for the user's
// own, where.
std::string Describe(const Loaded& loaded);

}  // namespace platypus::config

#endif  // PLATYPUS_CONFIG_WRITE_H_
