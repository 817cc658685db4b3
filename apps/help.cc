#include "apps/command.h"
#include "apps/describe.h"
#include "platypus/base/error.h"
#include "platypus/config/registry.h"
#include "platypus/pipeline/run.h"

namespace platypus::apps {
namespace {

struct Arguments {
  std::string topic;
  bool all = false;
  bool man = false;
  bool compatibility = false;
};

// CLI::App::help would give the text of this very command.
std::string OwnHelp(const CLI::App& program) {
  return program.get_formatter()->make_help(&program, program.get_name(),
                                            CLI::AppFormatMode::Normal);
}

void PrintAll(const CLI::App& program, const std::vector<const CLI::App*>& commands) {
  std::string rule;
  for (int i = 0; i < 70; ++i) rule += "─";
  fmt::print("{}\n\n{}", pipeline::Version(), OwnHelp(program));
  for (const CLI::App* command : commands)
    fmt::print("\n{}\n{}", rule, command->help(program.get_name()));
}

int HelpCommand(const CLI::App& program, const Arguments& a) {
  const auto commands =
      program.get_subcommands([](const CLI::App* app) { return !app->get_group().empty(); });
  if (a.man) {
    fmt::print("{}", ManPage(DescribeProgram(program, config::LoadRegistry())));
  } else if (a.compatibility) {
    fmt::print("{}", CompatibilityTable());
  } else if (a.all) {
    PrintAll(program, commands);
  } else if (a.topic.empty()) {
    fmt::print("{}", OwnHelp(program));
  } else {
    std::vector<std::string> names;
    for (const CLI::App* command : commands) {
      names.push_back(command->get_name());
      if (names.back() != a.topic) continue;
      fmt::print("{}", command->help(program.get_name()));
      return 0;
    }
    throw Error(Category::kUsage, fmt::format("there is no command '{}'", a.topic),
                Suggest(a.topic, names));
  }
  return 0;
}

}  // namespace

Command AddHelp(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand(
      "help", "this text, or that of a command\nExample: platypus help train");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("COMMAND", a->topic, "command");
  parser->add_flag("--all", a->all, "the text of every command");
  parser->add_flag("--man", a->man, "the page that man shows");
  parser->add_flag("--compatibility", a->compatibility, "the table of docs/compatibility.md");
  return {parser, [&program, a] { return HelpCommand(program, *a); }};
}

}  // namespace platypus::apps
