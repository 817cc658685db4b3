#ifndef PLATYPUS_PIPELINE_RUN_OBSERVER_H_
#define PLATYPUS_PIPELINE_RUN_OBSERVER_H_

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "platypus/base/progress.h"
#include "platypus/pipeline/summary.h"

namespace platypus::pipeline {

// A stage that a run will go through.
struct PlannedStage {
  std::string name;
  int epochs = 0;  // of a stage that trains
};

// The stages of a run whose time is worth knowing, in order.
std::vector<PlannedStage> PlanStages(const config::Config& config);

// Keeps what a run's summary says of its course (state, stage, share done, time left, notices,
// curves) and shows the summary to who watches. Passes events on.
class RunObserver : public ProgressSink {
 public:
  using Observe = std::function<void(const RunSummary&)>;

  // All outlive the observer; `observe` may be empty.
  RunObserver(RunSummary& summary, Observe observe, ProgressSink& next);

  void OnProgress(const ProgressEvent& event) override;
  void OnNotice(const std::string& text) override;
  bool Cancelled() override;

  void Begin(std::vector<PlannedStage> stages);
  void BeginStage(const std::string& name);
  void EndStage();
  // For train::Options::on_epoch: the history of `network` grows while it trains.
  train::EpochObserver Epochs(NetworkSummary& network);
  void Complete();
  // By the error that ended the run.
  void Fail(const std::exception& error);

 private:
  using Clock = std::chrono::steady_clock;

  void Show();
  double InStage() const;  // seconds

  RunSummary& summary_;
  Observe observe_;
  ProgressSink& next_;
  std::vector<PlannedStage> ahead_;  // the one that runs, and what follows
  Clock::time_point stage_start_;
  double epoch_seconds_ = 0;  // mean of the phase that trained last; 0 before the first epoch
};

// Seconds until the end of the first of `ahead`, of which `share` is done after `elapsed` seconds,
// and of those behind it: epochs take as long as the last ones, an epoch of the quantised phase
// somewhat longer than one in floating point; other stages what they take for small data sets.
// nullopt while there are epochs ahead and no epoch was timed (epoch_seconds 0).
std::optional<double> SecondsLeft(const std::vector<PlannedStage>& ahead, double share,
                                  double elapsed, double epoch_seconds);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_RUN_OBSERVER_H_
