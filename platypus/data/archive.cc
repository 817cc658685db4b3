#include "platypus/data/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>  // NOLINT(modernize-deprecated-headers): newlocale is POSIX

#include <algorithm>
#include <cctype>
#include <fstream>
#include <memory>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/base/interrupted.h"

namespace platypus::data {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kLargestTotal = int64_t{16} << 30;
constexpr int64_t kMostMembers = 1000000;

// libarchive turns names into the character set of the thread's locale; that of a program is plain
// ASCII.
class Utf8Names {
 public:
  Utf8Names() : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) previous_ = uselocale(locale_);
  }
  ~Utf8Names() {
    if (locale_ == nullptr) return;
    uselocale(previous_);
    freelocale(locale_);
  }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  locale_t locale_;
  locale_t previous_ = nullptr;
};

// The member's path below the target, or an Error.
fs::path SafePath(const std::string& name, const std::string& archive) {
  fs::path path(name);
  const bool leaves =
      path.is_absolute() || name.find('\\') != std::string::npos ||
      std::any_of(path.begin(), path.end(), [](const fs::path& p) { return p == ".."; });
  if (name.empty() || leaves) {
    throw Error(Category::kData,
                fmt::format("member '{}' would be written outside the target folder", name),
                "repack the archive with relative names", {archive, 0, 0});
  }
  return path;
}

void UnpackInto(const fs::path& file, const fs::path& target, ProgressSink& sink) {
  const std::string name = file.string();
  const Utf8Names utf8_names;
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_format_zip(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_gzip(reader.get());
  const auto damaged = [&] {
    const char* reason = archive_error_string(reader.get());
    throw Error(
        Category::kData,
        fmt::format("the archive is damaged: {}", reason != nullptr ? reason : "unknown format"),
        "", {name, 0, 0});
  };
  const auto too_large = [&](const std::string& limit) {
    throw Error(Category::kData, "the archive unpacks to more than " + limit,
                "unpack it yourself and name the folder", {name, 0, 0});
  };
  constexpr size_t kBlock = 1 << 16;
  if (archive_read_open_filename(reader.get(), name.c_str(), kBlock) != ARCHIVE_OK) damaged();
  std::vector<char> buffer(kBlock);
  int64_t total = 0;
  int64_t members = 0;
  int64_t files = 0;
  archive_entry* entry = nullptr;
  for (;;) {
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) damaged();
    if (sink.Cancelled()) throw Interrupted("interrupted while unpacking " + name);
    if (++members > kMostMembers) too_large(fmt::format("{} members", kMostMembers));
    const char* pathname = archive_entry_pathname(entry);
    const std::string member = pathname != nullptr ? pathname : "";
    const fs::path path = target / SafePath(member, name);
    const auto type = archive_entry_filetype(entry);
    if (archive_entry_hardlink(entry) != nullptr || (type != AE_IFREG && type != AE_IFDIR)) {
      throw Error(Category::kData,
                  fmt::format("member '{}' is neither a file nor a folder", member),
                  "links and devices are not unpacked", {name, 0, 0});
    }
    if (type == AE_IFDIR) {
      fs::create_directories(path);
      continue;
    }
    if (total + archive_entry_size(entry) > kLargestTotal) too_large("16 GB");
    fs::create_directories(path.parent_path());
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    for (;;) {
      const la_ssize_t n = archive_read_data(reader.get(), buffer.data(), buffer.size());
      if (n == 0) break;
      if (n < 0) damaged();
      total += n;
      if (total > kLargestTotal) too_large("16 GB");
      out.write(buffer.data(), n);
    }
    out.close();
    if (!out) throw Error(Category::kData, "cannot write " + path.string(), "", {name, 0, 0});
    sink.OnProgress({"unpack", file.filename().string(), ++files, 0, "files", {}});
  }
  if (files == 0) throw Error(Category::kData, "the archive holds no files", "", {name, 0, 0});
}

}  // namespace

bool IsArchiveName(const std::string& name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.ends_with(".zip") || lower.ends_with(".tar") || lower.ends_with(".tar.gz") ||
         lower.ends_with(".tgz");
}

void Unpack(const fs::path& archive, const fs::path& folder, ProgressSink& sink) try {
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
} catch (const fs::filesystem_error& error) {
  throw Error(Category::kData, fmt::format("cannot unpack: {}", error.what()), "",
              {archive.string(), 0, 0});
}

}  // namespace platypus::data
