#ifndef PLATYPUS_BASE_PROGRESS_H_
#define PLATYPUS_BASE_PROGRESS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace platypus {

// One step of long work. The terminal bar, the log and the report read the same events.
struct ProgressEvent {
  std::string stage;    // "download", "read", "features", "train", "quantize", "verify", ...
  std::string message;  // free text for the log; may be empty
  int64_t step = 0;     // finished so far
  int64_t total = 0;    // 0: unknown
  std::string unit;     // "files", "epochs", "samples", "octets"
  std::vector<std::pair<std::string, double>>
      metrics;  // e.g. {"loss", 0.12}, {"val_accuracy", 0.98}
};

// Receives events and notices. Calls come from one thread at a time.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  virtual void OnProgress(const ProgressEvent& event) = 0;
  // Something the user should know that is no error: one line, said once.
  virtual void OnNotice(const std::string& text) = 0;
  // Polled by long work between steps; true ends it with an Error of category usage.
  virtual bool Cancelled() { return false; }
};

// Forgets everything.
class NullSink : public ProgressSink {
 public:
  void OnProgress(const ProgressEvent&) override {}
  void OnNotice(const std::string&) override {}
};

}  // namespace platypus

#endif  // PLATYPUS_BASE_PROGRESS_H_
