#include "platypus/pipeline/run.h"

#include <algorithm>
#include <optional>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/hash.h"
#include "platypus/base/interrupted.h"
#include "platypus/config/run_paths.h"
#include "platypus/config/write.h"
#include "platypus/deploy/layers.h"
#include "platypus/onnx/onnx.h"
#include "platypus/pipeline/anomaly.h"
#include "platypus/pipeline/baseline.h"
#include "platypus/pipeline/data_warnings.h"
#include "platypus/pipeline/deployment.h"
#include "platypus/pipeline/device_fit.h"
#include "platypus/pipeline/device_limits.h"
#include "platypus/pipeline/evaluation.h"
#include "platypus/pipeline/feature_store.h"
#include "platypus/pipeline/guarded.h"
#include "platypus/pipeline/layer_noise.h"
#include "platypus/pipeline/lesson.h"
#include "platypus/pipeline/neural_extractor.h"
#include "platypus/pipeline/plots.h"
#include "platypus/pipeline/quantization_insight.h"
#include "platypus/pipeline/recording_views.h"
#include "platypus/pipeline/run_log.h"
#include "platypus/pipeline/run_observer.h"
#include "platypus/pipeline/run_status.h"
#include "platypus/pipeline/training.h"
#include "platypus/pipeline/vendor_backend.h"
#include "platypus/pipeline/weights.h"
#include "platypus/pipeline/zip.h"
#include "platypus/quantize/quantize.h"
#include "platypus/zoo/zoo.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

// The one figure that says what a network is worth.
std::pair<std::string, std::string> Quality(const NetworkSummary& network) {
  if (network.anomaly)
    return {"AUROC on the test split", fmt::format("{:.4f}", network.anomaly->auroc)};
  if (const auto* classes = std::get_if<train::ClassificationMetrics>(&*network.test))
    return {"accuracy on the test split", fmt::format("{:.4f}", classes->accuracy)};
  const auto& values = std::get<train::RegressionMetrics>(*network.test);
  return {"R2 on the test split", fmt::format("{:.4f}", values.mean.r2)};
}

// What colours samples without classes: the first of each one's targets.
std::vector<float> FirstTargets(const SampleSet& set) {
  std::vector<float> first;
  const size_t width = std::max<size_t>(1, set.targets.size() / set.recording.size());
  for (size_t i = 0; i < set.targets.size(); i += width) first.push_back(set.targets[i]);
  return first;
}

class Running {
 public:
  Running(const config::Loaded& loaded, const config::RunPaths& paths, const RunOptions& options,
          ProgressSink& sink)
      : loaded_(loaded),
        config_(loaded.config),
        paths_(paths),
        sink_(summary_, options.observe, sink),
        pool_(config_.common.threads),
        memory_(config_.common.data_memory_mb > 0
                    ? static_cast<uint64_t>(config_.common.data_memory_mb) << 20
                    : HalfOfMemory(),
                paths_.run) {
    summary_.command = options.command;
    summary_.configuration = config::Describe(loaded);
    summary_.run_folder = paths_.run.string();
    summary_.task_type = config_.common.task_type;
    summary_.model = config_.training.model_name;
    summary_.device = config_.common.target_device;
    summary_.dataset = config_.dataset.dataset_name;
    summary_.goal.category = config_.common.task_category;
    summary_.seed = config_.common.seed;
    summary_.version = Version();
    summary_.config_hash = loaded_.hash;
  }

  RunSummary Run() {
    try {
      WriteSummary();
      sink_.Begin(PlanStages(config_));
      RunStages();
      sink_.Complete();
      WriteSummary();
    } catch (const std::exception& error) {
      try {
        sink_.Fail(error);
        WriteSummary();
      } catch (const std::exception&) {  // the first error is the one to tell of
      }
      throw;
    }
    return std::move(summary_);
  }

 private:
  void WriteSummary() const { WriteFile(paths_.run / "summary.json", ToJson(summary_)); }

  bool Quantizes() const { return config_.training.quantization != config::Quantization::kNone; }

