#ifndef PLATYPUS_ADVICE_RECOMMEND_H_
#define PLATYPUS_ADVICE_RECOMMEND_H_

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "platypus/advice/feature_choice.h"
#include "platypus/advice/model_choice.h"
#include "platypus/advice/trial.h"
#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"
#include "platypus/config/registry.h"
#include "platypus/data/check.h"

// What `platypus recommend` says: features and a model for a data set and a device.
namespace platypus::advice {

struct RecommendRequest {
  std::filesystem::path dataset;  // folder
  std::string device;
  std::string task;   // empty: found out from the folders
  bool trial = true;  // false: by the rules alone
  uint64_t seed = 42;
};

struct Candidate {
  FeatureChoice features;
  Shape input;  // of one sample
  ModelChoice model;
  std::optional<TrialResult> trial;
  std::string yaml;  // the whole configuration
};

struct Recommendation {
  std::string task;
  std::string task_reason;
  std::string device;
  data::DatasetReport data;
  std::vector<Candidate> candidates;  // best first
  int trials = 0;
  double seconds = 0;
  std::vector<std::string> notes;
};

// Error (usage) for an unknown device or task; (data) for a data set that a run would refuse, with
// the first finding; (model) if no model fits. Progress events of the stages check, read and trial.
Recommendation Recommend(const RecommendRequest& request, const config::Registry& registry,
                         ThreadPool& pool, ProgressSink& sink);

}  // namespace platypus::advice

#endif  // PLATYPUS_ADVICE_RECOMMEND_H_
