#include "platypus/pipeline/finished_run.h"

#include <nlohmann/json.hpp>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/deploy/package.h"
#include "platypus/onnx/onnx.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;

namespace {

// A text of the manifest; empty if it has none.
std::string Said(const fs::path& package, const char* key) {
  const auto manifest = nlohmann::json::parse(ReadFile(package / "manifest.json"), nullptr,
                                              /*allow_exceptions=*/false);
  if (!manifest.is_object()) return {};
  const auto value = manifest.find(key);
  return value != manifest.end() && value->is_string() ? value->get<std::string>() : "";
}

}  // namespace

std::string FinishedRun::Device() const { return Said(package, "device"); }

std::optional<graph::Graph> FinishedRun::Network() const {
  const std::string hash = Said(package, "model_hash");
  const fs::path run = package.lexically_normal().parent_path().parent_path();
  for (const char* phase : {"quantization", "base"}) {
    const fs::path file = run / "training" / phase / "model.onnx";
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored)) continue;
    try {
      // Nothing of float networks folds where all is integers.
      graph::Graph network = graph::FoldBatchNorm(onnx_io::ImportFile(file));
      if (deploy::ModelHash(network) == hash) return network;
    } catch (const Error& error) {
      if (error.category() == Category::kInternal) throw;  // else it is another network
    }
  }
  return std::nullopt;
}

FinishedRun FindPackage(const fs::path& where) {
  for (const fs::path& compilation :
       {where / "compilation", where, where.lexically_normal().parent_path()}) {
    FinishedRun run{compilation / "artifacts", compilation / "verification" / "test_set.bin"};
    std::error_code ignored;
    if (fs::is_regular_file(run.test_set, ignored)) return run;
  }
  throw Error(
      Category::kData, fmt::format("{} is neither a run nor the package of one", where.string()),
      "expected a folder with compilation/artifacts and compilation/verification/test_set.bin");
}

std::vector<deploy::VerifyResult> VerifyAgain(const fs::path& where,
                                              const std::vector<std::string>& cores,
                                              ProgressSink& sink) {
  const FinishedRun run = FindPackage(where);
  const deploy::TestSet set = deploy::LoadTestSet(run.test_set);
  const std::optional<graph::Graph> network = run.Network();
  std::vector<deploy::VerifyResult> results;
  for (const std::string& core : cores.empty() ? deploy::Cores() : cores)
    results.push_back(deploy::Verify(run.package, set, core, sink, network ? &*network : nullptr));
  return results;
}

std::vector<deploy::BenchResult> BenchPackage(const fs::path& where,
                                              const std::vector<std::string>& cores,
                                              ProgressSink& sink) {
  const FinishedRun run = FindPackage(where);
  const deploy::TestSet set = deploy::LoadTestSet(run.test_set);
  std::vector<deploy::BenchResult> results;
  for (const std::string& core : cores.empty() ? deploy::Cores() : cores)
    results.push_back(deploy::Bench(run.package, set, core, sink));
  return results;
}

}  // namespace platypus::pipeline
