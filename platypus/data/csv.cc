#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "platypus/base/error.h"
#include "platypus/data/table.h"

namespace platypus::data {
namespace {

struct Dialect {
  char separator = ',';     // ' ' = runs of blanks
  bool decimal_comma = false;
};

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '\r')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

std::string_view Unquote(std::string_view cell) {
  cell = Trim(cell);
  if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') {
    cell = cell.substr(1, cell.size() - 2);
  }
  return cell;
}

// Takes the next cell off a line. Quoted cells may contain the separator, not a line end.
std::string_view NextCell(std::string_view& line, char separator, bool& more) {
  size_t end = 0;
  if (separator == ' ') {
    line = Trim(line);
    end = std::min(line.find_first_of(" \t"), line.size());
    const std::string_view cell = line.substr(0, end);
    line = Trim(line.substr(end));
    more = !line.empty();
    return cell;
  }
  bool quoted = false;
  while (end < line.size() && (quoted || line[end] != separator)) quoted ^= line[end++] == '"';
  const std::string_view cell = line.substr(0, end);
  more = end < line.size();
  line.remove_prefix(more ? end + 1 : end);
  return cell;
}

std::vector<std::string_view> Split(std::string_view line, char separator) {
  std::vector<std::string_view> cells;
  for (bool more = true; more;) cells.push_back(NextCell(line, separator, more));
  return cells;
}

// A finite number and nothing else; false otherwise.
bool ParseNumber(std::string_view cell, bool decimal_comma, float& value) {
  cell = Unquote(cell);
  if (!cell.empty() && cell.front() == '+') cell.remove_prefix(1);
  std::array<char, 64> copy;
  if (decimal_comma && cell.find(',') != std::string_view::npos && cell.size() < copy.size()) {
    std::replace_copy(cell.begin(), cell.end(), copy.begin(), ',', '.');
    cell = {copy.data(), cell.size()};
  }
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error == std::errc::result_out_of_range) {  // too small is zero, too large is no number
    double wide = 0;
    std::from_chars(cell.data(), cell.data() + cell.size(), wide);
    value = static_cast<float>(wide);
    return end == cell.data() + cell.size() && std::abs(wide) < 1.0;
  }
  return error == std::errc() && end == cell.data() + cell.size() && std::isfinite(value);
}

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  // The next line that is not blank.
  bool Next(std::string_view& line) {
    while (!rest_.empty()) {
      const size_t end = std::min(rest_.find('\n'), rest_.size());
      line = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++number_;
      if (!Trim(line).empty()) return true;
    }
    return false;
  }
  int Number() const { return number_; }

 private:
  std::string_view rest_;
  int number_ = 0;
};

// The separator that the first lines agree on: same number of cells, at least two. One column: comma.
Dialect FindDialect(std::string_view text) {
  constexpr int kLines = 5;
  for (const char separator : {',', ';', '\t', ' '}) {
    Lines lines(text);
    std::string_view line;
    size_t cells = 0;
    bool agrees = true;
    for (int i = 0; i < kLines && lines.Next(line); ++i) {
      const size_t count = Split(line, separator).size();
      if (i > 0 && count != cells) agrees = false;
      cells = count;
    }
    // "1,5;2,5": as many decimal commas as columns would look like a comma separated file.
    if (separator == ',' && text.substr(0, 4096).find(';') != std::string_view::npos) continue;
    if (agrees && cells >= 2) return {separator, separator != ','};
  }
  const std::string_view start = text.substr(0, 4096);
  if (start.find(';') != std::string_view::npos) return {';', true};
  return {};
}

std::string Shown(std::string_view cell) {
  constexpr size_t kMost = 40;
  std::string text;
  for (const char c : cell.substr(0, kMost)) text += std::isprint(static_cast<unsigned char>(c)) ? c : '?';
  return cell.size() > kMost ? text + "..." : text;
}

bool IsTime(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find("time") != std::string::npos;
}

}  // namespace

