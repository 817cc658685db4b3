#ifndef PLATYPUS_PIPELINE_VENDOR_BACKEND_H_
#define PLATYPUS_PIPELINE_VENDOR_BACKEND_H_

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "platypus/base/progress.h"
#include "platypus/config/config.h"
#include "platypus/graph/graph.h"

// compilation.backend: ti_nnc. The vendor's compiler on the file that it takes.
namespace platypus::pipeline {

// Writes the file for the vendor's compiler, model_npu.onnx beside `model`, if an integer graph
// needs another form for it than `model` has (quantize/hand_over.h); what is different is said.
// Returns the file to hand over.
std::filesystem::path WriteHandOver(const graph::Graph& integer,
                                    const std::map<std::string, std::string>& metadata,
                                    const std::filesystem::path& model, ProgressSink& sink);

// Calls the vendor's compiler for the configuration's device: mod.a and its headers in
// `artifacts`; what it says goes to `show`, line by line. Error (toolchain) if it or the device's
// compiler is not installed, naming what is missing, how to get it and the command that would have
// run, or if it fails; (configuration) for a device without a profile. `variable`: the environment.
void CompileWithVendor(const config::Config& config, const std::filesystem::path& model,
                       const std::filesystem::path& artifacts,
                       const std::function<std::string(const char*)>& variable,
                       const std::function<void(std::string_view)>& show);

// The environment of this process.
std::string EnvironmentVariable(const char* name);

// The error of CompileWithVendor for what is missing, before anything is computed.
void RequireVendorTools(const config::Config& config, const std::filesystem::path& model,
                        const std::filesystem::path& artifacts,
                        const std::function<std::string(const char*)>& variable);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_VENDOR_BACKEND_H_
