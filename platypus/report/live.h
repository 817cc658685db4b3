#ifndef PLATYPUS_REPORT_LIVE_H_
#define PLATYPUS_REPORT_LIVE_H_

#include <chrono>
#include <optional>

#include "platypus/pipeline/summary.h"

namespace platypus::report {

// Keeps <run folder>/report.html up to date: what RunOptions::observe calls. Pages of a run that is
// over are always written; those of a run that goes on if wanted, at most once a second and so
// seldom that writing takes less than 2 % of the time.
class LiveReport {
 public:
  explicit LiveReport(bool while_running) : while_running_(while_running) {}

  // Error of WriteFile only for the page of a complete run: no other is worth a run.
  void Show(const pipeline::RunSummary& summary);

 private:
  using Clock = std::chrono::steady_clock;

  bool while_running_;
  std::optional<pipeline::RunState> shown_;
  Clock::time_point next_;
};

}  // namespace platypus::report

#endif  // PLATYPUS_REPORT_LIVE_H_
