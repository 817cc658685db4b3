#ifndef PLATYPUS_APPS_COMMAND_H_
#define PLATYPUS_APPS_COMMAND_H_

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/base/progress.h"

// The program's commands: a file each, listed here in the order of the help text.
namespace platypus::apps {

// What holds for all commands; it may stand before the command or behind it.
struct Globals {
  bool verbose = false;
  bool dry_run = false;
  bool json_log = false;     // --log-format json
  std::string command_line;  // as it was typed, quoted for a shell
};

struct Command {
  CLI::App* parser = nullptr;
  std::function<int()> call;  // returns the exit status; only called when the parser was chosen
};

// The options that say which configuration is meant.
struct ConfigArguments {
  std::string file;
  std::vector<std::string> sets;
  std::string registry;

  CLI::Option* AddTo(CLI::App& parser);
};

// Where progress and notices of a command go: for people (terminal.h) or for machines
// (json_log.h). Both catch Ctrl-C.
std::unique_ptr<ProgressSink> OpenLog(const Globals& globals);

// One line on standard error, in the form that `globals` wants; it ends in what to do.
int ExitStatus(const Error& error);
void PrintError(const Globals& globals, const Error& error);

// Each adds its command to the program. `globals` outlives the commands.
Command AddRun(CLI::App& program, const Globals& globals);
Command AddTrain(CLI::App& program, const Globals& globals);
Command AddCompile(CLI::App& program, const Globals& globals);
Command AddQuantize(CLI::App& program, const Globals& globals);
Command AddConfig(CLI::App& program, const Globals& globals);
Command AddVerify(CLI::App& program, const Globals& globals);
Command AddInit(CLI::App& program, const Globals& globals);
Command AddInfo(CLI::App& program, const Globals& globals);
Command AddCheck(CLI::App& program, const Globals& globals);
Command AddRecommend(CLI::App& program, const Globals& globals);
Command AddAbout(CLI::App& program, const Globals& globals);
Command AddHelp(CLI::App& program, const Globals& globals);
Command AddCompletion(CLI::App& program, const Globals& globals);
Command AddBench(CLI::App& program, const Globals& globals);
Command AddCompare(CLI::App& program, const Globals& globals);
Command AddExport(CLI::App& program, const Globals& globals);
Command AddDoctor(CLI::App& program, const Globals& globals);

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_COMMAND_H_
