#include "platypus/config/run_paths.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "platypus/base/error.h"

namespace platypus::config {
namespace fs = std::filesystem;
namespace {

fs::path Absolute(const fs::path& path) {
  const std::string text = path.string();
  const char* home = std::getenv("HOME");
  if (text.starts_with("~/") && home != nullptr)
    return (fs::path(home) / text.substr(2)).lexically_normal();
  return fs::absolute(path).lexically_normal();
}

void ReplaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string ResolveRunName(const Config& config, std::chrono::system_clock::time_point start) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(start);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
  std::string name = config.common.run_name;
  ReplaceAll(name, "{date-time}", text);
  ReplaceAll(name, "{model_name}", config.training.model_name);
  return name;
}

RunPaths MakeRunPaths(const Config& config, const std::string& run_name) {
  const fs::path relative = fs::path(run_name).lexically_normal();
  if (relative.is_absolute() || relative.generic_string().starts_with("..")) {
    throw Error(Category::kConfiguration,
                fmt::format("common.run_name: '{}' leaves the project folder", run_name),
                "legal: a relative name such as {date-time}/{model_name}");
  }
  RunPaths paths;
  paths.run_name = run_name;
  std::string zip = run_name;
  std::replace(zip.begin(), zip.end(), '/', '_');
  if (zip.empty()) zip = "run";
  const bool flat = !config.training.train_output_path.empty();
  if (flat) {
    const fs::path top = Absolute(config.training.train_output_path);
    paths.project = paths.runs = paths.run = top;
    paths.training_base = top / "training_base";
    paths.training_quantization = top / "training_quantization";
    paths.training_log = top / "run.log";
    paths.file_level_log = top / "file_level_classification_summary.log";
    paths.training_zip = top / (zip + ".zip");
  } else {
    paths.project = Absolute(config.common.projects_path) / config.dataset.dataset_name;
    paths.runs = paths.project / "run";
    paths.run = (paths.runs / relative).lexically_normal();
    paths.training_base = paths.run / "training" / "base";
    paths.training_quantization = paths.run / "training" / "quantization";
    paths.training_log = paths.training_base / "run.log";
    paths.file_level_log = paths.training_base / "file_level_classification_summary.log";
    paths.training_zip = paths.training_base / (zip + ".zip");
  }
  paths.dataset = paths.project / "dataset";
  paths.compilation = config.compilation.compile_output_path.empty()
                          ? paths.run / "compilation"
                          : Absolute(config.compilation.compile_output_path);
  paths.artifacts = paths.compilation / "artifacts";
  paths.compilation_log = paths.compilation / "run.log";
  paths.compilation_zip =
      paths.compilation / fmt::format("{}_{}.zip", zip, config.common.target_device);
  return paths;
}

}  // namespace platypus::config
