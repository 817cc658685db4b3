#include "platypus/data/dataset.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <fmt/ranges.h>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/hash.h"
#include "platypus/data/archive.h"
#include "platypus/data/download.h"
#include "platypus/data/split.h"

namespace platypus::data {
namespace fs = std::filesystem;
namespace {

constexpr std::array<const char*, 3> kSplits = {"train", "val", "test"};
constexpr const char* kNormal = "Normal";
constexpr const char* kAnomaly = "Anomaly";

std::string ListContent(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string() + (entry.is_directory() ? "/" : ""));
  }
  std::sort(names.begin(), names.end());
  std::string text;
  for (size_t i = 0; i < names.size() && i < 8; ++i) text += (i == 0 ? "" : ", ") + names[i];
  return names.empty() ? "nothing" : names.size() > 8 ? text + ", ..." : text;
}

bool HasClasses(config::TaskCategory category) {
  return category != config::TaskCategory::kTimeseriesRegression &&
         category != config::TaskCategory::kTimeseriesForecasting;
}

// The folder that holds data_dir: the input itself, or its only subfolder that does (archives often
// have one top folder).
fs::path FindRoot(const fs::path& input, const std::string& data_dir, bool has_classes) {
  if (fs::is_directory(input / data_dir)) return input;
  std::vector<fs::path> candidates;
  for (const fs::directory_entry& entry : fs::directory_iterator(input)) {
    if (entry.is_directory() && fs::is_directory(entry.path() / data_dir)) {
      candidates.push_back(entry.path());
    }
  }
  if (candidates.size() == 1) return candidates[0];
  throw Error(
      Category::kData,
      fmt::format("{} has no folder '{}' with {}", input.string(), data_dir,
                  has_classes ? "one subfolder per class" : "the recordings"),
      fmt::format("it holds {}; dataset.data_dir names another folder", ListContent(input)));
}

fs::path Locate(const config::Config& config, const fs::path& project, ProgressSink& sink) {
  const std::string& path = config.dataset.input_data_path;
  if (path.empty()) {
    throw Error(Category::kConfiguration, "dataset.input_data_path is not set",
                "name a folder, an archive (.zip, .tar, .tar.gz) or a URL");
  }
  fs::path input = path;
  if (IsUrl(path)) {
    input = Download(path, config.common.download_path, config.dataset.sha256, sink);
  }
  std::error_code ignored;
  if (fs::is_directory(input, ignored)) return input;
  if (!fs::exists(input, ignored)) {
    throw Error(Category::kData, fmt::format("dataset.input_data_path: {} does not exist", path),
                "relative paths are looked up beside the configuration file, then in the working "
                "directory");
  }
  if (!IsArchiveName(input.filename().string())) {
    throw Error(Category::kData, fmt::format("dataset.input_data_path: {} is not an archive", path),
                "legal: a folder, or a file ending in .zip, .tar, .tar.gz, .tgz");
  }
  // One folder per content, so that a changed archive is unpacked anew and an unchanged one is
  // reused.
  fs::path folder = project / ("unpacked_" + HashFile(input).substr(0, 16));
  if (!fs::exists(folder)) {
    fs::create_directories(project);
    try {
      Unpack(input, folder, sink);
    } catch (const Error&) {
      std::error_code ignored_too;
      if (IsUrl(path)) fs::remove(input, ignored_too);  // perhaps a page in place of the archive
      throw;
    }
  }
  return folder;
}

bool IsRecording(const fs::path& relative) {
  for (const fs::path& part : relative) {
    const std::string name = part.string();
    if (name.starts_with('.') || name == "_background_noise_") return false;
  }
  const std::string name = relative.filename().string();
  return !name.ends_with(".md") && !name.ends_with("_list.txt") && !name.starts_with("LICENSE");
}