  void RunStages() {
    for (const std::string& notice : loaded_.notices) sink_.OnNotice(notice);
    if (config_.compilation.enable && config_.compilation.backend == kVendorBackend)
      RequireVendorTools(config_, paths_.training_quantization / "model.onnx", paths_.artifacts,
                         EnvironmentVariable);
    registry_ = config::LoadRegistry();
    OpenLog();
    Stage("read", [&] { ReadData(); });
    summary_.goal = goal_;
    Stage("features", [&] { ExtractFeatures(); });
    if (config_.data_processing_feature_extraction.dont_train_just_feat_ext) {
      Stage("pictures", [&] { DrawFeatures(); });
      return;
    }
    if (config::TrainsNothing(config_)) {
      Stage("load", [&] { LoadSaved(); });
    } else {
      Stage("train", [&] { Train(); });
      Stage("pictures", [&] { DrawFeatures(); });
      if (Quantizes()) Stage("quantize", [&] { Quantize(); });
    }
    if (goal_.DetectsAnomalies())
      Stage("threshold", [&] { threshold_ = MeasureThreshold(*deployed_); });
    if (config_.testing.enable) Stage("test", [&] { Test(); });
    PackTraining();
    if (config_.compilation.enable) {
      Stage("generate", [&] { Deploy(); });
      Stage("verify", [&] { Verify(); });
      PackCompilation();
    }
  }

  template <typename Work>
  void Stage(const std::string& name, Work work) {
    sink_.BeginStage(name);
    work();
    sink_.EndStage();
    if (sink_.Cancelled()) {
      throw Interrupted(fmt::format("interrupted after stage {}", name),
                        "the same command with --resume goes on from there");
    }
  }

  void OpenLog() {
    log_.emplace(paths_.training_log);
    log_->Info("root.main", fmt::format("{}, run {}", Version(), paths_.run_name));
    for (const std::string& notice : loaded_.notices) log_->Warning("root.main", notice);
  }

  void ReadData() {
    dataset_ = data::Open(config_, paths_.dataset, sink_);
    variations_ = Variations(config_, dataset_.classes);
    std::vector<data::RecordingRef> all = dataset_.train;
    all.insert(all.end(), dataset_.val.begin(), dataset_.val.end());
    all.insert(all.end(), dataset_.test.begin(), dataset_.test.end());
    std::vector<data::SkippedFile> skipped;
    recordings_ = data::ReadAll(all, config_, memory_, pool_, skipped, sink_);
    for (const data::SkippedFile& file : skipped) {
      summary_.skipped.emplace_back(file.name, file.reason);
      sink_.OnNotice(fmt::format("{} is passed over: {}", file.name, file.reason));
    }
    goal_.category = config_.common.task_category;
    goal_.classes = dataset_.classes;
    goal_.horizon = config_.data_processing_feature_extraction.forecast_horizon;
    for (const data::Recording& recording : recordings_) {
      if (recording.rows > 0) goal_.targets = recording.target_columns;
    }
    summary_.dataset_hash = dataset_.hash;
    summary_.files = {{"train", static_cast<int64_t>(dataset_.train.size())},
                      {"val", static_cast<int64_t>(dataset_.val.size())},
                      {"test", static_cast<int64_t>(dataset_.test.size())}};
    log_->Info("root.main",
               goal_.classes.empty()
                   ? fmt::format("{} recordings, {} targets", all.size(), goal_.targets.size())
                   : fmt::format("{} recordings of {} classes", all.size(), goal_.classes.size()));
    if (!goal_.classes.empty() && config_.data_processing_feature_extraction.gof_test) {
      WriteGoodnessOfFit(recordings_, all, dataset_.classes,
                         config_.data_processing_feature_extraction.frame_size, config_.common.seed,
                         {paths_.training_base, &summary_.pictures}, pool_, sink_);
    }
  }

