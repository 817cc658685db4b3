#ifndef PLATYPUS_DEPLOY_VERIFY_H_
#define PLATYPUS_DEPLOY_VERIFY_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "platypus/base/progress.h"
#include "platypus/deploy/package.h"

namespace platypus::deploy {

// What the host computed for the test set, to be compared with the C on a core. Written beside a run's
// package (<compilation>/verification/) so that `platypus verify` can repeat the proof later.
struct TestSet {
  int64_t samples = 0;
  std::vector<float> features;  // [samples][input elements]
  std::vector<float> outputs;   // [samples][output elements], of the host interpreter
  std::vector<int32_t> labels;  // [samples]
  std::vector<GoldenSample> recordings;  // at least 20 if the test split has them: raw -> features -> output
};
void Save(const TestSet& set, const std::filesystem::path& file);
TestSet Load(const std::filesystem::path& file);

struct VerifyResult {
  std::string core;
  bool ran = false;        // false: `notice` says which tool is missing and the package that has it
  std::string notice;
  int64_t samples = 0;     // network: samples compared
  int64_t mismatches = 0;  // samples with any output that differs
  double max_output_difference = 0;
  int64_t recordings = 0;  // raw samples -> features -> network
  int64_t recording_mismatches = 0;  // ... whose network output differs
  double max_feature_difference = 0;  // relative to max(1, |feature|)
  double accuracy = 0;     // of the C on the core, over `samples`
  int64_t flash_bytes = 0; // code + constants of the package, linked
  int64_t ram_bytes = 0;   // static data + arena, without stack
  int64_t stack_bytes = 0; // deepest use below the call
  int64_t instructions = 0;          // one inference; 0 on the host
  int64_t feature_instructions = 0;  // feature extraction of one sample
  std::string first_difference;  // layer, element, expected and found value; empty if none
};

// The cores that Verify knows: host, cortex-m0plus, cortex-m4, cortex-m33, riscv32.
const std::vector<std::string>& Cores();

// Builds the package in `package_folder` for a core, runs it (QEMU for all but host), plays the whole set.
// Error (toolchain) if the package does not build or the emulator fails; Error (usage) for an unknown core.
VerifyResult Verify(const std::filesystem::path& package_folder, const TestSet& set,
                    const std::string& core, ProgressSink& sink);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_VERIFY_H_
