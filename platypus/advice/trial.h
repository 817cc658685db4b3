#ifndef PLATYPUS_ADVICE_TRIAL_H_
#define PLATYPUS_ADVICE_TRIAL_H_

#include <optional>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"
#include "platypus/config/load.h"
#include "platypus/data/dataset.h"
#include "platypus/features/pipeline.h"
#include "platypus/pipeline/lesson.h"

// A short training on some of the real data, to rank features and models.
namespace platypus::advice {

// The recordings of a data set, read once for all trials: as many as make a few million rows.
struct TrialData {
  data::Dataset dataset;
  std::vector<data::Recording> train, val;
  std::vector<data::Recording> anomalies;  // anomaly detection: some that only test
  std::vector<data::RecordingRef> train_refs, val_refs, anomaly_refs;
};
TrialData ReadForTrial(const config::Config& config, const std::filesystem::path& scratch,
                       ThreadPool& pool, ProgressSink& sink);

struct TrialSamples {
  features::Pipeline pipeline;
  pipeline::Goal goal;
  pipeline::Splits splits;    // test: samples of anomalies
  int64_t train_samples = 0;  // of the whole training split, before thinning
};
// Error (data or configuration) where the features do not fit the recordings.
TrialSamples MakeTrialSamples(const config::Config& config, const TrialData& data,
                              ThreadPool& pool);

struct TrialResult {
  std::string metric;  // "accuracy", "R2", "AUROC"
  double value = 0;    // of the validation split; anomalies: against it
  double loss = 0;
  int epochs = 0;
  double seconds = 0;
};
// Two epochs of at most a few thousand samples, more epochs of few ones, so that every trial takes
// a comparable number of steps. Deterministic but for `seconds`. nullopt for a network that does
// not fit, or whose training is not finite.
std::optional<TrialResult> Try(const config::Config& config, const config::Registry& registry,
                               const TrialSamples& samples, ThreadPool& pool, ProgressSink& sink);

}  // namespace platypus::advice

#endif  // PLATYPUS_ADVICE_TRIAL_H_