  void ExtractFeatures() {
    int variables = 1;
    for (const data::Recording& recording : recordings_) {
      if (recording.rows > 0) variables = static_cast<int>(recording.columns.size());
    }
    pipeline_ =
        features::MakePipeline(config_.data_processing_feature_extraction, variables, sink_);
    const auto& settings = config_.data_processing_feature_extraction;
    LookAtData();
    learns_features_ = settings.nn_for_feature_extraction && !settings.dont_train_just_feat_ext;
    const features::Pipeline input = learns_features_ ? RawRows(pipeline_) : pipeline_;
    if (goal_.Forecasts()) HoldBack(recordings_, pipeline_, goal_.horizon);
    FeatureStore store(config_.data_processing_feature_extraction, paths_.training_base,
                       dataset_.classes);
    const auto take = [&](const std::vector<data::RecordingRef>& refs,
                          std::vector<data::Recording>& own, size_t& at, const char* split,
                          const Variations& variations, SampleSet* features) {
      own.assign(std::make_move_iterator(recordings_.begin() + static_cast<std::ptrdiff_t>(at)),
                 std::make_move_iterator(recordings_.begin() +
                                         static_cast<std::ptrdiff_t>(at + refs.size())));
      at += refs.size();
      store.Write(pipeline_, refs, own, split, pool_);
      const auto extract = [&](const features::Pipeline& pipeline) {
        return ExtractSamples(pipeline, refs, own, split, goal_, variations, memory_, pool_, sink_);
      };
      if (learns_features_ && features != nullptr) *features = extract(pipeline_);
      return extract(input);
    };
    size_t at = 0;
    std::vector<data::Recording> used;
    splits_.train = take(dataset_.train, used, at, "train", variations_, &features_.train);
    if (goal_.Forecasts()) season_ = FindSeason(used, pipeline_, goal_.horizon);
    splits_.val = take(dataset_.val, used, at, "val", {}, &features_.val);
    splits_.test = take(dataset_.test, test_recordings_, at, "test", {}, nullptr);
    pipeline_ = input;
    recordings_.clear();
    if (store.Enabled()) summary_.features_folder = store.Folder().string();
    if (splits_.train.inputs.InFile() || splits_.val.inputs.InFile() ||
        splits_.test.inputs.InFile()) {
      sink_.OnNotice("the samples are kept in a file: they are beyond common.data_memory_mb");
    }
    for (const auto& [name, set] :
         {std::pair{"train", &splits_.train}, {"val", &splits_.val}, {"test", &splits_.test}}) {
      summary_.samples[name] = set->Count();
      LogStatistics(*log_, name, summary_.statistics[name] = StatisticsOf(*set, goal_));
    }
    summary_.input_shape = splits_.train.shape;
    summary_.frames = pipeline_.frame_concat;
    summary_.insight.profiles = Profiles(splits_.train, goal_);
  }

  void LookAtData() {
    for (const data::Finding& finding :
         DataWarnings(dataset_, recordings_, goal_.DetectsAnomalies(),
                      int64_t{pipeline_.RowsPerSample()} * pipeline_.decimation, pool_)) {
      summary_.insight.data_warnings.push_back(finding.Text());
      if (finding.severity == data::Severity::kError) sink_.OnNotice(finding.Text());
    }
  }

  std::map<std::string, std::string> Metadata() const {
    std::map<std::string, std::string> metadata = {{"generator", Version()},
                                                   {"model", config_.training.model_name},
                                                   {"task_type", config_.common.task_type}};
    const auto lines = [](const std::vector<std::string>& names) {
      return fmt::format("{}", fmt::join(names, "\n"));
    };
    if (!goal_.classes.empty()) metadata["classes"] = lines(goal_.classes);
    if (!goal_.targets.empty()) metadata["targets"] = lines(goal_.targets);
    if (goal_.Forecasts()) metadata["forecast_horizon"] = std::to_string(goal_.horizon);
    return metadata;
  }

