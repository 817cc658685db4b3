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
  options.calibrate_only = config.training.quantization_method == config::QuantizationMethod::kPtq;
  const train::Evaluator evaluate = [&](const graph::Graph& graph) {
    const graph::Graph integer = quantize::Convert(graph, settings);
    const std::vector<float> logits =
        exec::Interpreter(integer).Run(splits.val.inputs, splits.val.Count(), pool);
    return train::Evaluate(logits, splits.val.labels,
                           static_cast<int>(NumElements(integer.Output().shape)),
                           quantize::OutputScale(integer));
  };
  QuantizedResult result;
  result.training = FitAndLog(quantize::PrepareForTraining(trained, settings), splits, options,
                              evaluate, "QuantTrain", log, pool, sink);
  result.integer = quantize::Convert(result.training.best, settings);
  return result;
}

}  // namespace platypus::pipeline
