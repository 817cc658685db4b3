#include "platypus/data/generated_folder.h"

#include <mutex>

#include "platypus/base/error.h"
#include "platypus/base/files.h"

namespace platypus::data {
namespace fs = std::filesystem;

void WriteGenerated(const std::string& name, const fs::path& folder, const std::string& readme,
                    int64_t count, const std::function<GeneratedFile(int64_t)>& file,
                    ThreadPool& pool, ProgressSink& sink) try {
  if (fs::exists(folder)) {
    if (fs::is_regular_file(folder / "README.md") && ReadFile(folder / "README.md") == readme)
      return;
    if (!fs::is_directory(folder) || !fs::is_empty(folder)) {
      throw Error(Category::kData,
                  fmt::format("{} exists and holds something else", folder.string()),
                  "name a new folder, or remove this one");
    }
  }
  const fs::path temporary = (folder / "").lexically_normal().parent_path().string() + ".writing";
  fs::remove_all(temporary);
  std::mutex mutex;
  int64_t finished = 0;
  pool.Run(count, [&](int64_t i) {
    const GeneratedFile generated = file(i);
    WriteFile(temporary / generated.path, generated.content);
    const std::lock_guard lock(mutex);
    sink.OnProgress({"create", name, ++finished, count, "files", {}});
  });
  WriteFile(temporary / "README.md", readme);
  if (fs::exists(folder)) fs::remove(folder);  // empty
  fs::rename(temporary, folder);
} catch (const fs::filesystem_error& error) {
  Fail(Category::kData, "cannot write {}: {}", folder.string(), error.code().message());
}

}  // namespace platypus::data