  void Train() {
    std::optional<LearnedFeatures> learned;
    if (learns_features_) {
      learned = LearnFeatures(splits_, features_, config_,
                              paths_.training_base / kFeatureExtractorFolder, *log_, pool_, sink_);
    }
    const auto whole = [&](const graph::Graph& network) {
      return learned ? learned->Before(network) : network;
    };
    const Splits& splits = learned ? learned->splits : splits_;
    graph::Graph initial = zoo::Build(config_.training, registry_, splits.train.shape,
                                      goal_.Outputs(splits.train.shape), config_.common.seed);
    StartFromSaved(config_, initial, sink_);
    RequireOutputs(goal_, initial, splits_.train.shape, config_.training.model_name);
    lesson_.emplace(splits, goal_, initial.Output().shape);
    // A saved network gives real values.
    if (!config_.training.load_saved_model.empty() ||
        config_.training.pretrained_checkpoint_path.ends_with(".onnx")) {
      lesson_ = lesson_->WithRealValues();
    }
    summary_.parameters = graph::CountParameters(whole(initial));
    summary_.macs = graph::CountMacs(whole(initial));
    if (!learned) RequireRoom(registry_, config_, initial);
    log_->Info("root.main", "\n" + graph::ToText(whole(initial)));
    log_->Info("root.main", fmt::format("Total params: {}", summary_.parameters));
    train::Result result;
    if (config_.training.run_quant_train_only) {
      result.best = initial;
    } else {
      result = TrainFloat(initial, *lesson_, config_, paths_.training_base, *log_, pool_, sink_,
                          "train", sink_.Epochs(summary_.float_network));
    }
    LogBest("FloatTrain", result);
    summary_.float_network.present = true;
    summary_.float_network.best_epoch = result.best_epoch;
    summary_.float_network.history = std::move(result.history);
    trained_ = whole(result.best);
    if (learned) lesson_.emplace(splits_, goal_, trained_.Output().shape);
    const graph::Graph real = lesson_->InRealValues(trained_);
    float_network_ = graph::FoldBatchNorm(real);
    onnx_io::Export(real, Metadata(), paths_.training_base / "model.onnx");
    deployed_ = &float_network_;
    model_file_ = paths_.training_base / "model.onnx";
  }

  // The network of a file, or of the run of the same name; it is copied into this run's folder.
  void LoadSaved() {
    const fs::path file = FindSavedNetwork(config_, paths_);
    graph::Graph network = LoadSavedNetwork(file, splits_.train.shape);
    RequireOutputs(goal_, network, splits_.train.shape, config_.training.model_name);
    const bool integer = IsInteger(network);
    model_file_ = (integer ? paths_.training_quantization : paths_.training_base) / "model.onnx";
    WriteFile(model_file_, ReadFile(file));
    log_->Info("root.main", fmt::format("Model: {}", file.string()));
    summary_.parameters = graph::CountParameters(network);
    summary_.macs = graph::CountMacs(network);
    if (integer) {
      integer_ = std::move(network);
      summary_.quantized_network.present = true;
      deployed_ = &integer_;
    } else {
      float_network_ = graph::FoldBatchNorm(network);
      summary_.float_network.present = true;
      deployed_ = &float_network_;
    }
  }

  Threshold MeasureThreshold(const graph::Graph& network) {
    return FitThreshold(ReconstructionErrors(InferReal(network, splits_.train, pool_),
                                             splits_.train.inputs, splits_.train.Count()),
                        config_.training.anomaly_threshold_k);
  }

  void LogBest(const std::string& phase, const train::Result& result) {
    for (const train::Epoch& epoch : result.history) {
      if (epoch.number == result.best_epoch) LogBestEpoch(*log_, goal_, phase, epoch);
    }
  }

  void Quantize() {
    const quantize::Settings settings =
        quantize::MakeSettings(config_.training, config_.common.task_category, trained_);
    const bool integers = quantize::HasIntegerForm(trained_, settings);
    for (const quantize::FloatLayer& layer : quantize::FloatLayers(trained_, settings)) {
      sink_.OnNotice(fmt::format("layer {}: {}: {} stays in floating point", layer.layer,
                                 layer.reason, integers ? "it" : "the network"));
      if (!integers) return;
    }
    QuantizedResult result =
        TrainQuantized(trained_, *lesson_, config_, paths_.training_quantization, *log_, pool_,
                       sink_, sink_.Epochs(summary_.quantized_network));
    if (result.precision) {
      WriteFile(paths_.training_quantization / "auto_quantization.json", ToJson(*result.precision));
      summary_.precision = std::move(result.precision);
    }
    if (result.integer.nodes.empty()) {
      sink_.OnNotice("every layer stays in floating point: the network is not quantised");
      return;
    }
    LogBest("QuantTrain", result.training);
    summary_.quantized_network.present = true;
    summary_.quantized_network.best_epoch = result.training.best_epoch;
    summary_.quantized_network.history = std::move(result.training.history);
    integer_ = std::move(result.integer);
    reference_ = std::move(result.reference);
    quantization_ = std::move(result.settings);
    model_file_ = paths_.training_quantization / "model.onnx";
    onnx_io::Export(integer_, Metadata(), model_file_);
    const bool output_int = quantization_.output_int;
    const graph::Graph& best = result.training.best;
    WriteForOthers(output_int ? best : lesson_->InRealValues(best), integer_, quantization_,
                   Metadata(), model_file_.parent_path());
    deployed_ = &integer_;
  }

