#include "platypus/pipeline/compile_model.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/hash.h"
#include "platypus/base/interrupted.h"
#include "platypus/base/random.h"
#include "platypus/data/table.h"
#include "platypus/deploy/layers.h"
#include "platypus/exec/interpreter.h"
#include "platypus/onnx/onnx.h"
#include "platypus/pipeline/deployment.h"
#include "platypus/pipeline/device_fit.h"
#include "platypus/pipeline/device_limits.h"
#include "platypus/pipeline/evaluation.h"
#include "platypus/pipeline/run.h"
#include "platypus/pipeline/run_log.h"
#include "platypus/pipeline/run_observer.h"
#include "platypus/pipeline/vendor_backend.h"
#include "platypus/pipeline/weights.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

// The network's input as rows of variables, with nothing done to them.
features::Pipeline Rows(const Shape& input) {
  features::Pipeline rows;
  rows.variables = input.size() == 3 ? static_cast<int>(input[0]) : 1;
  rows.frame_size = static_cast<int>(NumElements(input)) / rows.variables;
  rows.hop = rows.frame_size;
  return rows;
}

std::vector<std::string> Lines(const std::map<std::string, std::string>& metadata,
                               const std::string& key) {
  std::vector<std::string> lines;
  const auto found = metadata.find(key);
  if (found == metadata.end()) return lines;
  std::istringstream text(found->second);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> Numbered(const char* what, int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(fmt::format("{}_{}", what, i));
  return names;
}

class Compiling {
 public:
  Compiling(const CompileModelOptions& options, const config::Registry& registry,
            ProgressSink& sink)
      : options_(options),
        registry_(registry),
        sink_(summary_, options.observe, sink),
        pool_(options.threads) {}

  RunSummary Run() {
    Begin();
    try {
      sink_.Begin({{"import"}, {"run"}, {"generate"}, {"verify"}});
      Stage("import", [&] { Import(); });
      Stage("run", [&] { MakeSamples(); });
      Stage("generate", [&] {
        Generate();
        if (options_.backend == kVendorBackend) CallVendor();
      });
      Stage("verify", [&] {
        VerifyOnCores(package_, test_set_, network_, config_, registry_, summary_, sink_);
        HoldAgainstDevice();
      });
    } catch (const std::exception& error) {
      sink_.Fail(error);
      throw;
    }
    sink_.Complete();
    WriteFile(options_.folder / "summary.json", ToJson(summary_));
    return std::move(summary_);
  }

 private:
  template <typename Work>
  void Stage(const std::string& name, Work work) {
    sink_.BeginStage(name);
    work();
    sink_.EndStage();
    if (sink_.Cancelled())
      throw Interrupted(fmt::format("interrupted after stage {}", name), "run the command again");
  }

  void Begin() {
    const std::string name = options_.name.empty() ? options_.model.stem().string() : options_.name;
    if (!options_.device.empty() && registry_.devices.Find(options_.device) == nullptr) {
      throw Error(Category::kUsage, fmt::format("there is no device '{}'", options_.device),
                  Suggest(options_.device, registry_.devices.Names()));
    }
    if (!options_.task_type.empty() && registry_.tasks.Find(options_.task_type) == nullptr) {
      throw Error(Category::kUsage, fmt::format("there is no task '{}'", options_.task_type),
                  Suggest(options_.task_type, registry_.tasks.Names()));
    }
    for (const std::string& core : options_.cores) {
      if (std::ranges::find(deploy::Cores(), core) == deploy::Cores().end()) {
        throw Error(Category::kUsage, fmt::format("there is no core '{}'", core),
                    Suggest(core, deploy::Cores()));
      }
    }
    if (options_.samples < 1) Fail(Category::kUsage, "{} samples: at least 1", options_.samples);
    if (!options_.outputs.empty() && options_.inputs.empty()) {
      throw Error(Category::kUsage, "outputs to compare with, but no inputs that they belong to",
                  "name the inputs' .npy file too");
    }
    config_.common.target_device = options_.device;
    config_.training.model_name = name;
    config_.compilation.prefix = options_.prefix;
    config_.compilation.backend = options_.backend;
    config_.compilation.verify_cores = options_.cores;
    config_.compilation.optimise = options_.optimise;
    config_.compilation.kernels = options_.kernels;
    summary_.run_folder = options_.folder.string();
    summary_.command = options_.command;
    summary_.model = name;
    summary_.device = options_.device;
    summary_.dataset = options_.inputs.empty() ? "random inputs" : options_.inputs.string();
    summary_.seed = options_.seed;
    summary_.version = Version();
  }

  void Import() {
    const std::string bytes = ReadFile(options_.model);
    const graph::Graph read = onnx_io::Import(bytes, options_.model.string());
    is_integer_ = IsInteger(read);
    network_ = is_integer_ ? read : graph::FoldBatchNorm(read);
    (is_integer_ ? summary_.quantized_network : summary_.float_network).present = true;
    summary_.parameters = graph::CountParameters(read);
    summary_.macs = graph::CountMacs(read);
    summary_.input_shape = network_.Input().shape;
    summary_.model_hash = HashText(bytes);
    metadata_ = onnx_io::ReadMetadata(bytes, options_.model.string());
    Describe(metadata_);
    if (is_integer_) {
      dialect_ = onnx_io::IsQdq(bytes, options_.model.string()) ? config::Quantization::kGeneric
                                                                : config::Quantization::kTinpu;
    }
    WriteFile(options_.folder / "compilation" / "model.onnx", bytes);
  }

  // What the outputs mean, as far as the options or the file say it.
  void Describe(const std::map<std::string, std::string>& metadata) {
    const auto task = metadata.find("task_type");
    summary_.task_type = !options_.task_type.empty() ? options_.task_type
                         : task == metadata.end()    ? ""
                                                     : task->second;
    const config::Value* entry = registry_.tasks.Find(summary_.task_type);
    const bool classifies =
        entry != nullptr && entry->Text("category").ends_with("_classification");
    const int64_t outputs = NumElements(network_.Output().shape);
    Goal& goal = summary_.goal;
    goal.classes = options_.classes.empty() ? Lines(metadata, "classes") : options_.classes;
    if (entry != nullptr && !classifies && options_.classes.empty()) goal.classes.clear();
    if (goal.classes.empty() && classifies) goal.classes = Numbered("class", outputs);
    if (!goal.classes.empty()) {
      if (static_cast<int64_t>(goal.classes.size()) == outputs) return;
      throw Error(Category::kModel,
                  fmt::format("the network has {} outputs, {} classes are named", outputs,
                              goal.classes.size()),
                  "name one class for each output", {options_.model.string()});
    }
    goal.category = config::TaskCategory::kTimeseriesRegression;
    goal.targets = Lines(metadata, "targets");
    if (static_cast<int64_t>(goal.targets.size()) != outputs)
      goal.targets = Numbered("output", outputs);
  }

  // Values of an array of samples, each of `elements`.
  std::vector<float> ReadSamples(const fs::path& file, int64_t elements, const char* what) {
    data::NpyArray array = data::ParseNpyArray(ReadFile(file), file.string());
    const auto count = static_cast<int64_t>(array.values.size());
    if (count % elements != 0 || (array.shape.size() > 1 && array.shape[0] * elements != count)) {
      throw Error(Category::kData,
                  fmt::format("the array is {}; the network has {} {}", ToString(array.shape),
                              elements, what),
                  "the first axis counts samples", {file.string()});
    }
    return std::move(array.values);
  }

  void MakeSamples() {
    const int64_t elements = NumElements(network_.Input().shape);
    inputs_ = options_.inputs.empty() ? RandomInputs(network_, options_.samples, options_.seed)
                                      : ReadSamples(options_.inputs, elements, "inputs");
    count_ = static_cast<int64_t>(inputs_.size()) / elements;
    outputs_ = exec::Interpreter(network_).Run(inputs_, count_, pool_);
    summary_.samples = {{"train", 0}, {"val", 0}, {"test", count_}};
    summary_.files = {{"train", 0}, {"val", 0}, {"test", 0}};
    if (!options_.outputs.empty()) CompareOutputs();
  }

  void CompareOutputs() {
    const std::vector<float> wanted =
        ReadSamples(options_.outputs, NumElements(network_.Output().shape), "outputs");
    if (wanted.size() != outputs_.size()) {
      throw Error(Category::kData,
                  fmt::format("{} values for the {} outputs of {} samples", wanted.size(),
                              outputs_.size(), count_),
                  "give one row of outputs for each row of inputs", {options_.outputs.string()});
    }
    double largest = 0;
    size_t differing = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const double difference = std::abs(double{wanted[i]} - outputs_[i]);
      largest = std::max(largest, difference);
      differing += difference > 0 ? 1 : 0;
    }
    const auto [low, high] = std::ranges::minmax_element(wanted);
    sink_.OnNotice(fmt::format(
        "{}: largest difference {:.6g} of values from {:.6g} to {:.6g}; {} of {} "
        "outputs are equal",
        options_.outputs.string(), largest, *low, *high, wanted.size() - differing, wanted.size()));
  }

  // Sample i with the rows that it comes from.
  deploy::GoldenSample Golden(int64_t i, const features::Pipeline& rows) const {
    const auto variables = static_cast<size_t>(rows.variables);
    const auto frame = static_cast<size_t>(rows.frame_size);
    const size_t ins = variables * frame;
    const size_t outs = outputs_.size() / static_cast<size_t>(count_);
    const float* in = inputs_.data() + static_cast<size_t>(i) * ins;
    const float* out = outputs_.data() + static_cast<size_t>(i) * outs;
    deploy::GoldenSample sample;
    sample.features.assign(in, in + ins);
    sample.output.assign(out, out + outs);
    sample.raw.resize(ins);
    for (size_t v = 0; v < variables; ++v) {
      for (size_t r = 0; r < frame; ++r) sample.raw[r * variables + v] = in[v * frame + r];
    }
    sample.source = fmt::format("input {}", i);
    return sample;
  }

  void Generate() {
    constexpr int64_t kGolden = 4;
    constexpr int64_t kExcerpts = 8;
    const features::Pipeline rows = Rows(network_.Input().shape);
    deploy::PackageRequest request;
    request.prefix = PackagePrefix(config_);
    request.optimise = config_.compilation.optimise;
    request.kernels = config_.compilation.kernels;
    request.network = &network_;
    request.pipeline = &rows;
    request.classes = summary_.goal.classes;
    for (int64_t i = 0; i < std::min(kGolden, count_); ++i)
      request.golden.push_back(Golden(i, rows));
    request.task_type = summary_.task_type;
    request.device = options_.device;
    request.char_bits = CharBits(registry_, request.device);
    request.generator_version = Version();
    request.facts = {{"model", summary_.model},
                     {"from", options_.model.filename().string()},
                     {"numbers", is_integer_ ? "integers" : "float"},
                     {"parameters", std::to_string(summary_.parameters)},
                     {"model.onnx SHA-256", summary_.model_hash}};
    const fs::path compilation = options_.folder / "compilation";
    package_ = compilation / "artifacts";
    deploy::Write(deploy::Generate(request), package_);
    summary_.package_path = package_.string();
    summary_.layers = SummariseLayers(network_);
    NoteLowering(network_, request, summary_, sink_);
    if (!is_integer_) summary_.npu = PlaceOnDevice(registry_, config_, network_);
    test_set_.samples = count_;
    test_set_.features = inputs_;
    test_set_.outputs = outputs_;
    for (int64_t i = 0; i < std::min(kExcerpts, count_); ++i)
      test_set_.recordings.push_back(Golden(i, rows));
    Save(test_set_, compilation / "verification" / "test_set.bin");
  }

  void HoldAgainstDevice() {
    constexpr double kUnknownRate = 1;
    summary_.insight.fit = FitDevice(registry_, options_.device, summary_.verify,
                                     Rows(network_.Input().shape), kUnknownRate);
    const std::optional<Need> need = NeedOf(summary_.insight.fit);
    if (!need) return;
    const DeviceFacts facts = FactsOf(options_.device, *registry_.devices.Find(options_.device));
    for (const LimitFinding& finding : CheckLimits(facts, *need)) {
      summary_.fits = summary_.fits && finding.fits;
      sink_.OnNotice(finding.text);
    }
  }

  // The vendor's compiler for the device. A file in the TI-NPU form is handed over in the
  // accelerator's own, any other one as it is.
  void CallVendor() {
    const fs::path compilation = options_.folder / "compilation";
    if (const config::Value* device = registry_.devices.Find(options_.device)) {
      const config::Value& profile = *device->Find("compilation");
      const config::Value& targets = *device->Find("targets");
      config_.compilation.target_c_mcpu = profile.Text("target_c_mcpu");
      config_.compilation.cross_compiler = profile.Text("cross_compiler");
      config_.compilation.cross_compiler_options = profile.Text("cross_compiler_options");
      config_.compilation.target = targets.Text(options_.preset);
      config_.common.task_category = summary_.goal.category;
      if (config_.compilation.target.empty())
        config_.compilation.target = targets.Text(config::Name(summary_.goal.category));
    }
    config_.training.quantization = dialect_;
    if (dialect_ == config::Quantization::kTinpu) {
      for (const quantize::HandOverNote& note : WriteHandOver(network_, metadata_, compilation))
        sink_.OnNotice("for the accelerator, " + Text(note));
    }
    RunLog log(compilation / "run.log");
    CompileWithVendor(config_, FileForVendor(compilation), package_, EnvironmentVariable,
                      [&](std::string_view line) { log.Info("root.main.ti_nnc", line); });
  }

  const CompileModelOptions& options_;
  const config::Registry& registry_;
  RunSummary summary_;
  RunObserver sink_;
  ThreadPool pool_;
  config::Config config_;  // what stages ask of it: model, device, prefix, cores
  graph::Graph network_;
  bool is_integer_ = false;
  config::Quantization dialect_ = config::Quantization::kNone;
  std::map<std::string, std::string> metadata_;
  int64_t count_ = 0;
  std::vector<float> inputs_, outputs_;  // [count_][elements]
  deploy::TestSet test_set_;
  fs::path package_;
};

}  // namespace

