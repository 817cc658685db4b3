#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "platypus/base/error.h"
#include "platypus/base/interrupted.h"
#include "platypus/base/random.h"
#include "platypus/train/checkpoint.h"
#include "platypus/train/gathered.h"
#include "platypus/train/optimizer.h"
#include "platypus/train/sampler.h"

namespace platypus::train {
namespace {

// A label without a logit, a target without an output: the data do not fit the model.
void CheckTargets(const graph::Graph& graph, const LabelledSet& set, const char* what) {
  const int64_t classes = NumElements(graph.Output().shape);
  if (!set.targets.empty() && static_cast<int64_t>(set.targets.size()) != classes * set.Count()) {
    Fail(Category::kModel, "{} {} samples have {} target values, but the network has {} outputs",
         set.Count(), what, set.targets.size(), classes);
  }
  for (const int32_t label : set.labels) {
    if (label < 0 || label >= classes) {
      Fail(Category::kModel, "a {} sample is of class {}, but the network has {} outputs", what,
           label, classes);
    }
  }
}

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

class Fitting {
 public:
  Fitting(const graph::Graph& graph, const LabelledSet& train, const LabelledSet& val,
          const Options& options, const Predictor& predict, ThreadPool& pool, ProgressSink& sink)
      : graph_(graph),
        train_(train),
        val_(val),
        options_(options),
        predict_(predict),
        pool_(pool),
        sink_(sink),
        batch_(std::clamp<int64_t>(options.settings.batch_size, 1,
                                   std::max<int64_t>(1, train.Count()))),
        network_(graph,
                 std::max(batch_, std::min(kPredictBatch, std::max(train.Count(), val.Count())))),
        optimizer_(options.settings, network_.Parameters().size()),
        random_(options.seed, "order of " + options.stage),
        loss_(options.loss) {
    if (auto* classes = std::get_if<CrossEntropy>(&loss_))
      classes->smoothing = static_cast<float>(options.settings.label_smoothing);
  }

  Result Run() {
    Check(train_.Count() > 0 && val_.Count() > 0, "training without samples");
    for (const LabelledSet* set : {&train_, &val_}) CheckShape(graph_, *set);
    CheckTargets(graph_, train_, "training");
    CheckTargets(graph_, val_, "validation");
    Resume();
    if (options_.judge_start && point_.history.empty()) JudgeStart();
    if (!point_.history.empty()) Tell();
    for (int epoch = Finished(); epoch < options_.epochs; ++epoch) {
      RunEpoch(epoch);
      if (!options_.checkpoint.empty()) SaveCheckpoint();
      Tell();
    }
    Result result;
    result.best = graph_;
    Restore(point_.best_parameters, point_.best_state, result.best);
    result.best_epoch = point_.best_epoch;
    result.history = std::move(point_.history);
    return result;
  }

 private:
  void Tell() const {
    if (options_.on_epoch) options_.on_epoch(point_.history, point_.best_epoch);
  }

  int Finished() const { return point_.history.empty() ? 0 : point_.history.back().number; }

  void Resume() {
    if (options_.checkpoint.empty()) return;
    point_.key = CheckpointKey(graph_, train_, val_, options_);
    std::string problem;
    std::optional<Checkpoint> found = LoadCheckpoint(options_.checkpoint, problem);
    if (found && found->key != point_.key) {
      problem = "it belongs to other settings, data or another machine";
    }
    if (!problem.empty()) {
      sink_.OnNotice(
          fmt::format("{} is not used: {}", options_.checkpoint.filename().string(), problem));
      return;
    }
    if (!found) return;
    point_ = std::move(*found);
    std::copy(point_.parameters.begin(), point_.parameters.end(), network_.Parameters().begin());
    std::copy(point_.state.begin(), point_.state.end(), network_.State().begin());
    optimizer_.First() = point_.first;
    optimizer_.Second() = point_.second;
    optimizer_.Steps() = point_.steps;
    random_ = Random(point_.random);
    sink_.OnNotice(fmt::format("{} goes on after epoch {} of {}", options_.stage, Finished(),
                               options_.epochs));
  }

