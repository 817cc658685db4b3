// The command line: parse, call, print.
#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdio>
#include <iostream>

#include "apps/terminal.h"
#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/config/load.h"
#include "platypus/config/run_paths.h"
#include "platypus/config/write.h"
#include "platypus/data/stand_in.h"
#include "platypus/deploy/npu_lint.h"
#include "platypus/graph/graph.h"
#include "platypus/pipeline/run.h"
#include "platypus/report/report.h"
#include "platypus/zoo/zoo.h"

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string config;
  std::vector<std::string> sets;
  std::string registry;
  bool resume = false;
  bool synthetic_data = false;
  std::string where;
  std::vector<std::string> cores;
  std::string name;
  std::string folder;
  uint64_t seed = 42;
  std::string model;
  std::string input;
  int classes = 0;
  bool dot = false;
};

std::string Percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

std::string Worth(const train::RegressionMetrics& values, const pipeline::Goal& goal) {
  const std::string r2 =
      fmt::format("R2 {:.4f}, RMSE {:.4g}", values.mean.r2, std::sqrt(values.mean.mse));
  return goal.Forecasts() ? fmt::format("SMAPE {:.2f} %, {}", values.mean.smape, r2) : r2;
}

std::string Worth(const pipeline::NetworkSummary& network, const pipeline::Goal& goal) {
  if (!network.test) return "not tested";
  if (network.anomaly) {
    const pipeline::Detection& chosen = network.anomaly->chosen;
    return fmt::format("AUROC {:.4f}, at the threshold recall {}, false alarms {}",
                       network.anomaly->auroc, Percent(chosen.Recall()),
                       Percent(chosen.FalsePositiveRate()));
  }
  if (const auto* classes = std::get_if<train::ClassificationMetrics>(&*network.test))
    return Percent(classes->accuracy);
  return Worth(std::get<train::RegressionMetrics>(*network.test), goal);
}

std::string Worth(const pipeline::Baseline& baseline, const pipeline::Goal& goal) {
  return goal.DetectsAnomalies() ? fmt::format("AUROC {:.4f}", baseline.auroc)
                                 : Worth(baseline.values, goal);
}

void PrintLine(const char* what, const std::string& text) { fmt::print("{:<11} {}\n", what, text); }

// A run that ended behind its features.
void PrintFeatures(const pipeline::RunSummary& s) {
  PrintLine("data", fmt::format("{}: {} / {} / {} samples to train / validate / test", s.dataset,
                                s.samples.at("train"), s.samples.at("val"), s.samples.at("test")));
  PrintLine("network", "none was trained (dont_train_just_feat_ext)");
  PrintLine("features", s.features_folder);
  PrintLine("run", s.run_folder);
}

