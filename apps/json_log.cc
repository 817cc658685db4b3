#include "apps/json_log.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "apps/interrupt.h"
#include "platypus/base/interrupted.h"

namespace platypus::apps {
namespace {

using Json = nlohmann::ordered_json;

void Print(const Json& line) {
  const std::string text = line.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
  std::fputs(text.c_str(), stderr);
}

}  // namespace

JsonLog::JsonLog() { CatchInterrupts(); }

void JsonLog::OnProgress(const ProgressEvent& event) {
  Json line = {{"event", "progress"},      {"stage", event.stage}, {"message", event.message},
               {"step", event.step},       {"total", event.total}, {"unit", event.unit},
               {"metrics", Json::object()}};
  for (const auto& [name, value] : event.metrics) line["metrics"][name] = value;
  Print(line);
}

void JsonLog::OnNotice(const std::string& text) { Print({{"event", "notice"}, {"text", text}}); }

bool JsonLog::Cancelled() { return WasInterrupted(); }

namespace {

const char* NameOf(const Error& error) {
  if (dynamic_cast<const Interrupted*>(&error) != nullptr) return "interrupted";
  switch (error.category()) {
    case Category::kInternal:
      return "internal";
    case Category::kUsage:
      return "usage";
    case Category::kConfiguration:
      return "configuration";
    case Category::kData:
      return "data";
    case Category::kModel:
      return "model";
    case Category::kToolchain:
      return "toolchain";
  }
  return "internal";
}

}  // namespace

void LogErrorAsJson(const Error& error, const std::string& hint) {
  Json line = {{"event", "error"},
               {"category", NameOf(error)},
               {"exit_status", ExitStatus(error)},
               {"message", error.message()},
               {"hint", hint}};
  if (!error.location().file.empty()) {
    line["file"] = error.location().file;
    line["line"] = error.location().line;
    line["column"] = error.location().column;
  }
  Print(line);
}

void LogResultAsJson(const std::vector<std::pair<std::string, std::string>>& values) {
  Json line = {{"event", "result"}};
  for (const auto& [name, value] : values) line[name] = value;
  Print(line);
}

}  // namespace platypus::apps
