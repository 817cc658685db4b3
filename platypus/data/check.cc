#include "platypus/data/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <mutex>
#include <set>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/hash.h"
#include "platypus/data/archive.h"
#include "platypus/data/dataset.h"
#include "platypus/data/download.h"
#include "platypus/data/split.h"
#include "platypus/data/table.h"

namespace platypus::data {
namespace fs = std::filesystem;
namespace {

using config::TaskCategory;

bool HasClasses(TaskCategory category) {
  return category == TaskCategory::kTimeseriesClassification ||
         category == TaskCategory::kTimeseriesAnomalyDetection;
}

// Entries of a folder, sorted by name; none if it cannot be read.
std::vector<fs::path> Entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    entries.push_back(entry.path());
  std::ranges::sort(entries);
  return entries;
}

bool IsFolder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored) && !path.filename().string().starts_with('.');
}

bool IsRecording(const fs::path& path) {
  std::error_code ignored;
  const std::string name = path.filename().string();
  return fs::is_regular_file(path, ignored) && IsRecordingEnding(path.extension().string()) &&
         !name.ends_with("_list.txt") && !name.starts_with('.');
}

bool HoldsRecordings(const fs::path& folder) {
  return std::ranges::any_of(Entries(folder), IsRecording);
}

// The folder called `name` nearest below `root`, at most `depth` levels down.
std::optional<fs::path> FindBelow(const fs::path& root, const std::string& name, int depth) {
  constexpr int kMostFolders = 2'000;
  std::vector<fs::path> level = {root};
  int looked_at = 0;
  for (int d = 0; d < depth; ++d) {
    std::vector<fs::path> next;
    for (const fs::path& folder : level) {
      if (IsFolder(folder / name)) return folder / name;
      if (++looked_at > kMostFolders) return std::nullopt;
      for (const fs::path& entry : Entries(folder)) {
        if (IsFolder(entry)) next.push_back(entry);
      }
    }
    level = std::move(next);
  }
  return std::nullopt;
}

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Keeps notices, passes the rest on under the stage "check".
class Listener : public ProgressSink {
 public:
  explicit Listener(ProgressSink& next) : next_(next) {}
  void OnProgress(const ProgressEvent& event) override { next_.OnProgress(event); }
  void OnNotice(const std::string& text) override { notices.push_back(text); }
  bool Cancelled() override { return next_.Cancelled(); }
  std::vector<std::string> notices;

 private:
  ProgressSink& next_;
};

class Checking {
 public:
  Checking(const config::Config& config, int64_t rows_per_sample, ThreadPool& pool,
           ProgressSink& sink)
      : config_(config), rows_per_sample_(rows_per_sample), pool_(pool), sink_(sink) {
    if (config_.dataset.data_dir.empty())
      config_.dataset.data_dir = HasClasses(Task()) ? "classes" : "files";
  }

  DatasetReport Run() {
    if (Open()) {
      LookBesideRecordings();
      ReadRecordings();
      Summarise();
      const Context context{dataset_.classes, DetectsAnomalies(), report_.has_lists,
                            rows_per_sample_};
      std::vector<Finding> problems = FindProblems(recordings_, context);
      report_.findings.insert(report_.findings.end(), problems.begin(), problems.end());
    }
    SortBySeverity(report_.findings);
    return std::move(report_);
  }

 private:
  TaskCategory Task() const { return config_.common.task_category; }
  bool DetectsAnomalies() const { return Task() == TaskCategory::kTimeseriesAnomalyDetection; }
  void Add(Severity severity, const std::string& kind, const std::string& file,
           const std::string& found, const std::string& advice) {
    report_.findings.push_back({severity, kind, file, 0, found, advice});
  }

  // ---- structure -----------------------------------------------------------------------------

  bool Open() {
    const std::string& given = config_.dataset.input_data_path;
    if (IsUrl(given)) {
      throw Error(Category::kUsage, fmt::format("{} is a URL", given),
                  "check looks at a folder or an archive of this machine: download it first");
    }
    fs::path root = given;
    std::error_code ignored;
    if (fs::is_regular_file(root, ignored) && IsArchiveName(root.filename().string())) {
      root = scratch_.Path() / "unpacked";
      try {
        Unpack(given, root, sink_);
      } catch (const Error& error) {
        AddError("structure", error);
        return false;
      }
      config_.dataset.input_data_path = root.string();
    }
    Listener listener(sink_);
    try {
      // As a run does, with a project folder that goes away.
      dataset_ = data::Open(config_, scratch_.Path() / "project", listener);
    } catch (const Error& error) {
      if (sink_.Cancelled()) throw;
      AddError("structure", error);
      ExplainStructure(root);
      return false;
    }
    for (const std::string& notice : listener.notices)
      Add(Severity::kHint, "structure", "", notice, "");
    report_.data_path = dataset_.data_path;
    report_.has_lists = dataset_.has_lists;
    return true;
  }

  void AddError(const std::string& kind, const Error& error) {
    const fs::path file = error.location().file;
    const fs::path relative = file.lexically_relative(dataset_.data_path);
    const bool below = !relative.empty() && !relative.string().starts_with("..");
    report_.findings.push_back({Severity::kError, kind, (below ? relative : file).generic_string(),
                                error.location().line, error.message(), error.hint()});
  }

