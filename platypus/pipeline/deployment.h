#ifndef PLATYPUS_PIPELINE_DEPLOYMENT_H_
#define PLATYPUS_PIPELINE_DEPLOYMENT_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "platypus/config/config.h"
#include "platypus/config/registry.h"
#include "platypus/deploy/npu_lint.h"
#include "platypus/deploy/verify.h"
#include "platypus/features/pipeline.h"
#include "platypus/graph/graph.h"
#include "platypus/pipeline/samples.h"
#include "platypus/pipeline/summary.h"

namespace platypus::pipeline {

// compilation.prefix, or the model's name as a C identifier in lower case ("CLS_1k_NPU" ->
// "cls_1k_npu"), cut after deploy::kLongestPrefix characters.
std::string PackagePrefix(const config::Config& config);

// Cores to prove the package on: compilation.verify_cores, or the host, a Cortex-M4 and the
// device's core (where it has an open compiler and an emulator).
std::vector<std::string> VerifyCores(const config::Config& config, const std::string& device_core);

// Bits of a char on the device's core (registry: core): 16 on C28x.
int CharBits(const config::Registry& registry, const std::string& device);

// PlaceOnNpu of the float network, with the weights' bits of the configuration, if its device has a
// neural accelerator (registry: accelerator); nullopt otherwise.
std::optional<std::vector<deploy::NpuPlacement>> PlaceOnDevice(const config::Registry& registry,
                                                               const config::Config& config,
                                                               const graph::Graph& network);

// The test split as Verify wants it: every sample, and raw excerpts of at least 20 recordings.
deploy::TestSet MakeTestSet(const graph::Graph& network, const features::Pipeline& pipeline,
                            const Goal& goal, const SampleSet& samples, std::vector<float> outputs,
                            const std::vector<data::RecordingRef>& refs,
                            const std::vector<data::Recording>& recordings, ThreadPool& pool);

// Samples to be compiled into the package, as many as the reference gives: of each class, or by
// chance.
std::vector<deploy::GoldenSample> PickGolden(const features::Pipeline& pipeline, const Goal& goal,
                                             const config::Config& config,
                                             const std::vector<data::RecordingRef>& refs,
                                             const std::vector<data::Recording>& recordings,
                                             const SampleSet& samples);

// Runs the network on golden samples and stores its outputs in them.
void FillOutputs(const graph::Graph& network, std::vector<deploy::GoldenSample>& golden,
                 ThreadPool& pool);

// Fills the summary's `memory`; where the package calls a library a notice says what that computes.
void NoteLowering(const graph::Graph& network, const deploy::PackageRequest& request,
                  RunSummary& summary, ProgressSink& sink);

// Gives the graph's layers what the layers of the C that bear their names took on the core, if
// instructions were counted there.
void AddInstructions(const deploy::VerifyResult& result, std::vector<LayerSummary>& layers);

// Proves the package on every core of the configuration; fills the summary's `verify` and its
// layers' instructions. What does not run, or differs, is a notice.
void VerifyOnCores(const std::filesystem::path& package, const deploy::TestSet& set,
                   const graph::Graph& network, const config::Config& config,
                   const config::Registry& registry, RunSummary& summary, ProgressSink& sink);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_DEPLOYMENT_H_
