#ifndef PLATYPUS_DEPLOY_PACKAGE_H_
#define PLATYPUS_DEPLOY_PACKAGE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platypus/config/config.h"
#include "platypus/features/pipeline.h"
#include "platypus/graph/graph.h"

// The room's first header: the C99 package (docs/deployment.md) that one trained model becomes.
namespace platypus::deploy {

// Characters of PackageRequest::prefix: C99 promises to tell 31 of an external name apart.
constexpr size_t kLongestPrefix = 24;

// One raw recording excerpt with everything that the host computed from it.
struct GoldenSample {
  std::vector<float> raw;  // [rows][variables], RowsPerSample() rows, decimated, not yet scaled
  std::vector<float> features;  // network input, C order
  std::vector<float> output;    // network output
  int label = 0;
  std::string source;  // recording and sample index
};

// The one request that drives code, headers, golden vectors, reports and manifest.
struct PackageRequest {
  std::string prefix = "model";           // C identifier
  const graph::Graph* network = nullptr;  // float or integer
  const features::Pipeline* pipeline = nullptr;
  std::vector<std::string> classes;  // none: the outputs are values
  // Of an autoencoder: reconstruction errors above it are anomalies.
  std::optional<float> error_threshold;
  std::vector<GoldenSample> golden;
  std::string task_type;
  std::string device;
  int char_bits = 8;  // of the device's core: 8 or 16
  config::Optimise optimise = config::Optimise::kBalanced;
  config::Kernels kernels = config::Kernels::kPlatypus;
  std::string generator_version;  // "Platypus 0.1.0"
  std::vector<std::pair<std::string, std::string>>
      facts;  // for manifest and README: model, data set, accuracy, seed
};

// Relative path -> content. Deterministic: same request, same bytes; ASCII, LF.
using Package = std::map<std::string, std::string>;

Package Generate(const PackageRequest& request);

// `model_hash` of a package's manifest.json: SHA-256 of the constants of the network's C.
std::string ModelHash(const graph::Graph& network);

// What projects for the reference's firmware copy from a training folder, in its names and layout:
// golden_vectors/user_input_config.h, golden_vectors/test_vector.c and, with classes, model_aux.h.
Package GoldenVectors(const PackageRequest& request);

// Makes `folder` hold exactly these files: written beside it, then renamed.
void Write(const Package& package, const std::filesystem::path& folder);

}  // namespace platypus::deploy

#endif  // PLATYPUS_DEPLOY_PACKAGE_H_
