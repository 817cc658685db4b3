#include "platypus/report/live.h"

#include <algorithm>
#include <filesystem>

#include "platypus/base/error.h"
#include "platypus/report/report.h"

namespace platypus::report {

void LiveReport::Show(const pipeline::RunSummary& summary) {
  constexpr auto kOften = std::chrono::seconds(1);
  constexpr int kShare = 50;  // of the time, at most one part is for writing
  const bool running = summary.state == pipeline::RunState::kRunning;
  if (summary.run_folder.empty() || (running && !while_running_)) return;
  const auto start = Clock::now();
  if (shown_ == summary.state && start < next_) return;
  try {
    WriteReport(summary, std::filesystem::path(summary.run_folder) / "report.html");
  } catch (const Error&) {
    if (summary.state == pipeline::RunState::kComplete) throw;
  }
  shown_ = summary.state;
  const auto end = Clock::now();
  next_ = end + std::max<Clock::duration>(kOften, kShare * (end - start));
}

}  // namespace platypus::report
