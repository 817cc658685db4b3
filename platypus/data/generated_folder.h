#ifndef PLATYPUS_DATA_GENERATED_FOLDER_H_
#define PLATYPUS_DATA_GENERATED_FOLDER_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"

namespace platypus::data {

struct GeneratedFile {
  std::filesystem::path path;  // below the folder
  std::string content;
};

// Computed recordings of set `name`: file(0) ... file(count - 1), in parallel, and `readme` as
// README.md, which tells one set and seed from another. Written beside `folder`, then renamed. A
// folder that already holds this README.md is left alone; any other that is not empty is an Error
// (data).
void WriteGenerated(const std::string& name, const std::filesystem::path& folder,
                    const std::string& readme, int64_t count,
                    const std::function<GeneratedFile(int64_t)>& file, ThreadPool& pool,
                    ProgressSink& sink);

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_GENERATED_FOLDER_H_