  void Test() {
    std::vector<float> outputs;
    const auto test = [&](const graph::Graph& network, NetworkSummary& into) {
      outputs = InferReal(network, splits_.test, pool_);
      FillTest(into, outputs, splits_.test, goal_);
      if (!goal_.DetectsAnomalies()) return;
      const Threshold threshold = &network == deployed_ ? threshold_ : MeasureThreshold(network);
      into.anomaly = TestAnomalies(
          threshold, ReconstructionErrors(outputs, splits_.test.inputs, splits_.test.Count()),
          splits_.test.labels);
    };
    if (summary_.float_network.present) test(float_network_, summary_.float_network);
    if (summary_.quantized_network.present) test(integer_, summary_.quantized_network);
    if (goal_.Classifies()) {
      summary_.test_files = SummariseFiles(outputs, splits_.test, dataset_.test,
                                           static_cast<int>(goal_.classes.size()));
      RunLog files(paths_.file_level_log);
      files.Info("root.utils.print_file_level_classification_summary.TestData",
                 "\n" + FileTable(summary_.test_files, goal_.classes));
    }
    WriteTestPlots(summary_, outputs, splits_.test, model_file_.parent_path(), sink_);
    Guarded("the recordings", sink_, [&] { ViewTest(outputs); });
    LogTest(*log_, goal_, Last(summary_));
    if (goal_.Classifies()) {
      log_->Info("root.main.test_data",
                 fmt::format("Generated file-level classification summary of test data: {}",
                             paths_.file_level_log.string()));
    }
    CompareWithBaselines();
    if (!reference_.nodes.empty()) Guarded("the quantisation", sink_, [&] { ViewQuantization(); });
  }

  void ViewQuantization() {
    summary_.quantization = AnalyzeQuantization(
        {reference_, integer_, quantization_, config_.training, goal_}, splits_.val, pool_);
    if (!config_.training.quantization_error_logging) return;
    log_->Info("root.quantization", "\n" + TableOf(*summary_.quantization));
  }

  void ViewTest(const std::vector<float>& outputs) {
    const TestOutcome outcome{goal_,
                              splits_.test,
                              outputs,
                              dataset_.test,
                              test_recordings_,
                              config_.data_processing_feature_extraction.sampling_rate,
                              threshold_.Value()};
    summary_.insight.worst = WorstRecordings(outcome);
    summary_.insight.typical = TypicalRecordings(outcome);
    summary_.insight.test_values = PairValues(splits_.test, outputs);
  }

  void CompareWithBaselines() {
    summary_.baselines = Baselines(splits_, goal_, pipeline_, test_recordings_, season_);
    Baseline network;
    if (const auto* values = std::get_if<train::RegressionMetrics>(&*Last(summary_).test))
      network.values = *values;
    if (Last(summary_).anomaly) network.auroc = Last(summary_).anomaly->auroc;
    summary_.not_beaten = NotBeaten(summary_.baselines, goal_, network);
    for (const std::string& name : summary_.not_beaten) {
      sink_.OnNotice(fmt::format(
          "the network is no better on the test split than what needs no network: {}", name));
    }
  }

