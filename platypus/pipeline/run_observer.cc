#include "platypus/pipeline/run_observer.h"

#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/pipeline/training.h"

namespace platypus::pipeline {
namespace {

// What stages without epochs take for sets of a few megabytes.
double UsualSeconds(const std::string& stage) {
  if (stage == "verify") return 6;
  if (stage == "pictures") return 2;
  return 0.5;
}

constexpr const char* kQuantize = "quantize";
// Fake quantisation, and the integer network that judges the epoch.
constexpr double kQuantizedEpoch = 1.5;

}  // namespace

std::vector<PlannedStage> PlanStages(const config::Config& config) {
  const config::Training& training = config.training;
  std::vector<PlannedStage> stages = {{"read"}, {"features"}};
  if (config.data_processing_feature_extraction.dont_train_just_feat_ext) {
    stages.push_back({"pictures"});
    return stages;
  }
  if (!config::TrainsNothing(config)) {
    stages.push_back({"train", training.run_quant_train_only ? 0 : training.training_epochs});
    stages.push_back({"pictures"});
    if (training.quantization != config::Quantization::kNone) {
      stages.push_back({kQuantize, QuantizedEpochs(config)});
    }
  }
  if (config.testing.enable) stages.push_back({"test"});
  if (config.compilation.enable) {
    stages.push_back({"generate"});
    stages.push_back({"verify"});
  }
  return stages;
}

std::optional<double> SecondsLeft(const std::vector<PlannedStage>& ahead, double share,
                                  double elapsed, double epoch_seconds) {
  double seconds = 0;
  for (size_t i = 0; i < ahead.size(); ++i) {
    const bool runs = i == 0;
    const PlannedStage& stage = ahead[i];
    if (stage.epochs > 0) {
      if (epoch_seconds <= 0) return std::nullopt;
      const bool slower = stage.name == kQuantize && !(runs && share > 0);
      seconds +=
          stage.epochs * (runs ? 1 - share : 1) * epoch_seconds * (slower ? kQuantizedEpoch : 1);
    } else if (runs && share > 0) {
      seconds += elapsed * (1 - share) / share;
    } else {
      seconds += std::max(0.0, UsualSeconds(stage.name) - (runs ? elapsed : 0));
    }
  }
  return seconds;
}

RunObserver::RunObserver(RunSummary& summary, Observe observe, ProgressSink& next)
    : summary_(summary), observe_(std::move(observe)), next_(next), stage_start_(Clock::now()) {}

double RunObserver::InStage() const {
  return std::chrono::duration<double>(Clock::now() - stage_start_).count();
}

void RunObserver::OnProgress(const ProgressEvent& event) {
  if (event.stage == summary_.stage && event.total > 0)
    summary_.share_done = static_cast<double>(event.step) / static_cast<double>(event.total);
  next_.OnProgress(event);
}

void RunObserver::OnNotice(const std::string& text) {
  summary_.notices.push_back(text);
  next_.OnNotice(text);
}

bool RunObserver::Cancelled() { return next_.Cancelled(); }

void RunObserver::Show() {
  if (summary_.state == RunState::kRunning) {
    summary_.seconds_left = SecondsLeft(ahead_, summary_.share_done, InStage(), epoch_seconds_);
  } else {
    summary_.seconds_left.reset();
  }
  if (observe_) observe_(summary_);
}

void RunObserver::Begin(std::vector<PlannedStage> stages) {
  ahead_ = std::move(stages);
  stage_start_ = Clock::now();
  Show();
}

void RunObserver::BeginStage(const std::string& name) {
  const auto found = std::ranges::find(ahead_, name, &PlannedStage::name);
  if (found != ahead_.end()) ahead_.erase(ahead_.begin(), found);
  summary_.stage = name;
  summary_.share_done = 0;
  stage_start_ = Clock::now();
  Show();
}

void RunObserver::EndStage() {
  summary_.seconds.emplace_back(summary_.stage, InStage());
  summary_.share_done = 1;
}

train::EpochObserver RunObserver::Epochs(NetworkSummary& network) {
  return [&](std::span<const train::Epoch> history, int best_epoch) {
    network.present = true;
    network.best_epoch = best_epoch;
    const size_t known = network.history.size();
    network.history.insert(network.history.end(), history.begin() + static_cast<ptrdiff_t>(known),
                           history.end());
    double sum = 0;
    int timed = 0;
    for (const train::Epoch& epoch : history) {
      if (epoch.number == 0) continue;
      sum += epoch.seconds;
      ++timed;
    }
    if (timed > 0) epoch_seconds_ = sum / timed;
    if (!ahead_.empty() && ahead_[0].epochs > 0)
      summary_.share_done = std::min(1.0, static_cast<double>(timed) / ahead_[0].epochs);
    Show();
  };
}

void RunObserver::Complete() {
  summary_.state = RunState::kComplete;
  summary_.share_done = 1;
  Show();
}

void RunObserver::Fail(const std::exception& error) {
  summary_.state = next_.Cancelled() ? RunState::kInterrupted : RunState::kFailed;
  summary_.error = error.what();
  if (const auto* known = dynamic_cast<const Error*>(&error); known && !known->hint().empty()) {
    summary_.hint = known->hint();
    summary_.error.resize(summary_.error.size() - summary_.hint.size() - 2);  // "; " + hint
  }
  Show();
}

}  // namespace platypus::pipeline
