#ifndef PLATYPUS_ADVICE_FEATURE_CHOICE_H_
#define PLATYPUS_ADVICE_FEATURE_CHOICE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "platypus/config/config.h"
#include "platypus/config/registry.h"

// Which features are worth a trial on a data set.
namespace platypus::advice {

// What is known of the recordings that choices depend on.
struct DataFacts {
  config::TaskCategory category = config::TaskCategory::kTimeseriesClassification;
  std::string task_type;
  int variables = 1;     // inputs
  int64_t shortest = 0;  // rows of the shortest recording that trains
  int64_t rows = 0;      // of all recordings that train
  bool equal_lengths = false;
  bool oscillates = false;  // the values cross their mean often: there is a spectrum to look at
};

struct FeatureChoice {
  std::string name;                                         // of the preset, or "windows of 256"
  std::vector<std::pair<std::string, std::string>> values;  // keys of the section, YAML values
  double score = 0;
  std::vector<std::string> reasons;
};

// Presets of the registry that fit the task and the shortest recording, and plain windows of
// several lengths; best first by the rules of docs/recommend.md. Presets for 16-bit input are left
// out: whether recordings are codes of a converter cannot be seen.
std::vector<FeatureChoice> ChooseFeatures(const config::Registry& registry, const DataFacts& facts);

}  // namespace platypus::advice

#endif  // PLATYPUS_ADVICE_FEATURE_CHOICE_H_
