#ifndef PLATYPUS_APPS_TERMINAL_H_
#define PLATYPUS_APPS_TERMINAL_H_

#include <chrono>
#include <string>

#include "platypus/base/progress.h"

namespace platypus::apps {

// Shows progress on standard error: on a terminal one line per stage that is redrawn (bar, rate,
// time left, metrics), elsewhere one line when a stage ends. Honours NO_COLOR. Ctrl-C is a wish to
// cancel.
class Terminal : public ProgressSink {
 public:
  Terminal();
  ~Terminal() override;
  void OnProgress(const ProgressEvent& event) override;
  void OnNotice(const std::string& text) override;
  bool Cancelled() override;

 private:
  using Clock = std::chrono::steady_clock;

  void Draw(const ProgressEvent& event);
  void EndLine();

  bool is_terminal_;
  bool has_colour_;
  bool line_open_ = false;
  ProgressEvent last_;
  Clock::time_point stage_start_;
  Clock::time_point last_drawn_;
};

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_TERMINAL_H_
