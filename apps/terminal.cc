#include "apps/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "apps/interrupt.h"

namespace platypus::apps {
namespace {

std::string Count(double value, const std::string& unit) {
  if (unit == "octets") {
    if (value >= 1e9) return fmt::format("{:.2f} GB", value / 1e9);
    if (value >= 1e6) return fmt::format("{:.1f} MB", value / 1e6);
    return fmt::format("{:.0f} kB", value / 1e3);
  }
  return fmt::format("{:.0f}", value);
}

std::string Bar(double share) {
  constexpr int kCells = 24;
  const int full = std::clamp(static_cast<int>(std::lround(share * kCells)), 0, kCells);
  std::string bar;
  for (int i = 0; i < kCells; ++i) bar += i < full ? "\u2588" : "\u2591";
  return bar;
}

std::string Metrics(const ProgressEvent& event) {
  std::string text;
  for (const auto& [name, value] : event.metrics) {
    if (name == "learning_rate") continue;
    text += fmt::format("  {} {:.4f}", name, value);
  }
  return text;
}

}  // namespace

Terminal::Terminal()
    : is_terminal_(isatty(STDERR_FILENO) != 0),
      has_colour_(is_terminal_ && std::getenv("NO_COLOR") == nullptr),
      stage_start_(Clock::now()) {
  CatchInterrupts();
}

Terminal::~Terminal() { EndLine(); }

bool Terminal::Cancelled() { return WasInterrupted(); }

void Terminal::Draw(const ProgressEvent& event) {
  const double elapsed = std::chrono::duration<double>(Clock::now() - stage_start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(event.step) / elapsed : 0;
  std::string line = fmt::format("{:<9}", event.stage);
  if (event.total > 0) {
    const double share = static_cast<double>(event.step) / static_cast<double>(event.total);
    line +=
        fmt::format(" {} {}/{} {}", Bar(share), Count(static_cast<double>(event.step), event.unit),
                    Count(static_cast<double>(event.total), event.unit), event.unit);
    line += fmt::format("  {}/s", Count(rate, event.unit));
    if (event.step < event.total && rate > 0) {
      line += fmt::format("  {:.0f} s left", static_cast<double>(event.total - event.step) / rate);
    } else {
      line += fmt::format("  {:.2f} s", elapsed);
    }
  } else {
    line += fmt::format(" {} {}  {:.1f} s", Count(static_cast<double>(event.step), event.unit),
                        event.unit, elapsed);
  }
  line += Metrics(event);
  if (event.metrics.empty() && !event.message.empty()) line += "  " + event.message;
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  line_open_ = true;
}

void Terminal::EndLine() {
  if (line_open_) {
    if (is_terminal_) Draw(last_);
    std::fputc('\n', stderr);
  }
  line_open_ = false;
}

void Terminal::OnProgress(const ProgressEvent& event) {
  const bool same = last_.stage == event.stage && last_.message == event.message;
  const bool finished = event.total > 0 && event.step >= event.total;
  if (!same) {
    EndLine();
    stage_start_ = Clock::now();
  }
  last_ = event;
  if (is_terminal_) {
    constexpr auto kInterval = std::chrono::milliseconds(50);
    if (!same || finished || Clock::now() - last_drawn_ >= kInterval) {
      Draw(event);
      last_drawn_ = Clock::now();
    }
    return;
  }
  if (!finished) return;
  const double elapsed = std::chrono::duration<double>(Clock::now() - stage_start_).count();
  std::fprintf(stderr, "%-9s %s: %lld %s in %.2f s%s\n", event.stage.c_str(), event.message.c_str(),
               static_cast<long long>(event.total), event.unit.c_str(), elapsed,
               Metrics(event).c_str());
}

void Terminal::OnNotice(const std::string& text) {
  EndLine();
  std::fprintf(stderr, has_colour_ ? "\033[33mnotice:\033[0m %s\n" : "notice: %s\n", text.c_str());
}

}  // namespace platypus::apps