// All recordings below the data folder, '/'-separated, sorted by octets. Links to folders are
// followed where a class folder stands, not below it (they may lead in circles); the project's own
// folder is passed over. Files beside the class folders are no recordings.
std::vector<std::string> ListRecordings(const fs::path& data, const fs::path& project,
                                        bool has_classes) {
  std::vector<std::string> names;
  std::error_code ignored;
  const auto options = fs::directory_options::follow_directory_symlink;
  for (auto it = fs::recursive_directory_iterator(data, options);
       it != fs::recursive_directory_iterator(); ++it) {
    const fs::directory_entry& entry = *it;
    if (entry.is_directory(ignored)) {
      if (it.depth() > 0 && entry.is_symlink(ignored)) it.disable_recursion_pending();
      if (fs::equivalent(entry.path(), project, ignored)) it.disable_recursion_pending();
      continue;
    }
    if (!entry.is_regular_file(ignored)) continue;
    const fs::path relative = entry.path().lexically_relative(data);
    if ((relative.has_parent_path() || !has_classes) && IsRecording(relative))
      names.push_back(relative.generic_string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string ClassOf(const std::string& name) {
  const std::string folder = name.substr(0, name.rfind('/'));
  return folder.substr(folder.rfind('/') + 1);  // npos + 1 = 0: the whole text
}

std::optional<fs::path> FindList(const fs::path& root, const config::Dataset& dataset,
                                 const std::string& split) {
  for (const fs::path& candidate :
       {root / (split + "_list.txt"), root / dataset.annotation_dir / (split + "_list.txt"),
        root / dataset.annotation_dir / (dataset.annotation_prefix + "_" + split + "_list.txt")}) {
    if (fs::is_regular_file(candidate)) return candidate;
  }
  return std::nullopt;
}

class Opening {
 public:
  Opening(const config::Config& config, const fs::path& project, ProgressSink& sink)
      : settings_(config.dataset),
        has_classes_(HasClasses(config.common.task_category)),
        detects_anomalies_(config.common.task_category ==
                           config::TaskCategory::kTimeseriesAnomalyDetection),
        seed_(config.common.seed),
        project_(project),
        sink_(sink) {
    root_ = FindRoot(Locate(config, project, sink), settings_.data_dir, has_classes_);
    dataset_.data_path = fs::absolute(root_ / settings_.data_dir).lexically_normal();
  }

  Dataset Run() {
    names_ = ListRecordings(dataset_.data_path, project_, has_classes_);
    if (has_classes_) {
      FindClasses();
    } else if (names_.empty()) {
      throw Error(Category::kData, fmt::format("{} has no recordings", dataset_.data_path.string()),
                  "put .csv, .txt, .npy or .npz files into it");
    }
    const bool within = settings_.split_type == config::SplitType::kWithinFiles;
    std::error_code ignored;
    // Lists beside data that lie in the project itself may be those that an earlier run wrote.
    const bool own_lists = fs::equivalent(root_, project_, ignored);
    dataset_.has_lists = !(within && own_lists) && ReadLists();
    if (!dataset_.has_lists) {
      within ? SplitWithinFiles() : SplitAmongstFiles();
    }
    CheckNotEmpty();
    WriteLists();
    dataset_.hash = Hash();
    return std::move(dataset_);
  }

 private:
  std::vector<RecordingRef>& Split(size_t i) {
    return i == 0 ? dataset_.train : i == 1 ? dataset_.val : dataset_.test;
  }

  void FindClasses() {
    std::set<std::string> classes;
    for (const std::string& name : names_) classes.insert(ClassOf(name));
    dataset_.classes.assign(classes.begin(), classes.end());
    if (detects_anomalies_ && classes != std::set<std::string>{kAnomaly, kNormal}) {
      throw Error(
          Category::kData,
          fmt::format("{} has recordings of {}", dataset_.data_path.string(),
                      classes.empty() ? "no class" : fmt::format("{}", fmt::join(classes, ", "))),
          fmt::format("anomaly detection needs the classes {} (it trains) and {} (it tests)",
                      kNormal, kAnomaly));
    }
    if (classes.size() < 2) {
      throw Error(
          Category::kData,
          fmt::format("{} has recordings of {} class{}, at least 2 are needed",
                      dataset_.data_path.string(), classes.size(), classes.size() == 1 ? "" : "es"),
          "put the recordings of each class into a subfolder named after it");
    }
  }

  // Recordings that only test.
  bool IsAnomaly(const std::string& name) const {
    return detects_anomalies_ && ClassOf(name) == kAnomaly;
  }

  RecordingRef Ref(const std::string& name) const {
    if (!has_classes_) return {dataset_.data_path / name, name};
    const std::string label = ClassOf(name);
    const auto found = std::lower_bound(dataset_.classes.begin(), dataset_.classes.end(), label);
    return {dataset_.data_path / name, name, static_cast<int>(found - dataset_.classes.begin())};
  }

  // The user's lists. Train and val are enough (the val list then tests too); none at all: false.
  bool ReadLists() {
    std::optional<fs::path> lists[3];
    int found = 0;
    for (size_t i = 0; i < 3; ++i) {
      lists[i] = FindList(root_, settings_, kSplits[i]);
      if (lists[i]) ++found;
    }
    if (found == 0) return false;
    if (!lists[0] || !lists[1]) {
      throw Error(Category::kData,
                  fmt::format("{} has a list for some splits but none for '{}'", root_.string(),
                              lists[0] ? "val" : "train"),
                  fmt::format("expected {}/{}_{}_list.txt", settings_.annotation_dir,
                              settings_.annotation_prefix, lists[0] ? "val" : "train"));
    }
    if (!lists[2]) {
      sink_.OnNotice(
          "there is no test list: the validation recordings are used as test recordings");
      lists[2] = lists[1];
    }
    int anomalies = 0;
    for (size_t i = 0; i < 3; ++i) {
      for (const ListEntry& entry : ReadList(*lists[i])) {
        const fs::path path = fs::path(entry.name);
        const bool inside =
            path.is_relative() && !path.lexically_normal().generic_string().starts_with("..");
        const std::string name = path.lexically_normal().generic_string();
        if (!inside || !std::binary_search(names_.begin(), names_.end(), name)) {
          throw Error(
              Category::kData,
              fmt::format("'{}' is no recording below {}", entry.name, dataset_.data_path.string()),
              Nearest(name, names_).empty() ? "" : "did you mean '" + Nearest(name, names_) + "'?",
              {lists[i]->string(), entry.line, 0});
        }
        if (i < 2 && IsAnomaly(name)) {
          ++anomalies;
        } else {
          Split(i).push_back(Ref(name));
        }
      }
    }
    if (anomalies > 0) {
      sink_.OnNotice(
          fmt::format("{} recordings of {} in the train and val lists are left out: anomaly "
                      "detection learns from {} alone",
                      anomalies, kAnomaly, kNormal));
    }
    return true;
  }

  std::vector<double> SplitShares() const { return Shares(settings_.split_factor, 3); }

  // What the shares are taken of.
  std::vector<std::string> SharedNames() const {
    std::vector<std::string> names = names_;
    std::erase_if(names, [&](const std::string& name) { return IsAnomaly(name); });
    return names;
  }
  void AddAnomalies() {
    for (const std::string& name : names_) {
      if (IsAnomaly(name)) dataset_.test.push_back(Ref(name));
    }
  }

  void SplitAmongstFiles() {
    const std::vector<std::vector<std::string>> splits =
        SplitByFiles(SharedNames(), SplitShares(), seed_);
    for (size_t i = 0; i < 3; ++i) {
      for (const std::string& name : splits[i]) Split(i).push_back(Ref(name));
    }
    AddAnomalies();
  }

  // Consecutive rows of every recording: the first share trains, the next validates, the last
  // tests.
  void SplitWithinFiles() {
    const std::vector<double> shares = SplitShares();
    const std::vector<std::string> names = SharedNames();
    double begin = 0.0;
    for (size_t i = 0; i < 3; ++i) {
      const double end = i == 2 ? 1.0 : std::min(1.0, begin + shares[i]);
      for (const std::string& name : names) {
        if (end <= begin) continue;
        RecordingRef ref = Ref(name);
        ref.first = begin;
        ref.last = end;
        Split(i).push_back(std::move(ref));
      }
      begin = end;
    }
    AddAnomalies();
  }

  void CheckNotEmpty() {
    for (size_t i = 0; i < 3; ++i) {
      if (!Split(i).empty()) continue;
      throw Error(
          Category::kData,
          fmt::format("the {} split has no recordings ({} in all)", kSplits[i], names_.size()),
          "give dataset.split_factor three shares above 0, or list more recordings");
    }
    std::set<int> trained;
    for (const RecordingRef& ref : dataset_.train) trained.insert(ref.label);
    for (size_t c = 0; c < dataset_.classes.size(); ++c) {
      if (!trained.contains(static_cast<int>(c)) && !IsAnomaly(dataset_.classes[c] + "/")) {
        throw Error(
            Category::kData,
            fmt::format("class '{}' has no recording in the train split", dataset_.classes[c]),
            "add recordings of it, or remove its folder");
      }
    }
  }

  void WriteLists() {
    const fs::path folder = project_ / "annotations";
    const auto write = [&](const std::string& file, const std::vector<std::string>& names) {
      std::string text;
      for (const std::string& name : names) text += (text.empty() ? "" : "\n") + name;
      WriteFile(folder / file, text);
    };
    write("file_list.txt", names_);
    for (size_t i = 0; i < 3; ++i) {
      std::vector<std::string> names;
      for (const RecordingRef& ref : Split(i)) names.push_back(ref.name);
      write(fmt::format("{}_{}_list.txt", settings_.annotation_prefix, kSplits[i]), names);
    }
  }

  // Content of all recordings that are used, by name.
  std::string Hash() {
    std::set<std::string> used;
    for (size_t i = 0; i < 3; ++i) {
      for (const RecordingRef& ref : Split(i)) used.insert(ref.name);
    }
    Sha256 all;
    for (const std::string& name : used) {
      const std::string content = ReadFile(dataset_.data_path / name);
      all.Update(fmt::format("{}\n{}\n", name, content.size()));
      all.Update(content);
    }
    return all.Finish();
  }

  const config::Dataset& settings_;
  bool has_classes_;
  bool detects_anomalies_;
  uint64_t seed_;
  const fs::path& project_;
  ProgressSink& sink_;
  fs::path root_;  // the folder that holds data_dir and the annotations
  std::vector<std::string> names_;
  Dataset dataset_;
};

}  // namespace

Dataset Open(const config::Config& config, const fs::path& project_dataset_path,
             ProgressSink& sink) try {
  return Opening(config, project_dataset_path, sink).Run();
} catch (const fs::filesystem_error& error) {
  Fail(Category::kData, "cannot open the data set {}: {}", config.dataset.input_data_path,
       error.what());
}

}  // namespace platypus::data
