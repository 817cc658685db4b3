#include "platypus/pipeline/training.h"

#include <algorithm>
#include <optional>

#include "platypus/config/registry.h"
#include "platypus/exec/interpreter.h"
#include "platypus/pipeline/convert_diff.h"
#include "platypus/pipeline/model_cost.h"
#include "platypus/quantize/equalize.h"
#include "platypus/quantize/post_training.h"
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

train::Result FitAndLog(const graph::Graph& graph, const train::LabelledSet& samples,
                        const Lesson& lesson, train::Options options,
                        const train::Predictor& predict, const std::string& phase, RunLog& log,
                        ThreadPool& pool, ProgressSink& sink) {
  options.loss = lesson.Wanted().Loss();
  options.judge = [&](std::span<const float> outputs) { return lesson.Judge(outputs); };
  train::Result result = train::Fit(graph, samples, lesson.Val(), options, predict, pool, sink);
  for (const train::Epoch& epoch : result.history) LogEpoch(log, lesson, phase, epoch);
  return result;
}

// At most `most` samples, evenly spread over a set.
struct Thinned {
  std::vector<float> inputs, targets;
  std::vector<int32_t> labels;

  Thinned(const train::LabelledSet& set, int64_t most) {
    const int64_t width = NumElements(set.shape);
    const int64_t outputs = static_cast<int64_t>(set.targets.size()) / set.Count();
    const int64_t count = std::min(most, set.Count());
    const auto append = [](std::vector<float>& to, std::span<const float> from, int64_t row,
                           int64_t size) {
      const auto values = from.subspan(static_cast<size_t>(row * size), static_cast<size_t>(size));
      to.insert(to.end(), values.begin(), values.end());
    };
    for (int64_t k = 0; k < count; ++k) {
      const int64_t i = k * set.Count() / count;
      append(inputs, set.inputs, i, width);
      append(targets, set.targets, i, outputs);
      if (!set.labels.empty()) labels.push_back(set.labels[static_cast<size_t>(i)]);
    }
  }
  train::LabelledSet View(const Shape& shape) const {
    return {.shape = shape, .inputs = inputs, .labels = labels, .targets = targets};
  }
};

// Training samples to calibrate with: all or as many batches as asked for, and a few of them for
// what is measured again and again.
class Calibration {
 public:
  Calibration(const Lesson& lesson, const config::Training& training)
      : lesson_(lesson), batch_size_(training.batch_size), all_(lesson.Train()) {
    constexpr int64_t kFew = 512;
    const int64_t wanted = int64_t{training.quantization_calibration_batches} * batch_size_;
    if (wanted > 0 && wanted < all_.Count()) {
      thinned_.emplace(all_, wanted);
      all_ = thinned_->View(all_.shape);
    }
    few_.emplace(all_, kFew);
  }
  quantize::Samples Seen() const { return {all_.inputs, batch_size_}; }
  quantize::Samples Few() const { return {few_->inputs, batch_size_}; }
  quantize::LossOf Loss(ThreadPool& pool) const {
    return [this, &pool](const graph::Graph& graph) {
      const train::LabelledSet judges = few_->View(all_.shape);
      return lesson_.LossOf(train::Predict(graph, judges, pool), judges);
    };
  }

 private:
  const Lesson& lesson_;
  int64_t batch_size_;
  train::LabelledSet all_;
  std::optional<Thinned> thinned_;  // what all_ stands in, where it is not everything
  std::optional<Thinned> few_;
};

// What the quantised network learns: the samples' own classes or values, mixed with what the float
// network makes of them.
std::vector<float> Distill(const graph::Graph& trained, const Lesson& lesson,
                           const config::Training& settings, ThreadPool& pool) {
  const train::LabelledSet set = lesson.Train();
  const std::vector<float> outputs = train::Predict(trained, set, pool);
  return lesson.Wanted().Classifies()
             ? train::MixTargets(outputs, set.labels, settings.label_smoothing,
                                 settings.quantization_distillation)
             : train::MixTargets(outputs, set.targets, settings.quantization_distillation);
}

AutoPrecision ChooseBits(const graph::Graph& source, const Lesson& lesson,
                         const config::Config& config, const quantize::Settings& settings,
                         const Calibrated& calibrated, RunLog& log, ThreadPool& pool,
                         ProgressSink& sink) {
  constexpr int64_t kSamples = 512;
  const train::LabelledSet all = lesson.Train();
  const Thinned some(all, kSamples);
  const config::Registry registry = config::LoadRegistry();
  const config::Value* device = registry.devices.Find(config.common.target_device);
  const DeviceFacts facts =
      device == nullptr ? DeviceFacts{} : FactsOf(config.common.target_device, *device);
  const PrecisionRequest request{
      source, lesson, config, settings, some.View(all.shape), calibrated, MacRatesOf(facts)};
  AutoPrecision choice = ChoosePrecision(request, pool, sink);
  for (const std::string& line : Lines(choice)) log.Info("root.auto_quantization", line);
  return choice;
}

