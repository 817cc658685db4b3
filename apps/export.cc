#include "apps/command.h"

#include <fmt/ranges.h>

#include "platypus/base/error.h"
#include "platypus/deploy/package_forms.h"
#include "platypus/pipeline/export_package.h"

namespace platypus::apps {
namespace {

struct Arguments {
  std::string where;
  std::string to;
  std::string form;
  bool force = false;
};

int ExportCommand(const Arguments& a) {
  const pipeline::ExportResult result = pipeline::ExportPackage(a.where, a.to, a.force, a.form);
  if (result.written.empty() && result.removed.empty()) {
    fmt::print("{} is up to date ({} files)\n", result.folder.string(), result.unchanged.size());
  } else {
    fmt::print(
        "{}: {} files written, {} removed, {} were up to date; SHA-256 of all in "
        "exported.json\n",
        result.folder.string(), result.written.size(), result.removed.size(),
        result.unchanged.size());
  }
  if (result.sources.empty()) return 0;  // the environment knows
  fmt::print("compile with -O2 -ffp-contract=off, include path {}:\n", result.folder.string());
  for (const std::string& source : result.sources) fmt::print("  {}\n", source);
  fmt::print("README.md there shows the calls; main_selftest.c proves it on a board.\n");
  return 0;
}

}  // namespace

Command AddExport(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand(
      "export",
      "copy a run's C package into a project, proved by hash\nExample: platypus export RUN --to "
      "firmware/model");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("RUN", a->where, "run folder, or its package")->required();
  parser->add_option("--to", a->to, "folder for the package's files")->required();
  parser->add_option(
      "--form", a->form,
      fmt::format("add the project files of an environment: {}", fmt::join(deploy::Forms(), ", ")));
  parser->add_flag("--force", a->force, "overwrite files that are not from an export, or changed");
  return {parser, [a] { return ExportCommand(*a); }};
}

}  // namespace platypus::apps
