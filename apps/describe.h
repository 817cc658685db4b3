#ifndef PLATYPUS_APPS_DESCRIBE_H_
#define PLATYPUS_APPS_DESCRIBE_H_

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "platypus/config/registry.h"

// The command line described from its own tables: what a shell completes, what `man` shows, and
// how it compares with the reference.
namespace platypus::apps {

// What is said of a command or an option: the parts of the parser's tree that the writers need.
struct OptionText {
  std::vector<std::string> names;  // "-d", "--device"; a positional has one without dashes
  std::string value;               // what stands behind it; "" = a flag
  std::string help;
  bool positional = false;
  std::vector<std::string> values;  // that it may have; empty: anything
  bool takes_path = false;
};

struct CommandText {
  std::string name;
  std::string about;    // one line
  std::string example;  // without "Example: "
  std::vector<OptionText> options;
};

struct ProgramText {
  std::vector<OptionText> globals;
  std::vector<CommandText> commands;
};

ProgramText DescribeProgram(const CLI::App& program, const config::Registry& registry);

// Scripts that a shell reads; `shell` is bash, zsh or fish, else an Error (usage).
std::string CompletionScript(const ProgramText& program, const std::string& shell);

// platypus.1, for man.
std::string ManPage(const ProgramText& program);

// docs/compatibility.md: every option of mmcli and the model maker, and every key.
std::string CompatibilityTable();

// Exit statuses, the same words in help, man page and docs.
const std::vector<std::pair<int, std::string>>& ExitStatuses();

// Environment variables that are read.
const std::vector<std::pair<std::string, std::string>>& EnvironmentVariables();

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_DESCRIBE_H_
