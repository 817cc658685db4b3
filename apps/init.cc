#include "apps/command.h"

#include "apps/terminal.h"
#include "platypus/config/registry.h"
#include "platypus/data/stand_in.h"

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string name;
  std::string folder;
  uint64_t seed = 42;
  std::string registry;
};

int InitCommand(const Arguments& a) {
  const config::Registry registry = config::LoadRegistry(a.registry);
  if (a.name.empty()) {
    for (const std::string& name : data::StandInNames(registry)) fmt::print("{}\n", name);
    return 0;
  }
  Terminal terminal;
  ThreadPool pool(0);
  const fs::path folder = a.folder.empty() ? fs::path(a.name) : fs::path(a.folder);
  data::WriteStandIn(registry, a.name, folder, a.seed, pool, terminal);
  return 0;
}

}  // namespace

Command AddInit(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand(
      "init",
      "create a set of recordings\nExample: platypus init generic_timeseries_classification data");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("NAME", a->name, "name of the set (none: list them)");
  parser->add_option("FOLDER", a->folder, "where to write it (the name)");
  parser->add_option("--seed", a->seed, "seed of the recordings");
  parser->add_option("--registry", a->registry, "folder with data sets of your own");
  return {parser, [a] { return InitCommand(*a); }};
}

}  // namespace platypus::apps
