#include "platypus/pipeline/quantize_model.h"

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/config/load.h"
#include "platypus/config/registry.h"
#include "platypus/config/run_paths.h"
#include "platypus/data/dataset.h"
#include "platypus/exec/interpreter.h"
#include "platypus/features/pipeline.h"
#include "platypus/onnx/onnx.h"
#include "platypus/pipeline/calibration_data.h"
#include "platypus/pipeline/convert_diff.h"
#include "platypus/pipeline/neural_extractor.h"
#include "platypus/pipeline/run.h"
#include "platypus/pipeline/training.h"
#include "platypus/pipeline/weights.h"
#include "platypus/quantize/bit_choice.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

graph::Graph ReadFloat(const fs::path& file) {
  graph::Graph network = onnx_io::ImportFile(file);
  if (!IsInteger(network)) return network;
  throw Error(Category::kModel, "the network computes with integers already",
              "name the float one; `platypus compile` takes this one as it is", {file.string()});
}

// Share of the samples whose largest output is the same.
std::optional<double> Agreement(std::span<const float> a, std::span<const float> b,
                                int64_t samples) {
  const size_t width = a.size() / static_cast<size_t>(samples);
  if (width < 2) return std::nullopt;
  int64_t same = 0;
  for (size_t at = 0; at < a.size(); at += width) {
    const auto place = [&](std::span<const float> of) {
      const auto row = of.subspan(at, width);
      return std::ranges::max_element(row) - row.begin();
    };
    same += place(a) == place(b) ? 1 : 0;
  }
  return static_cast<double>(same) / static_cast<double>(samples);
}

void Write(const QuantizedResult& result, const config::Training& training,
           const std::map<std::string, std::string>& metadata, const fs::path& file) {
  if (training.quantization == config::Quantization::kTinpu) {
    onnx_io::Export(result.integer, metadata, file);
  } else {
    onnx_io::ExportQdq(result.training.best, metadata, file,
                       {.output_int = result.settings.output_int});
  }
}

}  // namespace

QuantizedModel QuantizeModel(const QuantizeModelOptions& options, ProgressSink& sink) {
  ThreadPool pool(options.threads);
  const graph::Graph network = ReadFloat(options.model);
  Splits splits;
  splits.train = ReadInputs(options.data, network.Input().shape);
  splits.train.targets =
      exec::Interpreter(network).Run(splits.train.inputs, splits.train.Count(), pool);
  splits.val = splits.train;
  const std::vector<float>& wanted = splits.train.targets;

  Goal goal;
  goal.category = config::TaskCategory::kTimeseriesRegression;
  for (int64_t i = 0; i < NumElements(network.Output().shape); ++i)
    goal.targets.push_back(fmt::format("output_{}", i));
  const Lesson lesson = Lesson(splits, goal, network.Output().shape).WithRealValues();
  config::Config config;
  config.training = options.training;
  config.training.quantization_method = config::QuantizationMethod::kPtq;
  config.common.task_category = goal.category;
  config.common.seed = options.seed;

  fs::create_directories(options.folder);
  RunLog log(options.folder / "run.log");
  const TemporaryFolder scratch;
  const QuantizedResult result =
      TrainQuantized(network, lesson, config, scratch.Path(), log, pool, sink);
  if (result.integer.nodes.empty()) {
    throw Error(Category::kModel, "every layer stays in floating point: nothing is quantised",
                "allow integers in training.layer_precision, or a larger tolerance",
                {options.model.string()});
  }
  QuantizedModel quantized;
  quantized.file = options.folder / "model.onnx";
  std::map<std::string, std::string> metadata =
      onnx_io::ReadMetadata(ReadFile(options.model), options.model.string());
  metadata["generator"] = Version();
  Write(result, config.training, metadata, quantized.file);
  if (result.precision)
    WriteFile(options.folder / "auto_quantization.json", ToJson(*result.precision));

  quantized.samples = splits.train.Count();
  std::vector<float> given =
      exec::Interpreter(result.integer).Run(splits.train.inputs, splits.train.Count(), pool);
  const auto scale = static_cast<float>(quantize::OutputScale(result.integer));
  for (float& value : given) value *= scale;
  quantized.signal_to_noise = MeasureConvertDiff(wanted, given).snr_db;
  quantized.agreement = Agreement(wanted, given, quantized.samples);
  quantized.insight = AnalyzeQuantization(
      {result.reference, result.integer, result.settings, config.training, goal}, splits.train,
      pool);
  log.Info("root.quantization", "\n" + TableOf(quantized.insight));
  WriteFile(options.folder / "quantization.json", ToJson(quantized.insight));
  return quantized;
}