  void SaveCheckpoint() {
    point_.parameters.assign(network_.Parameters().begin(), network_.Parameters().end());
    point_.state.assign(network_.State().begin(), network_.State().end());
    point_.parameter_names = network_.ParameterNames();
    point_.state_names = network_.StateNames();
    point_.first = optimizer_.First();
    point_.second = optimizer_.Second();
    point_.steps = optimizer_.Steps();
    point_.random = random_.GetState();
    Save(point_, options_.checkpoint);
  }

  // Epoch 0: the graph as it came.
  void JudgeStart() {
    const std::vector<float> outputs = PredictWith(network_, train_, pool_);
    Epoch start;
    if (std::holds_alternative<CrossEntropy>(loss_)) {
      const ClassificationMetrics train =
          Evaluate(outputs, train_.labels, static_cast<int>(network_.Outputs()));
      start.train_loss = train.loss;
      start.train_accuracy = train.accuracy;
    } else {
      start.train_loss = MeanLoss(loss_, outputs, train_.targets);
      start.train_accuracy = kNone;
    }
    KeepIfBest(start);
    point_.history.push_back(start);
  }

  void RunEpoch(int epoch) {
    const auto start = std::chrono::steady_clock::now();
    Epoch result;
    result.number = epoch + 1;
    result.learning_rate =
        LearningRate(options_.settings, options_.learning_rate, epoch, options_.epochs);
    const std::vector<int64_t> order =
        train_.labels.empty()
            ? DrawOrder(train_.Count(), random_)
            : DrawOrder(train_.labels, options_.settings.class_balanced_sampling, random_);
    double loss = 0;
    int64_t correct = 0;
    for (int64_t at = 0; at < train_.Count(); at += batch_) {
      StopIfCancelled(epoch);
      const auto count = static_cast<size_t>(std::min(batch_, train_.Count() - at));
      if (train_.prefetch) {
        const int64_t next = at + batch_;
        for (int64_t i = next; i < std::min(next + batch_, train_.Count()); ++i)
          train_.prefetch(order[static_cast<size_t>(i)]);
      }
      Network::Batch batch = gathered_.Take(train_, std::span(order.data() + at, count));
      batch.draw = options_.seed ^ (static_cast<uint64_t>(optimizer_.Steps()) << 20);
      batch.epoch = epoch;
      batch.epochs = options_.epochs;
      batch.norms_move = epoch < options_.norm_epochs;
      batch.ranges_move = epoch < options_.range_epochs;
      const Network::Outcome outcome = network_.Train(batch, loss_, pool_);
      if (!outcome.finite) FailNotFinite(epoch, "the loss", at / batch_ + 1);
      const Optimizer::Outcome step =
          optimizer_.Step(network_.Parameters(), network_.Gradients(), result.learning_rate, pool_);
      if (!step.finite) FailNotFinite(epoch, "a gradient", at / batch_ + 1);
      network_.KeepStepsPositive();
      Average();
      loss += outcome.loss + static_cast<double>(count) * step.penalty;
      correct += outcome.correct;
    }
    if (!std::ranges::all_of(network_.Parameters(), IsFinite) ||
        !std::ranges::all_of(network_.State(), IsFinite)) {
      FailNotFinite(epoch, "a weight", (train_.Count() + batch_ - 1) / batch_);
    }
    const auto total = static_cast<double>(train_.Count());
    result.train_loss = loss / total;
    result.train_accuracy = train_.labels.empty() ? kNone : static_cast<double>(correct) / total;
    KeepIfBest(result);
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    point_.history.push_back(result);
    ProgressEvent event{options_.stage, "", epoch + 1, options_.epochs, "epochs", {}};
    if (const auto* classes = std::get_if<ClassificationMetrics>(&result.val)) {
      event.metrics = {{"train_loss", result.train_loss},
                       {"train_accuracy", result.train_accuracy},
                       {"val_loss", classes->loss},
                       {"val_accuracy", classes->accuracy}};
    } else {
      const auto& values = std::get<RegressionMetrics>(result.val);
      event.metrics = {{"train_loss", result.train_loss},
                       {"val_loss", values.loss},
                       {"val_error", values.error}};
    }
    event.metrics.emplace_back("learning_rate", result.learning_rate);
    sink_.OnProgress(event);
  }

