#include "apps/print_summary.h"

#include <algorithm>

#include "apps/json_log.h"

#include <fmt/format.h>

#include <cmath>

namespace platypus::apps {
namespace {

namespace fs = std::filesystem;

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

// What the package takes of the device; empty if nothing is known.
std::string DeviceText(const pipeline::RunSummary& s) {
  if (!s.insight.fit || s.insight.fit->flash_used == 0) return {};
  const pipeline::DeviceFit& fit = *s.insight.fit;
  const auto share = [](int64_t used, int64_t has) {
    return has > 0
               ? fmt::format("{:.0f} %", 100 * static_cast<double>(used) / static_cast<double>(has))
               : "size not known";
  };
  std::string text =
      fmt::format("{}: flash {} (linked), RAM and stack {} (linked, emulated)", fit.device,
                  share(fit.flash_used, fit.flash_octets), share(fit.ram_used, fit.ram_octets));
  if (fit.seconds_used > 0)
    text += fmt::format(", {:.3g} ms a sample (estimated)", 1e3 * fit.seconds_used);
  return s.fits ? text : text + ": DOES NOT FIT";
}

// A run that ended behind its features.
void PrintFeatures(const pipeline::RunSummary& s) {
  PrintLine("data", fmt::format("{}: {} / {} / {} samples to train / validate / test", s.dataset,
                                s.samples.at("train"), s.samples.at("val"), s.samples.at("test")));
  PrintLine("network", "none was trained (dont_train_just_feat_ext)");
  PrintLine("features", s.features_folder);
  PrintLine("run", s.run_folder);
}

}  // namespace

void PrintNpu(const pipeline::RunSummary& s) {
  if (!s.npu) return;
  PrintLine("npu", fmt::format("{:.0f} % of the multiply-accumulates would run there, by its "
                               "published limits; the generated C does not use it",
                               100 * deploy::ShareOnNpu(*s.npu)));
  for (const deploy::NpuPlacement& placement : *s.npu)
    PrintLine("", fmt::format("{} {}", placement.layer, deploy::Explain(placement)));
}

void PrintSummary(const pipeline::RunSummary& s, const fs::path& report) {
  if (!pipeline::Last(s).present && !s.samples.empty()) {
    PrintFeatures(s);
    return;
  }
  std::string on_core = "not verified";
  std::string cost = "-";
  for (const deploy::VerifyResult& r : s.verify) {
    if (!r.ran) continue;
    on_core = fmt::format("{}{} ({} of {} samples differ from the host)",
                          std::isfinite(r.accuracy) ? Percent(r.accuracy) + " on " : "", r.core,
                          r.mismatches, r.samples);
    if (r.instructions > 0) {
      cost = fmt::format(
          "linked: {} octets flash, {} RAM; emulated: {} stack, {} instructions (+ {} features) on "
          "{}",
          r.flash_bytes, r.ram_bytes, r.stack_bytes, r.instructions, r.feature_instructions,
          r.core);
    }
  }
  std::string times;
  for (const auto& [stage, seconds] : s.seconds)
    times += fmt::format("{}{} {:.2f} s", times.empty() ? "" : ", ", stage, seconds);
  PrintLine("model", fmt::format("{} for {} ({} parameters, {} multiply-accumulates)", s.model,
                                 s.device, s.parameters, s.macs));
  if (!s.samples.empty()) {
    PrintLine("data",
              fmt::format("{}: {}, {} / {} / {} samples to train / validate / test", s.dataset,
                          s.goal.classes.empty() ? fmt::format("{} targets", s.goal.targets.size())
                                                 : fmt::format("{} classes", s.goal.classes.size()),
                          s.samples.at("train"), s.samples.at("val"), s.samples.at("test")));
  }
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
  if (const std::string device = DeviceText(s); !device.empty()) PrintLine("device", device);
  PrintNpu(s);
  PrintLine("time", times);
  PrintLine("package", s.package_path.empty() ? "none" : s.package_path);
  if (!s.features_folder.empty()) PrintLine("features", s.features_folder);
  PrintLine("report", report.string());
  PrintLine("run", s.run_folder);
}

void LogSummaryAsJson(const pipeline::RunSummary& summary, const std::filesystem::path& report) {
  LogResultAsJson({{"run", summary.run_folder},
                   {"report", report.string()},
                   {"package", summary.package_path},
                   {"exit_status", std::to_string(StatusOf(summary))}});
}

int StatusOf(const pipeline::RunSummary& summary) {
  return !summary.fits || std::ranges::any_of(summary.verify, [](const deploy::VerifyResult& r) {
    return r.mismatches + r.recording_mismatches > 0;
  });
}

}  // namespace platypus::apps
