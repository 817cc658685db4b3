#include "platypus/pipeline/lesson.h"

#include <algorithm>
#include <utility>

namespace platypus::pipeline {

Lesson::Lesson(const Splits& splits, const Goal& goal, Units units)
    : splits_(&splits), goal_(&goal), units_(std::move(units)) {
  if (goal.Classifies()) return;
  train_targets_ = units_.ToTraining(splits.train.Wanted(goal));
  val_targets_ = units_.ToTraining(splits.val.Wanted(goal));
}

Lesson::Lesson(const Splits& splits, const Goal& goal, const Shape& shape)
    : Lesson(splits, goal,
             goal.Classifies()
                 ? Units{}
                 : MeasureUnits(splits.train.Wanted(goal), shape, goal.DetectsAnomalies())) {}

Lesson Lesson::WithRealValues() const {
  Units units = units_;
  units.mean.assign(units.mean.size(), 0.0f);
  units.deviation.assign(units.deviation.size(), 1.0f);
  return {*splits_, *goal_, std::move(units)};
}

train::LabelledSet Lesson::Train() const {
  train::LabelledSet set = splits_->train.View();
  if (!goal_->Classifies()) set.labels = {};
  set.targets = train_targets_;
  return set;
}

train::LabelledSet Lesson::Val() const {
  train::LabelledSet set = splits_->val.View();
  if (!goal_->Classifies()) set.labels = {};
  set.targets = val_targets_;
  return set;
}

train::Metrics Lesson::Judge(std::span<const float> outputs) const {
  if (goal_->Classifies()) {
    return train::Evaluate(outputs, splits_->val.labels, static_cast<int>(goal_->classes.size()));
  }
  const std::span<const float> wanted = splits_->val.Wanted(*goal_);
  const auto width = static_cast<int64_t>(wanted.size()) / splits_->val.Count();
  train::RegressionMetrics metrics =
      train::EvaluateRegression(units_.ToReal(outputs), wanted, width, goal_->Criterion());
  metrics.loss = train::MeanLoss(goal_->Loss(), outputs, val_targets_);
  // Every value of a window by itself is of no interest, and a history of them is large.
  if (goal_->DetectsAnomalies()) metrics.outputs.clear();
  return metrics;
}

double Lesson::InRealUnits(double mean_squared_error) const {
  double squares = 0;
  for (const float deviation : units_.deviation) squares += double{deviation} * deviation;
  return mean_squared_error * squares / static_cast<double>(units_.deviation.size());
}

double Lesson::LossOf(std::span<const float> outputs, const train::LabelledSet& set) const {
  if (!goal_->Classifies()) return train::MeanLoss(goal_->Loss(), outputs, set.targets);
  return train::Evaluate(outputs, set.labels, static_cast<int>(goal_->classes.size())).loss;
}

graph::Graph Lesson::InRealValues(graph::Graph graph) const {
  const auto is = [](float wanted) { return [wanted](float value) { return value == wanted; }; };
  const bool real =
      std::ranges::all_of(units_.mean, is(0)) && std::ranges::all_of(units_.deviation, is(1));
  if (goal_->Classifies() || real) return graph;
  return WithUnits(std::move(graph), units_);
}

}  // namespace platypus::pipeline
