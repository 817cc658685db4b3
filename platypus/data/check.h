#ifndef PLATYPUS_DATA_CHECK_H_
#define PLATYPUS_DATA_CHECK_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"
#include "platypus/config/config.h"
#include "platypus/data/findings.h"

// What `platypus check` says of a data set, before anything runs.
namespace platypus::data {

struct ClassCount {
  std::string name;
  int64_t files = 0, rows = 0;
};

struct DatasetReport {
  std::filesystem::path data_path;        // the folder of the recordings; empty if there is none
  std::vector<ClassCount> classes;        // none for regression and forecasting
  std::map<std::string, int64_t> splits;  // recordings in "train", "val", "test"
  bool has_lists = false;                 // the splits are the user's
  int64_t files = 0;                      // recordings, those in no split too
  int64_t octets = 0;
  int64_t rows = 0;
  int64_t shortest = 0, longest = 0;  // rows
  std::vector<std::string> columns;   // value columns of the first readable recording
  double time_step = 0;               // median of the time columns; 0: there are none
  std::vector<Finding> findings;      // most serious first
};

// "tiny" below 500 rows, "small" below 5 000, "medium" below 50 000, else "large".
const char* SizeName(int64_t rows);

// The kind of task that a data set's folders are made for: Normal among the classes, classes, or
// files (regression: forecasting has the same layout). nullopt: neither is there.
std::optional<config::TaskCategory> GuessCategory(const std::filesystem::path& dataset);

// Looks at dataset.input_data_path (a folder or an archive) as data::Open would for
// common.task_category, and at every recording. Writes nothing but temporary files. What is wrong
// with the data is a finding, never an Error; Error (usage) for a URL or when cancelled.
// `rows_per_sample` raw rows make one sample; 0: not known. Progress events of stage "check".
DatasetReport Check(const config::Config& config, int64_t rows_per_sample, ThreadPool& pool,
                    ProgressSink& sink);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_CHECK_H_
