#include "platypus/pipeline/neural_extractor.h"

#include <cmath>

#include "platypus/base/error.h"
#include "platypus/pipeline/training.h"
#include "platypus/zoo/zoo.h"

namespace platypus::pipeline {
namespace {

// Raw samples whose targets are the features at the same position.
SampleSet WithTargets(const SampleSet& raw, const SampleSet& features) {
  Check(raw.recording == features.recording, "{} raw samples, {} of features", raw.Count(),
        features.Count());
  SampleSet set = raw;
  set.labels.clear();
  set.targets.assign(features.inputs.begin(), features.inputs.end());
  return set;
}

// The same samples, with what the extractor makes of them as inputs.
SampleSet Outputs(const graph::Graph& extractor, const SampleSet& raw, ThreadPool& pool) {
  SampleSet set = raw;
  set.shape = extractor.Output().shape;
  set.inputs = Floats(train::Predict(extractor, raw.View(), pool));
  return set;
}

void LogErrors(RunLog& log, const train::Result& result) {
  const std::string logger = "root.main.FeatureExtractor";
  const auto errors = [](const train::Epoch& epoch) {
    const train::RegressionMetrics::OfOutput& mean =
        std::get<train::RegressionMetrics>(epoch.val).mean;
    return fmt::format("MSE {:.2f}  RMSE {:.2f}  MAE {:.2f}", mean.mse, std::sqrt(mean.mse),
                       mean.mae);
  };
  for (const train::Epoch& epoch : result.history) {
    log.Info(logger, fmt::format("Epoch: [{}]  lr: {:.6f}  {}", epoch.number - 1,
                                 epoch.learning_rate, errors(epoch)));
  }
  for (const train::Epoch& epoch : result.history) {
    if (epoch.number != result.best_epoch) continue;
    log.Info(logger + ".BestEpoch",
             fmt::format("Best Epoch: {}  {}", epoch.number - 1, errors(epoch)));
  }
}

}  // namespace

features::Pipeline RawRows(const features::Pipeline& featured) {
  if (featured.stages.empty()) {
    throw Error(Category::kConfiguration,
                "data_processing_feature_extraction.nn_for_feature_extraction: there are no "
                "features to learn, as no transform changes the rows",
                "name transforms in feat_ext_transform or a preset in feature_extraction_name, or "
                "set nn_for_feature_extraction: false");
  }
  features::Pipeline raw = featured;
  raw.stages.clear();
  return raw;
}

LearnedFeatures LearnFeatures(const Splits& raw, const Splits& features,
                              const config::Config& config, const std::filesystem::path& folder,
                              RunLog& log, ThreadPool& pool, ProgressSink& sink) {
  const Splits pairs{.train = WithTargets(raw.train, features.train),
                     .val = WithTargets(raw.val, features.val),
                     .test = {}};
  Goal goal{.category = config::TaskCategory::kTimeseriesRegression};
  const int64_t count = NumElements(features.train.shape);
  for (int64_t i = 0; i < count; ++i) goal.targets.push_back(fmt::format("feature {}", i));
  const graph::Graph initial =
      zoo::BuildExtractor(raw.train.shape, features.train.shape, config.common.seed);
  const Lesson lesson(pairs, goal, initial.Output().shape);
  RunLog own(folder / "run.log");
  const train::Result result =
      TrainFloat(initial, lesson, config, folder, own, pool, sink, "learn features");
  LogErrors(log, result);
  LearnedFeatures learned;
  learned.extractor = lesson.InRealValues(result.best);
  learned.splits.train = Outputs(learned.extractor, raw.train, pool);
  learned.splits.val = Outputs(learned.extractor, raw.val, pool);
  return learned;
}

}  // namespace platypus::pipeline
