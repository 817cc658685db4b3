#include <algorithm>
#include <cmath>
#include <exception>
#include <mutex>
#include <numeric>
#include <optional>

#include <fmt/ranges.h>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/interrupted.h"
#include "platypus/data/dataset.h"
#include "platypus/data/table.h"

namespace platypus::data {
namespace {

Table ReadTable(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  // What is no recording is not read either: it may be large.
  return ParseTable(path, IsRecordingEnding(extension) ? ReadFile(path) : std::string());
}

std::string NameOf(const Table& table, int column) {
  return table.names.empty() ? std::to_string(column) : table.names[static_cast<size_t>(column)];
}

// [row][column] of the columns asked for.
std::vector<float> Gather(const Table& table, const std::vector<int>& columns) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(table.rows) * columns.size());
  for (int64_t r = 0; r < table.rows; ++r) {
    for (const int c : columns) {
      values.push_back(table.values[static_cast<size_t>(r * table.columns + c)]);
    }
  }
  return values;
}

// What is read beside the inputs.
struct Targets {
  const config::Columns& variables;
  DefaultTargets fallback;
};

std::vector<int> SelectTargets(const Table& table, const Targets& targets,
                               const std::string& file) {
  const auto* indices = std::get_if<std::vector<int>>(&targets.variables);
  if (indices == nullptr || !indices->empty()) {
    return SelectColumns(table, targets.variables, file, "target_variables");
  }
  const auto last = static_cast<int>(table.columns) - 1;
  if (targets.fallback == DefaultTargets::kLast) return {last};
  std::vector<int> all(static_cast<size_t>(table.columns));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

Recording Select(Table table, const config::Columns& variables,
                 const std::optional<Targets>& targets, const std::string& file) {
  const std::vector<int> columns = SelectColumns(table, variables, file, "variables");
  Recording recording;
  recording.rows = table.rows;
  for (const int c : columns) recording.columns.push_back(NameOf(table, c));
  if (targets) {
    const std::vector<int> chosen = SelectTargets(table, *targets, file);
    for (const int c : chosen) recording.target_columns.push_back(NameOf(table, c));
    recording.targets = Gather(table, chosen);
  }
  std::vector<int> all(static_cast<size_t>(table.columns));
  std::iota(all.begin(), all.end(), 0);
  recording.values = columns == all ? std::move(table.values) : Gather(table, columns);
  return recording;
}

// The rows of a part of a recording (split_type within_files).
void Cut(Recording& recording, const RecordingRef& ref) {
  if (ref.first == 0.0 && ref.last == 1.0) return;
  const auto rows = static_cast<double>(recording.rows);
  const auto begin = static_cast<int64_t>(std::floor(ref.first * rows + 0.5));
  const auto end = static_cast<int64_t>(std::floor(ref.last * rows + 0.5));
  const auto width = static_cast<int64_t>(recording.columns.size());
  recording.values = std::vector<float>(recording.values.begin() + begin * width,
                                        recording.values.begin() + end * width);
  const auto targets = static_cast<int64_t>(recording.target_columns.size());
  recording.targets = std::vector<float>(recording.targets.begin() + begin * targets,
                                         recording.targets.begin() + end * targets);
  recording.rows = end - begin;
}

// Columns chosen by position must mean the same in every file. `width`: value columns of the whole
// file.
void RequireSameColumns(const RecordingRef& ref, const Recording& recording, int64_t width,
                        const RecordingRef& first, const Recording& first_recording,
                        int64_t first_width) {
  const std::string file = ref.path.string();
  if (width != first_width) {
    throw Error(Category::kData,
                fmt::format("the file has {} value columns, {} has {}", width, first.path.string(),
                            first_width),
                "", {file, 0, 0});
  }
  std::vector<std::string> names = recording.columns;
  std::vector<std::string> others = first_recording.columns;
  names.insert(names.end(), recording.target_columns.begin(), recording.target_columns.end());
  others.insert(others.end(), first_recording.target_columns.begin(),
                first_recording.target_columns.end());
  if (names != others &&
      std::is_permutation(names.begin(), names.end(), others.begin(), others.end())) {
    throw Error(Category::kData,
                fmt::format("the columns are {}, those of {} are {}", fmt::join(names, ", "),
                            first.path.string(), fmt::join(others, ", ")),
                "set data_processing_feature_extraction.variables to their names", {file, 0, 0});
  }
}

std::optional<Targets> TargetsOf(const config::Config& config) {
  const config::Columns& variables = config.data_processing_feature_extraction.target_variables;
  switch (config.common.task_category) {
    case config::TaskCategory::kTimeseriesRegression:
      return Targets{variables, DefaultTargets::kLast};
    case config::TaskCategory::kTimeseriesForecasting:
      return Targets{variables, DefaultTargets::kAll};
    default:
      return std::nullopt;
  }
}

// A regression that is shown its answer learns nothing else.
void WarnOfLeak(const config::Config& config, const Recording& recording, ProgressSink& sink) {
  if (config.common.task_category != config::TaskCategory::kTimeseriesRegression) return;
  for (const std::string& target : recording.target_columns) {
    if (std::count(recording.columns.begin(), recording.columns.end(), target) == 0) continue;
    sink.OnNotice(
        fmt::format("column {} is the target and an input too: the network is shown the answer; "
                    "data_processing_feature_extraction.variables names the inputs",
                    target));
  }
}

}  // namespace

