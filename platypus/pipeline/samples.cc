#include "platypus/pipeline/samples.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include "platypus/base/error.h"
#include "platypus/base/random.h"

namespace platypus::pipeline {
namespace {

// Where one sample stands: which recording, and which of its samples.
struct SampleRef {
  size_t recording = 0;
  int64_t index = 0;
};

// The rows that windows are cut out of, which are not all where some are held back.
std::span<const float> Rows(const data::Recording& recording) {
  return {recording.values.data(),
          std::min(recording.values.size(),
                   static_cast<size_t>(recording.rows) * recording.columns.size())};
}

// Appends a sample's targets, [row ahead][column]; `start` in decimated rows.
void AppendTargets(const features::Pipeline& pipeline, const data::Recording& recording,
                   const Goal& goal, int64_t start, std::vector<float>& targets) {
  const size_t columns = recording.target_columns.size();
  const auto at = [&](int64_t row, size_t column) {
    return recording.targets[static_cast<size_t>(row * pipeline.decimation) * columns + column];
  };
  const int64_t end = start + pipeline.RowsPerSample();
  if (goal.Forecasts()) {
    for (int64_t row = end; row < end + goal.horizon; ++row) {
      for (size_t c = 0; c < columns; ++c) targets.push_back(at(row, c));
    }
    return;
  }
  for (size_t c = 0; c < columns; ++c) {
    double sum = 0;
    for (int64_t row = start; row < end; ++row) sum += at(row, c);
    targets.push_back(static_cast<float>(sum / pipeline.RowsPerSample()));
  }
}

// The raw values and features of chosen samples of one recording, in the order of `indices`.
void AppendRaw(const features::Pipeline& pipeline, const data::RecordingRef& ref,
               const data::Recording& recording, const std::vector<int64_t>& indices,
               std::vector<deploy::GoldenSample>& out) {
  std::vector<float> features;
  std::vector<float> raw;
  const int64_t samples = features::Extract(pipeline, Rows(recording), features, &raw);
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

std::span<const float> SampleSet::Wanted(const Goal& goal) const {
  if (goal.DetectsAnomalies()) return {inputs.data(), inputs.size()};
  return targets;
}

train::LabelledSet SampleSet::View() const {
  train::LabelledSet view{
      .shape = shape, .inputs = {inputs.data(), inputs.size()}, .labels = labels};
  if (inputs.InFile()) {
    view.prefetch = [row = inputs,
                     width = static_cast<size_t>(NumElements(shape))](int64_t sample) {
      row.Prefetch(static_cast<size_t>(sample) * width, width);
    };
  }
  return view;
}

void HoldBack(std::vector<data::Recording>& recordings, const features::Pipeline& pipeline,
              int horizon) {
  for (data::Recording& recording : recordings) {
    const int64_t kept = features::DecimatedRows(pipeline, recording.rows) - horizon;
    recording.rows = std::max<int64_t>(0, kept) * pipeline.decimation;
  }
}

SampleSet ExtractSamples(const features::Pipeline& pipeline,
                         const std::vector<data::RecordingRef>& refs,
                         const std::vector<data::Recording>& recordings, const std::string& split,
                         const Goal& goal, const Variations& variations, DataMemory& memory,
                         ThreadPool& pool, ProgressSink& sink) {
  SampleSet set;
  set.shape = pipeline.OutputShape();
  const auto width = static_cast<size_t>(NumElements(set.shape));
  int64_t longest = 0;
  std::vector<size_t> first;           // of each recording: where its samples begin
  std::vector<int64_t> windows = {0};  // up to each recording
  for (size_t i = 0; i < refs.size(); ++i) {
    longest = std::max(longest, recordings[i].rows);
    first.push_back(set.recording.size());
    const std::vector<int64_t> starts = features::SampleStarts(pipeline, recordings[i].rows);
    windows.push_back(windows.back() + static_cast<int64_t>(starts.size()));
    const int64_t copies = variations.Copies(refs[i].label);
    const auto samples = starts.size() * static_cast<size_t>(copies);
    if (!goal.classes.empty()) set.labels.insert(set.labels.end(), samples, refs[i].label);
    for (int64_t copy = 0; copy < copies && !goal.targets.empty(); ++copy) {
      for (const int64_t start : starts)
        AppendTargets(pipeline, recordings[i], goal, start, set.targets);
    }
    set.recording.insert(set.recording.end(), samples, static_cast<int32_t>(i));
  }
  first.push_back(set.recording.size());
  if (set.Count() == 0) {
    throw Error(
        Category::kData,
        fmt::format("no recording of the {} split is long enough for one sample: the longest "
                    "has {} rows{}, a sample needs {}",
                    split, longest,
                    goal.Forecasts() ? fmt::format(" before the {} to forecast", goal.horizon) : "",
                    pipeline.RowsPerSample() * pipeline.decimation),
        "lower data_processing_feature_extraction.frame_size or num_frame_concat");
  }
  set.inputs = memory.Make(set.recording.size() * width);
  const std::span<float> inputs = set.inputs.Fill();
  std::mutex mutex;
  int64_t finished = 0;
  pool.Run(static_cast<int64_t>(refs.size()), [&](int64_t i) {
    const auto n = static_cast<size_t>(i);
    std::vector<float> features;
    variations.Extract(pipeline, Rows(recordings[n]), refs[n].label, windows[n], features);
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
    const int64_t samples = features::Extract(pipeline, Rows(recordings[file]), features);
    const int64_t wanted = std::min(samples, count * (k + 1) / chosen - count * k / chosen);
    std::vector<int64_t> indices;
    for (int64_t j = 0; j < wanted; ++j) indices.push_back(j * samples / wanted);
    AppendRaw(pipeline, refs[file], recordings[file], indices, picked);
  }
  return picked;
}

std::vector<deploy::GoldenSample> PickRandom(const features::Pipeline& pipeline,
                                             const std::vector<data::RecordingRef>& refs,
                                             const std::vector<data::Recording>& recordings,
                                             const SampleSet& samples, int count, uint64_t seed) {
  std::vector<SampleRef> all;
  for (size_t s = 0; s < samples.recording.size(); ++s) {
    const bool next = s > 0 && samples.recording[s] == samples.recording[s - 1];
    all.push_back({static_cast<size_t>(samples.recording[s]), next ? all.back().index + 1 : 0});
  }
  std::vector<size_t> order(all.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Random(seed, "golden vectors").Shuffle(std::span(order));
  order.resize(std::min(order.size(), static_cast<size_t>(count)));
  std::sort(order.begin(), order.end());
  std::vector<deploy::GoldenSample> picked;
  for (const size_t s : order) {
    const size_t file = all[s].recording;
    AppendRaw(pipeline, refs[file], recordings[file], {all[s].index}, picked);
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
