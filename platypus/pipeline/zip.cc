#include "platypus/pipeline/zip.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "platypus/base/error.h"
#include "platypus/base/files.h"

namespace platypus::pipeline {
namespace fs = std::filesystem;
namespace {

using Member = std::pair<std::string, fs::path>;  // name in the zip, file

std::vector<Member> Members(const std::vector<fs::path>& entries) {
  std::vector<Member> members;
  for (const fs::path& entry : entries) {
    if (fs::is_regular_file(entry)) members.emplace_back(entry.filename().string(), entry);
    if (!fs::is_directory(entry)) continue;
    for (const fs::directory_entry& file : fs::recursive_directory_iterator(entry)) {
      if (!file.is_regular_file()) continue;
      const fs::path inside = entry.filename() / fs::relative(file.path(), entry);
      members.emplace_back(inside.generic_string(), file.path());
    }
  }
  std::sort(members.begin(), members.end());
  return members;
}

}  // namespace

void WriteZip(const fs::path& zip, const std::vector<fs::path>& entries) {
  const fs::path temporary = zip.string() + ".tmp";
  fs::create_directories(zip.parent_path());
  const std::unique_ptr<archive, int (*)(archive*)> writer(archive_write_new(), archive_write_free);
  const auto check = [&](int status) {
    if (status == ARCHIVE_OK) return;
    const std::string reason = archive_error_string(writer.get());
    std::error_code ignored;
    fs::remove(temporary, ignored);
    Fail(Category::kData, "cannot write {}: {}", zip.string(), reason);
  };
  check(archive_write_set_format_zip(writer.get()));
  check(archive_write_set_options(writer.get(), "zip:compression=store"));
  check(archive_write_open_filename(writer.get(), temporary.c_str()));
  for (const auto& [name, file] : Members(entries)) {
    const std::string content = ReadFile(file);
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> header(archive_entry_new(),
                                                                          archive_entry_free);
    archive_entry_set_pathname(header.get(), name.c_str());
    archive_entry_set_size(header.get(), static_cast<la_int64_t>(content.size()));
    archive_entry_set_filetype(header.get(), AE_IFREG);
    archive_entry_set_perm(header.get(), 0644);
    archive_entry_set_mtime(header.get(), 315532800, 0);  // 1980-01-01, the earliest a zip can say
    check(archive_write_header(writer.get(), header.get()));
    if (archive_write_data(writer.get(), content.data(), content.size()) < 0) check(ARCHIVE_FATAL);
  }
  check(archive_write_close(writer.get()));
  fs::rename(temporary, zip);
}

}  // namespace platypus::pipeline
