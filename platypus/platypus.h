#ifndef PLATYPUS_PLATYPUS_H_
#define PLATYPUS_PLATYPUS_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// Platypus for other programs: read a configuration, run it, read the results.
//
//   const auto config = platypus::api::Config::FromFile("config.yaml");
//   const auto results = platypus::api::Run(config);
//
// docs/api.md tells more; examples/cpp_api is a whole program. No other header is needed.
namespace platypus::api {

// What went wrong, in one line with what to do next. Nothing else is thrown.
class Error : public std::runtime_error {
 public:
  Error(const std::string& what, int exit_status)
      : std::runtime_error(what), exit_status_(exit_status) {}
  // That of the program: 1 internal, 2 usage, configuration or model, 3 data, 4 toolchain, 130
  // cancelled.
  int exit_status() const { return exit_status_; }  // NOLINT(readability-identifier-naming)

 private:
  int exit_status_;
};

// A configuration that has been read and checked. A value: copies share what they hold.
class Config {
 public:
  // `overrides` are "section.key=value", as behind --set. Error (exit status 2) with file, line and
  // what would be right.
  static Config FromFile(const std::filesystem::path& file,
                         const std::vector<std::string>& overrides = {});
  // YAML or JSON; its relative paths are looked up below `folder`.
  static Config FromText(const std::string& text, const std::filesystem::path& folder = ".",
                         const std::vector<std::string>& overrides = {});

  // Every value in effect; reading it again gives the same configuration.
  std::string ToYaml() const;
  // What is accepted, but not as it may have been meant.
  const std::vector<std::string>& Notices() const;

  struct Impl;

 private:
  explicit Config(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;

  friend const Impl& ImplOf(const Config& config);
};

struct Progress {
  std::string stage;    // "read", "features", "train", "quantize", "verify", ...
  std::string message;  // may be empty
  int64_t step = 0;     // finished so far
  int64_t total = 0;    // 0: not known
  std::string unit;     // "files", "epochs", "samples", ...
  std::vector<std::pair<std::string, double>> metrics;  // {"loss", 0.12}, {"val_accuracy", 0.98}
};

// All callbacks may be empty. Calls come from one thread at a time.
struct RunOptions {
  std::function<void(const Progress&)> progress = {};
  std::function<void(const std::string&)> notice = {};
  // Asked between steps; true ends the run with an Error, and `resume` goes on from there.
  std::function<bool()> cancelled = {};
  bool resume = false;  // go on with the newest unfinished run of the same configuration
};

// The generated C on one core.
struct CoreResult {
  std::string core;
  bool ran = false;  // false: `notice` names the tool that is missing
  std::string notice;
  int64_t samples = 0, mismatches = 0;  // compared with the host, output by output
  int64_t flash_bytes = 0, ram_bytes = 0, stack_bytes = 0;
  int64_t instructions = 0, feature_instructions = 0;  // of one sample; 0 on the host
};

struct Results {
  std::filesystem::path run_folder;
  std::filesystem::path package;  // folder of the C; empty if none was generated
  std::string task_type, model, device, dataset;
  std::vector<std::string> classes;  // or
  std::vector<std::string> targets;
  int64_t parameters = 0, macs = 0;
  // Figures of the test split by their names in summary.json: "accuracy", "f1_macro", "r2", ...
  // Empty where there is no such network.
  std::map<std::string, double> float_metrics, quantized_metrics;
  std::vector<CoreResult> cores;
  std::vector<std::string> notices;
  std::string summary_json;  // all there is to know (docs/summary-schema.md)
};

// From the recordings to verified C: get_set_go of the reference. Runs all enabled stages and
// leaves the run folder, as `platypus run` does.
Results Run(const Config& config, const RunOptions& options = {});

// The results that a finished run has left in its folder.
Results ReadResults(const std::filesystem::path& run_folder);

const char* Version();

}  // namespace platypus::api

#endif  // PLATYPUS_PLATYPUS_H_
