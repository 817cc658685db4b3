#ifndef PLATYPUS_CONFIG_REGISTRY_H_
#define PLATYPUS_CONFIG_REGISTRY_H_

#include <filesystem>
#include <string>
#include <vector>

#include "platypus/config/value.h"

// Models, presets, devices and tasks: data (registry/*.yaml), built into the program.
namespace platypus::config {

// One kind of entry, name -> map, in file order.
struct Table {
  Value entries;

  const Value* Find(const std::string& name) const { return entries.Find(name); }
  std::vector<std::string> Names() const;
};

struct Registry {
  Table models;            // network, task_type, defaults, reference, devices, ...
  Table networks;          // class id -> layer list
  Table feature_presets;   // tasks, values
  Table dataset_presets;   // dataset, data_processing_feature_extraction
  Table datasets;          // hosted data sets and their stand-ins (data/stand_in.h)
  Table project_datasets;  // what `init` makes projects of (data/project.h)
  Table devices;           // core, verify_core, tasks, targets, ...
  Table tasks;             // category, module, data_dir, runs
};

// The built-in registry, with the files of `user_folder` (same names and layout; may be empty) laid
// over it. Error (internal) for a damaged built-in file, (configuration) for a damaged user file.
Registry LoadRegistry(const std::filesystem::path& user_folder = {});

}  // namespace platypus::config

#endif  // PLATYPUS_CONFIG_REGISTRY_H_
