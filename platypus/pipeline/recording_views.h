#ifndef PLATYPUS_PIPELINE_RECORDING_VIEWS_H_
#define PLATYPUS_PIPELINE_RECORDING_VIEWS_H_

#include <span>
#include <vector>

#include "platypus/data/dataset.h"
#include "platypus/pipeline/insight.h"
#include "platypus/pipeline/samples.h"

// What the page shows of samples and recordings.
namespace platypus::pipeline {

// Of every class that the set has samples of; without classes one of all samples. At most a few
// thousand samples, spread evenly.
std::vector<ClassProfile> Profiles(const SampleSet& set, const Goal& goal);

// At most 1500 samples, and 12000 values of each kind.
ValuePairs PairValues(const SampleSet& test, std::span<const float> outputs);

// What the last network made of the test split.
struct TestOutcome {
  const Goal& goal;
  const SampleSet& samples;
  std::span<const float> outputs;  // [sample][output], real values
  const std::vector<data::RecordingRef>& refs;
  const std::vector<data::Recording>& recordings;
  double sampling_rate = 1;  // 1: not known
  double threshold = 0;      // of reconstruction errors
};

// At most 6: with classes those of which samples were taken for another class (anomalies: stand on
// the wrong side of the threshold), otherwise those with the largest errors.
std::vector<RecordingView> WorstRecordings(const TestOutcome& outcome);
// One of each class (at most 12): of those with the fewest wrong samples the middle one. Without
// classes the one with the median error.
std::vector<RecordingView> TypicalRecordings(const TestOutcome& outcome);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_RECORDING_VIEWS_H_
