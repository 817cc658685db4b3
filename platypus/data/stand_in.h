#ifndef PLATYPUS_DATA_STAND_IN_H_
#define PLATYPUS_DATA_STAND_IN_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"
#include "platypus/config/registry.h"

// Small synthetic recordings in place of a hosted data set: the same layout, columns and classes,
// signals from the formulas of registry/datasets.yaml.
namespace platypus::data {

// What a data set looks like, whether hosted or generated.
struct DatasetForm {
  std::string url;                   // "" = it is only generated
  bool has_classes = true;           // classes/<class>/<file>, else files/<file>
  std::vector<std::string> classes;  // in the order of the registry
  std::vector<std::string> columns;  // of every file, with time columns
  int64_t rows = 0;
};

// Every set that can be generated: those of synthetic.h and those of the registry.
std::vector<std::string> StandInNames(const config::Registry& registry);

// Error (usage) with the nearest name for a set that is not in the registry, (configuration) for a
// damaged entry.
DatasetForm FormOf(const config::Registry& registry, const std::string& name);

// Writes set `name` into `folder` with a README.md that says it is synthetic: the same octets for
// the same seed and any number of threads. A folder that already holds this set is left alone; any
// other existing one is an Error (data).
void WriteStandIn(const config::Registry& registry, const std::string& name,
                  const std::filesystem::path& folder, uint64_t seed, ThreadPool& pool,
                  ProgressSink& sink);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_STAND_IN_H_
