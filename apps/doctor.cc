#include "apps/command.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "platypus/base/error.h"
#include "platypus/pipeline/environment.h"

namespace platypus::apps {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string Json(const pipeline::Environment& environment) {
  nlohmann::ordered_json json;
  json["version"] = environment.version;
  json["instruction_set"] = environment.instruction_set;
  json["threads"] = environment.threads;
  auto tools = nlohmann::ordered_json::array();
  for (const pipeline::Tool& tool : environment.tools) {
    tools.push_back({{"name", tool.name},
                     {"group", tool.group},
                     {"purpose", tool.purpose},
                     {"essential", tool.essential},
                     {"found", tool.found},
                     {"where", tool.where},
                     {"version", tool.version},
                     {"install", tool.install}});
  }
  json["tools"] = tools;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void PrintGroup(const std::string& group, const pipeline::Environment& environment) {
  fmt::print("\n{}\n", group);
  for (const pipeline::Tool& tool : environment.tools) {
    if (tool.group != group) continue;
    if (tool.found) {
      fmt::print("  found    {:<32} {}\n", tool.name,
                 tool.version.empty() ? tool.where : tool.version);
    } else {
      fmt::print("  missing  {:<32} {}: {}\n", tool.name, tool.purpose, tool.install);
    }
  }
}

int DoctorCommand(bool json) {
  const pipeline::Environment environment = pipeline::LookAround(Variable);
  if (json) {
    fmt::print("{}", Json(environment));
  } else {
    fmt::print("{}, {} threads, vectors of {}\n", environment.version, environment.threads,
               environment.instruction_set);
    std::vector<std::string> groups;  // in order of appearance
    for (const pipeline::Tool& tool : environment.tools) {
      if (std::ranges::find(groups, tool.group) == groups.end()) groups.push_back(tool.group);
    }
    for (const std::string& group : groups) PrintGroup(group, environment);
  }
  return pipeline::IsUsable(environment) ? 0 : ExitCode(Category::kToolchain);
}

}  // namespace

Command AddDoctor(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand(
      "doctor",
      "compilers, emulators and vendor kits that this machine has, and how to get the rest\n"
      "Example: platypus doctor --json");
  const auto json = std::make_shared<bool>(false);
  parser->add_flag("--json", *json, "for programs");
  return {parser, [json] { return DoctorCommand(*json); }};
}

}  // namespace platypus::apps
