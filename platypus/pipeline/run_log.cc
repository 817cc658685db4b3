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

std::string ConfusionTable(const std::vector<std::vector<int64_t>>& confusion,
                           std::span<const std::string> names) {
  std::vector<Row> rows(1, Row{""});
  for (size_t c = 0; c < confusion.size(); ++c) {
    rows[0].push_back(
        fmt::format("Predicted as: {}", names.empty() ? std::to_string(c) : names[c]));
  }
  for (size_t r = 0; r < confusion.size(); ++r) {
    Row row = {fmt::format("Ground Truth: {}", names.empty() ? std::to_string(r) : names[r])};
    for (const int64_t count : confusion[r]) row.push_back(std::to_string(count));
    rows.push_back(std::move(row));
  }
  return "Confusion Matrix:\n " + Grid(rows);
}

void LogEpoch(RunLog& log, const std::string& phase, const train::Epoch& epoch) {
  const std::string meters = "root.utils.MetricLogger." + phase;
  const std::string evaluate = "root.train_utils.evaluate." + phase;
  if (epoch.number == 0) {
    log.Info(evaluate,
             fmt::format("Calibrated, before training: Acc@1 {:.3f}", 100 * epoch.val.accuracy));
    return;
  }
  const int number = epoch.number - 1;  // the log counts from 0
  log.Info(meters,
           fmt::format("Epoch: [{}]  lr: {:.6f}  loss: {:.4f} ({:.4f})  acc1: {:.4f} ({:.4f})",
                       number, epoch.learning_rate, epoch.train_loss, epoch.train_loss,
                       100 * epoch.train_accuracy, 100 * epoch.train_accuracy));
  log.Info(meters, fmt::format("Epoch: [{}] Total time: {}", number, Hours(epoch.seconds)));
  log.Info(evaluate, fmt::format("Test:  Acc@1 {:.3f}", 100 * epoch.val.accuracy));
  log.Info(evaluate, fmt::format("Test:  F1-Score {:.3f}", epoch.val.f1_macro));
  log.Info(evaluate, fmt::format("AU-ROC Score: {:.3f}", epoch.val.auroc));
  log.Info(evaluate, ConfusionTable(epoch.val.confusion, {}));
}

void LogBestEpoch(RunLog& log, const std::string& phase, const train::Epoch& best,
                  std::span<const std::string> classes) {
  const std::string logger = fmt::format("root.main.{}.BestEpoch", phase);
  log.Info(logger, best.number == 0 ? "Best Epoch: 0 (calibrated, before training)"
                                    : fmt::format("Best Epoch: {}", best.number - 1));
  log.Info(logger, fmt::format("Acc@1 {:.3f}", 100 * best.val.accuracy));
  log.Info(logger, fmt::format("F1-Score {:.3f}", best.val.f1_macro));
  log.Info(logger, fmt::format("AUC ROC Score {:.3f}", best.val.auroc));
  log.Info(logger, ConfusionTable(best.val.confusion, classes));
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
