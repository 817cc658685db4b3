// What a run costs before it trains: start of the program, from the start of a run to the end of
// its first training step on 10 MB of csv, and the most memory that the program takes for it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <string>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/process.h"
#include "platypus/base/random.h"
#include "platypus/config/load.h"
#include "platypus/config/registry.h"
#include "platypus/pipeline/run.h"

namespace platypus::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 7;
constexpr int kFiles = 60;
constexpr int kRows = 34000;

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Waves of three kinds as a 12-bit converter gives them. Returns the octets.
uint64_t WriteRecordings(const fs::path& classes) {
  Random random(1, "bench start");
  uint64_t octets = 0;
  for (int file = 0; file < kFiles; ++file) {
    const int kind = file % 3;
    std::string text = "signal\n";
    for (int t = 0; t < kRows; ++t) {
      const double value = 2048 + 800 * std::sin(t * (0.05 + 0.1 * kind)) + 200 * random.Normal();
      text += fmt::format("{}\n", static_cast<int>(std::clamp(value, 0.0, 4095.0)));
    }
    octets += text.size();
    WriteFile(classes / fmt::format("kind{}", kind) / fmt::format("{}.csv", file), text);
  }
  return octets;
}

// Cancels the run behind its first step: training asks before each.
class FirstStep : public NullSink {
 public:
  void OnProgress(const ProgressEvent& event) override {
    if (event.stage == "features" && event.message == "test" && event.step == event.total)
      features_done_ = true;
  }
  bool Cancelled() override {
    if (!features_done_) return false;
    // At the end of the stage, before the first step, before the second one.
    return ++asked_ >= 3;
  }
  bool Reached() const { return asked_ >= 3; }

 private:
  bool features_done_ = false;
  int asked_ = 0;
};

int Main() {
  double start_up = 1e9;
  for (int i = 0; i < 3 * kRounds; ++i) {
    const auto start = Clock::now();
    RunProcess({PLATYPUS_PROGRAM, "--version"}, fs::temp_directory_path(), 10);
    start_up = std::min(start_up, Since(start));
  }
  fmt::print("start-up of the program: {:.1f} ms\n", 1e3 * start_up);

  const TemporaryFolder folder;
  const uint64_t octets = WriteRecordings(folder.Path() / "data/classes");
  const fs::path file = folder.Path() / "config.yaml";
  WriteFile(file, fmt::format(R"(
common: {{task_type: generic_timeseries_classification, target_device: F28P55, run_name: bench,
  projects_path: {}}}
dataset: {{dataset_name: bench, input_data_path: ./data}}
data_processing_feature_extraction:
  feature_extraction_name: Generic_1024Input_FFTBIN_64Feature_8Frame
  variables: 1
training: {{model_name: CLS_1k_NPU, training_epochs: 10, batch_size: 256}}
)",
                              (folder.Path() / "projects").string()));
  double first_step = 1e9;
  for (int i = 0; i < kRounds; ++i) {
    FirstStep sink;
    const auto start = Clock::now();
    try {
      const config::Loaded loaded = config::Load(file, {}, config::LoadRegistry());
      pipeline::Run(loaded, {}, sink);
    } catch (const Error& error) {
      if (!sink.Reached()) throw;
    }
    first_step = std::min(first_step, Since(start));
  }
  fmt::print("{:.1f} MB of csv, start of a run to the end of the first training step: {:.0f} ms\n",
             static_cast<double>(octets) / 1e6, 1e3 * first_step);

  const ProcessResult run =
      RunProcess({PLATYPUS_PROGRAM, "run", file.string(), "--set", "compilation.enable=false"},
                 folder.Path(), 300);
  Check(run.status == 0, "the run failed: {}", run.output);
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  fmt::print("peak memory of the whole run: {:.0f} MB\n",
             static_cast<double>(usage.ru_maxrss) / 1000.0);
  return 0;
}

}  // namespace
}  // namespace platypus::bench

int main() {
  try {
    return platypus::bench::Main();
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_start: {}\n", error.what());
    return 1;
  }
}