// What to say where activations of 8 bits cost much of what the network has learnt and 16 bits
// would not: where small and large values that both count share a tensor's codes, no range suits
// both.
std::optional<std::string> AdviceOnActivations(const graph::Graph& source,
                                               const graph::Graph& calibrated,
                                               quantize::Settings settings,
                                               const Calibration& samples,
                                               const quantize::LossOf& loss, ThreadPool& pool) {
  // Of losses: in units of a standard deviation (squared), or nats.
  constexpr double kLeast = 0.01;
  constexpr double kLeastShare = 0.1;
  if (settings.precision.activation_bits != 8) return std::nullopt;
  const double floats = loss(source);
  const double cost = loss(calibrated) - floats;
  if (cost < std::max(kLeast, kLeastShare * floats)) return std::nullopt;
  settings.precision.activation_bits = 16;
  for (auto& [layer, precision] : settings.layers)
    precision.activation_bits = std::max(precision.activation_bits, 16);
  const double wide = loss(quantize::Calibrate(source, settings, config::RangeObserver::kMinMax,
                                               samples.Seen(), loss, pool));
  if (wide - floats > cost / 2) return std::nullopt;
  return fmt::format(
      "the loss on training samples is {:.3g} in floats, {:.3g} with activations of 8 bits and "
      "{:.3g} with 16: training.quantization_activation_bitwidth: 16 keeps more of this network",
      floats, floats + cost, wide);
}

// The reference's lines.
void LogQuantization(const config::Training& training, RunLog& log) {
  const bool ptq = training.quantization_method == config::QuantizationMethod::kPtq;
  log.Info("root.main", fmt::format("Proceeding with {} quantization", ptq ? "PTQ" : "QAT"));
  log.Info("root.main", training.auto_quantization
                            ? std::string("Quantization Bitwidths: Auto quantization")
                            : fmt::format("Quantization Bitwidths: Weight-{} Activation-{}",
                                          training.quantization_weight_bitwidth,
                                          training.quantization_activation_bitwidth));
}

// What conversion changes, on some samples.
void LogConvertDiff(const graph::Graph& fake_quantized, const graph::Graph& integer,
                    const SampleSet& samples, RunLog& log, ThreadPool& pool) {
  constexpr int64_t kMostSamples = 64;
  const int64_t count = std::min(kMostSamples, samples.Count());
  const std::span<const float> inputs(samples.inputs.data(),
                                      static_cast<size_t>(count * NumElements(samples.shape)));
  const std::vector<float> before = exec::Interpreter(fake_quantized).Run(inputs, count, pool);
  std::vector<float> after = exec::Interpreter(integer).Run(inputs, count, pool);
  const auto scale = static_cast<float>(quantize::OutputScale(integer));
  for (float& value : after) value *= scale;
  log.Info("root.main", "Quantization Convert Diff: " + ToText(MeasureConvertDiff(before, after)));
}

}  // namespace

QuantizedPhase PhaseOf(const config::Config& config, int weight_bits) {
  const config::Training& training = config.training;
  QuantizedPhase phase;
  if (training.quantization_method == config::QuantizationMethod::kPtq) return phase;
  const bool regression =
      config.common.task_category == config::TaskCategory::kTimeseriesRegression;
  const int share = weight_bits > 4 ? training.training_epochs / 5 : training.training_epochs;
  phase.epochs = std::max(regression ? 50 : 10, share);
  phase.learning_rate = training.learning_rate / (weight_bits > 4 ? 100 : weight_bits > 2 ? 10 : 1);
  const auto or_else = [](int wanted, int otherwise) {
    return wanted < 0 ? std::max(0, otherwise) : wanted;
  };
  // With 8 bits the float network's statistics hold; batches of a short phase find no better ones.
  phase.norm_epochs =
      or_else(training.quantization_batch_norm_epochs, weight_bits > 4 ? 0 : phase.epochs / 2 - 1);
  // Ranges that the loss has chosen stay, unless the network they were chosen for will not.
  const bool stay =
      training.quantization_observer == config::RangeObserver::kLoss && weight_bits > 2;
  phase.range_epochs =
      or_else(training.quantization_observer_epochs, stay ? 0 : phase.epochs / 2 + 1);
  return phase;
}

