#ifndef PLATYPUS_DEPLOY_BENCH_H_
#define PLATYPUS_DEPLOY_BENCH_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "platypus/base/progress.h"
#include "platypus/deploy/verify.h"

namespace platypus::deploy {

// What one inference of a package takes on a core, layer by layer.
struct BenchResult {
  std::string core;
  bool ran = false;  // false: `notice` says which tool is missing and how to install it
  std::string notice;
  std::vector<LayerCost> layers;
  int64_t instructions = 0;          // of the whole inference, counted on its own; 0 on the host
  int64_t feature_instructions = 0;  // of one sample; 0 on the host
  double seconds = 0;                // sum of the layers; 0 on emulated cores
};

// Builds the package for a core and runs the set's first sample. Instructions are exact; the host
// has none and measures time. Errors as Verify.
BenchResult Bench(const std::filesystem::path& package, const TestSet& set, const std::string& core,
                  ProgressSink& sink);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_BENCH_H_
