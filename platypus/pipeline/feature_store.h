#ifndef PLATYPUS_PIPELINE_FEATURE_STORE_H_
#define PLATYPUS_PIPELINE_FEATURE_STORE_H_

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/config/config.h"
#include "platypus/data/dataset.h"
#include "platypus/features/pipeline.h"

namespace platypus::pipeline {

// Writes what recordings become as .npy files (docs/features.md names them): store_feat_ext_data
// and dont_train_just_feat_ext.
class FeatureStore {
 public:
  // `folder` is feat_ext_store_dir, or else below `training`.
  FeatureStore(const config::FeatureExtraction& settings, const std::filesystem::path& training,
               std::vector<std::string> classes);

  bool Enabled() const;
  const std::filesystem::path& Folder() const { return folder_; }

  // Files of the recordings of one split, as they are: without copies that augment training. Bad
  // files (with no rows) and those too short for a sample are passed over.
  void Write(const features::Pipeline& pipeline, const std::vector<data::RecordingRef>& refs,
             const std::vector<data::Recording>& recordings, const std::string& split,
             ThreadPool& pool);

 private:
  std::string NameFor(const data::RecordingRef& ref, const std::string& split);
  void WriteOne(const features::Pipeline& pipeline, const data::RecordingRef& ref,
                const data::Recording& recording, const std::string& name) const;

  const config::FeatureExtraction& settings_;
  std::filesystem::path folder_;
  std::vector<std::string> classes_;
  std::string transforms_;      // names, joined by _
  std::set<std::string> used_;  // names of recordings
};

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_FEATURE_STORE_H_
