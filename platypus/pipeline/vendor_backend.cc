#include "platypus/pipeline/vendor_backend.h"

#include <cstdlib>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "platypus/deploy/vendor_compiler.h"
#include "platypus/onnx/onnx.h"
#include "platypus/pipeline/environment.h"
#include "platypus/quantize/hand_over.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

constexpr const char* kNpuFile = "model_npu.onnx";
constexpr const char* kQdqFile = "model_qdq.onnx";
constexpr const char* kFallbackFile = "model_qdq_fallback.onnx";
constexpr int kSeconds = 3600;  // the vendor's compiler searches memory plans

// A file of an earlier run.
void Remove(const fs::path& file) {
  std::error_code ignored;
  fs::remove(file, ignored);
}

struct Call {
  std::vector<std::string> command;
  std::string missing;  // what is not installed, and how to get it; empty: all is there
};

Call MakeCall(const config::Config& config, const fs::path& model, const fs::path& artifacts,
              const std::function<std::string(const char*)>& variable) {
  const config::Compilation& compilation = config.compilation;
  if (compilation.target.empty() || compilation.cross_compiler.empty()) {
    throw Error(Category::kUsage,
                fmt::format("compilation.backend: {} has no profile of the vendor's compiler",
                            config.common.target_device.empty() ? "no device"
                                                                : config.common.target_device),
                "choose a device that has one (`platypus info --devices`), set compilation.target, "
                "target_c_mcpu and cross_compiler, or use backend c");
  }
  Call call;
  const auto find = [&](const std::string& program) {
    const Tool tool = FindVendorProgram(program, variable);
    if (tool.found) return tool.where;
    call.missing += fmt::format("{}{} is not installed: {}", call.missing.empty() ? "" : "; ",
                                program, tool.install);
    return program;
  };
  const std::string compiler = find("tvmc");
  const deploy::VendorJob job{
      model,
      artifacts / "mod.a",
      deploy::VendorTarget(compilation.target, config.training, config.common.task_category),
      compilation.target_c_mcpu,
      find(compilation.cross_compiler),
      compilation.cross_compiler_options};
  call.command = deploy::VendorCommand(compiler, job);
  return call;
}

void RequireAll(const Call& call) {
  if (call.missing.empty()) return;
  throw Error(Category::kToolchain,
              fmt::format("compilation.backend ti_nnc: {}. The command that would run is\n  {}",
                          call.missing, deploy::AsTyped(call.command)),
              "install what is missing, or use backend c; `platypus doctor` lists what there is");
}

}  // namespace

std::string Text(const quantize::HandOverNote& note) {
  return fmt::format(
      "layer {}: {}{}", note.layer, note.text,
      note.most_steps > 0 ? fmt::format(" (at most {:g} steps from our C)", note.most_steps) : "");
}

std::vector<quantize::HandOverNote> WriteHandOver(
    const graph::Graph& integer, const std::map<std::string, std::string>& metadata,
    const fs::path& folder) {
  const fs::path file = folder / kNpuFile;
  quantize::HandedOver handed = quantize::HandOver(integer);
  if (handed.rewritten) {
    onnx_io::Export(handed.graph, metadata, file);
  } else {
    Remove(file);
  }
  return std::move(handed.notes);
}

std::vector<quantize::HandOverNote> WriteForOthers(
    const graph::Graph& fake_quantized, const graph::Graph& integer,
    const quantize::Settings& settings, const std::map<std::string, std::string>& metadata,
    const fs::path& folder) {
  for (const char* name : {kNpuFile, kQdqFile, kFallbackFile}) Remove(folder / name);
  if (settings.dialect == config::Quantization::kTinpu)
    return WriteHandOver(integer, metadata, folder);
  const auto write = [&](onnx_io::QdqVersion version) {
    return onnx_io::SerializeQdq(fake_quantized, metadata, {version, settings.output_int});
  };
  const std::string newest = write(onnx_io::QdqVersion::kNewest);
  const std::string fallback = write(onnx_io::QdqVersion::kFallback);
  WriteFile(folder / kQdqFile, newest);
  if (fallback != newest) WriteFile(folder / kFallbackFile, fallback);
  return {};
}

fs::path FileForVendor(const fs::path& folder) {
  for (const char* name : {kNpuFile, kQdqFile}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  return folder / "model.onnx";
}

void RequireVendorTools(const config::Config& config, const fs::path& model,
                        const fs::path& artifacts,
                        const std::function<std::string(const char*)>& variable) {
  RequireAll(MakeCall(config, model, artifacts, variable));
}

void CompileWithVendor(const config::Config& config, const fs::path& model,
                       const fs::path& artifacts,
                       const std::function<std::string(const char*)>& variable,
                       const std::function<void(std::string_view)>& show) {
  const Call call = MakeCall(config, model, artifacts, variable);
  RequireAll(call);
  fs::create_directories(artifacts);
  show(deploy::AsTyped(call.command));
  const ProcessResult result = RunProcess(call.command, artifacts.parent_path(), kSeconds, show);
  if (result.status == 0 && !result.timed_out && fs::exists(artifacts / "mod.a")) return;
  const std::string what = result.timed_out     ? "was ended after an hour"
                           : result.status != 0 ? fmt::format("failed ({})", result.status)
                                                : "left no mod.a";
  throw Error(Category::kToolchain,
              fmt::format("the vendor's compiler {}:\n  {}\n{}", what,
                          deploy::AsTyped(call.command), result.output),
              "the log of the compilation has all that it said");
}

std::string EnvironmentVariable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace platypus::pipeline
