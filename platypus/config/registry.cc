#include "platypus/config/registry.h"

#include <algorithm>

#include "platypus/base/embedded.h"
#include "platypus/base/files.h"

namespace platypus::config {
namespace fs = std::filesystem;
namespace {

// The table that a file's path below registry/ belongs to; null for a path that has none.
Table* TableOf(Registry& registry, const std::string& path) {
  if (path.starts_with("models/")) return &registry.models;
  if (path.starts_with("networks/")) return &registry.networks;
  if (path == "feature_presets.yaml") return &registry.feature_presets;
  if (path == "dataset_presets.yaml") return &registry.dataset_presets;
  if (path == "datasets.yaml") return &registry.datasets;
  if (path == "project_datasets.yaml") return &registry.project_datasets;
  if (path == "devices.yaml") return &registry.devices;
  if (path == "tasks.yaml") return &registry.tasks;
  return nullptr;
}

void AddFile(Registry& registry, const std::string& path, const std::string& text,
             const std::string& shown, Category category) {
  Table* table = TableOf(registry, path);
  if (table == nullptr) {
    throw Error(
        category, fmt::format("no registry table is called '{}'", path),
        "legal: models/*.yaml, networks/*.yaml, feature_presets.yaml, dataset_presets.yaml, "
        "datasets.yaml, project_datasets.yaml, devices.yaml, tasks.yaml",
        {shown, 0, 0});
  }
  const Value file = ParseYaml(text, shown);
  if (file.kind != Value::Kind::kMap) {
    throw Error(category, "a registry file maps names to entries", "", {shown, 1, 0});
  }
  for (const auto& [name, entry] : file.entries) {
    if (entry.kind != Value::Kind::kMap && entry.kind != Value::Kind::kNull) {
      throw Error(category, fmt::format("entry '{}' is not a map", name), "", entry.where);
    }
    table->entries[name] = entry;
  }
}

}  // namespace

std::vector<std::string> Table::Names() const {
  std::vector<std::string> names;
  names.reserve(entries.entries.size());
  for (const auto& [name, entry] : entries.entries) names.push_back(name);
  return names;
}

Registry LoadRegistry(const fs::path& user_folder) {
  Registry registry;
  for (const embedded::File& file : embedded::registry_files()) {
    const std::string path(file.path);
    AddFile(registry, path, std::string(file.content), "registry/" + path, Category::kInternal);
  }
  if (user_folder.empty()) return registry;
  if (!fs::is_directory(user_folder)) {
    throw Error(Category::kUsage,
                fmt::format("the registry folder {} does not exist", user_folder.string()));
  }
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(user_folder)) {
    if (entry.is_regular_file() && entry.path().extension() == ".yaml")
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    AddFile(registry, file.lexically_relative(user_folder).generic_string(), ReadFile(file),
            file.string(), Category::kConfiguration);
  }
  return registry;
}

}  // namespace platypus::config
