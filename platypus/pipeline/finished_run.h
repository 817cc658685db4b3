#ifndef PLATYPUS_PIPELINE_FINISHED_RUN_H_
#define PLATYPUS_PIPELINE_FINISHED_RUN_H_

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "platypus/base/progress.h"
#include "platypus/deploy/bench.h"
#include "platypus/deploy/verify.h"
#include "platypus/graph/graph.h"

// What is done with the package that a run has left.
namespace platypus::pipeline {

struct FinishedRun {
  std::filesystem::path package;   // <run>/compilation/artifacts
  std::filesystem::path test_set;  // <run>/compilation/verification/test_set.bin

  // What the package says that it is for; empty if nothing.
  std::string Device() const;
  // The run's network that the package was generated from; nullopt if its file is not there.
  std::optional<graph::Graph> Network() const;
};

// `where` is a run folder, its compilation folder or the package folder. Error (data) if it is none
// of these.
FinishedRun FindPackage(const std::filesystem::path& where);

// Repeats the proof of the package on the given cores (empty: host and every core with tools). What
// differs is traced to its layer where the run's network is at hand.
std::vector<deploy::VerifyResult> VerifyAgain(const std::filesystem::path& where,
                                              const std::vector<std::string>& cores,
                                              ProgressSink& sink);

// What each layer of the package takes on these cores (empty: likewise).
std::vector<deploy::BenchResult> BenchPackage(const std::filesystem::path& where,
                                              const std::vector<std::string>& cores,
                                              ProgressSink& sink);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_FINISHED_RUN_H_
