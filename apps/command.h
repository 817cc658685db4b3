#ifndef PLATYPUS_APPS_COMMAND_H_
#define PLATYPUS_APPS_COMMAND_H_

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

// The program's commands: a file each, listed here in the order of the help text.
namespace platypus::apps {

// What stands before the command and holds for all of them.
struct Globals {
  bool verbose = false;
  bool dry_run = false;
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

  void AddTo(CLI::App& parser);
};

// Each adds its command to the program. `globals` outlives the commands.
Command AddRun(CLI::App& program, const Globals& globals);
Command AddConfig(CLI::App& program, const Globals& globals);
Command AddVerify(CLI::App& program, const Globals& globals);
Command AddInit(CLI::App& program, const Globals& globals);
Command AddInfo(CLI::App& program, const Globals& globals);
Command AddCompile(CLI::App& program, const Globals& globals);
Command AddBench(CLI::App& program, const Globals& globals);
Command AddCompare(CLI::App& program, const Globals& globals);
Command AddExport(CLI::App& program, const Globals& globals);
Command AddDoctor(CLI::App& program, const Globals& globals);

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_COMMAND_H_
