#ifndef PLATYPUS_DEPLOY_VERIFY_H_
#define PLATYPUS_DEPLOY_VERIFY_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "platypus/base/progress.h"
#include "platypus/deploy/package.h"

namespace platypus::deploy {

// What the host computed for the test set, to be compared with the C on a core. Kept beside a run's
// package
// (<compilation>/verification/test_set.bin) so that `platypus verify` can repeat the proof later.
struct TestSet {
  int64_t samples = 0;
  std::vector<float> features;           // [samples][input elements]
  std::vector<float> outputs;            // [samples][output elements], of the reference interpreter
  std::vector<int32_t> labels;           // [samples] classes; empty for values
  std::vector<GoldenSample> recordings;  // raw -> features -> output
};

// Little-endian: a line "PLATYPUS-TEST-SET-2", the arrays with their lengths, a SHA-256. Error
// (data) on damage.
void Save(const TestSet& set, const std::filesystem::path& file);
TestSet LoadTestSet(const std::filesystem::path& file);

// A part of what the linker put together.
struct LinkedPart {
  std::string name;
  std::string symbol;  // of the linker
  int64_t octets = 0;
};

// What one layer of the generated C takes (several operators of the graph may be one).
struct LayerCost {
  std::string name;  // node name; "input" and "output": values brought into another order
  std::string what;  // operator, shapes
  int64_t macs = 0;
  int64_t instructions = 0;  // 0 on the host
  double seconds = 0;        // on the host: the shortest of many runs; 0 on emulated cores
  // The others are those of Verify, on emulated cores.
  int64_t stack_octets = 0;         // deepest use below the call that runs it
  int64_t stack_bound_octets = -1;  // as VerifyResult's
  int64_t code_octets = 0;          // linked for it alone
  int64_t constant_octets = 0;      // its shape, ranges and the like
  std::vector<LinkedPart> tables;   // its constants in the weights file

  int64_t TableOctets() const {
    int64_t octets = constant_octets;
    for (const LinkedPart& table : tables) octets += table.octets;
    return octets;
  }
};

struct VerifyResult {
  std::string core;
  bool ran = false;  // false: `notice` says which tool is missing and the package that has it
  std::string notice;
  int64_t samples = 0;     // network: samples compared
  int64_t mismatches = 0;  // samples with any output that differs
  double max_output_difference = 0;
  int64_t recordings = 0;             // raw rows -> features -> network
  int64_t recording_mismatches = 0;   // ... whose network output differs
  double max_feature_difference = 0;  // relative to max(1, |feature|); 0 means bit for bit
  double accuracy = 0;                // of the C on the core, over `samples`; NaN for values
  // Linked code and constants of the package and of what it needs of the C library.
  int64_t flash_bytes = 0;
  // Application state: activations, feature extraction, input and output buffers.
  int64_t ram_bytes = 0;
  int64_t stack_bytes = 0;  // deepest use below one inference, found by painting
  // What one inference can use at most by the compiler's account of every function, without what
  // functions of libraries use; -1: the compiler does not bound it.
  int64_t stack_bound_bytes = -1;
  int64_t instructions = 0;          // of one inference; 0 on the host
  int64_t feature_instructions = 0;  // of the feature extraction of one sample
  std::vector<LayerCost> layers;     // of the one inference; empty on the host
  // What of flash_bytes is no layer's own: kernels that layers share, features, application, C
  // library.
  std::vector<LinkedPart> shared;
  // Members of the C library and of the compiler's own that are linked, "libgcc.a(_udivsi3.o)".
  std::vector<std::string> libraries;
  // Sample, output, expected and found value; with the network at hand also the first layer and
  // element that differ. Empty if nothing does.
  std::string first_difference;
};

// The cores that Verify knows: "host" and those that are emulated, "cortex-m0plus", ...
const std::vector<std::string>& Cores();

// Builds the package for a core, runs it (under QEMU for all but host) and plays the whole set.
// Works on a copy. Error (toolchain) if the package does not build or the emulator fails, (usage)
// for an unknown core. `network`, if given, is what the package was generated from: on a mismatch
// the sample is run again layer by layer.
VerifyResult Verify(const std::filesystem::path& package_folder, const TestSet& set,
                    const std::string& core, ProgressSink& sink,
                    const graph::Graph* network = nullptr);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_VERIFY_H_
