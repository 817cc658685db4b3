#include <cstdio>

#include "apps/command.h"
#include "apps/json_log.h"
#include "apps/terminal.h"
#include "platypus/base/interrupted.h"

namespace platypus::apps {
namespace {

// What to do about an error that does not say it itself.
const char* NextStep(Category category) {
  switch (category) {
    case Category::kUsage:
      return "`platypus help COMMAND` lists the options";
    case Category::kConfiguration:
      return "`platypus config FILE` shows every value in effect";
    case Category::kData:
      return "`platypus check DATASET` looks for what is wrong with recordings";
    case Category::kModel:
      return "`platypus info` lists the models";
    case Category::kToolchain:
      return "`platypus doctor` says what is missing and how it is installed";
    case Category::kInternal:
      return "please report this with the command and the configuration";
  }
  return "";
}

}  // namespace

int ExitStatus(const Error& error) {
  if (dynamic_cast<const Interrupted*>(&error) != nullptr) return Interrupted::kExitCode;
  return ExitCode(error.category());
}

std::unique_ptr<ProgressSink> OpenLog(const Globals& globals) {
  if (globals.json_log) return std::make_unique<JsonLog>();
  return std::make_unique<Terminal>();
}

void PrintError(const Globals& globals, const Error& found) {
  const std::string hint = found.hint().empty() ? NextStep(found.category()) : found.hint();
  if (globals.json_log) {
    LogErrorAsJson(found, hint);
  } else {
    fmt::print(stderr, "error: {}\n",
               Error(found.category(), found.message(), hint, found.location()).what());
  }
}

}  // namespace platypus::apps
