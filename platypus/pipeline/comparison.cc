#include "platypus/pipeline/comparison.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "platypus/base/error.h"
#include "platypus/base/files.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;  // cores in the order of the run

constexpr const char* kSummary = "summary.json";

// The figure that tells what a network is worth, and its name.
std::optional<std::pair<std::string, double>> Figure(const Json& network, bool forecasts) {
  if (!network.is_object()) return std::nullopt;
  if (const auto anomaly = network.find("anomaly"); anomaly != network.end()) {
    const Json& auroc = anomaly->at("auroc");
    if (auroc.is_number()) return {{"auroc", auroc.get<double>()}};
    return std::nullopt;
  }
  std::vector<const char*> names = {"accuracy", "r2"};
  if (forecasts) names = {"smape"};
  for (const char* name : names) {
    const auto found = network.find(name);
    if (found != network.end() && found->is_number()) return {{name, found->get<double>()}};
  }
  return std::nullopt;
}

ComparedRun Read(const fs::path& folder) {
  const fs::path file = folder / kSummary;
  try {
    const Json json = Json::parse(ReadFile(file));
    ComparedRun run;
    run.folder = folder.string();
    run.task_type = json.at("task_type");
    run.model = json.at("model");
    run.device = json.at("device");
    run.dataset = json.at("dataset");
    run.parameters = json.at("parameters");
    const bool forecasts = json.at("horizon").is_number();
    if (const auto figure = Figure(json.at("float"), forecasts))
      std::tie(run.metric, run.float_value) = *figure;
    if (const auto figure = Figure(json.at("quantized"), forecasts))
      std::tie(run.metric, run.integer_value) = *figure;
    for (const auto& [core, result] : json.at("verify").items()) {
      if (!result.at("ran").get<bool>()) continue;
      run.differs = run.differs || result.at("mismatches").get<int64_t>() > 0 ||
                    result.at("recording_mismatches").get<int64_t>() > 0;
      if (result.at("instructions").get<int64_t>() == 0) continue;
      run.core = core;
      run.flash_bytes = result.at("flash_bytes");
      run.ram_bytes = result.at("ram_bytes");
      run.instructions = result.at("instructions");
    }
    return run;
  } catch (const nlohmann::json::exception& error) {
    throw Error(Category::kData, fmt::format("the summary is damaged: {}", error.what()),
                "run again", {file.string()});
  }
}

void Collect(const fs::path& where, std::vector<fs::path>& folders) {
  std::error_code error;
  if (where.filename() == kSummary && fs::is_regular_file(where, error)) {
    folders.push_back(where.parent_path());
    return;
  }
  if (fs::is_regular_file(where / kSummary, error)) {
    folders.push_back(where);
    return;
  }
  const size_t before = folders.size();
  fs::recursive_directory_iterator below(where, fs::directory_options::skip_permission_denied,
                                         error);
  for (; !error && below != fs::recursive_directory_iterator(); below.increment(error)) {
    if (below->path().filename() == kSummary) folders.push_back(below->path().parent_path());
  }
  std::sort(folders.begin() + static_cast<std::ptrdiff_t>(before), folders.end());
  if (folders.size() == before) {
    throw Error(
        Category::kData,
        fmt::format("{} holds no {}, neither do the folders below it", where.string(), kSummary),
        "name the folder of a run that has ended, or one of runs");
  }
}

// The shortest ends of the folders' paths that tell them apart.
void Name(std::vector<ComparedRun>& runs) {
  std::vector<std::vector<std::string>> parts;
  size_t most = 0;
  for (const ComparedRun& run : runs) {
    const fs::path path = fs::path(run.folder).lexically_normal();
    parts.emplace_back();
    for (const fs::path& part : path) {
      if (!part.empty()) parts.back().push_back(part.string());
    }
    most = std::max(most, parts.back().size());
  }
  for (size_t length = 1; length <= most; ++length) {
    std::vector<std::string> names;
    for (size_t i = 0; i < runs.size(); ++i) {
      const size_t from = parts[i].size() - std::min(length, parts[i].size());
      fs::path name;
      for (size_t k = from; k < parts[i].size(); ++k) name /= parts[i][k];
      runs[i].name = name.string();
      names.push_back(runs[i].name);
    }
    std::ranges::sort(names);
    if (std::ranges::adjacent_find(names) == names.end()) return;
  }
}

// Values to be small, one for each objective.
constexpr size_t kObjectives = 4;
std::array<double, kObjectives> Objectives(const ComparedRun& run) {
  const double value = *run.Value();
  return {run.metric == "smape" ? value : -value, static_cast<double>(run.flash_bytes),
          static_cast<double>(run.ram_bytes), static_cast<double>(run.instructions)};
}

}  // namespace

void MarkFront(std::vector<ComparedRun>& runs) {
  const auto costs = [](const ComparedRun& run) { return run.instructions > 0; };
  const auto comparable = [&](const ComparedRun& a, const ComparedRun& b) {
    return b.Value() && a.metric == b.metric;
  };
  for (ComparedRun& run : runs) {
    run.on_front = run.Value().has_value();
    if (!run.on_front) continue;
    const auto own = Objectives(run);
    for (const ComparedRun& other : runs) {
      if (&other == &run || !comparable(run, other)) continue;
      // Without a measurement nothing can be said of memory and time.
      const size_t count = costs(run) && costs(other) ? kObjectives : 1;
      const auto theirs = Objectives(other);
      bool as_good = true;
      bool better = false;
      for (size_t k = 0; k < count; ++k) {
        as_good = as_good && theirs[k] <= own[k];
        better = better || theirs[k] < own[k];
      }
      if (as_good && better) run.on_front = false;
    }
  }
}

std::vector<ComparedRun> CompareRuns(const std::vector<fs::path>& where) {
  std::vector<fs::path> folders;
  for (const fs::path& path : where) Collect(path, folders);
  std::vector<ComparedRun> runs;
  for (const fs::path& folder : folders) {
    const bool twice = std::ranges::any_of(runs, [&](const ComparedRun& run) {
      std::error_code error;
      return fs::equivalent(run.folder, folder, error);
    });
    if (!twice) runs.push_back(Read(folder));
  }
  Name(runs);
  MarkFront(runs);
  return runs;
}

}  // namespace platypus::pipeline
