// run, train and compile: one pipeline, with other stages switched on.
#include <cstdlib>

#include "apps/compile.h"
#include "apps/print_summary.h"
#include "apps/request.h"
#include "platypus/base/files.h"
#include "platypus/base/interrupted.h"
#include "platypus/config/run_paths.h"
#include "platypus/config/write.h"
#include "platypus/data/stand_in.h"
#include "platypus/pipeline/run.h"
#include "platypus/report/live.h"

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  ConfigArguments config;
  Request request;
  FileCompilation file;  // of compile
  bool resume = false;
};

// Generates what stands in for the configuration's data set in the project's folder; the setting
// that uses it.
std::string UseStandIn(const config::Config& config, const config::Registry& registry,
                       ProgressSink& log) {
  const config::RunPaths paths = config::MakeRunPaths(config, "stand-in");
  const fs::path folder = paths.dataset / fmt::format("synthetic_{}", config.common.seed);
  ThreadPool pool(config.common.threads);
  data::WriteStandIn(registry, config.dataset.dataset_name, folder, config.common.seed, pool, log);
  log.OnNotice("synthetic recordings stand in for the data set: " + folder.string());
  return "dataset.input_data_path=" + config::ToYaml(config::Scalar(folder.string(), true));
}

// Prints what would be run. What does not run in this version, or has no effect, is a notice.
int DryRun(const config::Document& document, const config::Registry& registry,
           const Globals& globals) {
  const auto log = OpenLog(globals);
  if (!IsForAFileAlone(document)) {
    const config::Loaded loaded = config::Load(document, registry);
    for (const std::string& notice : loaded.notices) log->OnNotice(notice);
    for (const Error& error : loaded.not_yet) log->OnNotice(error.what());
  }
  fmt::print("# Generated config (dry run - not executed)\n{}", ShowDocument(document, registry));
  return 0;
}

// Every value in effect (machines read run.json); and the variables of mmcli that had a meaning.
void Explain(const config::Loaded& loaded, const Globals& globals, ProgressSink& log) {
  for (const char* name : {"MMCLI_PYTHON", "MMCLI_MODELMAKER"}) {
    if (std::getenv(name) != nullptr)
      log.OnNotice(fmt::format("{} has no effect: no other program is called", name));
  }
  if (!globals.json_log) fmt::print(stderr, "{}", config::Describe(loaded));
}

// The command that starts the same run from the beginning.
std::string FromTheBeginning(std::string command_line) {
  const std::string resume = " --resume";
  const size_t at = command_line.find(resume);
  return at == std::string::npos ? command_line : command_line.erase(at, resume.size());
}

pipeline::RunSummary Run(const config::Loaded& loaded, const Arguments& a, const Globals& globals,
                         ProgressSink& log) {
  report::LiveReport page(a.request.typed.contains("--report"));
  pipeline::RunOptions options;
  options.resume = a.resume;
  options.command = FromTheBeginning(globals.command_line);
  options.observe = [&page](const pipeline::RunSummary& summary) { page.Show(summary); };
  try {
    return pipeline::Run(loaded, options, log);
  } catch (const Interrupted& interrupted) {
    throw Interrupted(interrupted.message(),
                      fmt::format("`{} --resume` goes on from there", options.command));
  }
}

int RunCommand(const Arguments& a, const Globals& globals) {
  const config::Registry registry = config::LoadRegistry(a.config.registry);
  Request request = a.request;
  request.config = a.config.file;
  request.sets = a.config.sets;
  config::Document document = MakeDocument(request, registry);
  if (globals.dry_run) return DryRun(document, registry, globals);
  if (IsForAFileAlone(document)) return a.file.Call(document, registry, globals);
  config::Loaded loaded = config::Load(document, registry);
  config::RequireRunnable(loaded);
  pipeline::RunSummary summary;
  {
    const auto log = OpenLog(globals);
    if (request.synthetic_data) {
      config::ApplySet(document.value, UseStandIn(loaded.config, registry, *log));
      loaded = config::Load(std::move(document), registry);
    }
    if (globals.verbose) Explain(loaded, globals, *log);
    summary = Run(loaded, a, globals, *log);
  }
  const fs::path report = fs::path(summary.run_folder) / "report.html";
  if (globals.json_log) LogSummaryAsJson(summary, report);
  PrintSummary(summary, report);
  return StatusOf(summary);
}

Command Add(CLI::App& program, const Globals& globals, Action action, const char* help) {
  CLI::App* parser = program.add_subcommand(Name(action), help);
  const auto a = std::make_shared<Arguments>();
  a->request.action = action;
  CLI::Option* const config = a->config.AddTo(*parser);
  if (action == Action::kCompile) config->description("the ONNX file, or a configuration file");
  AddOptions(*parser, action, a->request.typed);
  parser->add_flag("--resume", a->resume,
                   "go on with the newest unfinished run of this configuration");
  if (action == Action::kCompile) {
    a->file.AddTo(*parser);
  } else {
    parser->add_flag("--synthetic-data", a->request.synthetic_data,
                     "generate small recordings in place of the configuration's data set, and use "
                     "them");
  }
  return {parser, [a, &globals] { return RunCommand(*a, globals); }};
}

}  // namespace

Command AddRun(CLI::App& program, const Globals& globals) {
  return Add(
      program, globals, Action::kRun,
      "train, quantise, generate C and verify it\nExample: platypus run config.yaml --epochs "
      "5");
}

Command AddTrain(CLI::App& program, const Globals& globals) {
  return Add(program, globals, Action::kTrain,
             "train, quantise and test; no C\nExample: platypus train -t "
             "generic_timeseries_classification -d F28P55 -n CLS_1k_NPU -i PROJECT");
}

Command AddCompile(CLI::App& program, const Globals& globals) {
  return Add(program, globals, Action::kCompile,
             "generate C from an ONNX file, and verify it\nExample: platypus compile "
             "model.onnx -d MSPM0G3507");
}

}  // namespace platypus::apps
