#ifndef PLATYPUS_PIPELINE_COMPARISON_H_
#define PLATYPUS_PIPELINE_COMPARISON_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace platypus::pipeline {

// One run as its summary.json tells of it.
struct ComparedRun {
  std::string name;  // the shortest end of its folder's path that tells it from the others
  std::string folder, task_type, model, device, dataset;
  std::string metric;  // "accuracy", "r2", "auroc", "smape"; empty: not tested
  std::optional<double> float_value, integer_value;  // of the test split
  int64_t parameters = 0;
  // On the core that was verified last of those that count instructions; 0 without one.
  std::string core;
  int64_t flash_bytes = 0, ram_bytes = 0, instructions = 0;
  bool differs = false;   // the C from the host, on some core
  bool on_front = false;  // of the Pareto front: none of the others is as good everywhere and
                          // better somewhere

  // The network that was deployed.
  std::optional<double> Value() const { return integer_value ? integer_value : float_value; }
};

// Reads the summaries of runs; a folder without one stands for all runs below it. Sets names and
// the front: metric (SMAPE: small is good), flash, RAM and instructions, as far as all runs have
// them. Error (data) for a folder without runs, or a damaged summary.
std::vector<ComparedRun> CompareRuns(const std::vector<std::filesystem::path>& where);

// Marks the front among runs of one metric each; runs of different metrics are not comparable and
// get one front for each metric.
void MarkFront(std::vector<ComparedRun>& runs);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_COMPARISON_H_