// What a run is worth, in ten lines.
void PrintSummary(const pipeline::RunSummary& s, const fs::path& report) {
  std::string on_core = "not verified";
  std::string cost = "-";
  for (const deploy::VerifyResult& r : s.verify) {
    if (!r.ran) continue;
    on_core = fmt::format("{}{} ({} of {} samples differ from the host)",
                          std::isfinite(r.accuracy) ? Percent(r.accuracy) + " on " : "", r.core,
                          r.mismatches, r.samples);
    if (r.instructions > 0) {
      cost = fmt::format("{} octets flash, {} RAM, {} stack, {} instructions (+ {} features) on {}",
                         r.flash_bytes, r.ram_bytes, r.stack_bytes, r.instructions,
                         r.feature_instructions, r.core);
    }
  }
  std::string times;
  for (const auto& [stage, seconds] : s.seconds)
    times += fmt::format("{}{} {:.2f} s", times.empty() ? "" : ", ", stage, seconds);
  PrintLine("model", fmt::format("{} for {} ({} parameters, {} multiply-accumulates)", s.model, s.device,
                            s.parameters, s.macs));
  PrintLine("data",
       fmt::format("{}: {}, {} / {} / {} samples to train / validate / test", s.dataset,
                   s.goal.classes.empty() ? fmt::format("{} targets", s.goal.targets.size())
                                          : fmt::format("{} classes", s.goal.classes.size()),
                   s.samples.at("train"), s.samples.at("val"), s.samples.at("test")));
  PrintLine("float", fmt::format("{} (best epoch {})", Worth(s.float_network, s.goal),
                            s.float_network.best_epoch));
  PrintLine("quantised",
       s.quantized_network.present
           ? fmt::format("{} ({})", Worth(s.quantized_network, s.goal),
                         s.quantized_network.best_epoch == 0
                             ? "calibrated; no epoch was better"
                             : fmt::format("best epoch {}", s.quantized_network.best_epoch))
           : "no");
  for (const pipeline::Baseline& baseline : s.baselines)
    PrintLine("without", fmt::format("{}: {}", baseline.name, Worth(baseline, s.goal)));
  PrintLine("as C", on_core);
  PrintLine("cost", cost);
  PrintLine("time", times);
  PrintLine("package", s.package_path.empty() ? "none" : s.package_path);
  if (!s.features_folder.empty()) PrintLine("features", s.features_folder);
  PrintLine("report", report.string());
  PrintLine("run", s.run_folder);
}

// Generates what stands in for the configuration's data set in the project's folder; the setting
// that uses it.
std::string UseStandIn(const config::Config& config, const config::Registry& registry) {
  const config::RunPaths paths = config::MakeRunPaths(config, "stand-in");
  const fs::path folder = paths.dataset / fmt::format("synthetic_{}", config.common.seed);
  Terminal terminal;
  ThreadPool pool(config.common.threads);
  data::WriteStandIn(registry, config.dataset.dataset_name, folder, config.common.seed, pool,
                     terminal);
  terminal.OnNotice("synthetic recordings stand in for the data set: " + folder.string());
  return "dataset.input_data_path=" + config::ToYaml(config::Scalar(folder.string(), true));
}

int RunCommand(const Arguments& a) {
  const config::Registry registry = config::LoadRegistry(a.registry);
  config::Loaded loaded = config::Load(a.config, a.sets, registry);
  config::RequireRunnable(loaded);
  if (a.synthetic_data) {
    std::vector<std::string> sets = a.sets;
    sets.push_back(UseStandIn(loaded.config, registry));
    loaded = config::Load(a.config, sets, registry);
  }
  fs::path report;
  pipeline::RunSummary summary;
  {
    Terminal terminal;
    pipeline::RunOptions options;
    options.resume = a.resume;
    summary = pipeline::Run(loaded, options, terminal);
    if (!pipeline::Last(summary).present) {
      PrintFeatures(summary);
      return 0;
    }
    report = fs::path(summary.run_folder) / "report.html";
    WriteFile(report, report::RenderReport(summary));
  }
  PrintSummary(summary, report);
  for (const deploy::VerifyResult& r : summary.verify) {
    if (r.mismatches + r.recording_mismatches > 0) return 1;
  }
  return 0;
}

int ConfigCommand(const Arguments& a) {
  const config::Loaded loaded = config::Load(a.config, a.sets, config::LoadRegistry(a.registry));
  for (const std::string& notice : loaded.notices) fmt::print(stderr, "notice: {}\n", notice);
  for (const Error& error : loaded.not_yet) fmt::print(stderr, "notice: {}\n", error.what());
  fmt::print("{}", config::Describe(loaded));
  return 0;
}