  // What the folders look like instead.
  void ExplainStructure(const fs::path& root) {
    const std::string& data_dir = config_.dataset.data_dir;
    const std::string other = HasClasses(Task()) ? "files" : "classes";
    const auto hint = [&](const std::string& found, const std::string& advice) {
      Add(Severity::kHint, "structure", "", found, advice);
    };
    if (!IsFolder(root)) return;
    if (root.filename() == data_dir ||
        (!root.has_filename() && root.parent_path().filename() == data_dir)) {
      hint(fmt::format("{} is the folder '{}' itself", root.string(), data_dir),
           "name the folder above it");
      return;
    }
    if (IsFolder(root / other)) {
      hint(fmt::format("there is a folder '{}' in place of '{}'", other, data_dir),
           HasClasses(Task()) ? "it is the layout of regression and forecasting: -t "
                                "generic_timeseries_regression"
                              : "it is the layout of classification and anomaly detection: -t "
                                "generic_timeseries_classification");
    }
    if (const auto found = FindBelow(root, data_dir, 4);
        found && found->parent_path() != root && found->parent_path().parent_path() != root) {
      hint(fmt::format("there is a folder '{}' at {}", data_dir,
                       found->lexically_relative(root).generic_string()),
           fmt::format("name {}", found->parent_path().string()));
    }
    std::vector<std::string> folders;
    for (const fs::path& entry : Entries(root)) {
      if (IsFolder(entry) && HoldsRecordings(entry)) folders.push_back(entry.filename().string());
    }
    if (HasClasses(Task()) && folders.size() >= 2 && !IsFolder(root / data_dir)) {
      hint(fmt::format("the folders {} hold recordings without a folder '{}' around them",
                       fmt::join(folders, ", "), data_dir),
           fmt::format("move them into {}, or set dataset.data_dir: .", data_dir));
    }
    if (HoldsRecordings(root)) {
      hint("recordings stand in the folder itself",
           HasClasses(Task())
               ? "put those of each class into classes/<class>; a table with a column of labels "
                 "has to be cut into one file for each recording"
               : fmt::format("put them into {}", data_dir));
    }
    if (DetectsAnomalies()) {
      const fs::path classes = root / data_dir;
      for (const fs::path& entry : Entries(classes)) {
        const std::string name = entry.filename().string();
        for (const char* wanted : {"Normal", "Anomaly"}) {
          if (name != wanted && Lower(name) == Lower(wanted))
            hint(fmt::format("the folder '{}' is not '{}'", name, wanted),
                 "the names of these two classes are fixed, capitals too");
        }
      }
    }
  }

  // What stands where recordings stand and is none.
  void LookBesideRecordings() {
    if (!HasClasses(Task())) return;
    std::vector<std::string> ignored_files;
    for (const fs::path& entry : Entries(dataset_.data_path)) {
      if (IsRecording(entry)) ignored_files.push_back(entry.filename().string());
    }
    if (!ignored_files.empty()) {
      Add(Severity::kWarning, "structure", ignored_files[0],
          fmt::format("{} recording{} beside the folders of the classes {} not used",
                      ignored_files.size(), ignored_files.size() == 1 ? "" : "s",
                      ignored_files.size() == 1 ? "is" : "are"),
          "move them into the folder of their class");
    }
    // A folder between the data folder and the classes.
    const std::vector<fs::path> entries = Entries(dataset_.data_path);
    for (const fs::path& entry : entries) {
      if (!IsFolder(entry) || HoldsRecordings(entry)) continue;
      const bool nested = std::ranges::any_of(
          Entries(entry), [](const fs::path& e) { return IsFolder(e) && HoldsRecordings(e); });
      if (nested) {
        Add(Severity::kHint, "structure", entry.filename().string(),
            "holds folders of recordings: classes are named after the innermost folder",
            "remove the level in between if it is none of the data set's");
      } else {
        Add(Severity::kHint, "structure", entry.filename().string(), "holds no recordings", "");
      }
    }
  }

  // ---- recordings ----------------------------------------------------------------------------

