#include "apps/describe.h"

#include <algorithm>

#include "apps/options.h"
#include "platypus/data/stand_in.h"

namespace platypus::apps {
namespace {

// What a word without dashes may be, by the name of its place.
std::vector<std::string> ValuesOfPlace(const std::string& command, const std::string& place,
                                       const std::vector<std::string>& commands,
                                       const config::Registry& registry) {
  if (place == "COMMAND") return commands;
  if (place == "SHELL") return {"bash", "zsh", "fish"};
  if (command == "init" && place == "NAME") return data::StandInNames(registry);
  return {};
}

std::vector<std::string> ValuesOfOption(const std::string& name, const config::Registry& registry) {
  if (name == "--log-format") return {"text", "json"};
  if (name == "--dataset") return registry.project_datasets.Names();
  for (const Option& option : Options()) {
    if (option.LongName() == name) return NamesFor(option.argument, option.choices, registry, "");
  }
  return {};
}

OptionText Describe(const CLI::Option& option, const std::string& command,
                    const std::vector<std::string>& commands, const config::Registry& registry) {
  OptionText text;
  text.help = option.get_description();
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  text.positional = text.names.empty();
  if (text.positional) {
    const std::string place = option.get_single_name();
    text.names.push_back(place);
    text.values = ValuesOfPlace(command, place, commands, registry);
    text.takes_path = text.values.empty();
    return text;
  }
  if (option.get_items_expected_max() == 0) return text;
  text.value = option.get_type_name().empty() ? "VALUE" : option.get_type_name();
  text.values = ValuesOfOption(text.names.back(), registry);
  const Argument argument = ArgumentOf(text.names.back());
  text.takes_path = argument == Argument::kFile || argument == Argument::kFolder;
  return text;
}

std::vector<OptionText> DescribeOptions(const CLI::App& app, const std::string& command,
                                        const std::vector<std::string>& commands,
                                        const config::Registry& registry) {
  std::vector<OptionText> options;
  for (const CLI::Option* option : app.get_options())
    options.push_back(Describe(*option, command, commands, registry));
  return options;
}

}  // namespace

ProgramText DescribeProgram(const CLI::App& program, const config::Registry& registry) {
  constexpr const char* kExample = "\nExample: ";
  const auto shown =
      program.get_subcommands([](const CLI::App* app) { return !app->get_group().empty(); });
  std::vector<std::string> commands;
  for (const CLI::App* app : shown) commands.push_back(app->get_name());
  ProgramText text;
  text.globals = DescribeOptions(program, "", commands, registry);
  for (const CLI::App* app : shown) {
    CommandText command;
    command.name = app->get_name();
    const std::string about = app->get_description();
    const size_t example = about.find(kExample);
    command.about = about.substr(0, example);
    if (example != std::string::npos)
      command.example = about.substr(example + std::string_view(kExample).size());
    command.options = DescribeOptions(*app, command.name, commands, registry);
    text.commands.push_back(std::move(command));
  }
  return text;
}

const std::vector<std::pair<int, std::string>>& ExitStatuses() {
  static const std::vector<std::pair<int, std::string>> kStatuses = {
      {0, "success"},
      {1, "internal error, or the generated C differs from the host"},
      {2, "usage, configuration or model"},
      {3, "data"},
      {4, "toolchain"},
      {130, "interrupted (the run can be resumed)"}};
  return kStatuses;
}

const std::vector<std::pair<std::string, std::string>>& EnvironmentVariables() {
  static const std::vector<std::pair<std::string, std::string>> kVariables = {
      {"NO_COLOR", "if set, no colours"},
      {"CMSIS_NN_DIR", "folder of CMSIS-NN's sources, to verify packages with `kernels: cmsis_nn`"},
      {"MMCLI_DATASETS", "folder with the archives that `init` takes data sets from"},
      {"MMCLI_PYTHON, MMCLI_MODELMAKER", "of mmcli; accepted, without effect"}};
  return kVariables;
}

}  // namespace platypus::apps
