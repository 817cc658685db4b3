#ifndef PLATYPUS_APPS_JSON_LOG_H_
#define PLATYPUS_APPS_JSON_LOG_H_

#include <string>
#include <utility>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/base/progress.h"

// What happens, for machines: one JSON object a line on standard error (docs/command-line.md).
namespace platypus::apps {

class JsonLog : public ProgressSink {
 public:
  JsonLog();
  void OnProgress(const ProgressEvent& event) override;
  void OnNotice(const std::string& text) override;
  bool Cancelled() override;
};

// `hint` takes the place of the error's.
void LogErrorAsJson(const Error& error, const std::string& hint);

// What a command ends with: names and texts.
void LogResultAsJson(const std::vector<std::pair<std::string, std::string>>& values);

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_JSON_LOG_H_
