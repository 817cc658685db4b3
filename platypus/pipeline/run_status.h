#ifndef PLATYPUS_PIPELINE_RUN_STATUS_H_
#define PLATYPUS_PIPELINE_RUN_STATUS_H_

#include <filesystem>
#include <optional>
#include <string>

#include "platypus/config/load.h"

// What a run folder says of its run: run.yaml and status.yaml, each as JSON too.
namespace platypus::pipeline {

void WriteConfiguration(const config::Loaded& loaded, const std::filesystem::path& run);

// The configuration with what became of the run: running, complete, failed or interrupted.
void WriteStatus(const config::Loaded& loaded, const std::filesystem::path& run,
                 const std::string& state, const std::string& detail);

// The newest run of the same configuration below `runs` that did not end well, as its run name.
std::optional<std::string> FindUnfinished(const std::filesystem::path& runs,
                                          const std::string& hash);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_RUN_STATUS_H_
