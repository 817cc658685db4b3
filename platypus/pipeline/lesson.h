#ifndef PLATYPUS_PIPELINE_LESSON_H_
#define PLATYPUS_PIPELINE_LESSON_H_

#include <span>
#include <vector>

#include "platypus/pipeline/goal.h"
#include "platypus/pipeline/samples.h"
#include "platypus/pipeline/units.h"
#include "platypus/train/train.h"

namespace platypus::pipeline {

// Train, validation and test samples of one run.
struct Splits {
  SampleSet train;
  SampleSet val;
  SampleSet test;
};

// What a network learns from the splits: classes, or values in units of their own; and what its
// outputs are worth.
class Lesson {
 public:
  // Values in the units of the training split, for an output of `shape`. The splits and the goal
  // are the caller's and outlive the lesson.
  Lesson(const Splits& splits, const Goal& goal, const Shape& shape);
  // The same with real values.
  Lesson WithRealValues() const;

  const Splits& Data() const { return *splits_; }
  const Goal& Wanted() const { return *goal_; }
  train::LabelledSet Train() const;
  train::LabelledSet Val() const;
  // Of outputs for the validation split, in the lesson's units.
  train::Metrics Judge(std::span<const float> outputs) const;
  // A mean squared error in real units; exact where all channels have one deviation.
  double InRealUnits(double mean_squared_error) const;
  // Mean loss of outputs for a set like Train().
  double LossOf(std::span<const float> outputs, const train::LabelledSet& set) const;
  // The graph, giving real values; unchanged where it gives classes.
  graph::Graph InRealValues(graph::Graph graph) const;

 private:
  Lesson(const Splits& splits, const Goal& goal, Units units);

  const Splits* splits_;
  const Goal* goal_;
  Units units_;
  std::vector<float> train_targets_, val_targets_;  // [sample][output], in units_
};

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_LESSON_H_
