#include "platypus/pipeline/run_log.h"

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"

namespace platypus::pipeline {
namespace {

using Row = std::vector<std::string>;

std::string Rule(const std::vector<size_t>& widths, char line) {
  std::string text = "+";
  for (const size_t width : widths) text += std::string(width + 2, line) + "+";
  return text + "\n";
}

// Every row ruled, the header's rule doubled; all cells but the first column right-aligned.
std::string Grid(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows.at(0).size(), 0);
  for (const Row& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text = Rule(widths, '-');
  for (size_t r = 0; r < rows.size(); ++r) {
    text += "|";
    for (size_t c = 0; c < rows[r].size(); ++c) {
      text += c == 0 ? fmt::format(" {:<{}} |", rows[r][c], widths[c])
                     : fmt::format(" {:>{}} |", rows[r][c], widths[c]);
    }
    text += "\n" + Rule(widths, r == 0 ? '=' : '-');
  }
  text.pop_back();
  return text;
}

std::string Hours(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace

RunLog::RunLog(const std::filesystem::path& file, bool append) {
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  file_.open(file, append ? std::ios::app : std::ios::trunc);
  if (!file_) Fail(Category::kData, "cannot write {}", file.string());
}

void RunLog::Write(std::string_view level, std::string_view logger, std::string_view message) {
  file_ << fmt::format("{:>7}: {:<20}: {}\n", level, logger, message) << std::flush;
}

void RunLog::Raw(std::string_view text) { file_ << text << '\n' << std::flush; }

void LogStatistics(RunLog& log, const std::string& split, const SplitStatistics& statistics) {
  const auto line = [&](const std::string& what, const Statistics& s) {
    log.Info("root.main",
             fmt::format("{}: {} from {:.6g} to {:.6g}, mean {:.6g}, standard deviation {:.6g}",
                         split, what, s.minimum, s.maximum, s.mean, s.deviation));
  };
  if (!statistics.classes.empty())
    log.Info("root.main", fmt::format("{}: {}", split, ClassCounts(statistics)));
  line("features", statistics.features);
  for (const auto& [name, target] : statistics.targets) line("target " + name, target);
}

std::string ConfusionTable(const std::vector<std::vector<int64_t>>& confusion,
                           std::span<const std::string> names) {
  std::vector<Row> rows(1, Row{""});
  for (size_t c = 0; c < confusion.size(); ++c) {
    // Tools know the columns as two blanks wider than their heads.
    rows[0].push_back(
        fmt::format("  Predicted as: {}", names.empty() ? std::to_string(c) : names[c]));
  }
  for (size_t r = 0; r < confusion.size(); ++r) {
    Row row = {fmt::format("Ground Truth: {}", names.empty() ? std::to_string(r) : names[r])};
    for (const int64_t count : confusion[r]) row.push_back(std::to_string(count));
    rows.push_back(std::move(row));
  }
  return "Confusion Matrix:\n " + Grid(rows);
}

namespace {

// Every target over all steps, then step by step; `indent` blanks before targets, `more` before
// their lines.
void LogForecast(RunLog& log, const std::string& logger, const Goal& goal,
                 const train::RegressionMetrics& metrics, int indent, int more, int most) {
  const size_t targets = goal.targets.size();
  const auto steps = static_cast<size_t>(goal.horizon);
  const auto line = [&](int blanks, const std::string& text) {
    log.Info(logger, std::string(static_cast<size_t>(blanks), ' ') + text);
  };
  for (size_t t = 0; t < targets; ++t) {
    const std::string& name = goal.targets[t];
    const auto at = [&](size_t h) -> const auto& { return metrics.outputs[h * targets + t]; };
    double smape = 0;
    double r2 = 0;
    for (size_t h = 0; h < steps; ++h) {
      smape += at(h).smape / static_cast<double>(steps);
      r2 += at(h).r2 / static_cast<double>(steps);
    }
    line(indent, fmt::format("Variable {}:", name));
    line(more, fmt::format("SMAPE of {} across all predicted timesteps: {:.2f}%", name, smape));
    line(more, fmt::format("R² of {} across all predicted timesteps: {:.4f}", name, r2));
    for (size_t h = 0; h < steps; ++h) {
      line(more, fmt::format("Timestep {}:", h + 1));
      line(most, fmt::format("SMAPE: {:.2f}%", at(h).smape));
      line(most, fmt::format("R²: {:.4f}", at(h).r2));
    }
  }
}

}  // namespace

void LogEpoch(RunLog& log, const Lesson& lesson, const std::string& phase,
              const train::Epoch& epoch) {
  const Goal& goal = lesson.Wanted();
  const std::string meters = "root.utils.MetricLogger." + phase;
  const std::string evaluate = "root.train_utils.evaluate." + phase;
  const auto* classes = std::get_if<train::ClassificationMetrics>(&epoch.val);
  const auto* values = std::get_if<train::RegressionMetrics>(&epoch.val);
  if (epoch.number == 0) {
    log.Info(evaluate,
             "Calibrated, before training: " +
                 (classes != nullptr ? fmt::format("Acc@1 {:.3f}", 100 * classes->accuracy)
                  : goal.Forecasts() ? fmt::format("SMAPE {:.2f}%", values->error)
                                     : fmt::format("MSE {:.6f}", values->error)));
    return;
  }
  const int number = epoch.number - 1;  // the log counts from 0
  const std::string header = goal.DetectsAnomalies()
                                 ? fmt::format("Training   - Epoch[{}]: ", number)
                                 : fmt::format("Epoch: [{}]", number);
  std::string line = fmt::format("{}  lr: {:.6f}  loss: {:.4f} ({:.4f})", header,
                                 epoch.learning_rate, epoch.train_loss, epoch.train_loss);
  if (classes != nullptr)
    line += fmt::format("  acc1: {0:.4f} ({0:.4f})", 100 * epoch.train_accuracy);
  log.Info(meters, line);
  log.Info(meters, fmt::format("{} Total time: {}", header, Hours(epoch.seconds)));
  if (classes != nullptr) {
    log.Info(evaluate, fmt::format("Test:  Acc@1 {:.3f}", 100 * classes->accuracy));
    log.Info(evaluate, fmt::format("Test:  F1-Score {:.3f}", classes->f1_macro));
    log.Info(evaluate, fmt::format("AU-ROC Score: {:.3f}", classes->auroc));
    log.Info(evaluate, ConfusionTable(classes->confusion, {}));
  } else if (goal.Forecasts()) {
    log.Info(meters, fmt::format("Test:  loss: {0:.4f} ({0:.4f})  smape: {1:.4f} ({1:.4f})",
                                 values->mean.mse, values->mean.smape));
    log.Info(evaluate, fmt::format("Current SMAPE across all target variables and across all "
                                   "predicted timesteps: {:.2f}%",
                                   values->mean.smape));
  } else if (goal.DetectsAnomalies()) {
    log.Info("root.train_utils.train." + phase,
             fmt::format("{} MSE {:.6f}", header, lesson.InRealUnits(epoch.train_loss)));
    log.Info(evaluate,
             fmt::format("Validation - Epoch[{}]:  MSE {:.6f}", number, values->mean.mse));
  } else {
    log.Info(evaluate, fmt::format("Test:  MSE {:.3f}", values->mean.mse));
    log.Info(evaluate, fmt::format("Test:  R2-Score {:.3f}", values->mean.r2));
  }
}

void LogBestEpoch(RunLog& log, const Goal& goal, const std::string& phase,
                  const train::Epoch& best) {
  const std::string logger = fmt::format("root.main.{}.BestEpoch", phase);
  // Tools know two spellings.
  const char* what = goal.Forecasts() ? "Best epoch:" : "Best Epoch: ";
  log.Info(logger, best.number == 0 ? fmt::format("{}0 (calibrated, before training)", what)
                                    : fmt::format("{}{}", what, best.number - 1));
  if (const auto* classes = std::get_if<train::ClassificationMetrics>(&best.val)) {
    log.Info(logger, fmt::format("Acc@1 {:.3f}", 100 * classes->accuracy));
    log.Info(logger, fmt::format("F1-Score {:.3f}", classes->f1_macro));
    log.Info(logger, fmt::format("AUC ROC Score {:.3f}", classes->auroc));
    log.Info(logger, ConfusionTable(classes->confusion, goal.classes));
    return;
  }
  const auto& values = std::get<train::RegressionMetrics>(best.val);
  if (goal.Forecasts()) {
    log.Info(logger, fmt::format("Overall SMAPE across all variables: {:.2f}%", values.mean.smape));
    log.Info(logger, "Per-Variable Metrics:");
    LogForecast(log, logger, goal, values, 2, 6, 10);
    return;
  }
  log.Info(logger, fmt::format("MSE {:.3f}", values.mean.mse));
  if (!goal.DetectsAnomalies()) log.Info(logger, fmt::format("R2-Score {:.3f}", values.mean.r2));
}

void LogTest(RunLog& log, const Goal& goal, const NetworkSummary& network) {
  const std::string logger = "root.main.test_data";
  if (const auto* classes = std::get_if<train::ClassificationMetrics>(&*network.test)) {
    log.Info(logger,
             fmt::format("Test Data Evaluation Accuracy: {:.2f}%", 100 * classes->accuracy));
    log.Info(logger, fmt::format("Test Data Evaluation AUC ROC Score: {:.3f}", classes->auroc));
    log.Info(logger, ConfusionTable(classes->confusion, goal.classes));
    return;
  }
  const auto& values = std::get<train::RegressionMetrics>(*network.test);
  if (goal.Forecasts()) {
    LogForecast(log, logger, goal, values, 0, 2, 6);
    return;
  }
  if (!network.anomaly) {
    // The logger's name stands in the message too: existing tools look for it there.
    log.Info(logger, fmt::format("{}: Test Data Evaluation RMSE: {:.2f}", logger,
                                 std::sqrt(values.mean.mse)));
    log.Info(logger,
             fmt::format("{}: Test Data Evaluation R2-Score: {:.2f}", logger, values.mean.r2));
    return;
  }
  const AnomalyTest& test = *network.anomaly;
  log.Info(logger, fmt::format("Reconstruction error of normal training samples: mean {:.6f}, "
                               "standard deviation {:.6f}",
                               test.threshold.mean, test.threshold.deviation));
  log.Info(logger, fmt::format("Test Data Evaluation AUC ROC Score: {:.3f}", test.auroc));
  const auto detection = [&](const char* what, const Detection& d) {
    log.Info(logger, fmt::format("{}: k {}, threshold {:.6f}", what, d.k, d.threshold));
    log.Info(logger, fmt::format("False positive rate {:.2f}%, recall {:.2f}%, accuracy {:.2f}%, "
                                 "precision {:.2f}%, F1-Score {:.2f}%",
                                 100 * d.FalsePositiveRate(), 100 * d.Recall(), 100 * d.Accuracy(),
                                 100 * d.Precision(), 100 * d.F1()));
    const std::vector<std::string> names = {"Normal", "Anomaly"};
    log.Info(logger, ConfusionTable({{d.true_negatives, d.false_positives},
                                     {d.false_negatives, d.true_positives}},
                                    names));
  };
  detection("Threshold in effect", test.chosen);
  detection("Threshold with the best F1-Score", test.best);
}

std::string FileTable(std::span<const FileSummary> files, std::span<const std::string> classes) {
  std::vector<Row> rows(1, Row{"", "True Class", "File", "Total Samples"});
  for (const std::string& name : classes) rows[0].push_back("Predicted as " + name);
  for (size_t i = 0; i < files.size(); ++i) {
    const FileSummary& file = files[i];
    int64_t total = 0;
    for (const int64_t count : file.predicted) total += count;
    Row row = {std::to_string(i), classes[static_cast<size_t>(file.label)],
               file.name.substr(file.name.rfind('/') + 1), std::to_string(total)};
    for (const int64_t count : file.predicted) row.push_back(std::to_string(count));
    rows.push_back(std::move(row));
  }
  return Grid(rows);
}

}  // namespace platypus::pipeline
