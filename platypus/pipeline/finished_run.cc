#include "platypus/pipeline/finished_run.h"

#include <nlohmann/json.hpp>

#include "platypus/base/error.h"
#include "platypus/base/files.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;

std::string FinishedRun::Device() const {
  const auto manifest = nlohmann::json::parse(ReadFile(package / "manifest.json"), nullptr,
                                              /*allow_exceptions=*/false);
  if (!manifest.is_object()) return {};
  const auto device = manifest.find("device");
  return device != manifest.end() && device->is_string() ? device->get<std::string>() : "";
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
  std::vector<deploy::VerifyResult> results;
  for (const std::string& core : cores.empty() ? deploy::Cores() : cores)
    results.push_back(deploy::Verify(run.package, set, core, sink));
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
