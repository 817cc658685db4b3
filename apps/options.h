#ifndef PLATYPUS_APPS_OPTIONS_H_
#define PLATYPUS_APPS_OPTIONS_H_

#include <CLI/CLI.hpp>

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platypus/config/registry.h"
#include "platypus/config/schema.h"

// The options of run, train and compile, and of quantize those that are keys, in one table: it is
// what is parsed, what becomes a configuration (request.h), what `help` prints, what the shell
// completes, and the table of docs/compatibility.md.
namespace platypus::apps {

enum class Action { kRun, kTrain, kCompile, kQuantize };

// "run", "train", "compile", "quantize".
const char* Name(Action action);

// What stands behind an option.
enum class Argument {
  kNone,  // a flag
  kText,
  kNumber,  // an integer of at least 0, for keys that nothing reads; others check their own
  kFile,
  kFolder,
  kModule,
  kTask,
  kDevice,
  kModel,
  kFeaturePreset,
  kCompilePreset,
  kChoice,  // one of Option::choices
};

struct Option {
  const char* names;    // as CLI11 takes them; the long one comes last and is the option's name
  const char* aliases;  // other spellings that mean the same, with commas; "" = none
  Argument argument;
  const char* shown;    // what help calls the argument
  const char* choices;  // of kChoice, with commas
  const char* key;      // section.key that the value goes to; "" = more than one, or none
  const char* help;
  const char* commands;       // "run train compile"
  config::Standing standing;  // against mmcli's or the model maker's option of this name
  const char* remark;

  std::string_view LongName() const;
  bool IsOf(Action action) const;
  std::vector<std::string> Aliases() const;
};

// In the order in which they are laid over a configuration.
std::span<const Option> Options();
const Option& FindOption(std::string_view long_name);

// Names that an argument may be; empty where anything goes. `task` (may be empty) narrows models
// and presets.
std::vector<std::string> NamesFor(Argument argument, const char* choices,
                                  const config::Registry& registry, const std::string& task);

// The option of any command that takes names from the registry: what the shell completes for
// `--device` is the same everywhere.
Argument ArgumentOf(std::string_view long_name);

// What was typed: long name -> text; a flag has an empty text.
using TypedOptions = std::map<std::string, std::string, std::less<>>;

// Adds the options of `action` to its parser; `typed` outlives it.
void AddOptions(CLI::App& parser, Action action, TypedOptions& typed);

// Spellings as the table and the parsers have them: aliases are replaced, and so are beginnings of
// long names that fit one name only. `arguments` without the program's name.
void CompleteNames(const CLI::App& program, std::vector<std::string>& arguments);

}  // namespace platypus::apps

#endif  // PLATYPUS_APPS_OPTIONS_H_
