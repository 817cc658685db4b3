// The program: parses, calls the command, prints what went wrong.
#include <cstdio>

#include "apps/command.h"
#include "platypus/base/error.h"
#include "platypus/pipeline/run.h"

namespace platypus::apps {
namespace {

int Help(const CLI::App& program, const std::string& topic) {
  if (topic.empty()) {
    fmt::print("{}", program.help());
    return 0;
  }
  std::vector<std::string> names;
  for (const CLI::App* command : program.get_subcommands({})) {
    names.push_back(command->get_name());
    if (names.back() == topic) {
      fmt::print("{}", command->help());
      return 0;
    }
  }
  throw Error(Category::kUsage, fmt::format("there is no command '{}'", topic),
              Suggest(topic, names));
}

int Main(int argc, char** argv) {
  CLI::App program{"Platypus: from sensor recordings to verified C for microcontrollers",
                   "platypus"};
  program.set_version_flag("--version", std::string(pipeline::Version()));
  program.require_subcommand(0, 1);
  program.footer(
      "Example: platypus init generic_timeseries_classification data && platypus run config.yaml\n"
      "Exit status: 0 success, 1 internal error or difference, 2 usage or configuration, 3 data, 4 "
      "toolchain.");
  Globals globals;
  std::vector<Command> commands;
  for (const auto add : {AddRun, AddCompile, AddConfig, AddVerify, AddBench, AddCompare, AddExport,
                         AddInit, AddInfo, AddDoctor})
    commands.push_back(add(program, globals));
  std::string topic;
  CLI::App* help = program.add_subcommand("help", "this text, or that of a command");
  help->add_option("COMMAND", topic, "command");
  commands.push_back({help, [&] { return Help(program, topic); }});
  try {
    program.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", program.help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    fmt::print("{}\n", pipeline::Version());
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return program.exit(error);
    throw Error(Category::kUsage, error.what(), "`platypus help` lists the commands");
  }
  for (const Command& command : commands) {
    if (command.parser->parsed()) return command.call();
  }
  return Help(program, "");
}

}  // namespace
}  // namespace platypus::apps

int main(int argc, char** argv) {
  try {
    return platypus::apps::Main(argc, argv);
  } catch (const platypus::Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return platypus::ExitCode(error.category());
  } catch (const std::exception& error) {
    fmt::print(stderr,
               "internal error: {}\nPlease report this with the command and the configuration.\n",
               error.what());
    return 1;
  }
}
