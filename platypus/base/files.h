#ifndef PLATYPUS_BASE_FILES_H_
#define PLATYPUS_BASE_FILES_H_

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace platypus {

// The whole file; Error (category data) naming the path if it cannot be read.
std::string ReadFile(const std::filesystem::path& path);

// Writes under a temporary name in the same folder and renames, so that a reader (or a run that
// is killed half-way) sees the old file or the whole new one. Creates missing parent folders.
void WriteFile(const std::filesystem::path& path, std::string_view content);

// A folder that is removed with everything in it at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& Path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace platypus

#endif  // PLATYPUS_BASE_FILES_H_
