#ifndef PLATYPUS_DEPLOY_PACKAGE_H_
#define PLATYPUS_DEPLOY_PACKAGE_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "platypus/features/pipeline.h"
#include "platypus/graph/graph.h"

// The room's first header: the C99 package (docs/deployment.md) that one trained model becomes.
namespace platypus::deploy {

// One raw recording excerpt with everything that the host computed from it.
struct GoldenSample {
  std::vector<float> raw;       // [rows][variables], RowsPerSample() rows, prepared (decimated, scaled)
  std::vector<float> features;  // network input, C order
  std::vector<float> output;    // network output
  int label = 0;
  std::string source;  // recording and sample index
};

// The one request that drives code, headers, golden vectors, reports and manifest.
struct PackageRequest {
  std::string prefix = "model";  // C identifier
  const graph::Graph* network = nullptr;  // float or integer
  const features::Pipeline* pipeline = nullptr;
  std::vector<std::string> classes;
  std::vector<GoldenSample> golden;
  std::string task_type;
  std::string device;
  std::string core;
  std::string generator_version;
  std::map<std::string, std::string> facts;  // for manifest and README: model name, dataset, accuracy, seed
};

// Relative path -> content. Deterministic: same request, same bytes; ASCII, LF.
using Package = std::map<std::string, std::string>;

Package Generate(const PackageRequest& request);

// Writes all files below `folder` (created; stale files of an earlier package are removed).
void Write(const Package& package, const std::filesystem::path& folder);

// Activation memory of a network: offsets in one arena.
struct MemoryPlan {
  struct Buffer {
    graph::TensorId tensor;
    int64_t offset;  // octets
    int64_t size;
    int first_node;  // lifetime, node indices
    int last_node;
  };
  std::vector<Buffer> buffers;
  int64_t arena_octets = 0;
  int64_t lower_bound_octets = 0;  // largest sum of buffers alive at once
};

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_PACKAGE_H_
