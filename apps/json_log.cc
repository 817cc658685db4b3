#include "apps/json_log.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/interrupt.h"

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

bool JsonLog::Cancelled() { return Interrupted(); }

void LogErrorAsJson(const Error& error) {
  Json line = {{"event", "error"},
               {"category", Name(error.category())},
               {"exit_status", ExitCode(error.category())},
               {"message", error.message()},
               {"hint", error.hint()}};
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