int VerifyCommand(const Arguments& a) {
  std::vector<deploy::VerifyResult> results;
  {
    Terminal terminal;
    results = pipeline::VerifyAgain(a.where, a.cores, terminal);
  }
  bool differs = false;
  fmt::print("{:<14} {:>9} {:>9} {:>10} {:>9} {:>8} {:>8} {:>7} {:>12} {:>12}\n", "core", "samples",
             "differ", "recordings", "differ", "flash", "RAM", "stack", "instructions", "features");
  for (const deploy::VerifyResult& r : results) {
    if (!r.ran) {
      fmt::print("{:<14} {}\n", r.core, r.notice);
      continue;
    }
    fmt::print("{:<14} {:>9} {:>9} {:>10} {:>9} {:>8} {:>8} {:>7} {:>12} {:>12}\n", r.core,
               r.samples, r.mismatches, r.recordings, r.recording_mismatches, r.flash_bytes,
               r.ram_bytes, r.stack_bytes, r.instructions, r.feature_instructions);
    if (!r.first_difference.empty()) fmt::print("  first difference: {}\n", r.first_difference);
    differs = differs || r.mismatches + r.recording_mismatches > 0;
  }
  return differs ? 1 : 0;
}

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

Shape ParseInput(const std::string& text) {
  const config::Value value = config::ParseYaml("[" + text + "]", "--input");
  Shape shape;
  for (const config::Value& item : value.items) {
    const auto extent = config::ToInteger(item);
    if (!extent || *extent < 1)
      Fail(Category::kUsage, "--input {}: expected channels,length,1", text);
    shape.push_back(*extent);
  }
  while (shape.size() < 3) shape.push_back(1);
  return shape;
}

void PrintNpu(const std::vector<deploy::NpuFinding>& findings) {
  if (findings.empty()) {
    fmt::print("\nnpu: every layer fits the accelerators of parts that have one\n");
    return;
  }
  fmt::print("\nnpu: an accelerator would leave to the processor\n");
  for (const deploy::NpuFinding& f : findings) {
    fmt::print("  {:<20} {:<10} {}{}\n", f.layer, f.type, f.problem,
               f.advice.empty() ? "" : fmt::format("; legal: {}", f.advice));
  }
}