  void DrawFeatures() {
    const Splits& drawn = learns_features_ ? features_ : splits_;
    const std::vector<float> of_train = FirstTargets(drawn.train);
    const std::vector<float> of_val = FirstTargets(drawn.val);
    const auto cloud = [](const SampleSet& set, const std::vector<float>& values) {
      return FeatureCloud{{set.inputs.data(), set.inputs.size()}, set.labels, values};
    };
    Guarded("the features", sink_, [&] {
      const Projections projections =
          Project(cloud(drawn.train, of_train), cloud(drawn.val, of_val),
                  NumElements(drawn.train.shape), pool_, sink_);
      summary_.insight.projections = ForPage(projections);
      WriteFeaturePlots(projections, goal_.classes, {paths_.training_base, &summary_.pictures},
                        pool_, sink_);
    });
  }

  void PackTraining() {
    log_->Raw("\nSUCCESS: ModelMaker - Training completed.");
    const fs::path folder = model_file_.parent_path();
    WriteZip(paths_.training_zip,
             {paths_.training_log, paths_.file_level_log, folder / "post_training_analysis",
              folder / "checkpoint.bin", folder / "model.onnx", folder / "model_qdq.onnx",
              folder / "model_qdq_fallback.onnx", folder / "model_npu.onnx"});
    summary_.model_hash = HashFile(model_file_);
  }

  void Deploy() {
    deploy::PackageRequest request;
    request.prefix = PackagePrefix(config_);
    request.optimise = config_.compilation.optimise;
    request.kernels = config_.compilation.kernels;
    request.network = deployed_;
    request.pipeline = &pipeline_;
    if (goal_.Classifies()) request.classes = goal_.classes;
    if (goal_.DetectsAnomalies()) request.error_threshold = threshold_.Value();
    request.golden =
        PickGolden(pipeline_, goal_, config_, dataset_.test, test_recordings_, splits_.test);
    FillOutputs(*deployed_, request.golden, pool_);
    request.task_type = config_.common.task_type;
    request.device = config_.common.target_device;
    request.char_bits = CharBits(registry_, request.device);
    request.generator_version = Version();
    request.facts = {{"model", config_.training.model_name},
                     {"data set", config_.dataset.dataset_name},
                     {"seed", std::to_string(config_.common.seed)},
                     {"parameters", std::to_string(summary_.parameters)},
                     {"data set SHA-256", dataset_.hash},
                     {"model.onnx SHA-256", summary_.model_hash}};
    if (Last(summary_).test) request.facts.push_back(Quality(Last(summary_)));
    deploy::Write(deploy::Generate(request), paths_.artifacts);
    for (const auto& [path, content] : deploy::GoldenVectors(request))
      WriteFile(model_file_.parent_path() / path, content);
    summary_.package_path = paths_.artifacts.string();
    summary_.layers = SummariseLayers(*deployed_);
    if (deployed_ == &integer_ && !reference_.nodes.empty()) {
      Guarded("the quantisation error", sink_,
              [&] { MeasureNoise(reference_, integer_, splits_.test, summary_.layers, pool_); });
    }
    if (summary_.float_network.present)
      summary_.npu = PlaceOnDevice(registry_, config_, float_network_);
    NoteLowering(*deployed_, request, summary_, sink_);
    if (config_.compilation.backend == kVendorBackend) CallVendor();
    test_set_ =
        MakeTestSet(*deployed_, pipeline_, goal_, splits_.test,
                    Infer(*deployed_, splits_.test, pool_), dataset_.test, test_recordings_, pool_);
    Save(test_set_, paths_.compilation / "verification" / "test_set.bin");
  }

  void CallVendor() {
    RunLog log(paths_.compilation_log);
    CompileWithVendor(config_, FileForVendor(model_file_.parent_path()), paths_.artifacts,
                      EnvironmentVariable,
                      [&](std::string_view line) { log.Info("root.main.ti_nnc", line); });
  }

