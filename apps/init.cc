#include <algorithm>
#include <cstdlib>

#include "apps/command.h"
#include "platypus/base/error.h"
#include "platypus/config/registry.h"
#include "platypus/data/download.h"
#include "platypus/data/project.h"
#include "platypus/data/stand_in.h"

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string name;
  std::string folder;
  bool list = false;
  std::string task;
  std::string module;
  std::string project;
  std::string dataset;
  bool download = false;
  uint64_t seed = 42;
  std::string registry;
};

// MMCLI_DATASETS, where it is a folder.
fs::path Archives() {
  const char* folder = std::getenv("MMCLI_DATASETS");
  return folder != nullptr && fs::is_directory(folder) ? fs::path(folder) : fs::path();
}

int List(const Arguments& a, const config::Registry& registry) {
  const std::vector<data::ProjectDataset> sets = data::ProjectDatasets(registry, a.task, a.module);
  if (sets.empty()) {
    fmt::print("No datasets found matching: task={}, module={}\n", a.task.empty() ? "any" : a.task,
               a.module.empty() ? "any" : a.module);
    return 0;
  }
  size_t name = 7;
  size_t tasks = 10;
  const auto joined = [](const data::ProjectDataset& set) {
    return fmt::format("{}", fmt::join(set.tasks, ", "));
  };
  for (const data::ProjectDataset& set : sets) {
    name = std::max(name, set.name.size());
    tasks = std::max(tasks, joined(set).size());
  }
  const auto row = [&](const std::string& n, const std::string& t, const std::string& m,
                       const std::string& d) {
    return fmt::format(" {:<{}}  {:<{}}  {:<10}  {}", n, name, t, tasks, m, d);
  };
  const std::string header = row("Dataset", "Task Types", "Module", "Description");
  fmt::print("\nAvailable example datasets:\n\n{}\n", header);
  for (size_t i = 0; i < header.size(); ++i) fmt::print("─");
  fmt::print("\n");
  for (const data::ProjectDataset& set : sets)
    fmt::print("{}\n", row(set.name, joined(set), set.module, set.description));
  fmt::print(
      "\n{} dataset(s) available. Create a project with:\n  platypus init -t {} -p "
      "my_project --dataset {}\n",
      sets.size(), sets.front().tasks.front(), sets.front().name);
  return 0;
}

int Create(const Arguments& a, const config::Registry& registry, const Globals& globals) {
  std::string missing;
  if (a.project.empty()) missing = "--project";
  if (a.dataset.empty()) missing += missing.empty() ? "--dataset" : " and --dataset";
  if (!missing.empty()) {
    throw Error(Category::kUsage, missing + ": missing",
                "for example `platypus init -t arc_fault -p my_project --dataset "
                "arc_fault_classification`; `platypus init -l` lists the data sets");
  }
  data::ProjectRequest request;
  request.project = a.project;
  request.dataset = a.dataset;
  request.task = a.task;
  request.archives = Archives();
  request.hosted = a.download;
  request.cache = "data/downloads";
  request.seed = a.seed;
  ThreadPool pool(0);
  const auto log = OpenLog(globals);
  data::CreateProject(request, registry, pool, *log);
  fmt::print("✓ Project created: {}\n", fs::absolute(a.project).lexically_normal().string());
  if (data::IsUrl(a.dataset)) {
    fmt::print(
        "  Dataset: {}\nTrain on it with:\n  platypus run -t TASK -d DEVICE -n MODEL -i {}\n",
        a.dataset, a.project);
    return 0;
  }
  fmt::print("  Dataset: {}{}\nTrain on it with:\n  platypus run -c {} -i {}\n", a.dataset,
             request.archives.empty() && !a.download
                 ? " (generated; --download brings the hosted recordings)"
                 : "",
             (fs::path(a.project) / "config.yaml").string(), a.project);
  return 0;
}

int InitCommand(const Arguments& a, const Globals& globals) {
  const config::Registry registry = config::LoadRegistry(a.registry);
  if (a.list) return List(a, registry);
  if (a.name.empty() && !(a.task + a.project + a.dataset).empty())
    return Create(a, registry, globals);
  if (a.name.empty()) {
    for (const std::string& name : data::StandInNames(registry)) fmt::print("{}\n", name);
    return 0;
  }
  ThreadPool pool(0);
  const fs::path folder = a.folder.empty() ? fs::path(a.name) : fs::path(a.folder);
  data::WriteStandIn(registry, a.name, folder, a.seed, pool, *OpenLog(globals));
  return 0;
}

}  // namespace

Command AddInit(CLI::App& program, const Globals& globals) {
  CLI::App* parser = program.add_subcommand(
      "init",
      "create a project, or a set of recordings\nExample: platypus init -t arc_fault -p my_project "
      "--dataset arc_fault_classification");
  const auto a = std::make_shared<Arguments>();
  parser->add_option("NAME", a->name, "name of a set of recordings (none: list them)");
  parser->add_option("FOLDER", a->folder, "where to write it (the name)");
  parser->add_flag("-l,--list", a->list, "list the data sets for projects, of -t and -m");
  parser->add_option("-t,--task", a->task, "the project's task (the data set's)")
      ->type_name("TASK");
  parser->add_option("-m,--module", a->module, "of --list: timeseries or vision")
      ->type_name("MODULE");
  parser->add_option("-p,--project", a->project, "folder of the project; it must not exist")
      ->type_name("PROJECT");
  parser
      ->add_option(
          "--dataset", a->dataset,
          "a name of --list, or the URL of an archive; taken from $MMCLI_DATASETS/NAME.zip, "
          "or generated")
      ->type_name("NAME");
  parser->add_flag("--download", a->download,
                   "bring the hosted recordings instead (kept in data/downloads)");
  parser->add_option("--seed", a->seed, "seed of generated recordings");
  parser->add_option("--registry", a->registry, "folder with data sets of your own");
  return {parser, [a, &globals] { return InitCommand(*a, globals); }};
}

}  // namespace platypus::apps
