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

constexpr int kSeconds = 3600;  // the vendor's compiler searches memory plans

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

fs::path WriteHandOver(const graph::Graph& integer,
                       const std::map<std::string, std::string>& metadata, const fs::path& model,
                       ProgressSink& sink) {
  const quantize::HandedOver handed = quantize::HandOver(integer);
  for (const quantize::HandOverNote& note : handed.notes) {
    sink.OnNotice(fmt::format("for the accelerator, layer {}: {}{}", note.layer, note.text,
                              note.most_steps > 0
                                  ? fmt::format(" (at most {:g} steps from our C)", note.most_steps)
                                  : ""));
  }
  const fs::path file = model.parent_path() / "model_npu.onnx";
  if (!handed.rewritten) {
    std::error_code ignored;
    fs::remove(file, ignored);  // of an earlier run
    return model;
  }
  onnx_io::Export(handed.graph, metadata, file);
  return file;
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
