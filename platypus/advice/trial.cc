#include "platypus/advice/trial.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/pipeline/anomaly.h"
#include "platypus/zoo/zoo.h"

namespace platypus::advice {
namespace {

constexpr int64_t kMostTrainValues = 3'000'000;
constexpr int64_t kMostOtherValues = 1'000'000;
constexpr int64_t kMostTrainSamples = 2'048;
constexpr int64_t kMostOtherSamples = 1'024;
constexpr double kMostMacs = 2e10;  // of all forward passes of a trial

// Recordings spread evenly, about as many as hold so many values.
void Limit(std::vector<data::RecordingRef>& refs, std::vector<data::Recording>& recordings,
           int64_t most) {
  int64_t values = 0;
  for (const data::Recording& recording : recordings)
    values += static_cast<int64_t>(recording.values.size());
  if (values <= most) return;
  const auto step = static_cast<size_t>((values + most - 1) / most);
  std::vector<data::RecordingRef> kept_refs;
  std::vector<data::Recording> kept;
  for (size_t i = 0; i < refs.size(); i += step) {
    kept_refs.push_back(refs[i]);
    kept.push_back(std::move(recordings[i]));
  }
  refs = std::move(kept_refs);
  recordings = std::move(kept);
}

// At most `most` samples, spread evenly.
pipeline::SampleSet Thin(const pipeline::SampleSet& set, int64_t most) {
  const int64_t count = set.Count();
  if (count <= most) return set;
  pipeline::SampleSet thin;
  thin.shape = set.shape;
  const auto width = static_cast<size_t>(NumElements(set.shape));
  const size_t targets = set.targets.size() / static_cast<size_t>(count);
  std::vector<float> inputs;
  for (int64_t k = 0; k < most; ++k) {
    const auto i = static_cast<size_t>(k * count / most);
    inputs.insert(inputs.end(), set.inputs.begin() + i * width,
                  set.inputs.begin() + (i + 1) * width);
    if (!set.labels.empty()) thin.labels.push_back(set.labels[i]);
    thin.targets.insert(thin.targets.end(),
                        set.targets.begin() + static_cast<std::ptrdiff_t>(i * targets),
                        set.targets.begin() + static_cast<std::ptrdiff_t>((i + 1) * targets));
    thin.recording.push_back(set.recording[i]);
  }
  thin.inputs = std::move(inputs);
  return thin;
}

double Auroc(const graph::Graph& network, const TrialSamples& samples, ThreadPool& pool) {
  const auto errors = [&](const pipeline::SampleSet& set) {
    return pipeline::ReconstructionErrors(train::Predict(network, set.View(), pool),
                                          {set.inputs.data(), set.inputs.size()}, set.Count());
  };
  std::vector<float> all = errors(samples.splits.test);
  std::vector<uint8_t> positive(all.size(), 1);
  const std::vector<float> normal = errors(samples.splits.val);
  all.insert(all.end(), normal.begin(), normal.end());
  positive.resize(all.size(), 0);
  return train::Roc(all, positive).area;
}

}  // namespace

TrialData ReadForTrial(const config::Config& config, const std::filesystem::path& scratch,
                       ThreadPool& pool, ProgressSink& sink) {
  TrialData data;
  data.dataset = data::Open(config, scratch, sink);
  data.train_refs = data.dataset.train;
  data.val_refs = data.dataset.val;
  DataMemory memory(HalfOfMemory(), scratch);
  std::vector<data::SkippedFile> skipped;
  const auto read = [&](std::vector<data::RecordingRef>& refs, std::vector<data::Recording>& into,
                        int64_t most) {
    into = data::ReadAll(refs, config, memory, pool, skipped, sink);
    Limit(refs, into, most);
  };
  read(data.train_refs, data.train, kMostTrainValues);
  read(data.val_refs, data.val, kMostOtherValues);
  if (config.common.task_category == config::TaskCategory::kTimeseriesAnomalyDetection) {
    for (const data::RecordingRef& ref : data.dataset.test) {
      if (ref.label == pipeline::kAnomaly) data.anomaly_refs.push_back(ref);
    }
    read(data.anomaly_refs, data.anomalies, kMostOtherValues);
  }
  return data;
}

TrialSamples MakeTrialSamples(const config::Config& config, const TrialData& data,
                              ThreadPool& pool) {
  const config::FeatureExtraction& settings = config.data_processing_feature_extraction;
  NullSink silent;
  TrialSamples samples;
  int variables = 1;
  for (const data::Recording& recording : data.train) {
    if (recording.rows == 0) continue;
    variables = static_cast<int>(recording.columns.size());
    samples.goal.targets = recording.target_columns;
  }
  samples.pipeline = features::MakePipeline(settings, variables, silent);
  samples.goal.category = config.common.task_category;
  samples.goal.classes = data.dataset.classes;
  samples.goal.horizon = settings.forecast_horizon;
  const auto extract = [&](const std::vector<data::RecordingRef>& refs,
                           std::vector<data::Recording> recordings, const char* split) {
    if (samples.goal.Forecasts())
      pipeline::HoldBack(recordings, samples.pipeline, samples.goal.horizon);
    DataMemory memory(HalfOfMemory(), std::filesystem::temp_directory_path());
    return pipeline::ExtractSamples(samples.pipeline, refs, recordings, split, samples.goal, {},
                                    memory, pool, silent);
  };
  samples.splits.train = extract(data.train_refs, data.train, "train");
  samples.train_samples = samples.splits.train.Count();
  samples.splits.train = Thin(samples.splits.train, kMostTrainSamples);
  samples.splits.val = Thin(extract(data.val_refs, data.val, "val"), kMostOtherSamples);
  if (samples.goal.DetectsAnomalies() && !data.anomalies.empty()) {
    samples.splits.test =
        Thin(extract(data.anomaly_refs, data.anomalies, "test"), kMostOtherSamples);
  }
  return samples;
}

std::optional<TrialResult> Try(const config::Config& config, const config::Registry& registry,
                               const TrialSamples& samples, ThreadPool& pool, ProgressSink& sink) {
  constexpr int kSteps = 160;  // at least
  constexpr int kMostEpochs = 60;
  const auto start = std::chrono::steady_clock::now();
  try {
    const Shape& shape = samples.splits.train.shape;
    const graph::Graph initial = zoo::Build(config.training, registry, shape,
                                            samples.goal.Outputs(shape), config.common.seed);
    pipeline::RequireOutputs(samples.goal, initial, shape, config.training.model_name);
    const double macs = 3.0 * static_cast<double>(graph::CountMacs(initial));
    const auto affordable = static_cast<int64_t>(kMostMacs / std::max(1.0, 2 * macs));
    pipeline::Splits splits = samples.splits;
    splits.train = Thin(splits.train, std::max<int64_t>(256, affordable));
    const pipeline::Lesson lesson(splits, samples.goal, initial.Output().shape);
    train::Options options;
    options.settings = config.training;
    const int64_t count = splits.train.Count();
    options.settings.batch_size = static_cast<int>(std::clamp<int64_t>(count / 16, 8, 32));
    const double steps = std::ceil(static_cast<double>(count) / options.settings.batch_size);
    options.epochs = std::clamp(static_cast<int>(std::ceil(kSteps / steps)), 2, kMostEpochs);
    options.learning_rate = config.training.learning_rate;
    options.loss = samples.goal.Loss();
    options.judge = [&](std::span<const float> outputs) { return lesson.Judge(outputs); };
    options.seed = config.common.seed;
    options.stage = "trial";
    const train::Result result =
        train::Fit(initial, lesson.Train(), lesson.Val(), options, {}, pool, sink);
    const train::Metrics& val =
        std::ranges::find(result.history, result.best_epoch, &train::Epoch::number)->val;
    TrialResult trial;
    trial.epochs = options.epochs;
    if (samples.goal.DetectsAnomalies() && samples.splits.test.Count() > 0) {
      trial.metric = "AUROC";
      trial.value = Auroc(lesson.InRealValues(result.best), samples, pool);
      trial.loss = std::get<train::RegressionMetrics>(val).loss;
    } else if (const auto* classes = std::get_if<train::ClassificationMetrics>(&val)) {
      // The mean over classes, so that a frequent class does not hide the others.
      trial.metric = "F1";
      trial.value = classes->f1_macro;
      trial.loss = classes->loss;
    } else {
      const auto& values = std::get<train::RegressionMetrics>(val);
      trial.metric = "R2";
      trial.value = values.mean.r2;
      trial.loss = values.loss;
    }
    trial.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (!std::isfinite(trial.value)) return std::nullopt;
    return trial;
  } catch (const Error& error) {
    if (error.category() == Category::kModel) return std::nullopt;
    throw;
  }
}

}  // namespace platypus::advice