  void ReadRecordings() {
    std::map<std::string, RecordingFacts> all;
    for (const ListEntry& entry :
         ReadList(scratch_.Path() / "project" / "annotations" / "file_list.txt")) {
      all[entry.name].name = entry.name;
    }
    for (const auto& [split, refs] :
         {std::pair{"train", &dataset_.train}, {"val", &dataset_.val}, {"test", &dataset_.test}}) {
      report_.splits[split] = static_cast<int64_t>(refs->size());
      for (const RecordingRef& ref : *refs) {
        RecordingFacts& facts = all[ref.name];
        facts.name = ref.name;
        facts.splits.push_back(split);
        facts.label = HasClasses(Task()) ? ref.label : -1;
      }
    }
    std::vector<std::string> unused;
    for (auto& [name, facts] : all) {
      if (facts.splits.empty()) unused.push_back(name);
      recordings_.push_back(std::move(facts));
    }
    if (!unused.empty()) {
      Add(Severity::kHint, "split", unused[0],
          fmt::format("{} of {} recordings {} in no list and {} not used", unused.size(),
                      recordings_.size(), unused.size() == 1 ? "is" : "are",
                      unused.size() == 1 ? "is" : "are"),
          "add them to a list if they were forgotten");
    }
    std::vector<std::optional<Error>> errors(recordings_.size());
    std::vector<int64_t> octets(recordings_.size(), 0);
    std::mutex mutex;
    int64_t finished = 0;
    pool_.Run(static_cast<int64_t>(recordings_.size()), [&](int64_t i) {
      const auto n = static_cast<size_t>(i);
      try {
        octets[n] = ReadOne(recordings_[n]);
      } catch (const Error& error) {
        errors[n] = error;
      }
      const std::lock_guard lock(mutex);
      if (sink_.Cancelled())
        throw Error(Category::kUsage, "interrupted while reading the recordings");
      sink_.OnProgress(
          {"check", "", ++finished, static_cast<int64_t>(recordings_.size()), "files", {}});
    });
    ReportUnreadable(errors);
    for (size_t i = recordings_.size(); i-- > 0;) {
      report_.octets += octets[i];
      if (errors[i]) recordings_.erase(recordings_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    report_.files = static_cast<int64_t>(octets.size());
  }

  int64_t ReadOne(RecordingFacts& facts) const {
    const fs::path path = dataset_.data_path / facts.name;
    const std::string extension = path.extension().string();
    const std::string bytes = IsRecordingEnding(extension) ? ReadFile(path) : std::string();
    Table table = ParseTable(path, bytes);
    facts.content = HashText(bytes);
    facts.rows = table.rows;
    for (int64_t c = static_cast<int64_t>(table.names.size()); c < table.columns; ++c)
      table.names.push_back(std::to_string(c));
    facts.columns = DescribeColumns(table.values, table.names);
    if (extension == ".csv" || extension == ".txt")
      facts.time = DescribeTime(ReadTimeColumn(bytes).values);
    return static_cast<int64_t>(bytes.size());
  }

  void ReportUnreadable(const std::vector<std::optional<Error>>& errors) {
    constexpr size_t kMost = 20;
    const bool skip = config_.dataset.on_bad_file == config::OnBadFile::kSkip;
    size_t count = 0;
    for (const std::optional<Error>& error : errors) {
      if (!error || ++count > kMost) continue;
      AddError("unreadable", *error);
      if (skip) report_.findings.back().severity = Severity::kWarning;
      if (report_.findings.back().advice.empty()) {
        report_.findings.back().advice =
            skip ? "it is passed over" : "mend it, or set dataset.on_bad_file: skip";
      }
    }
    if (count > kMost) {
      Add(skip ? Severity::kWarning : Severity::kError, "unreadable", "",
          fmt::format("{} more recordings cannot be read", count - kMost), "");
    }
  }

  void Summarise() {
    for (const std::string& name : dataset_.classes) report_.classes.push_back({name});
    std::vector<double> steps;
    for (const RecordingFacts& r : recordings_) {
      report_.rows += r.rows;
      report_.shortest = report_.shortest == 0 ? r.rows : std::min(report_.shortest, r.rows);
      report_.longest = std::max(report_.longest, r.rows);
      if (r.time.step > 0) steps.push_back(r.time.step);
      if (report_.columns.empty()) {
        for (const ColumnFacts& column : r.columns) report_.columns.push_back(column.name);
      }
      if (r.label >= 0) {
        ClassCount& count = report_.classes[static_cast<size_t>(r.label)];
        ++count.files;
        count.rows += r.rows;
      }
    }
    std::ranges::sort(steps);
    if (!steps.empty()) report_.time_step = steps[steps.size() / 2];
  }

  config::Config config_;
  int64_t rows_per_sample_;
  ThreadPool& pool_;
  ProgressSink& sink_;
  TemporaryFolder scratch_;
  Dataset dataset_;
  std::vector<RecordingFacts> recordings_;
  DatasetReport report_;
};

}  // namespace

const char* SizeName(int64_t rows) {
  return rows < 500 ? "tiny" : rows < 5'000 ? "small" : rows < 50'000 ? "medium" : "large";
}

std::optional<TaskCategory> GuessCategory(const fs::path& dataset) {
  std::vector<fs::path> roots = {dataset};
  for (const fs::path& entry : Entries(dataset)) {
    if (IsFolder(entry)) roots.push_back(entry);
  }
  for (const fs::path& root : roots) {
    if (IsFolder(root / "classes")) {
      return IsFolder(root / "classes" / "Normal") && IsFolder(root / "classes" / "Anomaly")
                 ? TaskCategory::kTimeseriesAnomalyDetection
                 : TaskCategory::kTimeseriesClassification;
    }
    if (IsFolder(root / "files")) return TaskCategory::kTimeseriesRegression;
  }
  return std::nullopt;
}

DatasetReport Check(const config::Config& config, int64_t rows_per_sample, ThreadPool& pool,
                    ProgressSink& sink) {
  return Checking(config, rows_per_sample, pool, sink).Run();
}

}  // namespace platypus::data