int FewestWeightBits(const config::Training& training) {
  if (training.auto_quantization) return 2;
  int bits = training.quantization_weight_bitwidth;
  for (const config::LayerPrecision& layer : training.layer_precision)
    bits = std::min(bits, layer.weight_bits.value_or(bits));
  return bits;
}

train::Result TrainFloat(const graph::Graph& initial, const Lesson& lesson,
                         const config::Config& config, const std::filesystem::path& folder,
                         RunLog& log, ThreadPool& pool, ProgressSink& sink,
                         const std::string& stage, const train::EpochObserver& on_epoch) {
  train::Options options = MakeOptions(config, folder);
  options.stage = stage;
  options.on_epoch = on_epoch;
  options.epochs = config.training.training_epochs;
  options.learning_rate = config.training.learning_rate;
  return FitAndLog(initial, lesson.Train(), lesson, options, {}, "FloatTrain", log, pool, sink);
}

QuantizedResult TrainQuantized(const graph::Graph& trained, const Lesson& lesson,
                               const config::Config& config, const std::filesystem::path& folder,
                               RunLog& log, ThreadPool& pool, ProgressSink& sink,
                               const train::EpochObserver& on_epoch) {
  const config::Training& training = config.training;
  quantize::Settings settings =
      quantize::MakeSettings(training, config.common.task_category, trained);
  const bool ptq = training.quantization_method == config::QuantizationMethod::kPtq;
  // No batch norm can follow where the output is integer: then the network learns real values.
  const bool real = settings.output_int && !lesson.Wanted().Classifies();
  const Lesson own = real ? lesson.WithRealValues() : lesson;
  graph::Graph source = real ? graph::FoldBatchNorm(lesson.InRealValues(trained)) : trained;
  if (training.quantization_equalization) source = quantize::Equalize(graph::FoldBatchNorm(source));

  const Calibration samples(own, training);
  const quantize::LossOf loss = samples.Loss(pool);
  const Calibrated calibrated = [&](const quantize::Settings& wanted) {
    if (!ptq) {
      return quantize::Calibrate(source, wanted, training.quantization_observer, samples.Seen(),
                                 loss, pool);
    }
    return quantize::QuantizeAfterTraining(
               source, wanted,
               {.observer = training.quantization_observer,
                .bias_correction = training.quantization_bias_correction},
               samples.Seen(), samples.Few(), loss, pool)
        .quantized;
  };
  QuantizedResult result;
  if (training.auto_quantization) {
    result.precision = ChooseBits(source, own, config, settings, calibrated, log, pool, sink);
    Apply(*result.precision, source, settings);
  }
  result.settings = settings;
  if (quantize::StaysInFloat(settings, source)) return result;
  LogQuantization(training, log);
  const graph::Graph start = calibrated(settings);
  if (const auto advice = AdviceOnActivations(source, start, settings, samples, loss, pool))
    sink.OnNotice(*advice);

  train::Options options = MakeOptions(config, folder);
  options.stage = "quantize";
  options.on_epoch = on_epoch;
  const QuantizedPhase phase = PhaseOf(config, settings.FewestWeightBits());
  options.epochs = phase.epochs;
  options.learning_rate = phase.learning_rate;
  options.norm_epochs = phase.norm_epochs;
  options.range_epochs = phase.range_epochs;
  options.settings.lr_warmup_epochs = 0;
  options.judge_start = true;
  train::LabelledSet lessons = own.Train();
  const std::vector<float> targets = Distill(source, own, training, pool);
  lessons.targets = targets;
  const SampleSet& val = own.Data().val;
  const train::Predictor predict = [&](const graph::Graph& graph) {
    const graph::Graph integer = quantize::Convert(graph, settings);
    std::vector<float> outputs = exec::Interpreter(integer).Run(val.inputs, val.Count(), pool);
    const auto scale = static_cast<float>(quantize::OutputScale(integer));
    for (float& value : outputs) value *= scale;
    return outputs;
  };
  result.training = FitAndLog(start, lessons, own, options, predict, "QuantTrain", log, pool, sink);
  result.integer = quantize::Convert(result.training.best, settings);
  LogConvertDiff(result.training.best, result.integer, val, log, pool);
  result.reference = graph::FoldBatchNorm(source);
  if (!real) {
    result.integer = lesson.InRealValues(std::move(result.integer));
    result.reference = lesson.InRealValues(std::move(result.reference));
  }
  return result;
}

}  // namespace platypus::pipeline
