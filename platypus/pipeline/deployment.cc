#include "platypus/pipeline/deployment.h"

#include <algorithm>
#include <cctype>

#include "platypus/base/error.h"
#include "platypus/deploy/layers.h"
#include "platypus/exec/interpreter.h"
#include "platypus/pipeline/run.h"

namespace platypus::pipeline {

std::string PackagePrefix(const config::Config& config) {
  if (!config.compilation.prefix.empty()) return config.compilation.prefix;
  std::string prefix;
  for (const char c : config.training.model_name) {
    const auto u = static_cast<unsigned char>(c);
    prefix += std::isalnum(u) != 0 ? static_cast<char>(std::tolower(u)) : '_';
  }
  if (prefix.empty() || std::isdigit(static_cast<unsigned char>(prefix[0])) != 0) {
    prefix = "model_" + prefix;
  }
  return prefix.substr(0, deploy::kLongestPrefix);
}

std::vector<std::string> VerifyCores(const config::Config& config, const std::string& device_core) {
  if (!config.compilation.verify_cores.empty()) return config.compilation.verify_cores;
  const std::vector<std::string>& known = deploy::Cores();
  const std::string& wanted =
      config.compilation.core.empty() ? device_core : config.compilation.core;
  std::vector<std::string> cores = {"host", "cortex-m4"};
  if (std::count(known.begin(), known.end(), wanted) > 0 &&
      std::count(cores.begin(), cores.end(), wanted) == 0) {
    cores.push_back(wanted);
  }
  return cores;
}

void FillOutputs(const graph::Graph& network, std::vector<deploy::GoldenSample>& golden,
                 ThreadPool& pool) {
  if (golden.empty()) return;
  std::vector<float> inputs;
  for (const deploy::GoldenSample& sample : golden) {
    inputs.insert(inputs.end(), sample.features.begin(), sample.features.end());
  }
  const auto count = static_cast<int64_t>(golden.size());
  const std::vector<float> outputs = exec::Interpreter(network).Run(inputs, count, pool);
  const auto width = static_cast<int64_t>(outputs.size()) / count;
  for (int64_t i = 0; i < count; ++i) {
    golden[static_cast<size_t>(i)].output.assign(outputs.begin() + i * width,
                                                 outputs.begin() + (i + 1) * width);
  }
}

int CharBits(const config::Registry& registry, const std::string& device) {
  const config::Value* entry = registry.devices.Find(device);
  return entry != nullptr && entry->Text("core") == "C28x" ? 16 : 8;
}

std::optional<std::vector<deploy::NpuPlacement>> PlaceOnDevice(const config::Registry& registry,
                                                               const config::Config& config,
                                                               const graph::Graph& network) {
  const config::Value* device = registry.devices.Find(config.common.target_device);
  if (device == nullptr || !device->Text("accelerator").starts_with("NPU")) return std::nullopt;
  return deploy::PlaceOnNpu(network, config.training.quantization_weight_bitwidth);
}

deploy::TestSet MakeTestSet(const graph::Graph& network, const features::Pipeline& pipeline,
                            const Goal& goal, const SampleSet& samples, std::vector<float> outputs,
                            const std::vector<data::RecordingRef>& refs,
                            const std::vector<data::Recording>& recordings, ThreadPool& pool) {
  constexpr int64_t kRawExcerpts = 24;
  deploy::TestSet set;
  set.samples = samples.Count();
  set.features.assign(samples.inputs.begin(), samples.inputs.end());
  set.outputs = std::move(outputs);
  if (goal.Classifies()) set.labels = samples.labels;
  set.recordings = PickRaw(pipeline, refs, recordings, kRawExcerpts);
  FillOutputs(network, set.recordings, pool);
  return set;
}

std::vector<deploy::GoldenSample> PickGolden(const features::Pipeline& pipeline, const Goal& goal,
                                             const config::Config& config,
                                             const std::vector<data::RecordingRef>& refs,
                                             const std::vector<data::Recording>& recordings,
                                             const SampleSet& samples) {
  constexpr int kAutoencoder = 4;
  constexpr int kValues = 8;
  if (goal.Classifies()) {
    return PickPerClass(pipeline, refs, recordings, samples, static_cast<int>(goal.classes.size()),
                        config.compilation.test_sets_per_class, config.common.seed);
  }
  return PickRandom(pipeline, refs, recordings, samples,
                    goal.DetectsAnomalies() ? kAutoencoder : kValues, config.common.seed);
}

void NoteLowering(const graph::Graph& network, const deploy::PackageRequest& request,
                  RunSummary& summary, ProgressSink& sink) {
  const deploy::CNetwork net =
      deploy::LowerToC(network, request.char_bits, request.optimise, request.kernels);
  summary.memory = net.memory;
  if (request.kernels == config::Kernels::kCmsisNn) sink.OnNotice(deploy::DescribeLibrary(net));
}

void AddInstructions(const deploy::VerifyResult& result, std::vector<LayerSummary>& layers) {
  std::map<std::string, LayerSummary> counted;
  for (const deploy::LayerCost& layer : result.layers) {
    LayerSummary& sum = counted[layer.name];
    sum.instructions += layer.instructions;
    sum.stack_octets = std::max(sum.stack_octets, layer.stack_octets);
    sum.code_octets += layer.code_octets;
    sum.linked_octets += layer.TableOctets();
  }
  if (counted.empty() || result.instructions == 0) return;
  for (LayerSummary& layer : layers) {
    const LayerSummary& sum = counted[layer.name];
    layer.instructions = sum.instructions;
    layer.stack_octets = sum.stack_octets;
    layer.code_octets = sum.code_octets;
    layer.linked_octets = sum.linked_octets;
  }
}

void VerifyOnCores(const std::filesystem::path& package, const deploy::TestSet& set,
                   const graph::Graph& network, const config::Config& config,
                   const config::Registry& registry, RunSummary& summary, ProgressSink& sink) {
  const config::Value* device = registry.devices.Find(config.common.target_device);
  for (const std::string& core :
       VerifyCores(config, device == nullptr ? "" : device->Text("verify_core"))) {
    deploy::VerifyResult result = deploy::Verify(package, set, core, sink, &network);
    if (!result.ran) sink.OnNotice(result.notice);
    if (result.mismatches + result.recording_mismatches > 0) {
      sink.OnNotice(fmt::format("{}: the generated C differs from the host: {}", core,
                                result.first_difference));
    }
    AddInstructions(result, summary.layers);
    summary.verify.push_back(std::move(result));
  }
}

}  // namespace platypus::pipeline