  void StopIfCancelled(int epoch) {
    if (!sink_.Cancelled()) return;
    throw Interrupted(
        fmt::format("{}: interrupted after epoch {} of {}", options_.stage, epoch, options_.epochs),
        options_.checkpoint.empty() ? "" : "the same command with --resume goes on from there");
  }

  static bool IsFinite(float value) { return std::isfinite(value); }

  [[noreturn]] void FailNotFinite(int epoch, const char* what, int64_t step) const {
    const std::string layer = network_.FirstNotFinite();
    const bool data = layer == "input";
    throw Error(
        Category::kModel,
        fmt::format("{}: {} is not finite in epoch {}, step {}{}", options_.stage, what, epoch + 1,
                    step, layer.empty() ? "" : fmt::format(", first in layer {}", layer)),
        data ? "the samples hold values that are not numbers"
             : "lower training.learning_rate, or set training.clip_grad_norm: 1");
  }

  void Average() {
    const config::Training& s = options_.settings;
    if (!s.model_ema || optimizer_.Steps() % s.model_ema_steps != 0) return;
    const auto average = [&](std::vector<float>& mean, std::span<const float> values) {
      if (point_.averages == 0) mean.assign(values.begin(), values.end());
      MoveAverage(s.model_ema_decay, values, mean, pool_);
    };
    average(point_.averaged_parameters, network_.Parameters());
    average(point_.averaged_state, network_.State());
    ++point_.averages;
  }

  // Judges the epoch's weights (the averaged ones with EMA) and keeps them if they are the best so
  // far.
  void KeepIfBest(Epoch& result) {
    std::vector<float> parameters(network_.Parameters().begin(), network_.Parameters().end());
    std::vector<float> state(network_.State().begin(), network_.State().end());
    const bool averaged = point_.averages > 0;
    if (averaged) {
      std::copy(point_.averaged_parameters.begin(), point_.averaged_parameters.end(),
                network_.Parameters().begin());
      std::copy(point_.averaged_state.begin(), point_.averaged_state.end(),
                network_.State().begin());
    }
    std::vector<float> outputs;
    if (predict_) {
      graph::Graph current = graph_;
      network_.Save(current);
      outputs = predict_(current);
    } else {
      outputs = PredictWith(network_, val_, pool_);
    }
    if (options_.judge) {
      result.val = options_.judge(outputs);
    } else {
      result.val = Evaluate(outputs, val_.labels, static_cast<int>(network_.Outputs()));
    }
    const Epoch* best = nullptr;
    for (const Epoch& epoch : point_.history) {
      if (epoch.number == point_.best_epoch) best = &epoch;
    }
    if (best == nullptr || IsBetter(result.val, best->val)) {
      point_.best_epoch = result.number;
      point_.best_parameters.assign(network_.Parameters().begin(), network_.Parameters().end());
      point_.best_state.assign(network_.State().begin(), network_.State().end());
    }
    if (averaged) {
      std::copy(parameters.begin(), parameters.end(), network_.Parameters().begin());
      std::copy(state.begin(), state.end(), network_.State().begin());
    }
  }

  void Restore(const std::vector<float>& parameters, const std::vector<float>& state,
               graph::Graph& graph) {
    std::copy(parameters.begin(), parameters.end(), network_.Parameters().begin());
    std::copy(state.begin(), state.end(), network_.State().begin());
    network_.Save(graph);
  }

  const graph::Graph& graph_;
  const LabelledSet& train_;
  const LabelledSet& val_;
  const Options& options_;
  const Predictor& predict_;
  ThreadPool& pool_;
  ProgressSink& sink_;
  int64_t batch_;
  Network network_;
  Optimizer optimizer_;
  Random random_;
  Loss loss_;
  Gathered gathered_;
  Checkpoint point_;
};

}  // namespace

Result Fit(const graph::Graph& graph, const LabelledSet& train, const LabelledSet& val,
           const Options& options, const Predictor& predict, ThreadPool& pool, ProgressSink& sink) {
  return Fitting(graph, train, val, options, predict, pool, sink).Run();
}

}  // namespace platypus::train