Table ParseCsv(std::string_view text, const std::string& file) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  int skipped = 0;
  while (text.starts_with('#')) {  // comments before the table
    const size_t end = std::min(text.find('\n'), text.size());
    text.remove_prefix(std::min(end + 1, text.size()));
    ++skipped;
  }
  const Dialect dialect = FindDialect(text);
  Lines lines(text);
  std::string_view line;
  if (!lines.Next(line)) throw Error(Category::kData, "the file is empty", "", {file, 0, 0});

  const std::vector<std::string_view> first = Split(line, dialect.separator);
  std::vector<std::string> header;
  float number = 0;
  const bool has_header = std::any_of(first.begin(), first.end(), [&](std::string_view cell) {
    return !Unquote(cell).empty() && !ParseNumber(cell, dialect.decimal_comma, number) &&
           Unquote(cell) != "nan" && Unquote(cell) != "NaN" && Unquote(cell) != "inf";
  });
  Table table;
  std::vector<char> dropped(first.size(), 0);
  if (has_header) {
    for (size_t c = 0; c < first.size(); ++c) {
      header.emplace_back(Unquote(first[c]));
      dropped[c] = IsTime(header.back()) ? 1 : 0;
      if (dropped[c] == 0) table.names.push_back(header.back());
    }
  }
  table.columns = static_cast<int64_t>(std::count(dropped.begin(), dropped.end(), 0));
  if (table.columns == 0) {
    throw Error(Category::kData, "every column is a time column, none has values", "", {file, 1, 0});
  }
  table.values.reserve(text.size() / 6);
  bool has_line = !has_header || lines.Next(line);
  for (; has_line; has_line = lines.Next(line)) {
    const int number_of_line = lines.Number() + skipped;
    size_t c = 0;
    for (bool more = true; more; ++c) {
      const std::string_view cell = NextCell(line, dialect.separator, more);
      if (c >= dropped.size()) continue;
      if (dropped[c] != 0) continue;
      float value = 0;
      if (!ParseNumber(cell, dialect.decimal_comma, value)) {
        const std::string name = has_header ? fmt::format(" ({})", header[c]) : "";
        throw Error(Category::kData,
                    Unquote(cell).empty()
                        ? fmt::format("column {}{} is empty", c + 1, name)
                        : fmt::format("column {}{} holds '{}', which is not a finite number", c + 1, name,
                                      Shown(Unquote(cell))),
                    "", {file, number_of_line, 0});
      }
      table.values.push_back(value);
    }
    if (c != dropped.size()) {
      throw Error(Category::kData,
                  fmt::format("the row has {} columns, the first row has {}", c, dropped.size()), "",
                  {file, number_of_line, 0});
    }
    ++table.rows;
  }
  if (table.rows == 0) {
    throw Error(Category::kData, "the file has a header but no values", "", {file, 0, 0});
  }
  return table;
}

std::vector<int> SelectColumns(const Table& table, const config::Columns& variables,
                               const std::string& file) {
  const auto fail = [&](const std::string& message, const std::string& hint) {
    throw Error(Category::kData, message, hint, {file, 0, 0});
  };
  const std::string there = table.names.empty()
                                ? fmt::format("the file has {} value columns and no header", table.columns)
                                : "";
  std::vector<int> columns;
  if (const int* count = std::get_if<int>(&variables)) {
    if (*count > table.columns) {
      fail(fmt::format("variables asks for {} columns, the file has {}", *count, table.columns),
           "set data_processing_feature_extraction.variables to what all recordings have");
    }
    for (int c = 0; c < *count; ++c) columns.push_back(c);
  } else if (const auto* indices = std::get_if<std::vector<int>>(&variables)) {
    for (const int c : *indices) {
      if (c < 0 || c >= table.columns) {
        fail(fmt::format("variables asks for column {}, the file has columns 0 to {}", c,
                         table.columns - 1),
             "columns are counted from 0 without time columns");
      }
      columns.push_back(c);
    }
  } else {
    for (const std::string& name : std::get<std::vector<std::string>>(variables)) {
      const auto found = std::find(table.names.begin(), table.names.end(), name);
      if (found == table.names.end()) {
        fail(fmt::format("variables asks for column '{}'", name),
             table.names.empty() ? there : Suggest(name, table.names));
      }
      columns.push_back(static_cast<int>(found - table.names.begin()));
    }
  }
  return columns;
}

}  // namespace platypus::data