namespace {

// The validation split of a run, by its configuration.
struct SplitOfRun {
  SampleSet samples;
  Goal goal;

  SplitOfRun(const config::Config& config, const config::RunPaths& paths, ThreadPool& pool,
             ProgressSink& sink) {
    const data::Dataset dataset = data::Open(config, paths.dataset, sink);
    DataMemory memory(HalfOfMemory(), fs::temp_directory_path());
    std::vector<data::SkippedFile> skipped;
    std::vector<data::Recording> recordings =
        data::ReadAll(dataset.val, config, memory, pool, skipped, sink);
    const config::FeatureExtraction& settings = config.data_processing_feature_extraction;
    goal.category = config.common.task_category;
    goal.classes = dataset.classes;
    goal.horizon = settings.forecast_horizon;
    int variables = 1;
    for (const data::Recording& recording : recordings) {
      if (recording.rows == 0) continue;
      goal.targets = recording.target_columns;
      variables = static_cast<int>(recording.columns.size());
    }
    features::Pipeline pipeline = features::MakePipeline(settings, variables, sink);
    if (goal.Forecasts()) HoldBack(recordings, pipeline, goal.horizon);
    if (settings.nn_for_feature_extraction) pipeline = RawRows(pipeline);
    samples =
        ExtractSamples(pipeline, dataset.val, recordings, "val", goal, {}, memory, pool, sink);
  }
};

// The networks of a run folder, nested or flat.
std::pair<fs::path, fs::path> FindNetworks(const fs::path& run) {
  for (const auto& [base, quantized] :
       {std::pair{run / "training" / "base", run / "training" / "quantization"},
        {run / "training_base", run / "training_quantization"}}) {
    const std::pair<fs::path, fs::path> files{base / "model.onnx", quantized / "model.onnx"};
    std::error_code ignored;
    if (fs::is_regular_file(files.first, ignored) && fs::is_regular_file(files.second, ignored))
      return files;
  }
  throw Error(Category::kData, fmt::format("{} is no run that quantised its network", run.string()),
              "expected a folder with run.yaml, training/base/model.onnx and "
              "training/quantization/model.onnx");
}

}  // namespace

QuantizationInsight AnalyzeRun(const fs::path& run, ProgressSink& sink) {
  const auto [float_file, integer_file] = FindNetworks(run);
  const config::Loaded loaded = config::Load(run / "run.yaml", {}, config::LoadRegistry());
  const config::Config& config = loaded.config;
  const config::RunPaths paths = config::MakeRunPaths(
      config, config::ResolveRunName(config, std::chrono::system_clock::now()));
  ThreadPool pool(config.common.threads);
  const graph::Graph trained = onnx_io::ImportFile(float_file);
  const graph::Graph reference = graph::FoldBatchNorm(trained);
  const graph::Graph integer = onnx_io::ImportFile(integer_file);
  quantize::Settings settings =
      quantize::MakeSettings(config.training, config.common.task_category, trained);
  // Automatic bits stand in the network itself.
  for (const std::string& layer : quantize::LayersWithWeights(trained)) {
    const auto found = integer.parameters.find(layer + ".weight");
    const bool is_float = found != integer.parameters.end() &&
                          std::holds_alternative<std::vector<float>>(found->second.values);
    if (config.training.auto_quantization && is_float) {
      quantize::SetPrecision(settings, trained, layer,
                             {quantize::Precision::kFloat, settings.precision.activation_bits});
    }
  }
  const SplitOfRun split(config, paths, pool, sink);
  return AnalyzeQuantization({reference, integer, settings, config.training, split.goal},
                             split.samples, pool);
}

}  // namespace platypus::pipeline
