#include "platypus/base/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include "platypus/base/error.h"

namespace platypus {
namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  const auto fail = [&] { Fail(Category::kData, "cannot read {}", path.string()); };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  struct stat status = {};
  if (!file || fstat(fileno(file.get()), &status) != 0 || S_ISDIR(status.st_mode)) fail();
  std::setvbuf(file.get(), nullptr, _IONBF, 0);  // into the string, not by way of a buffer
  // One more than the size shows the end of the file at once; pipes have no size, and files grow.
  std::string content(static_cast<size_t>(status.st_size) + 1, '\0');
  size_t used = 0;
  for (;;) {
    used += std::fread(content.data() + used, 1, content.size() - used, file.get());
    if (used < content.size()) break;
    content.resize(2 * content.size());
  }
  if (std::ferror(file.get()) != 0) fail();
  content.resize(used);
  return content;
}

void WriteFile(const fs::path& path, std::string_view content) {
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  fs::path temporary = path;
  temporary += fmt::format(".{}.tmp", getpid());
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    out.close();
    if (!out) {
      fs::remove(temporary, error);
      Fail(Category::kData, "cannot write {}: {}", path.string(), std::strerror(errno));
    }
  }
  fs::rename(temporary, path, error);
  if (error) {
    const std::string reason = error.message();
    fs::remove(temporary, error);
    Fail(Category::kData, "cannot write {}: {}", path.string(), reason);
  }
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "platypus-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    Fail(Category::kData, "cannot create a temporary folder {}: {}", name, std::strerror(errno));
  }
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace platypus
