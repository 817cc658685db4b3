#ifndef PLATYPUS_CONFIG_RUN_PATHS_H_
#define PLATYPUS_CONFIG_RUN_PATHS_H_

#include <chrono>
#include <filesystem>
#include <string>

#include "platypus/config/config.h"

namespace platypus::config {

// Where everything of one run stands; all paths absolute.
//   nested: <projects_path>/<dataset_name>/run/<run name>/training/base, .../compilation, ...
//   flat (training.train_output_path = T): T/training_base, T/training_quantization, T/compilation,
//   ...
struct RunPaths {
  std::string run_name;  // resolved, with '/' between its parts
  std::filesystem::path project;
  std::filesystem::path dataset;  // working copy of lists and unpacked archives
  std::filesystem::path runs;     // folder that all runs of the project stand in
  std::filesystem::path run;
  std::filesystem::path training_base;
  std::filesystem::path training_quantization;
  std::filesystem::path compilation;
  std::filesystem::path artifacts;
  std::filesystem::path training_log;
  std::filesystem::path file_level_log;
  std::filesystem::path compilation_log;
  std::filesystem::path training_zip;
  std::filesystem::path compilation_zip;
};

// {date-time} (local, 20260131-235959) and {model_name} replaced.
std::string ResolveRunName(const Config& config, std::chrono::system_clock::time_point start);

// `run_name` as resolved. Error (configuration) for a name that leaves the project folder.
RunPaths MakeRunPaths(const Config& config, const std::string& run_name);

}  // namespace platypus::config

#endif  // PLATYPUS_CONFIG_RUN_PATHS_H_
