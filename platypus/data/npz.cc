#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <utility>

#include "platypus/base/error.h"
#include "platypus/data/table.h"

namespace platypus::data {
namespace {

constexpr size_t kMostArrays = 4096;
constexpr size_t kLargestTotal = size_t{4} << 30;

[[noreturn]] void Bad(const std::string& file, const std::string& message,
                      const std::string& hint = "") {
  throw Error(Category::kData, message, hint, {file, 0, 0});
}

// Name (without .npy) and content of every array, in the order of the file.
std::vector<std::pair<std::string, std::string>> ReadMembers(std::string_view bytes,
                                                             const std::string& file) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_format_zip(reader.get());
  const auto damaged = [&] {
    const char* reason = archive_error_string(reader.get());
    Bad(file, fmt::format("the npz file is damaged: {}", reason != nullptr ? reason : "no zip"));
  };
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) damaged();
  std::vector<std::pair<std::string, std::string>> members;
  size_t total = 0;
  archive_entry* entry = nullptr;
  for (;;) {
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) damaged();
    const char* pathname = archive_entry_pathname(entry);
    std::string name = pathname != nullptr ? pathname : "";
    if (archive_entry_filetype(entry) != AE_IFREG || !name.ends_with(".npy")) {
      Bad(file, fmt::format("member '{}' of the npz file is no array", name));
    }
    if (members.size() == kMostArrays) {
      Bad(file, fmt::format("the npz file has more than {} arrays", kMostArrays));
    }
    std::string content;
    constexpr size_t kBlock = 1 << 16;
    for (size_t length = 0;;) {
      content.resize(length + kBlock);
      const la_ssize_t n = archive_read_data(reader.get(), content.data() + length, kBlock);
      if (n < 0) damaged();
      length += static_cast<size_t>(n);
      total += static_cast<size_t>(n);
      if (total > kLargestTotal) Bad(file, "the npz file unpacks to more than 4 GB");
      if (n == 0) {
        content.resize(length);
        break;
      }
    }
    name.resize(name.size() - 4);
    members.emplace_back(std::move(name), std::move(content));
  }
  if (members.empty()) Bad(file, "the npz file has no arrays");
  return members;
}

}  // namespace

std::vector<NpyArray> ParseNpzArrays(std::string_view bytes, const std::string& file) {
  std::vector<NpyArray> arrays;
  for (const auto& [name, content] : ReadMembers(bytes, file))
    arrays.push_back(ParseNpyArray(content, file + "/" + name));
  return arrays;
}

Table ParseNpz(std::string_view bytes, const std::string& file) {
  const std::vector<std::pair<std::string, std::string>> members = ReadMembers(bytes, file);
  if (members.size() == 1) return ParseNpy(members[0].second, file + "/" + members[0].first);
  std::vector<Table> columns;
  Table table;
  for (const auto& [name, content] : members) {
    if (IsTimeColumn(name)) continue;
    Table column = ParseNpy(content, file + "/" + name);
    if (column.columns != 1) {
      Bad(file, fmt::format("array '{}' has {} columns", name, column.columns),
          "an npz file holds one array of rows and columns, or one array for each column");
    }
    if (!columns.empty() && column.rows != columns[0].rows) {
      Bad(file, fmt::format("array '{}' has {} rows, '{}' has {}", name, column.rows,
                            table.names[0], columns[0].rows));
    }
    table.names.push_back(name);
    columns.push_back(std::move(column));
  }
  if (columns.empty()) Bad(file, "every array is a time column, none has values");
  table.rows = columns[0].rows;
  table.columns = static_cast<int64_t>(columns.size());
  table.values.reserve(static_cast<size_t>(table.rows * table.columns));
  for (int64_t r = 0; r < table.rows; ++r) {
    for (const Table& column : columns)
      table.values.push_back(column.values[static_cast<size_t>(r)]);
  }
  return table;
}

}  // namespace platypus::data
