#ifndef PLATYPUS_DATA_PROJECT_H_
#define PLATYPUS_DATA_PROJECT_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"
#include "platypus/config/registry.h"

// Folders to start from: recordings in <project>/dataset, and a configuration that fits them.
namespace platypus::data {

struct ProjectDataset {
  std::string name;
  std::vector<std::string> tasks;
  std::string module;
  std::string description;
  std::string url;  // of the hosted set
};

// The sets of registry/project_datasets.yaml for a task and a module; empty = any.
std::vector<ProjectDataset> ProjectDatasets(const config::Registry& registry,
                                            const std::string& task, const std::string& module);

struct ProjectRequest {
  std::filesystem::path project = {};   // must not exist
  std::string dataset = {};             // a name, or the URL of an archive
  std::string task = {};                // empty: the first of the set
  std::filesystem::path archives = {};  // <name>.zip is taken from here; empty: there are none
  bool hosted = false;                  // download the named set instead of generating recordings
  std::filesystem::path cache = {};     // of downloads
  uint64_t seed = 42;                   // of generated recordings
};

// Creates the project, or nothing: on an Error no folder is left behind. Error (usage) for a
// project that exists, an unknown set, a task that does not fit, a missing archive; (data) for a
// damaged one.
void CreateProject(const ProjectRequest& request, const config::Registry& registry,
                   ThreadPool& pool, ProgressSink& sink);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_PROJECT_H_
