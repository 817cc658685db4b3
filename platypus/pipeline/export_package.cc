#include "platypus/pipeline/export_package.h"

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/hash.h"
#include "platypus/config/registry.h"
#include "platypus/deploy/package_forms.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

using Hashes = std::map<std::string, std::string>;  // relative path -> SHA-256

constexpr const char* kManifest = "exported.json";

// A path that stays below the folder it is relative to.
bool StaysInside(const std::string& path) {
  const fs::path normal = fs::path(path).lexically_normal();
  return !path.empty() && normal.is_relative() && *normal.begin() != "..";
}

Hashes ReadHashes(const fs::path& file) {
  try {
    Hashes hashes;
    const auto json = nlohmann::json::parse(ReadFile(file));
    for (const auto& [path, hash] : json.at("files").items()) {
      if (!StaysInside(path)) {
        throw Error(Category::kData, fmt::format("'{}' leaves the folder", path), "",
                    {file.string()});
      }
      hashes[path] = hash;
    }
    return hashes;
  } catch (const nlohmann::json::exception& error) {
    throw Error(Category::kData, fmt::format("the manifest is damaged: {}", error.what()), "",
                {file.string()});
  }
}

// All files of a run's package, each proved by the package's own hashes.
deploy::Package ReadPackage(const fs::path& where) {
  for (const fs::path& folder : {where / "compilation" / "artifacts", where / "artifacts", where}) {
    const fs::path manifest = folder / "manifest.json";
    std::error_code ignored;
    if (!fs::is_regular_file(manifest, ignored)) continue;
    deploy::Package package;
    for (const auto& [path, hash] : ReadHashes(manifest)) {
      package[path] = ReadFile(folder / path);
      if (HashText(package[path]) != hash) {
        throw Error(Category::kData, "the file is not what the package's manifest says",
                    "run again, or take the change out", {(folder / path).string()});
      }
    }
    package["manifest.json"] = ReadFile(manifest);
    return package;
  }
  throw Error(Category::kData,
              fmt::format("{} is neither a run nor the package of one", where.string()),
              "expected a folder with compilation/artifacts/manifest.json");
}

// Where a package goes that was made for a device of the registry.
deploy::Destination DestinationOf(const nlohmann::json& manifest, const fs::path& to) {
  deploy::Destination destination;
  destination.folder = fs::absolute(to).lexically_normal().filename().string();
  const config::Registry registry = config::LoadRegistry();
  const config::Value* device = registry.devices.Find(manifest.value("device", ""));
  if (device == nullptr) return destination;
  destination.part = device->Text("part");
  const config::Value* compilation = device->Find("compilation");
  if (compilation == nullptr) return destination;
  destination.compiler = compilation->Text("cross_compiler");
  destination.options = compilation->Text("cross_compiler_options");
  return destination;
}

std::string List(const std::vector<std::string>& names) {
  constexpr size_t kMost = 6;
  std::string text;
  for (size_t i = 0; i < names.size() && i < kMost; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMost) text += fmt::format(" and {} more", names.size() - kMost);
  return text;
}

}  // namespace

ExportResult ExportPackage(const fs::path& where, const fs::path& to, bool force,
                           const std::string& form) {
  deploy::Package package = ReadPackage(where);
  const auto about = nlohmann::json::parse(package.at("manifest.json"));
  if (!form.empty()) package = deploy::InForm(package, form, DestinationOf(about, to));
  Hashes hashes;
  for (const auto& [path, content] : package) hashes[path] = HashText(content);
  std::error_code ignored;
  const Hashes ours =
      fs::is_regular_file(to / kManifest, ignored) ? ReadHashes(to / kManifest) : Hashes{};
  // What stands in the project now; empty: nothing.
  const auto present = [&](const std::string& path) {
    return fs::exists(fs::symlink_status(to / path, ignored)) ? HashFile(to / path) : std::string();
  };
  ExportResult result;
  result.folder = to;
  std::vector<std::string> in_the_way;
  for (const auto& [path, hash] : hashes) {
    const std::string found = present(path);
    if (found == hash) {
      result.unchanged.push_back(path);
      continue;
    }
    const auto own = ours.find(path);
    if (!found.empty() && (own == ours.end() || own->second != found)) in_the_way.push_back(path);
    result.written.push_back(path);
  }
  for (const auto& [path, hash] : ours) {
    if (hashes.contains(path)) continue;
    const std::string found = present(path);
    if (found.empty()) continue;
    if (found != hash) in_the_way.push_back(path);
    result.removed.push_back(path);
  }
  if (!in_the_way.empty() && !force) {
    throw Error(Category::kUsage,
                fmt::format("{}: {} not from an export, or changed since: {}", to.string(),
                            in_the_way.size() == 1 ? "a file is" : "files are", List(in_the_way)),
                "keep them elsewhere, or overwrite them with --force");
  }
  for (const std::string& path : result.removed) fs::remove(to / path);
  for (const std::string& path : result.written) {
    WriteFile(to / path, package.at(path));
    if (HashFile(to / path) != hashes.at(path)) {
      Fail(Category::kData, "{}: the copy is not what was copied", (to / path).string());
    }
  }
  nlohmann::ordered_json manifest;
  manifest["schema"] = 1;
  manifest["package"] = about.at("prefix");
  if (!form.empty()) manifest["form"] = form;
  manifest["files"] = hashes;
  const std::string text = manifest.dump(2) + "\n";
  if (present(kManifest) != HashText(text)) WriteFile(to / kManifest, text);
  if (package.contains("sources.txt")) {
    std::istringstream sources(package.at("sources.txt"));
    for (std::string line; std::getline(sources, line);) {
      if (!line.empty()) result.sources.push_back(line);
    }
  }
  return result;
}

}  // namespace platypus::pipeline
