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
  char separator = ',';  // ' ' = runs of blanks
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

// A number beyond the range of double: too small rather than too large?
bool IsTooSmall(std::string_view digits) {
  const size_t exponent = digits.find_first_of("eE");
  if (exponent != std::string_view::npos) return digits.substr(exponent + 1).starts_with('-');
  return digits.find_first_of("123456789") > digits.find('.');
}

// Missing: a number was meant, but it is absent, not finite or too large.
enum class Kind { kNumber, kMissing, kText };

Kind Classify(std::string_view cell, bool decimal_comma, float& value) {
  cell = Unquote(cell);
  for (const std::string_view missing : {"", "NA", "na", "N/A", "n/a", "null", "NULL", "None"}) {
    if (cell == missing) return Kind::kMissing;
  }
  if (cell.front() == '+' && !cell.starts_with("+-")) cell.remove_prefix(1);
  std::array<char, 64> copy;
  if (decimal_comma && cell.find(',') != std::string_view::npos && cell.size() < copy.size()) {
    std::replace_copy(cell.begin(), cell.end(), copy.begin(), ',', '.');
    cell = {copy.data(), cell.size()};
  }
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error == std::errc::invalid_argument || end != cell.data() + cell.size()) return Kind::kText;
  if (error == std::errc::result_out_of_range) {  // too small is zero, too large is no number
    double wide = 0;
    const auto wider = std::from_chars(cell.data(), cell.data() + cell.size(), wide);
    value = static_cast<float>(wide);
    const bool small = wider.ec == std::errc() ? std::abs(wide) < 1.0 : IsTooSmall(cell);
    return small ? Kind::kNumber : Kind::kMissing;
  }
  return std::isfinite(value) ? Kind::kNumber : Kind::kMissing;
}

// The usual cell: a sign, digits, a point. Up to 2^24 and 10 decimals the digits and the power of
// ten are exact as float, so that one division rounds as std::from_chars does (Clinger 1990).
// False: nothing is taken.
bool TakePlainNumber(std::string_view& line, const Dialect& dialect, float& value, bool& more) {
  constexpr std::array<float, 11> kPowers = {1e0F, 1e1F, 1e2F, 1e3F, 1e4F, 1e5F,
                                             1e6F, 1e7F, 1e8F, 1e9F, 1e10F};
  constexpr uint32_t kExact = 1U << 24;
  const char* at = line.data();
  const char* const end = at + line.size();
  const bool negative = at != end && *at == '-';
  if (at != end && (*at == '-' || *at == '+')) ++at;
  uint32_t digits = 0;
  size_t decimals = 0;
  bool any = false;
  bool fraction = false;
  for (; at != end; ++at) {
    const auto digit = static_cast<unsigned>(*at - '0');
    if (digit <= 9) {
      any = true;
      digits = digits * 10 + digit;
      decimals += fraction ? 1 : 0;
      if (digits > kExact || decimals >= kPowers.size()) return false;
    } else if (!fraction && (*at == '.' || (*at == ',' && dialect.decimal_comma))) {
      fraction = true;
    } else {
      break;
    }
  }
  if (at != end && *at == '\r' && at + 1 == end) ++at;
  if (!any || (at != end && *at != dialect.separator)) return false;
  const float size = static_cast<float>(digits) / kPowers[decimals];
  value = negative ? -size : size;
  more = at != end;
  line.remove_prefix(static_cast<size_t>(at - line.data()) + (more ? 1 : 0));
  return true;
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

// What the first lines look like when they are cut at one separator.
struct Look {
  size_t cells = 0;     // of the first line
  bool agrees = true;   // all lines have as many
  bool occurs = false;  // the separator is there at all
  bool first_is_numeric = true;
  bool is_numeric = true;  // all lines but a header
};

Look LookAt(std::string_view text, const Dialect& dialect) {
  constexpr int kLines = 5;
  Look look;
  Lines lines(text);
  std::string_view line;
  float value = 0;
  int count = 0;
  for (; count < kLines && lines.Next(line); ++count) {
    const std::vector<std::string_view> cells = Split(line, dialect.separator);
    const bool numeric = std::none_of(cells.begin(), cells.end(), [&](std::string_view cell) {
      return Classify(cell, dialect.decimal_comma, value) == Kind::kText;
    });
    if (count == 0) {
      look.cells = cells.size();
      look.first_is_numeric = numeric;
    } else {
      look.agrees = look.agrees && cells.size() == look.cells;
      look.is_numeric = look.is_numeric && numeric;
    }
    look.occurs = look.occurs || cells.size() > 1;
  }
  if (count == 1) look.is_numeric = look.first_is_numeric;
  look.agrees = look.agrees && look.cells >= 2;
  return look;
}

// The first separator that cuts the first lines into equally many numbers; else into equally many
// cells; else one that occurs, so that the error names the ragged row. One column: comma.
Dialect FindDialect(std::string_view text) {
  const Dialect comma = {',', false};
  const Dialect semicolon = {';', true};
  const Dialect tab = {'\t', true};
  const Dialect blanks = {' ', true};
  for (const Dialect& dialect : {comma, semicolon, tab, blanks}) {
    const Look look = LookAt(text, dialect);
    if (look.agrees && look.is_numeric) return dialect;
  }
  for (const Dialect& dialect : {semicolon, comma, tab, blanks}) {
    if (LookAt(text, dialect).agrees) return dialect;
  }
  for (const Dialect& dialect : {semicolon, comma, tab}) {
    if (LookAt(text, dialect).occurs) return dialect;
  }
  const Look look = LookAt(text, blanks);
  return look.cells >= 2 && look.first_is_numeric ? blanks : comma;
}

std::string Shown(std::string_view cell) {
  constexpr size_t kMost = 40;
  std::string text;
  for (const char c : cell.substr(0, kMost))
    text += std::isprint(static_cast<unsigned char>(c)) ? c : '?';
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
    return Classify(cell, dialect.decimal_comma, number) == Kind::kText;
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
    throw Error(Category::kData, "every column is a time column, none has values", "",
                {file, 1, 0});
  }
  table.values.reserve(text.size() / 5);
  bool has_line = !has_header || lines.Next(line);
  for (; has_line; has_line = lines.Next(line)) {
    const int number_of_line = lines.Number() + skipped;
    size_t c = 0;
    if (dialect.separator == ' ') line = Trim(line);
    for (bool more = true; more; ++c) {
      const bool kept = c < dropped.size() && dropped[c] == 0;
      float value = 0;
      if (kept && TakePlainNumber(line, dialect, value, more)) {
        table.values.push_back(value);
        continue;
      }
      const std::string_view cell = NextCell(line, dialect.separator, more);
      if (!kept) continue;
      if (Classify(cell, dialect.decimal_comma, value) != Kind::kNumber) {
        const std::string name = has_header ? fmt::format(" ({})", header[c]) : "";
        throw Error(Category::kData,
                    Unquote(cell).empty()
                        ? fmt::format("column {}{} is empty", c + 1, name)
                        : fmt::format("column {}{} holds '{}', which is not a finite number", c + 1,
                                      name, Shown(Unquote(cell))),
                    "", {file, number_of_line, 0});
      }
      table.values.push_back(value);
    }
    if (c != dropped.size()) {
      throw Error(Category::kData,
                  fmt::format("the row has {} columns, the first row has {}", c, dropped.size()),
                  "", {file, number_of_line, 0});
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
  const std::string there =
      table.names.empty()
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
