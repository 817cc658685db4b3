// Runs one example on the recordings that stand in for its data set: run_example PROGRAM FILE
// One epoch, C verified on the host. Exit status 77 (skipped) for what does not run in this
// version.
#include <fmt/format.h>
#include <algorithm>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "platypus/config/load.h"

namespace platypus {
namespace {

namespace fs = std::filesystem;

constexpr int kSkipped = 77;
constexpr int kSeconds = 170;

// Empty: the run left what it should; otherwise what is wrong.
std::string CheckSummary(const fs::path& file, const config::Config& config) {
  if (!fs::exists(file)) return file.string() + " is not there";
  const auto summary = nlohmann::json::parse(ReadFile(file));
  const auto& host = summary["verify"]["host"];
  if (!host.value("ran", false)) return "the C was not verified: " + host.dump();
  if (host.value("samples", 0) < 1 || host.value("recordings", 0) < 1)
    return "the C was verified on nothing: " + host.dump();
  if (host.value("mismatches", 1) != 0 || host.value("recording_mismatches", 1) != 0)
    return "the C differs from the host: " + host.dump();
  // Recurrent cells have no integers: a run says so and deploys the float network.
  const auto& notices = summary["notices"];
  const bool stays_float = std::any_of(notices.begin(), notices.end(), [](const auto& notice) {
    return notice.template get<std::string>().find("stays in floating point") != std::string::npos;
  });
  const bool quantized =
      config.training.quantization != config::Quantization::kNone && !stays_float;
  if (summary["float"].is_null() || summary["quantized"].is_null() == quantized)
    return "not all phases ran";
  return "";
}

int RunExample(const std::string& program, const fs::path& file) {
  const config::Loaded loaded = config::Load(file, {}, config::LoadRegistry());
  if (!loaded.not_yet.empty()) {
    fmt::print("skipped: {}\n", loaded.not_yet.front().what());
    return kSkipped;
  }
  const TemporaryFolder folder;
  const ProcessResult result = RunProcess(
      {program, "run", file.string(), "--synthetic-data", "--set", "training.training_epochs=1",
       "--set", "compilation.verify_cores=[host]", "--set", "common.run_name=test", "--set",
       "common.projects_path=./projects", "--set", "common.threads=1"},
      folder.Path(), kSeconds);
  fmt::print("{}\n", result.output);
  std::string problem;
  if (result.timed_out) {
    problem = "it does not end";
  } else if (result.status != 0) {
    problem = fmt::format("exit status {}", result.status);
  } else {
    problem = CheckSummary(
        folder.Path() / "projects" / loaded.config.dataset.dataset_name / "run/test/summary.json",
        loaded.config);
  }
  if (!problem.empty()) fmt::print("FAILED: {}\n", problem);
  return problem.empty() ? 0 : 1;
}

}  // namespace
}  // namespace platypus

int main(int argc, char** argv) {
  try {
    if (argc != 3) {
      fmt::print(stderr, "usage: run_example PROGRAM FILE\n");
      return 2;
    }
    return platypus::RunExample(argv[1], argv[2]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