std::vector<float> RandomInputs(const graph::Graph& network, int count, uint64_t seed) {
  const Shape& shape = network.Input().shape;
  const auto channels = static_cast<size_t>(shape[0]);
  const size_t positions = static_cast<size_t>(NumElements(shape)) / channels;
  struct Span {
    bool uniform = false;
    double centre = 0, width = 1;
  };
  std::vector<Span> spans(channels);
  for (const graph::Node* node : graph::Consumers(network, network.input)) {
    if (const auto* q = std::get_if<graph::QuantizeInput>(&node->op)) {
      const auto& offset = network.Parameter(*node, "offset").Floats();
      const auto& multiplier = network.Parameter(*node, "multiplier").Int32s();
      const auto& shift = network.Parameter(*node, "shift").Int32s();
      for (size_t c = 0; c < channels; ++c) {
        if (multiplier[c] == 0) continue;
        const double code = std::ldexp(1.0, shift[c]) / multiplier[c];
        spans[c] = {true, (q->hi + q->lo) / 2.0 * code - offset[c],
                    (q->hi - q->lo) / 2.0 * std::abs(code)};
      }
    } else if (std::holds_alternative<graph::BatchNorm>(node->op)) {
      const auto& mean = network.Parameter(*node, "running_mean").Floats();
      const auto& variance = network.Parameter(*node, "running_var").Floats();
      for (size_t c = 0; c < channels; ++c)
        spans[c] = {false, mean[c], std::sqrt(std::max(0.0f, variance[c]))};
    }
  }
  Random random(seed, "inputs");
  std::vector<float> inputs;
  inputs.reserve(static_cast<size_t>(count) * channels * positions);
  for (int i = 0; i < count; ++i) {
    for (const Span& span : spans) {
      for (size_t p = 0; p < positions; ++p) {
        const double unit = span.uniform ? random.Uniform(-1, 1) : random.Normal();
        inputs.push_back(static_cast<float>(span.centre + span.width * unit));
      }
    }
  }
  return inputs;
}

RunSummary CompileModel(const CompileModelOptions& options, const config::Registry& registry,
                        ProgressSink& sink) {
  return Compiling(options, registry, sink).Run();
}

}  // namespace platypus::pipeline
