#include "platypus/data/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <memory>
#include <vector>

#include "platypus/base/error.h"

namespace platypus::data {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kLargestTotal = int64_t{16} << 30;

// The member's path below the target, or an Error.
fs::path SafePath(const std::string& name, const std::string& archive) {
  const fs::path path(name);
  const bool leaves = path.is_absolute() || name.find('\\') != std::string::npos ||
                      std::any_of(path.begin(), path.end(), [](const fs::path& p) { return p == ".."; });
  if (name.empty() || leaves) {
    throw Error(Category::kData, fmt::format("member '{}' would be written outside the target folder", name),
                "repack the archive with relative names", {archive, 0, 0});
  }
  return path;
}

void UnpackInto(const fs::path& file, const fs::path& target, ProgressSink& sink) {
  const std::string name = file.string();
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_format_zip(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_gzip(reader.get());
  const auto damaged = [&] {
    const char* reason = archive_error_string(reader.get());
    throw Error(Category::kData,
                fmt::format("the archive is damaged: {}", reason != nullptr ? reason : "unknown format"), "",
                {name, 0, 0});
  };
  constexpr size_t kBlock = 1 << 16;
  if (archive_read_open_filename(reader.get(), name.c_str(), kBlock) != ARCHIVE_OK) damaged();
  std::vector<char> buffer(kBlock);
  int64_t total = 0;
  int64_t members = 0;
  archive_entry* entry = nullptr;
  for (;;) {
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) damaged();
    const char* pathname = archive_entry_pathname(entry);
    const std::string member = pathname != nullptr ? pathname : "";
    const fs::path path = target / SafePath(member, name);
    const auto type = archive_entry_filetype(entry);
    if (archive_entry_hardlink(entry) != nullptr || (type != AE_IFREG && type != AE_IFDIR)) {
      throw Error(Category::kData, fmt::format("member '{}' is neither a file nor a folder", member),
                  "links and devices are not unpacked", {name, 0, 0});
    }
    if (type == AE_IFDIR) {
      fs::create_directories(path);
      continue;
    }
    fs::create_directories(path.parent_path());
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    for (;;) {
      const la_ssize_t n = archive_read_data(reader.get(), buffer.data(), buffer.size());
      if (n == 0) break;
      if (n < 0) damaged();
      total += n;
      if (total > kLargestTotal) {
        throw Error(Category::kData, fmt::format("the archive unpacks to more than {} GB", kLargestTotal >> 30),
                    "unpack it yourself and name the folder", {name, 0, 0});
      }
      out.write(buffer.data(), n);
    }
    out.close();
    if (!out) Fail(Category::kData, "cannot write {}", path.string());
    sink.OnProgress({"unpack", file.filename().string(), ++members, 0, "files", {}});
  }
  if (members == 0) throw Error(Category::kData, "the archive holds no files", "", {name, 0, 0});
}

}  // namespace

bool IsArchiveName(const std::string& name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.ends_with(".zip") || lower.ends_with(".tar") || lower.ends_with(".tar.gz") ||
         lower.ends_with(".tgz");
}

void Unpack(const fs::path& archive, const fs::path& folder, ProgressSink& sink) {
  const fs::path temporary = folder.string() + ".unpacking";
  fs::remove_all(temporary);
  fs::create_directories(temporary);
  try {
    UnpackInto(archive, temporary, sink);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
  fs::rename(temporary, folder);
}

}  // namespace platypus::data
