#ifndef PLATYPUS_PIPELINE_SAMPLES_H_
#define PLATYPUS_PIPELINE_SAMPLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "platypus/base/data_memory.h"
#include "platypus/data/dataset.h"
#include "platypus/deploy/package.h"
#include "platypus/features/pipeline.h"
#include "platypus/pipeline/goal.h"
#include "platypus/pipeline/variations.h"
#include "platypus/train/train.h"

namespace platypus::pipeline {

// All samples of one split, in the order of its recordings and of time.
struct SampleSet {
  Shape shape;                     // of one sample, [C, H, W]
  Floats inputs;                   // [sample][C*H*W]
  std::vector<int32_t> labels;     // [sample]; empty without classes
  std::vector<float> targets;      // [sample][output], real values; regression and forecasting
  std::vector<int32_t> recording;  // [sample] index into the split's recordings
  int64_t Count() const { return static_cast<int64_t>(recording.size()); }
  // Values that the network shall give: the targets, or to detect anomalies the inputs.
  std::span<const float> Wanted(const Goal& goal) const;
  train::LabelledSet View() const;  // without targets
};

// Forecasting: takes the last `horizon` (decimated) rows of each recording from what windows are
// cut out of; they stay targets.
void HoldBack(std::vector<data::Recording>& recordings, const features::Pipeline& pipeline,
              int horizon);

// Features of all recordings of a split (bad files, with no rows, are passed over), put into
// `memory`, changed and multiplied by `variations`. Error (data) if none of them is long enough for
// one sample. Progress events of stage "features".
// Targets: regression, of each column the mean over the rows that the sample covers; forecasting,
// the `goal.horizon` rows behind them.
SampleSet ExtractSamples(const features::Pipeline& pipeline,
                         const std::vector<data::RecordingRef>& refs,
                         const std::vector<data::Recording>& recordings, const std::string& split,
                         const Goal& goal, const Variations& variations, DataMemory& memory,
                         ThreadPool& pool, ProgressSink& sink);

// `count` samples spread evenly over the recordings of a split (all of them if there are fewer),
// with the raw values they were made from. `output` is left empty.
std::vector<deploy::GoldenSample> PickRaw(const features::Pipeline& pipeline,
                                          const std::vector<data::RecordingRef>& refs,
                                          const std::vector<data::Recording>& recordings,
                                          int64_t count);

// `count` samples drawn by `seed` from all, in the order of the recordings.
std::vector<deploy::GoldenSample> PickRandom(const features::Pipeline& pipeline,
                                             const std::vector<data::RecordingRef>& refs,
                                             const std::vector<data::Recording>& recordings,
                                             const SampleSet& samples, int count, uint64_t seed);

// `per_class` samples of each class (fewer if a class has fewer), drawn by `seed`, with raw values.
std::vector<deploy::GoldenSample> PickPerClass(const features::Pipeline& pipeline,
                                               const std::vector<data::RecordingRef>& refs,
                                               const std::vector<data::Recording>& recordings,
                                               const SampleSet& samples, int classes, int per_class,
                                               uint64_t seed);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_SAMPLES_H_
