#include "platypus/pipeline/training.h"

#include <algorithm>

#include "platypus/exec/interpreter.h"
#include "platypus/quantize/quantize.h"

namespace platypus::pipeline {
namespace {

train::Options MakeOptions(const config::Config& config, const std::filesystem::path& folder) {
  train::Options options;
  options.settings = config.training;
  options.seed = config.common.seed;
  options.checkpoint = folder / "checkpoint.bin";
  return options;
}

train::Result FitAndLog(const graph::Graph& graph, const Splits& splits,
                        const train::Options& options, const train::Evaluator& evaluate,
                        const std::string& phase, RunLog& log, ThreadPool& pool,
                        ProgressSink& sink) {
  train::Result result =
      train::Fit(graph, splits.train.View(), splits.val.View(), options, evaluate, pool, sink);
  for (const train::Epoch& epoch : result.history) LogEpoch(log, phase, epoch);
  return result;
}

// At most `count` samples, evenly spread over the set.
SampleSet Thin(const SampleSet& set, int64_t count) {
  if (set.Count() <= count) return set;
  const int64_t width = NumElements(set.shape);
  SampleSet thin;
  thin.shape = set.shape;
  std::vector<float> inputs;
  for (int64_t k = 0; k < count; ++k) {
    const int64_t i = k * set.Count() / count;
    inputs.insert(inputs.end(), set.inputs.begin() + i * width,
                  set.inputs.begin() + (i + 1) * width);
    thin.labels.push_back(set.labels[static_cast<size_t>(i)]);
  }
  thin.inputs = std::move(inputs);
  return thin;
}

// Ranges from all training samples, chosen by the loss of some.
graph::Graph CalibrateForLoss(const graph::Graph& prepared, const SampleSet& train,
                              ThreadPool& pool) {
  constexpr int64_t kSamples = 512;
  const SampleSet judges = Thin(train, kSamples);
  const auto classes = static_cast<int>(NumElements(prepared.Output().shape));
  return quantize::ChooseRanges(
      train::Calibrate(prepared, train.View(), pool), [&](const graph::Graph& graph) {
        return train::Evaluate(train::Predict(graph, judges.View(), pool), judges.labels, classes)
            .loss;
      });
}

}  // namespace

int QuantizedEpochs(int training_epochs) { return std::max(10, training_epochs / 5); }

train::Result TrainFloat(const graph::Graph& initial, const Splits& splits,
                         const config::Config& config, const std::filesystem::path& folder,
                         RunLog& log, ThreadPool& pool, ProgressSink& sink) {
  train::Options options = MakeOptions(config, folder);
  options.stage = "train";
  options.epochs = config.training.training_epochs;
  options.learning_rate = config.training.learning_rate;
  return FitAndLog(initial, splits, options, {}, "FloatTrain", log, pool, sink);
}

QuantizedResult TrainQuantized(const graph::Graph& trained, const Splits& splits,
                               const config::Config& config, const std::filesystem::path& folder,
                               RunLog& log, ThreadPool& pool, ProgressSink& sink) {
  const quantize::Settings settings =
      quantize::MakeSettings(config.training, config.common.task_category);
  train::Options options = MakeOptions(config, folder);
  options.stage = "quantize";
  options.epochs = QuantizedEpochs(config.training.training_epochs);
  options.learning_rate = config.training.learning_rate / 100;
  options.settings.lr_warmup_epochs = 0;
  options.judge_start = true;
  options.targets =
      train::MixTargets(train::Predict(trained, splits.train.View(), pool), splits.train.labels,
                        config.training.label_smoothing, config.training.quantization_distillation);
  if (config.training.quantization_method == config::QuantizationMethod::kPtq) options.epochs = 0;
  const train::Evaluator evaluate = [&](const graph::Graph& graph) {
    const graph::Graph integer = quantize::Convert(graph, settings);
    const std::vector<float> logits =
        exec::Interpreter(integer).Run(splits.val.inputs, splits.val.Count(), pool);
    return train::Evaluate(logits, splits.val.labels,
                           static_cast<int>(NumElements(integer.Output().shape)),
                           quantize::OutputScale(integer));
  };
  QuantizedResult result;
  const graph::Graph start =
      CalibrateForLoss(quantize::PrepareForTraining(trained, settings), splits.train, pool);
  result.training = FitAndLog(start, splits, options, evaluate, "QuantTrain", log, pool, sink);
  result.integer = quantize::Convert(result.training.best, settings);
  return result;
}

}  // namespace platypus::pipeline
