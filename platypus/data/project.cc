#include "platypus/data/project.h"

#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/data/archive.h"
#include "platypus/data/digits.h"
#include "platypus/data/download.h"
#include "platypus/data/stand_in.h"

namespace platypus::data {
namespace fs = std::filesystem;
namespace {

using config::Value;

constexpr const char* kDigits = "digits";

std::vector<std::string> Texts(const Value& entry, const char* key) {
  std::vector<std::string> texts;
  if (const Value* list = entry.Find(key)) {
    for (const Value& item : list->items) texts.push_back(item.text);
  }
  return texts;
}

ProjectDataset ReadEntry(const config::Registry& registry, const std::string& name,
                         const Value& entry) {
  ProjectDataset set{name, Texts(entry, "tasks"), entry.Text("module"), entry.Text("description"),
                     entry.Text("url")};
  const std::string from = entry.Text("from");
  if (set.url.empty() && from != kDigits) set.url = FormOf(registry, from).url;
  return set;
}

bool HoldsRecordings(const fs::path& folder) {
  return std::ranges::any_of(std::vector<std::string>{"classes", "files", "images"},
                             [&](const auto& name) { return fs::is_directory(folder / name); });
}

// An archive whose recordings stand below one top folder loses that folder.
void Flatten(const fs::path& folder) {
  if (HoldsRecordings(folder)) return;
  const auto first = fs::directory_iterator(folder);
  const bool single =
      first != end(first) && std::next(fs::directory_iterator(folder)) == end(first);
  if (!single || !first->is_directory() || !HoldsRecordings(first->path())) return;
  const fs::path beside = folder.string() + ".top";
  fs::rename(first->path(), beside);
  fs::remove(folder);
  fs::rename(beside, folder);
}

class Creating {
 public:
  Creating(const ProjectRequest& request, const config::Registry& registry, ThreadPool& pool,
           ProgressSink& sink)
      : request_(request), registry_(registry), pool_(pool), sink_(sink) {}

  // Into a folder that is not there.
  void Fill(const fs::path& folder) {
    const fs::path data = folder / "dataset";
    fs::create_directories(folder);
    if (IsUrl(request_.dataset)) {
      Unpack(Download(request_.dataset, request_.cache, "", sink_), data, sink_);
    } else {
      FillNamed(data);
    }
    Flatten(data);
    if (!HoldsRecordings(data)) {
      sink_.OnNotice(
          "the data set has none of the folders 'classes', 'files', 'images': "
          "recordings stand in classes/<label>/ or in files/");
    }
    if (!IsUrl(request_.dataset)) WriteFile(folder / "config.yaml", Configuration());
  }

  // What can be known to fail before anything is written.
  void Check() const {
    if (fs::exists(request_.project)) {
      throw Error(Category::kUsage,
                  fmt::format("the project {} exists already", request_.project.string()),
                  "name another folder, or remove this one");
    }
    if (IsUrl(request_.dataset)) return;
    const ProjectDataset set = Named();
    if (!request_.task.empty() &&
        std::count(set.tasks.begin(), set.tasks.end(), request_.task) == 0) {
      throw Error(Category::kUsage,
                  fmt::format("data set '{}' is not for task '{}'", set.name, request_.task),
                  fmt::format("it is for: {}", fmt::join(set.tasks, ", ")));
    }
    if (!request_.archives.empty() && !fs::is_regular_file(Archive())) {
      throw Error(Category::kUsage, fmt::format("{} does not exist", Archive().string()),
                  "MMCLI_DATASETS names the folder of the archives; without it recordings are "
                  "generated");
    }
  }

 private:
  ProjectDataset Named() const {
    const Value* entry = registry_.project_datasets.Find(request_.dataset);
    if (entry == nullptr) {
      throw Error(Category::kUsage, fmt::format("there is no data set '{}'", request_.dataset),
                  Suggest(request_.dataset, registry_.project_datasets.Names()));
    }
    return ReadEntry(registry_, request_.dataset, *entry);
  }

  fs::path Archive() const { return request_.archives / (request_.dataset + ".zip"); }

  void FillNamed(const fs::path& data) {
    const ProjectDataset set = Named();
    const std::string from = registry_.project_datasets.Find(set.name)->Text("from");
    if (!request_.archives.empty()) {
      Unpack(Archive(), data, sink_);
    } else if (request_.hosted) {
      Unpack(Download(set.url, request_.cache, "", sink_), data, sink_);
    } else if (from == kDigits) {
      WriteDigits(data, request_.seed, pool_, sink_);
    } else {
      WriteStandIn(registry_, from, data, request_.seed, pool_, sink_);
    }
  }

  std::string Configuration() const {
    const Value& entry = *registry_.project_datasets.Find(request_.dataset);
    const std::string task =
        request_.task.empty() ? entry.Find("tasks")->items.front().text : request_.task;
    std::string text = fmt::format(
        "# platypus run -c config.yaml -i FOLDER, where FOLDER is that of this file\n"
        "common:\n  task_type: {}\n  target_device: {}\n",
        task, entry.Text("device"));
    for (const auto& [section, map] : entry.Find("config")->entries) {
      text += section + ":\n";
      for (const auto& [key, value] : map.entries)
        text += fmt::format("  {}: {}\n", key, config::ToYaml(value));
    }
    return text;
  }

  const ProjectRequest& request_;
  const config::Registry& registry_;
  ThreadPool& pool_;
  ProgressSink& sink_;
};

}  // namespace

std::vector<ProjectDataset> ProjectDatasets(const config::Registry& registry,
                                            const std::string& task, const std::string& module) {
  std::vector<ProjectDataset> sets;
  for (const auto& [name, entry] : registry.project_datasets.entries.entries) {
    ProjectDataset set = ReadEntry(registry, name, entry);
    if (!module.empty() && set.module != module) continue;
    if (!task.empty() && std::count(set.tasks.begin(), set.tasks.end(), task) == 0) continue;
    sets.push_back(std::move(set));
  }
  return sets;
}

void CreateProject(const ProjectRequest& request, const config::Registry& registry,
                   ThreadPool& pool, ProgressSink& sink) {
  Creating creating(request, registry, pool, sink);
  creating.Check();
  const fs::path project = fs::absolute(request.project).lexically_normal();
  const fs::path whole = project.has_filename() ? project : project.parent_path();
  const fs::path part = whole.string() + ".part";
  fs::remove_all(part);
  try {
    creating.Fill(part);
    fs::rename(part, whole);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(part, ignored);
    throw;
  }
}

}  // namespace platypus::data