  void Verify() {
    RunLog log(paths_.compilation_log, config_.compilation.backend == kVendorBackend);
    VerifyOnCores(paths_.artifacts, test_set_, *deployed_, config_, registry_, summary_, sink_);
    for (const deploy::VerifyResult& result : summary_.verify) {
      log.Info("root.main.verify",
               result.ran ? fmt::format("{}: {} of {} samples and {} of {} recordings differ",
                                        result.core, result.mismatches, result.samples,
                                        result.recording_mismatches, result.recordings)
                          : result.notice);
    }
    summary_.insight.fit =
        FitDevice(registry_, config_.common.target_device, summary_.verify, pipeline_,
                  config_.data_processing_feature_extraction.sampling_rate);
    if (const auto need = NeedOf(summary_.insight.fit)) {
      const graph::Graph& network = *deployed_;
      const LimitReport limits =
          ReportLimits(registry_, config_, network.Input().shape,
                       static_cast<int>(NumElements(network.Output().shape)), *need);
      summary_.fits = limits.fits;
      for (const std::string& text : limits.texts) sink_.OnNotice(text);
    }
    log.Raw("\nSUCCESS: ModelMaker - Compilation completed.");
  }

  void PackCompilation() {
    const fs::path folder = model_file_.parent_path();
    WriteZip(paths_.compilation_zip, {paths_.artifacts, folder / "post_training_analysis",
                                      folder / "golden_vectors", folder / "model_aux.h"});
  }

  const config::Loaded& loaded_;
  const config::Config& config_;
  const config::RunPaths& paths_;
  RunSummary summary_;
  RunObserver sink_;
  ThreadPool pool_;
  DataMemory memory_;  // of recordings and samples
  config::Registry registry_;
  std::optional<RunLog> log_;
  data::Dataset dataset_;
  Goal goal_;
  Variations variations_;  // of training recordings
  std::vector<data::Recording> recordings_;
  std::vector<data::Recording> test_recordings_;
  features::Pipeline pipeline_;
  Splits splits_;
  bool learns_features_ = false;  // then samples are raw rows
  Splits features_;               // those to learn, of training and validation samples
  int64_t season_ = 0;            // of the training split, decimated rows; 0 without
  std::optional<Lesson> lesson_;
  Threshold threshold_;  // of the deployed autoencoder
  graph::Graph trained_;
  graph::Graph float_network_;
  graph::Graph integer_;
  graph::Graph reference_;           // what integer_ was made from; empty for a saved one
  quantize::Settings quantization_;  // how
  const graph::Graph* deployed_ = nullptr;
  fs::path model_file_;
  deploy::TestSet test_set_;
};

}  // namespace

const char* Version() { return "Platypus 0.1.0"; }

RunSummary Run(const config::Loaded& loaded, const RunOptions& options, ProgressSink& sink) {
  config::RequireRunnable(loaded);
  config::RunPaths paths =
      config::MakeRunPaths(loaded.config, config::ResolveRunName(loaded.config, options.start));
  RequireSavedFiles(loaded.config, paths.run);
  if (options.resume) {
    const std::optional<std::string> name = FindUnfinished(paths.runs, loaded.hash);
    if (!name) {
      throw Error(Category::kUsage,
                  fmt::format("there is no unfinished run of this configuration below {}",
                              paths.runs.string()),
                  "leave --resume out to start a new one");
    }
    paths = config::MakeRunPaths(loaded.config, *name == "." ? paths.run_name : *name);
  } else if (!config::TrainsNothing(loaded.config)) {
    // A new run trains from the beginning even where an earlier one of the same name has left
    // checkpoints, and leaves none of its networks beside its own.
    for (const fs::path& folder :
         {paths.training_base, paths.training_base / kFeatureExtractorFolder,
          paths.training_quantization}) {
      std::error_code ignored;
      fs::remove(folder / "checkpoint.bin", ignored);
      fs::remove(folder / "model.onnx", ignored);
    }
  }
  WriteConfiguration(loaded, paths.run);
  WriteStatus(loaded, paths.run, StateName(RunState::kRunning), "");
  try {
    RunSummary summary = Running(loaded, paths, options, sink).Run();
    WriteStatus(loaded, paths.run, StateName(RunState::kComplete), "");
    return summary;
  } catch (const std::exception& error) {
    const RunState state = sink.Cancelled() ? RunState::kInterrupted : RunState::kFailed;
    WriteStatus(loaded, paths.run, StateName(state), error.what());
    throw;
  }
}

}  // namespace platypus::pipeline
