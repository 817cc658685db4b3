#ifndef PLATYPUS_TESTS_DATA_FIXTURES_H_
#define PLATYPUS_TESTS_DATA_FIXTURES_H_

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/progress.h"
#include "platypus/base/random.h"
#include "platypus/config/config.h"

// What several tests of the room build their cases from.
namespace platypus::data {

namespace fs = std::filesystem;

// The text of the Error that `action` ends with, "no error" if it ends well. Every other exception
// escapes and fails the test.
template <typename Action>
std::string ErrorOf(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

class Events : public ProgressSink {
 public:
  void OnProgress(const ProgressEvent& event) override { progress.push_back(event); }
  void OnNotice(const std::string& text) override { notices.push_back(text); }
  bool Cancelled() override { return cancelled; }
  std::vector<ProgressEvent> progress;
  std::vector<std::string> notices;
  bool cancelled = false;
};

// Relative name -> content of every file below `folder`.
inline std::map<std::string, std::string> Contents(const fs::path& folder) {
  std::map<std::string, std::string> contents;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    contents[name] = entry.is_regular_file() ? ReadFile(entry.path()) : "folder";
  }
  return contents;
}

// One to eight changes: octets replaced, removed, doubled or inserted.
inline std::string Mutate(std::string text, Random& random) {
  for (uint64_t n = 1 + random.Below(8); n > 0; --n) {
    const size_t at = random.Below(text.size() + 1);
    switch (random.Below(5)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(random.Below(256));
        break;
      case 1:
        text.erase(at, random.Below(16));
        break;
      case 2:
        text.insert(at, text.substr(at, random.Below(16)));
        break;
      case 3:
        text.insert(at, 1, "\n,;\t \"#-+.e9'\0\xff"[random.Below(16)]);
        break;
      default:
        if (random.Below(16) == 0) text.resize(at);
    }
  }
  return text;
}

struct Member {
  std::string name;
  std::string content;  // of a file; the target of a link
  int type = AE_IFREG;
  bool hard_link = false;
};

// An archive whose kind follows from the end of its name, with UTF-8 names.
inline void WriteArchive(const fs::path& file, const std::vector<Member>& members) {
  const auto utf8 = std::unique_ptr<std::remove_pointer_t<locale_t>, void (*)(locale_t)>(
      newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr), freelocale);
  const locale_t previous = uselocale(utf8.get());
  const std::unique_ptr<archive, int (*)(archive*)> writer(archive_write_new(), archive_write_free);
  const std::string name = file.string();
  const auto expect_ok = [&](int status) {
    if (status < ARCHIVE_WARN) Fail(Category::kInternal, "{}", archive_error_string(writer.get()));
  };
  if (name.ends_with(".zip")) {
    expect_ok(archive_write_set_format_zip(writer.get()));
  } else {
    expect_ok(archive_write_set_format_pax_restricted(writer.get()));
    if (name.ends_with("gz")) expect_ok(archive_write_add_filter_gzip(writer.get()));
  }
  expect_ok(archive_write_open_filename(writer.get(), name.c_str()));
  for (const Member& member : members) {
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                         archive_entry_free);
    archive_entry_set_pathname_utf8(entry.get(), member.name.c_str());
    archive_entry_set_filetype(entry.get(), static_cast<unsigned>(member.type));
    archive_entry_set_perm(entry.get(), member.type == AE_IFDIR ? 0755 : 0644);
    if (member.hard_link) {
      archive_entry_set_hardlink(entry.get(), member.content.c_str());
    } else if (member.type == AE_IFLNK) {
      archive_entry_set_symlink(entry.get(), member.content.c_str());
    } else if (member.type == AE_IFREG) {
      archive_entry_set_size(entry.get(), static_cast<int64_t>(member.content.size()));
    }
    expect_ok(archive_write_header(writer.get(), entry.get()));
    if (member.type == AE_IFREG && !member.hard_link) {
      archive_write_data(writer.get(), member.content.data(), member.content.size());
    }
  }
  expect_ok(archive_write_close(writer.get()));
  uselocale(previous);
}

inline config::Config ConfigFor(const fs::path& input) {
  config::Config config;
  config.dataset.input_data_path = input.string();
  config.dataset.data_dir = "classes";
  return config;
}

}  // namespace platypus::data

#endif  // PLATYPUS_TESTS_DATA_FIXTURES_H_
