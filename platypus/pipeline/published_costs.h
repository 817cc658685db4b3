#ifndef PLATYPUS_PIPELINE_PUBLISHED_COSTS_H_
#define PLATYPUS_PIPELINE_PUBLISHED_COSTS_H_

#include <cstdint>
#include <string>
#include <vector>

// What the vendor has published of its own compiler's code for some models, to compare with: one
// channel of 256 values, two classes, integers at both ends.
namespace platypus::pipeline {

struct PublishedCost {
  const char* model;   // of the registry
  const char* target;  // "Cortex-M0+", "Cortex-M0+ with NPU", "C28x", ...
  int64_t cycles;
  int64_t flash_octets;  // code and constants
  int64_t ram_octets;
};

// Of a model, or none.
std::vector<PublishedCost> PublishedCosts(const std::string& model);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_PUBLISHED_COSTS_H_
