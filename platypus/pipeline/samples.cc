#include "platypus/pipeline/samples.h"

#include <algorithm>
#include <mutex>

#include "platypus/base/error.h"
#include "platypus/base/random.h"

namespace platypus::pipeline {
namespace {

// Where one sample stands: which recording, and which of its samples.
struct SampleRef {
  size_t recording = 0;
  int64_t index = 0;
};

// The raw values and features of chosen samples of one recording, in the order of `indices`.
void AppendRaw(const features::Pipeline& pipeline, const data::RecordingRef& ref,
               const data::Recording& recording, const std::vector<int64_t>& indices,
               std::vector<deploy::GoldenSample>& out) {
  std::vector<float> features;
  std::vector<float> raw;
  const int64_t samples = features::Extract(pipeline, recording.values, features, &raw);
  if (samples == 0) return;
  const auto width = static_cast<int64_t>(features.size()) / samples;
  const auto raw_width = static_cast<int64_t>(raw.size()) / samples;
  for (const int64_t i : indices) {
    deploy::GoldenSample sample;
    sample.features.assign(features.begin() + i * width, features.begin() + (i + 1) * width);
    sample.raw.assign(raw.begin() + i * raw_width, raw.begin() + (i + 1) * raw_width);
    sample.label = ref.label;
    sample.source = fmt::format("{} #{}", ref.name, i);
    out.push_back(std::move(sample));
  }
}

}  // namespace

train::LabelledSet SampleSet::View() const {
  train::LabelledSet view{shape, {inputs.data(), inputs.size()}, labels};
  if (inputs.InFile()) {
    view.prefetch = [row = inputs,
                     width = static_cast<size_t>(NumElements(shape))](int64_t sample) {
      row.Prefetch(static_cast<size_t>(sample) * width, width);
    };
  }
  return view;
}

SampleSet ExtractSamples(const features::Pipeline& pipeline,
                         const std::vector<data::RecordingRef>& refs,
                         const std::vector<data::Recording>& recordings, const std::string& split,
                         const Variations& variations, DataMemory& memory, ThreadPool& pool,
                         ProgressSink& sink) {
  SampleSet set;
  set.shape = pipeline.OutputShape();
  const auto width = static_cast<size_t>(NumElements(set.shape));
  int64_t longest = 0;
  std::vector<size_t> first;           // of each recording: where its samples begin
  std::vector<int64_t> windows = {0};  // up to each recording
  for (size_t i = 0; i < refs.size(); ++i) {
    longest = std::max(longest, recordings[i].rows);
    first.push_back(set.labels.size());
    const auto count =
        static_cast<int64_t>(features::SampleStarts(pipeline, recordings[i].rows).size());
    windows.push_back(windows.back() + count);
    const auto samples = static_cast<size_t>(count * variations.Copies(refs[i].label));
    set.labels.insert(set.labels.end(), samples, refs[i].label);
    set.recording.insert(set.recording.end(), samples, static_cast<int32_t>(i));
  }
  first.push_back(set.labels.size());
  if (set.Count() == 0) {
    throw Error(
        Category::kData,
        fmt::format("no recording of the {} split is long enough for one sample: the longest "
                    "has {} rows, a sample needs {}",
                    split, longest, pipeline.RowsPerSample() * pipeline.decimation),
        "lower data_processing_feature_extraction.frame_size or num_frame_concat");
  }
  set.inputs = memory.Make(set.labels.size() * width);
  const std::span<float> inputs = set.inputs.Fill();
  std::mutex mutex;
  int64_t finished = 0;
  pool.Run(static_cast<int64_t>(refs.size()), [&](int64_t i) {
    const auto n = static_cast<size_t>(i);
    std::vector<float> features;
    variations.Extract(pipeline, {recordings[n].values.data(), recordings[n].values.size()},
                       refs[n].label, windows[n], features);
    Check(features.size() == (first[n + 1] - first[n]) * width,
          "features of {} have an unexpected size", refs[n].name);
    std::copy(features.begin(), features.end(), inputs.subspan(first[n] * width).begin());
    const std::lock_guard lock(mutex);
    sink.OnProgress(
        {"features", split, ++finished, static_cast<int64_t>(refs.size()), "files", {}});
  });
  return set;
}

std::vector<deploy::GoldenSample> PickRaw(const features::Pipeline& pipeline,
                                          const std::vector<data::RecordingRef>& refs,
                                          const std::vector<data::Recording>& recordings,
                                          int64_t count) {
  std::vector<size_t> usable;  // long enough for a sample (after decimation)
  for (size_t i = 0; i < refs.size(); ++i) {
    if (recordings[i].rows >= int64_t{pipeline.RowsPerSample()} * pipeline.decimation)
      usable.push_back(i);
  }
  std::vector<deploy::GoldenSample> picked;
  if (usable.empty()) return picked;
  const auto files = static_cast<int64_t>(usable.size());
  const int64_t chosen = std::min(files, count);
  for (int64_t k = 0; k < chosen; ++k) {
    const size_t file = usable[static_cast<size_t>(k * files / chosen)];
    std::vector<float> features;
    const int64_t samples = features::Extract(pipeline, recordings[file].values, features);
    const int64_t wanted = std::min(samples, count * (k + 1) / chosen - count * k / chosen);
    std::vector<int64_t> indices;
    for (int64_t j = 0; j < wanted; ++j) indices.push_back(j * samples / wanted);
    AppendRaw(pipeline, refs[file], recordings[file], indices, picked);
  }
  return picked;
}

std::vector<deploy::GoldenSample> PickPerClass(const features::Pipeline& pipeline,
                                               const std::vector<data::RecordingRef>& refs,
                                               const std::vector<data::Recording>& recordings,
                                               const SampleSet& samples, int classes, int per_class,
                                               uint64_t seed) {
  std::vector<std::vector<SampleRef>> candidates(static_cast<size_t>(classes));
  int64_t within = 0;
  for (size_t s = 0; s < samples.labels.size(); ++s) {
    within = s > 0 && samples.recording[s] == samples.recording[s - 1] ? within + 1 : 0;
    candidates[static_cast<size_t>(samples.labels[s])].push_back(
        {static_cast<size_t>(samples.recording[s]), within});
  }
  Random random(seed, "golden vectors");
  std::vector<deploy::GoldenSample> picked;
  for (std::vector<SampleRef>& of_class : candidates) {
    random.Shuffle(std::span(of_class));
    for (size_t i = 0; i < of_class.size() && i < static_cast<size_t>(per_class); ++i) {
      const SampleRef& ref = of_class[i];
      AppendRaw(pipeline, refs[ref.recording], recordings[ref.recording], {ref.index}, picked);
    }
  }
  return picked;
}

}  // namespace platypus::pipeline
