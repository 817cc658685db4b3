#include "platypus/report/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace platypus::report {
namespace {

std::string Percent(double share, int digits) {
  return std::isfinite(share) ? fmt::format("{:.{}f}%", 100 * share, digits) : "–";
}

// So many digits behind the point; small numbers keep three that say something.
std::string Number(double value, int digits) {
  if (!std::isfinite(value)) return "–";
  const double smallest = std::pow(10.0, -digits);
  return value != 0 && std::abs(value) < smallest ? fmt::format("{:.3g}", value)
                                                  : fmt::format("{:.{}f}", value, digits);
}

std::string Thousands(int64_t value) {
  std::string text = std::to_string(value);
  for (auto i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > 0; i -= 3)
    text.insert(static_cast<size_t>(i), "\u2009");
  return text;
}

struct Phase {
  const pipeline::NetworkSummary* network;
  const char* title;  // in front of a figure of the training
  const char* network_name;
};
std::vector<Phase> PhasesOf(const pipeline::RunSummary& s) {
  std::vector<Phase> phases;
  if (s.float_network.present) phases.push_back({&s.float_network, "Float", "float"});
  if (s.quantized_network.present) phases.push_back({&s.quantized_network, "Quant", "quantised"});
  return phases;
}

Figure OnTestSplit(const Phase& phase, const pipeline::Goal& goal) {
  const pipeline::NetworkSummary& network = *phase.network;
  const std::string of = std::string(", ") + phase.network_name;
  if (network.anomaly) return {"AUROC" + of, Number(network.anomaly->auroc, 4)};
  if (const auto* classes = std::get_if<train::ClassificationMetrics>(&*network.test))
    return {"accuracy" + of, Percent(classes->accuracy, 2)};
  const auto& values = std::get<train::RegressionMetrics>(*network.test);
  if (goal.Forecasts()) return {"SMAPE" + of, Number(values.mean.smape, 2) + "%"};
  return {"R²" + of, Number(values.mean.r2, 4)};
}

const deploy::VerifyResult* Deepest(const pipeline::RunSummary& s) {
  const deploy::VerifyResult* deepest = nullptr;
  for (const deploy::VerifyResult& r : s.verify) {
    if (r.ran && (deepest == nullptr || r.instructions > 0)) deepest = &r;
  }
  return deepest;
}

// The best of the epochs' validations by one figure; NaN ones do not count.
double Best(const pipeline::NetworkSummary& network, bool highest,
            const std::function<double(const train::Metrics&)>& figure) {
  double best = std::nan("");
  for (const train::Epoch& epoch : network.history) {
    const double value = figure(epoch.val);
    if (std::isnan(best) || (highest ? value > best : value < best)) best = value;
  }
  return best;
}

double OfClasses(const train::Metrics& metrics, double train::ClassificationMetrics::*figure) {
  const auto* classes = std::get_if<train::ClassificationMetrics>(&metrics);
  return classes == nullptr ? std::nan("") : classes->*figure;
}
double OfValues(const train::Metrics& metrics, double train::RegressionMetrics::OfOutput::*figure) {
  const auto* values = std::get_if<train::RegressionMetrics>(&metrics);
  return values == nullptr ? std::nan("") : values->mean.*figure;
}

}  // namespace

std::string Duration(double seconds) {
  constexpr double kMinute = 60, kHour = 3600;
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  if (seconds < 1.5 * kMinute) return fmt::format("{:.0f} s", seconds);
  if (seconds < 1.5 * kHour) return fmt::format("{:.0f} min", seconds / kMinute);
  return fmt::format("{:.1f} h", seconds / kHour);
}

std::vector<Figure> ResultFigures(const pipeline::RunSummary& s) {
  std::vector<Figure> figures;
  for (const Phase& phase : PhasesOf(s)) {
    if (phase.network->test) figures.push_back(OnTestSplit(phase, s.goal));
  }
  const deploy::VerifyResult* core = Deepest(s);
  if (core == nullptr) return figures;
  if (std::isfinite(core->accuracy) && s.goal.Classifies())
    figures.push_back({"accuracy, C on " + core->core, Percent(core->accuracy, 2)});
  if (core->flash_bytes > 0) figures.push_back({"octets of flash", Thousands(core->flash_bytes)});
  figures.push_back({"octets of RAM", Thousands(core->ram_bytes)});
  if (core->instructions > 0)
    figures.push_back({"instructions an inference", Thousands(core->instructions)});
  return figures;
}

std::vector<std::vector<Figure>> TrainingFigures(const pipeline::RunSummary& s) {
  using Classes = train::ClassificationMetrics;
  using Values = train::RegressionMetrics::OfOutput;
  std::vector<std::vector<Figure>> phases;
  for (const Phase& phase : PhasesOf(s)) {
    const std::vector<train::Epoch>& history = phase.network->history;
    if (history.empty()) continue;
    std::vector<Figure>& figures = phases.emplace_back();
    const auto add = [&](const char* name, const std::string& value) {
      figures.push_back({fmt::format("{} {}", phase.title, name), value});
    };
    const auto classes = [&](double Classes::*of) {
      return Best(*phase.network, true, [&](const auto& m) { return OfClasses(m, of); });
    };
    const auto values = [&](bool highest, double Values::*of) {
      return Best(*phase.network, highest, [&](const auto& m) { return OfValues(m, of); });
    };
    if (s.goal.Classifies()) {
      add("Best Acc", Percent(classes(&Classes::accuracy), 1));
      add("Best F1", Number(classes(&Classes::f1_macro), 3));
    } else if (s.goal.Forecasts()) {
      add("Best SMAPE", Number(values(false, &Values::smape), 2) + "%");
    } else {
      if (!s.goal.DetectsAnomalies()) add("Best R²", Number(values(true, &Values::r2), 4));
      add("Best MSE", Number(values(false, &Values::mse), 3));
    }
    add("Epochs", std::to_string(std::max(0, history.back().number)));
    add("Best Epoch", std::to_string(phase.network->best_epoch));
    // Epoch 0 is a network that was calibrated, not trained.
    if (history.back().number > 0) add("Latest Loss", Number(history.back().train_loss, 4));
  }
  return phases;
}

}  // namespace platypus::report
