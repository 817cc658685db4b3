#ifndef PLATYPUS_PIPELINE_VENDOR_BACKEND_H_
#define PLATYPUS_PIPELINE_VENDOR_BACKEND_H_

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "platypus/config/config.h"
#include "platypus/graph/graph.h"
#include "platypus/quantize/hand_over.h"
#include "platypus/quantize/quantize.h"

// What other programs take of a quantised network, and compilation.backend ti_nnc: the vendor's
// compiler on the file that it takes.
namespace platypus::pipeline {

constexpr const char* kVendorBackend = "ti_nnc";

// Beside model.onnx in `folder`:
// - dialect 1: model_qdq.onnx, and model_qdq_fallback.onnx for older readers if that is another
// file
//   (onnx/onnx.h);
// - dialect 2: model_npu.onnx if the accelerator needs other layers than `integer` has
//   (quantize/hand_over.h). Returns what is different then.
std::vector<quantize::HandOverNote> WriteForOthers(
    const graph::Graph& fake_quantized, const graph::Graph& integer,
    const quantize::Settings& settings, const std::map<std::string, std::string>& metadata,
    const std::filesystem::path& folder);
std::vector<quantize::HandOverNote> WriteHandOver(
    const graph::Graph& integer, const std::map<std::string, std::string>& metadata,
    const std::filesystem::path& folder);

// The file of a folder to hand over: the first one that is there of model_npu.onnx, model_qdq.onnx,
// model.onnx.
std::filesystem::path FileForVendor(const std::filesystem::path& folder);

// "layer pool: ... (at most 1 step from our C)".
std::string Text(const quantize::HandOverNote& note);

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