bool IsRecordingEnding(std::string_view extension) {
  return extension == ".csv" || extension == ".txt" || extension == ".npy" || extension == ".npz";
}

Table ParseTable(const std::filesystem::path& path, std::string_view bytes) {
  const std::string extension = path.extension().string();
  const std::string file = path.string();
  if (extension == ".csv" || extension == ".txt") return ParseCsv(bytes, file);
  if (extension == ".npy") return ParseNpy(bytes, file);
  if (extension == ".npz") return ParseNpz(bytes, file);
  if (extension == ".pkl") {
    throw Error(Category::kData, "pickled files can run programs and are not read",
                "convert it with: python3 -c \"import pandas,sys; pandas.read_pickle(sys.argv[1])"
                ".to_csv(sys.argv[1][:-4]+'.csv', index=False)\" " +
                    path.filename().string(),
                {file, 0, 0});
  }
  throw Error(Category::kData, fmt::format("files ending in '{}' are not recordings", extension),
              "legal endings: .csv, .txt, .npy, .npz", {file, 0, 0});
}

Recording Read(const std::filesystem::path& path, const config::Columns& variables) {
  return Select(ReadTable(path), variables, std::nullopt, path.string());
}

Recording Read(const std::filesystem::path& path, const config::Columns& variables,
               const config::Columns& target_variables, DefaultTargets fallback) {
  return Select(ReadTable(path), variables, Targets{target_variables, fallback}, path.string());
}

std::vector<Recording> ReadAll(const std::vector<RecordingRef>& refs, const config::Config& config,
                               DataMemory& memory, ThreadPool& pool,
                               std::vector<SkippedFile>& skipped, ProgressSink& sink) {
  const config::Columns& variables = config.data_processing_feature_extraction.variables;
  const std::optional<Targets> targets = TargetsOf(config);
  std::vector<Recording> recordings(refs.size());
  std::vector<int64_t> widths(refs.size());
  std::vector<std::exception_ptr> failures(refs.size());
  std::mutex mutex;
  int64_t finished = 0;
  pool.Run(static_cast<int64_t>(refs.size()), [&](int64_t i) {
    const auto n = static_cast<size_t>(i);
    try {
      Table table = ReadTable(refs[n].path);
      widths[n] = table.columns;
      recordings[n] = Select(std::move(table), variables, targets, refs[n].path.string());
      Cut(recordings[n], refs[n]);
      recordings[n].values = memory.Keep(std::move(recordings[n].values));
    } catch (const Error&) {
      failures[n] = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    if (sink.Cancelled()) throw Interrupted("interrupted while reading the recordings");
    sink.OnProgress({"read", "", ++finished, static_cast<int64_t>(refs.size()), "files", {}});
  });
  const auto named = [](const config::Columns& columns) {
    return std::holds_alternative<std::vector<std::string>>(columns);
  };
  const bool by_name = named(variables) && (!targets || named(targets->variables));
  std::optional<size_t> first;  // good recording
  for (size_t i = 0; i < refs.size(); ++i) {
    try {
      if (failures[i]) std::rethrow_exception(failures[i]);
      if (!first) first = i;
      if (!by_name) {
        RequireSameColumns(refs[i], recordings[i], widths[i], refs[*first], recordings[*first],
                           widths[*first]);
      }
    } catch (const Error& error) {
      if (config.dataset.on_bad_file == config::OnBadFile::kError) {
        throw Error(error.category(), error.message(),
                    error.hint().empty() ? "dataset.on_bad_file: skip passes over such files"
                                         : error.hint(),
                    error.location());
      }
      skipped.push_back({refs[i].name, error.what()});
      recordings[i] = {};
    }
  }
  if (first) WarnOfLeak(config, recordings[*first], sink);
  return recordings;
}

}  // namespace platypus::data
