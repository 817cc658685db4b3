#ifndef PLATYPUS_PIPELINE_RUN_H_
#define PLATYPUS_PIPELINE_RUN_H_

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "platypus/base/progress.h"
#include "platypus/config/load.h"
#include "platypus/pipeline/summary.h"

// The room's first header: one run, from the configuration to verified C.
namespace platypus::pipeline {

struct RunOptions {
  // Goes on with the newest unfinished run of the same configuration instead of starting a new one.
  bool resume = false;
  std::chrono::system_clock::time_point start = std::chrono::system_clock::now();
  std::string command;  // that starts this run, for the summary
  // Told what is known at the start, after every stage and epoch, and at the end, also of a run
  // that failed; calls come from one thread. Empty: nobody.
  std::function<void(const RunSummary&)> observe = {};
};

// Runs all enabled stages. Leaves the run folder (docs/run-folder.md) with status.yaml, run.log,
// models, package and summary.json; on an Error status.yaml and summary.json say so before the
// Error is passed on.
RunSummary Run(const config::Loaded& loaded, const RunOptions& options, ProgressSink& sink);

const char* Version();

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_RUN_H_