int InfoCommand(const Arguments& a) {
  const config::Registry registry = config::LoadRegistry(a.registry);
  if (a.model.empty()) {
    fmt::print("{:<32} {:<34} {:>10} {}\n", "model", "task", "parameters", "runs");
    for (const auto& [name, entry] : registry.models.entries.entries) {
      const config::Value* reference = entry.Find("reference");
      // A model runs if its network builds and its task (null: any classification) runs.
      const config::Value* task = registry.tasks.Find(entry.Text("task_type"));
      const bool runs = registry.networks.Find(entry.Text("network")) != nullptr &&
                        (task == nullptr || task->Text("runs") == "true");
      fmt::print("{:<32} {:<34} {:>10} {}\n", name, entry.Text("task_type"),
                 reference == nullptr ? "" : reference->Text("parameters"),
                 runs ? "yes" : "not yet");
    }
    return 0;
  }
  const config::Value* entry = registry.models.Find(a.model);
  if (entry == nullptr) {
    throw Error(Category::kUsage, fmt::format("there is no model '{}'", a.model),
                Suggest(a.model, registry.models.Names()));
  }
  Shape input = {1, 128, 1};
  int classes = 2;
  if (const config::Value* reference = entry->Find("reference")) {
    input.clear();
    for (const config::Value& item : reference->Find("input")->items)
      input.push_back(config::ToInteger(item).value_or(1));
    classes = static_cast<int>(config::ToInteger(*reference->Find("outputs")).value_or(2));
  }
  if (!a.input.empty()) input = ParseInput(a.input);
  if (a.classes > 0) classes = a.classes;
  config::Training training;
  training.model_name = a.model;
  training.model_training_id = entry->Text("network");
  const graph::Graph network = zoo::Build(training, registry, input, classes, 1);
  fmt::print("{}", a.dot ? graph::ToDot(network) : graph::ToText(network));
  if (!a.dot) PrintNpu(deploy::LintForNpu(network));
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app{"Platypus: from sensor recordings to verified C for microcontrollers", "platypus"};
  app.set_version_flag("--version", std::string(pipeline::Version()));
  app.require_subcommand(0, 1);
  app.footer(
      "Example: platypus init generic_timeseries_classification data && platypus run config.yaml\n"
      "Exit status: 0 success, 1 internal error or difference, 2 usage or configuration, 3 data, 4 "
      "toolchain.");
  Arguments a;
  const auto add_config = [&](CLI::App* command) {
    command->add_option("CONFIG,-c,--config", a.config, "configuration file (.yaml, .yml, .json)")
        ->required();
    command->add_option("--set", a.sets, "section.key=value, over the file (repeatable)")
        ->take_all();
    command->add_option("--registry", a.registry,
                        "folder with models, presets and devices of your own");
  };
  CLI::App* run = app.add_subcommand("run",
                                     "train, quantise, generate C and verify it\nExample: platypus "
                                     "run config.yaml --set training.training_epochs=5");
  add_config(run);
  run->add_flag("--resume", a.resume, "go on with the newest unfinished run of this configuration");
  run->add_flag("--synthetic-data", a.synthetic_data,
                "generate small recordings in place of the configuration's data set, and use them");
  CLI::App* show = app.add_subcommand("config",
                                      "the configuration in effect, and where each value comes "
                                      "from\nExample: platypus config config.yaml");
  add_config(show);
  CLI::App* verify = app.add_subcommand("verify",
                                        "repeat the proof of a run's C package\nExample: platypus "
                                        "verify RUN --core cortex-m4 --core riscv32");
  verify->add_option("RUN", a.where, "run folder, or its package")->required();
  verify
      ->add_option("--core", a.cores,
                   "host, cortex-m0plus, cortex-m4, cortex-m33, riscv32 (repeatable; all)")
      ->take_all();
  CLI::App* init = app.add_subcommand(
      "init",
      "create a set of recordings\nExample: platypus init generic_timeseries_classification data");
  init->add_option("NAME", a.name, "name of the set (none: list them)");
  init->add_option("FOLDER", a.folder, "where to write it (the name)");
  init->add_option("--seed", a.seed, "seed of the recordings");
  init->add_option("--registry", a.registry, "folder with data sets of your own");
  CLI::App* info = app.add_subcommand(
      "info",
      "models, and the layers of one\nExample: platypus info --model CLS_1k_NPU --input 1,512");
  info->add_option("--model", a.model, "name of the model (none: list them)");
  info->add_option("--input", a.input, "channels,length");
  info->add_option("--classes", a.classes, "number of classes");
  info->add_flag("--dot", a.dot, "Graphviz instead of text");
  info->add_option("--registry", a.registry, "folder with models of your own");
  CLI::App* help = app.add_subcommand("help", "this text, or that of a command");
  std::string topic;
  help->add_option("COMMAND", topic, "command");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    fmt::print("{}\n", pipeline::Version());
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    throw Error(Category::kUsage, error.what(), "`platypus help` lists the commands");
  }
  if (run->parsed()) return RunCommand(a);
  if (show->parsed()) return ConfigCommand(a);
  if (verify->parsed()) return VerifyCommand(a);
  if (init->parsed()) return InitCommand(a);
  if (info->parsed()) return InfoCommand(a);
  if (help->parsed() && !topic.empty()) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
    if (std::count(names.begin(), names.end(), topic) == 0) {
      throw Error(Category::kUsage, fmt::format("there is no command '{}'", topic),
                  Suggest(topic, names));
    }
    fmt::print("{}", app.get_subcommand(topic)->help());
    return 0;
  }
  fmt::print("{}", app.help());
  return 0;
}

}  // namespace
}  // namespace platypus::apps

int main(int argc, char** argv) {
  try {
    return platypus::apps::Main(argc, argv);
  } catch (const platypus::Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return platypus::ExitCode(error.category());
  } catch (const std::exception& error) {
    fmt::print(stderr,
               "internal error: {}\nPlease report this with the command and the configuration.\n",
               error.what());
    return 1;
  }
}
