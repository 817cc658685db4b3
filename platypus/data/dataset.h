#ifndef PLATYPUS_DATA_DATASET_H_
#define PLATYPUS_DATA_DATASET_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "platypus/base/data_memory.h"
#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"
#include "platypus/config/config.h"

// The room's first header: recordings on disk, their labels and their split.
namespace platypus::data {

// One file, or (split_type within_files) a range of rows of one file.
struct RecordingRef {
  std::filesystem::path path;  // absolute
  std::string name;            // relative to the data folder, with '/', e.g. "sine/a.csv"
  int label = 0;               // index into Dataset::classes; 0 where there are none
  double first = 0.0;  // share of the rows where the part begins and ends; [0, 1] = whole file
  double last = 1.0;
};

struct SkippedFile {
  std::string name;
  std::string reason;
};

struct Dataset {
  std::filesystem::path data_path;  // the folder <data_dir>
  // Sorted by name, one list for all splits; none for regression and forecasting. Anomaly
  // detection: Anomaly, Normal.
  std::vector<std::string> classes;
  std::vector<RecordingRef> train;
  std::vector<RecordingRef> val;
  std::vector<RecordingRef> test;
  bool has_lists = false;  // the splits are the user's
  std::string hash;  // SHA-256 over names, sizes and contents of all recordings, in name order
};

// Finds (downloads, unpacks) the recordings under dataset.input_data_path, reads or makes the
// split, and writes the lists into `project_dataset_path`/annotations. Never writes into the user's
// folder. Errors: category data, with the file and what was expected.
// Layout by task: <data_dir>/<class>/<file> (anomaly detection: classes Normal and Anomaly; only
// Normal trains and validates, all of Anomaly tests), or <data_dir>/<file> (regression,
// forecasting).
Dataset Open(const config::Config& config, const std::filesystem::path& project_dataset_path,
             ProgressSink& sink);

// Values of the selected columns of one recording, [row][column].
struct Recording {
  std::vector<std::string> columns;
  int64_t rows = 0;
  Floats values;
  std::vector<std::string> target_columns;  // none for classification and anomaly detection
  std::vector<float> targets;               // [row][target]
};

// Reads csv, txt, npy, npz. Error (data) naming file, line and column of the first value that is no
// number, of the first ragged row, or that the file is empty.
Recording Read(const std::filesystem::path& path, const config::Columns& variables);

// The columns that are targets where `target_variables` is an empty list.
enum class DefaultTargets { kAll, kLast };

// The same with targets. `target_variables`: indices or names of value columns (a name of digits
// that the header does not have is an index); a count means the first ones, as for `variables`.
Recording Read(const std::filesystem::path& path, const config::Columns& variables,
               const config::Columns& target_variables,
               DefaultTargets fallback = DefaultTargets::kAll);

// Reads all of `refs` into `memory` (in parallel, result in the order of refs). Bad files:
// dataset.on_bad_file decides between the Error of the first bad file in order and an entry in
// `skipped` (rows = 0 there). Targets by task: forecasting target_variables, by default all
// columns; regression target_variables, by default the last column. A target of regression that is
// an input too makes a notice.
std::vector<Recording> ReadAll(const std::vector<RecordingRef>& refs, const config::Config& config,
                               DataMemory& memory, ThreadPool& pool,
                               std::vector<SkippedFile>& skipped, ProgressSink& sink);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_DATASET_H_
