#include "apps/command.h"

#include <cmath>

#include "apps/terminal.h"
#include "platypus/base/files.h"
#include "platypus/config/load.h"
#include "platypus/config/run_paths.h"
#include "platypus/config/write.h"
#include "platypus/data/stand_in.h"
#include "platypus/pipeline/run.h"
#include "platypus/report/live.h"
#include "platypus/report/report.h"

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  ConfigArguments config;
  bool resume = false;
  bool synthetic_data = false;
  bool report = false;
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
  PrintLine("model", fmt::format("{} for {} ({} parameters, {} multiply-accumulates)", s.model,
                                 s.device, s.parameters, s.macs));
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
  const config::Registry registry = config::LoadRegistry(a.config.registry);
  config::Loaded loaded = config::Load(a.config.file, a.config.sets, registry);
  config::RequireRunnable(loaded);
  if (a.synthetic_data) {
    std::vector<std::string> sets = a.config.sets;
    sets.push_back(UseStandIn(loaded.config, registry));
    loaded = config::Load(a.config.file, sets, registry);
  }
  fs::path report;
  pipeline::RunSummary summary;
  {
    Terminal terminal;
    pipeline::RunOptions options;
    options.resume = a.resume;
    report::LiveReport page(a.report);
    options.observe = [&page](const pipeline::RunSummary& s) { page.Show(s); };
    summary = pipeline::Run(loaded, options, terminal);
    if (!pipeline::Last(summary).present) {
      PrintFeatures(summary);
      return 0;
    }
    report = fs::path(summary.run_folder) / "report.html";
    report::WriteReport(summary, report);
  }
  PrintSummary(summary, report);
  for (const deploy::VerifyResult& r : summary.verify) {
    if (r.mismatches + r.recording_mismatches > 0) return 1;
  }
  return 0;
}

}  // namespace

Command AddRun(CLI::App& program, const Globals&) {
  CLI::App* parser = program.add_subcommand(
      "run",
      "train, quantise, generate C and verify it\nExample: platypus run config.yaml --set "
      "training.training_epochs=5");
  const auto a = std::make_shared<Arguments>();
  a->config.AddTo(*parser);
  parser->add_flag("--resume", a->resume,
                   "go on with the newest unfinished run of this configuration");
  parser->add_flag("--report", a->report,
                   "keep report.html up to date while the run goes on, not only at its end");
  parser->add_flag("--synthetic-data", a->synthetic_data,
                   "generate small recordings in place of the configuration's data set, and use "
                   "them");
  return {parser, [a] { return RunCommand(*a); }};
}

}  // namespace platypus::apps
