#ifndef PLATYPUS_PIPELINE_SAMPLES_H_
#define PLATYPUS_PIPELINE_SAMPLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "platypus/base/data_memory.h"
#include "platypus/data/dataset.h"
#include "platypus/deploy/package.h"
#include "platypus/features/pipeline.h"
#include "platypus/pipeline/variations.h"
#include "platypus/train/train.h"

namespace platypus::pipeline {

// All samples of one split, in the order of its recordings and of time.
struct SampleSet {
  Shape shape;                     // of one sample, [C, H, W]
  Floats inputs;                   // [sample][C*H*W]
  std::vector<int32_t> labels;     // [sample]
  std::vector<int32_t> recording;  // [sample] index into the split's recordings
  int64_t Count() const { return static_cast<int64_t>(labels.size()); }
  train::LabelledSet View() const;
};

// Features of all recordings of a split (bad files, with no rows, are passed over), put into
// `memory`, changed and multiplied by `variations`. Error (data) if none of them is long enough for
// one sample. Progress events of stage "features".
SampleSet ExtractSamples(const features::Pipeline& pipeline,
                         const std::vector<data::RecordingRef>& refs,
                         const std::vector<data::Recording>& recordings, const std::string& split,
                         const Variations& variations, DataMemory& memory, ThreadPool& pool,
                         ProgressSink& sink);

// `count` samples spread evenly over the recordings of a split (all of them if there are fewer),
// with the raw values they were made from. `output` is left empty.
std::vector<deploy::GoldenSample> PickRaw(const features::Pipeline& pipeline,
                                          const std::vector<data::RecordingRef>& refs,
                                          const std::vector<data::Recording>& recordings,
                                          int64_t count);

// `per_class` samples of each class (fewer if a class has fewer), drawn by `seed`, with raw values.
std::vector<deploy::GoldenSample> PickPerClass(const features::Pipeline& pipeline,
                                               const std::vector<data::RecordingRef>& refs,
                                               const std::vector<data::Recording>& recordings,
                                               const SampleSet& samples, int classes, int per_class,
                                               uint64_t seed);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_SAMPLES_H_
