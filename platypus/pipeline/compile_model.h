#ifndef PLATYPUS_PIPELINE_COMPILE_MODEL_H_
#define PLATYPUS_PIPELINE_COMPILE_MODEL_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "platypus/base/progress.h"
#include "platypus/config/registry.h"
#include "platypus/pipeline/summary.h"

// An ONNX file of any origin to verified C, without a data set.
namespace platypus::pipeline {

struct CompileModelOptions {
  std::filesystem::path model;            // ONNX: float, QDQ, or integers of the TI-NPU form
  std::filesystem::path folder;           // gets what a run folder has of compilation
  std::string name = {};                  // of the model; empty: that of the file
  std::string device = {};                // empty: none in particular
  std::string task_type = {};             // empty: what the file says of itself, if anything
  std::string prefix = {};                // of names in C; empty: the model's name
  std::vector<std::string> classes = {};  // of a classifier's outputs; empty: what the file says
  std::vector<std::string> cores = {};    // to verify on; empty: host, Cortex-M4, the device's
  // .npy, [sample][...]: inputs to verify with, and outputs that another program gave for them.
  // Without inputs, `samples` random ones that span the range of the network's input.
  std::filesystem::path inputs = {};
  std::filesystem::path outputs = {};
  int samples = 64;
  uint64_t seed = 42;
  int threads = 0;  // 0 = all of the machine
  config::Optimise optimise = config::Optimise::kBalanced;
  config::Kernels kernels = config::Kernels::kPlatypus;
  std::string backend = "c";  // or ti_nnc: the vendor's compiler for the device too
  std::string preset = {};    // of the vendor's compiler; empty: that of the task
  std::string command = {};
  std::function<void(const RunSummary&)> observe = {};  // as RunOptions::observe
};

// Imports the file, writes the C package, proves it against the interpreter, says what of the
// device's memory it takes beyond 80 % (RunSummary::fits: not more than all of it). Leaves in the
// folder compilation/{artifacts,verification,model.onnx} and summary.json, so that it can be
// verified, measured, exported and compared like a run. Whether the network computes in integers is
// the file's to say. Error (model) naming every operator that is not supported; (data) for arrays
// that do not belong to the network; (usage) for names that are not known.
RunSummary CompileModel(const CompileModelOptions& options, const config::Registry& registry,
                        ProgressSink& sink);

// Seeded samples that span the range of a network's input, [count][elements]: evenly the codes of
// an integer network; normally distributed as a batch norm at the input has seen them; else with
// mean 0 and deviation 1.
std::vector<float> RandomInputs(const graph::Graph& network, int count, uint64_t seed);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_COMPILE_MODEL_H_
