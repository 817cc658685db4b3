#include "platypus/pipeline/feature_store.h"

#include <algorithm>

#include "platypus/base/files.h"
#include "platypus/data/write_npy.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

// Windows of a recording one behind the other, each [row][variable].
std::vector<float> Windows(const std::vector<float>& prepared, const std::vector<int64_t>& starts,
                           int64_t rows, int64_t variables) {
  std::vector<float> windows;
  for (const int64_t start : starts) {
    const auto from = prepared.begin() + start * variables;
    windows.insert(windows.end(), from, from + rows * variables);
  }
  return windows;
}

// [window][row][variable] to [window][variable][row].
std::vector<float> ChannelsFirst(const std::vector<float>& windows, size_t rows, size_t variables) {
  std::vector<float> result(windows.size());
  for (size_t i = 0; i < windows.size(); ++i) {
    const size_t window = i / (rows * variables);
    const size_t row = i / variables % rows;
    result[(window * variables + i % variables) * rows + row] = windows[i];
  }
  return result;
}

}  // namespace

FeatureStore::FeatureStore(const config::FeatureExtraction& settings, const fs::path& training,
                           std::vector<std::string> classes)
    : settings_(settings),
      folder_(settings.feat_ext_store_dir.empty() ? training / "feat_ext_data"
                                                  : fs::absolute(settings.feat_ext_store_dir)),
      classes_(std::move(classes)) {
  for (const auto* names : {&settings.data_proc_transforms, &settings.feat_ext_transform}) {
    for (const std::string& name : *names) transforms_ += (transforms_.empty() ? "" : "_") + name;
  }
}

bool FeatureStore::Enabled() const {
  return settings_.store_feat_ext_data || settings_.dont_train_just_feat_ext;
}

// "sine/a.csv" is sine__a; parts of one file differ by their split, files that differ by their
// ending alone by that.
std::string FeatureStore::NameFor(const data::RecordingRef& ref, const std::string& split) {
  const fs::path path = ref.name;
  std::string name;
  for (const fs::path& folder : path.parent_path()) name += folder.string() + "__";
  name += path.stem().string();
  if (ref.first != 0.0 || ref.last != 1.0) name += "_" + split;
  if (used_.contains(name)) name += "_" + path.extension().string().substr(1);
  used_.insert(name);
  return name;
}

void FeatureStore::Write(const features::Pipeline& pipeline,
                         const std::vector<data::RecordingRef>& refs,
                         const std::vector<data::Recording>& recordings, const std::string& split,
                         ThreadPool& pool) {
  if (!Enabled()) return;
  std::vector<std::string> names;
  for (const data::RecordingRef& ref : refs) names.push_back(NameFor(ref, split));
  pool.Run(static_cast<int64_t>(refs.size()), [&](int64_t i) {
    const auto n = static_cast<size_t>(i);
    if (!features::SampleStarts(pipeline, recordings[n].rows).empty())
      WriteOne(pipeline, refs[n], recordings[n], names[n]);
  });
}

void FeatureStore::WriteOne(const features::Pipeline& pipeline, const data::RecordingRef& ref,
                            const data::Recording& recording, const std::string& name) const {
  const std::span<const float> rows(recording.values.data(), recording.values.size());
  const std::vector<float> prepared = features::Prepare(pipeline, rows);
  const std::vector<int64_t> starts = features::SampleStarts(pipeline, recording.rows);
  const auto samples = static_cast<int64_t>(starts.size());
  const int64_t length = pipeline.RowsPerSample();
  const Shape shape = pipeline.OutputShape();
  std::vector<float> features;
  features::Extract(pipeline, rows, features);
  if (settings_.store_feat_ext_data) {
    const std::vector<float> raw =
        ChannelsFirst(Windows(prepared, starts, length, pipeline.variables),
                      static_cast<size_t>(length), static_cast<size_t>(pipeline.variables));
    const std::string stem = name + "__";
    WriteFile(folder_ / (stem + "raw_X.npy"),
              data::ToNpy({samples, pipeline.variables, length}, raw));
    WriteFile(folder_ / (stem + transforms_ + "_X.npy"),
              data::ToNpy({samples, shape[0], shape[1], shape[2]}, features));
    if (!classes_.empty()) {
      const std::vector<std::string> labels(starts.size(),
                                            classes_[static_cast<size_t>(ref.label)]);
      WriteFile(folder_ / (stem + transforms_ + "_Y.npy"), data::ToNpy(labels));
    }
  }
  if (settings_.dont_train_just_feat_ext) {
    const bool windowed = std::count(settings_.data_proc_transforms.begin(),
                                     settings_.data_proc_transforms.end(), "SimpleWindow") > 0;
    const std::vector<float> before =
        windowed ? Windows(prepared, starts, length, pipeline.variables) : prepared;
    WriteFile(folder_ / (name + "_raw.npy"),
              data::ToNpy({static_cast<int64_t>(before.size())}, before));
    WriteFile(folder_ / (name + "_features.npy"),
              data::ToNpy({samples, shape[0], shape[1] * shape[2]}, features));
  }
}

}  // namespace platypus::pipeline
