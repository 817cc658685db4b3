// The program: parses, calls the command, prints what went wrong.
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "apps/command.h"
#include "apps/describe.h"
#include "apps/options.h"
#include "apps/request.h"
#include "platypus/base/error.h"
#include "platypus/pipeline/run.h"

namespace platypus::apps {
namespace {

// A word as a shell takes it back.
std::string Quoted(const std::string& word) {
  const bool plain = !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("-_./=:,@%+").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string Footer() {
  std::string text =
      "Example: platypus init generic_timeseries_classification data && platypus run config.yaml\n"
      "Exit status:";
  for (const auto& [status, meaning] : ExitStatuses())
    text += fmt::format("{}{} {}", status == 0 ? " " : ", ", status, meaning);
  return text + ".";
}

// What was meant by a word that nothing takes.
std::string Hint(const CLI::App& program, const std::vector<std::string>& words) {
  const auto commands =
      program.get_subcommands([](const CLI::App* app) { return !app->get_group().empty(); });
  const CLI::App* command = nullptr;
  std::vector<std::string> names;
  for (const CLI::App* app : commands) {
    names.push_back(app->get_name());
    if (command == nullptr && std::ranges::find(words, app->get_name()) != words.end())
      command = app;
  }
  const std::string help =
      command == nullptr ? "`platypus help` lists the commands"
                         : fmt::format("`platypus help {}` lists the options", command->get_name());
  if (command != nullptr) {
    names.clear();
    for (const CLI::App* app : {command, &program}) {
      for (const CLI::Option* option : app->get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
      }
    }
  }
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    if (std::ranges::find(names, name) != names.end()) continue;
    if (command != nullptr && !name.starts_with("--")) continue;
    if (const std::string nearest = Nearest(name, names); !nearest.empty())
      return fmt::format("did you mean '{}'? {}", nearest, help);
  }
  return help;
}

int Main(int argc, char** argv, Globals& globals) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool is_mmcli = std::filesystem::path(argv[0]).filename() == "mmcli";
  globals.command_line = Quoted(argv[0]);
  for (const std::string& word : words) globals.command_line += " " + Quoted(word);
  CLI::App program{"Platypus: from sensor recordings to verified C for microcontrollers",
                   is_mmcli ? "mmcli" : "platypus"};
  const std::string version =
      is_mmcli ? fmt::format("mmcli ({})", pipeline::Version()) : std::string(pipeline::Version());
  program.set_version_flag("--version", version, "the version");
  program.set_help_flag("-h,--help", "this text, or that of the command");
  program.add_flag("-v,--verbose", globals.verbose, "say more: every value in effect");
  program.add_flag("--dry-run", globals.dry_run,
                   "run, train, compile: print the configuration instead of running it");
  std::string log_format = "text";
  program.add_option("--log-format", log_format, "text, or json: an object a line on stderr")
      ->type_name("FORMAT");
  program.fallthrough();
  program.require_subcommand(0, 1);
  program.footer(Footer());
  std::vector<Command> commands;
  for (const auto add : {AddRun, AddTrain, AddCompile, AddQuantize, AddConfig, AddVerify, AddBench,
                         AddCompare, AddExport, AddInit, AddInfo, AddCheck, AddRecommend, AddDoctor,
                         AddCompletion, AddAbout, AddHelp}) {
    commands.push_back(add(program, globals));
  }
  CompleteNames(program, words);
  // Errors of the command line itself shall have the form that it asks for.
  for (size_t i = 0; i < words.size(); ++i) {
    globals.json_log =
        globals.json_log || words[i] == "--log-format=json" ||
        (words[i] == "--log-format" && i + 1 < words.size() && words[i + 1] == "json");
  }
  try {
    program.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", program.help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    fmt::print("{}\n", version);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return program.exit(error);
    throw Error(Category::kUsage, error.what(), Hint(program, words));
  }
  if (log_format != "text" && log_format != "json") {
    throw Error(Category::kUsage, fmt::format("--log-format: '{}' is not legal", log_format),
                "legal: text, json");
  }
  for (const Command& command : commands) {
    if (command.parser->parsed()) return command.call();
  }
  fmt::print("{}", program.help());
  return 0;
}

}  // namespace
}  // namespace platypus::apps

int main(int argc, char** argv) {
  platypus::apps::Globals globals;
  try {
    return platypus::apps::Main(argc, argv, globals);
  } catch (const platypus::apps::Problems& problems) {
    for (const platypus::Error& error : problems.errors())
      platypus::apps::PrintError(globals, error);
    return platypus::apps::ExitStatus(problems.errors().front());
  } catch (const platypus::Error& error) {
    platypus::apps::PrintError(globals, error);
    return platypus::apps::ExitStatus(error);
  } catch (const std::exception& error) {
    platypus::apps::PrintError(globals, platypus::Error(platypus::Category::kInternal,
                                                        fmt::format("internal: {}", error.what())));
    return 1;
  }
}
