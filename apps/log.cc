#include <cstdio>

#include "apps/command.h"
#include "apps/json_log.h"
#include "apps/terminal.h"

namespace platypus::apps {

std::unique_ptr<ProgressSink> OpenLog(const Globals& globals) {
  if (globals.json_log) return std::make_unique<JsonLog>();
  return std::make_unique<Terminal>();
}

void PrintError(const Globals& globals, const Error& error) {
  if (globals.json_log) {
    LogErrorAsJson(error);
  } else {
    fmt::print(stderr, "error: {}\n", error.what());
  }
}

}  // namespace platypus::apps
