#ifndef PLATYPUS_PIPELINE_RUN_LOG_H_
#define PLATYPUS_PIPELINE_RUN_LOG_H_

#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platypus/pipeline/lesson.h"
#include "platypus/pipeline/summary.h"

namespace platypus::pipeline {

// A text log in the form that existing tools parse: level right-aligned in 7, logger name padded
// to 20. Lines are flushed one by one, so that a killed run leaves what it had.
class RunLog {
 public:
  // Empties the file (`append` false) or goes on in it. Error (data) if it cannot be written.
  explicit RunLog(const std::filesystem::path& file, bool append = false);

  void Info(std::string_view logger, std::string_view message) { Write("INFO", logger, message); }
  void Warning(std::string_view logger, std::string_view message) {
    Write("WARNING", logger, message);
  }
  // Text as it is, on lines of its own.
  void Raw(std::string_view text);

 private:
  void Write(std::string_view level, std::string_view logger, std::string_view message);

  std::ofstream file_;
};

// What a split holds: samples by class, features, targets.
void LogStatistics(RunLog& log, const std::string& split, const SplitStatistics& statistics);

// "Confusion Matrix:" and a ruled table, rows = ground truth.
std::string ConfusionTable(const std::vector<std::vector<int64_t>>& confusion,
                           std::span<const std::string> names);

// The lines of one phase ("FloatTrain" or "QuantTrain"): every epoch, then the best one. Epochs are
// counted from 0, for every task.
void LogEpoch(RunLog& log, const Lesson& lesson, const std::string& phase,
              const train::Epoch& epoch);
void LogBestEpoch(RunLog& log, const Goal& goal, const std::string& phase,
                  const train::Epoch& best);
// What the test split says of the last network.
void LogTest(RunLog& log, const Goal& goal, const NetworkSummary& network);

// The table of file_level_classification_summary.log: one row per recording.
std::string FileTable(std::span<const FileSummary> files, std::span<const std::string> classes);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_RUN_LOG_H_
