#include "apps/command.h"

#include "platypus/base/error.h"
#include "platypus/config/load.h"
#include "platypus/config/write.h"

namespace platypus::apps {
namespace {

int ConfigCommand(const ConfigArguments& a) {
  const config::Loaded loaded = config::Load(a.file, a.sets, config::LoadRegistry(a.registry));
  for (const std::string& notice : loaded.notices) fmt::print(stderr, "notice: {}\n", notice);
  for (const Error& error : loaded.not_yet) fmt::print(stderr, "notice: {}\n", error.what());
  fmt::print("{}", config::Describe(loaded));
  return 0;
}

}  // namespace

CLI::Option* ConfigArguments::AddTo(CLI::App& parser) {
  CLI::Option* const config =
      parser.add_option("CONFIG,-c,--config", file, "configuration file (.yaml, .yml, .json)");
  parser.add_option("--set", sets, "section.key=value, over the file (repeatable)")->take_all();
  parser.add_option("--registry", registry, "folder with models, presets and devices of your own");
  return config;
}

Command AddConfig(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand(
      "config",
      "the configuration in effect, and where each value comes from\nExample: platypus config "
      "config.yaml");
  const auto a = std::make_shared<ConfigArguments>();
  a->AddTo(*parser)->required();
  return {parser, [a] { return ConfigCommand(*a); }};
}

}  // namespace platypus::apps
