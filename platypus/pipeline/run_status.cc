#include "platypus/pipeline/run_status.h"

#include <nlohmann/json.hpp>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/config/write.h"
#include "platypus/pipeline/log_grammar.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

// With the expressions that tools read the log by.
Json ConfigurationJson(const config::Loaded& loaded) {
  Json json = Json::parse(config::ToJsonFile(loaded));
  json["training"]["log_summary_regex"] =
      Json::parse(LogGrammarJson(loaded.config.common.task_category));
  return json;
}

std::string Text(const Json& json) {
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace

void WriteConfiguration(const config::Loaded& loaded, const fs::path& run) {
  WriteFile(run / "run.yaml", config::ToYamlFile(loaded));
  WriteFile(run / "run.json", Text(ConfigurationJson(loaded)));
}

void WriteStatus(const config::Loaded& loaded, const fs::path& run, const std::string& state,
                 const std::string& detail) {
  std::string yaml = config::ToYamlFile(loaded);
  yaml += fmt::format("status:\n  state: {}\n  config_hash: {}\n", state, loaded.hash);
  Json json = ConfigurationJson(loaded);
  json["status"] = {{"state", state}, {"config_hash", loaded.hash}};
  if (!detail.empty()) {
    json["status"]["detail"] = detail;
    yaml += "  detail: " +
            nlohmann::json(detail).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) +
            "\n";
  }
  WriteFile(run / "status.yaml", yaml);
  WriteFile(run / "status.json", Text(json));
}

std::optional<std::string> FindUnfinished(const fs::path& runs, const std::string& hash) {
  std::optional<std::string> newest;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(runs, ignored)) {
    if (entry.path().filename() != "status.json") continue;
    const auto json = nlohmann::json::parse(ReadFile(entry.path()), nullptr, false);
    if (json.is_discarded() || !json.contains("status")) continue;
    const auto& status = json["status"];
    if (status.value("config_hash", "") != hash || status.value("state", "") == "complete")
      continue;
    const std::string name = entry.path().parent_path().lexically_relative(runs).generic_string();
    if (!newest || name > *newest) newest = name;
  }
  return newest;
}

}  // namespace platypus::pipeline
