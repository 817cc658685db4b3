#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

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

// The usual cell at `at`: blanks, a sign, digits, a point, perhaps an exponent; gives what follows
// it. Null: what stands there is something else, or a number that needs a closer look.
// Up to 2^53 and 22 decimals the digits and the power of ten are exact as double, so that one
// division rounds correctly (Clinger 1990). Rounding a second time, to float, is right unless the
// double lies halfway between two floats.
const char* ParseUsual(const char* at, const char* end, bool decimal_comma, float& value) {
  constexpr std::array<double, 23> kPowers = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  constexpr uint64_t kExact = uint64_t{1} << 53;
  constexpr std::ptrdiff_t kDigits = 19;  // never overflow 64 bits
  constexpr uint64_t kDropped = (uint64_t{1} << 29) - 1;
  constexpr uint64_t kHalf = uint64_t{1} << 28;
  while (at != end && *at == ' ') ++at;
  const char* number = at;
  const bool negative = at != end && *at == '-';
  if (at != end && (*at == '-' || *at == '+')) ++at;
  if (!negative) number = at;
  const char* const first = at;
  uint64_t digits = 0;
  const auto take_digits = [&] {
    for (; at != end; ++at) {
      const auto digit = static_cast<unsigned char>(*at - '0');
      if (digit > 9) break;
      digits = digits * 10 + digit;
    }
  };
  take_digits();
  std::ptrdiff_t count = at - first;
  std::ptrdiff_t decimals = 0;
  if (at != end && (*at == '.' || (*at == ',' && decimal_comma))) {
    const char* const point = at++;
    take_digits();
    decimals = at - point - 1;
    count += decimals;
  }
  if (count == 0) return nullptr;
  const bool exponent = at != end && (*at == 'e' || *at == 'E');
  if (!exponent && count <= kDigits && digits <= kExact) {
    const double size = static_cast<double>(digits) / kPowers[static_cast<size_t>(decimals)];
    if ((std::bit_cast<uint64_t>(size) & kDropped) != kHalf) {
      value = static_cast<float>(negative ? -size : size);
      return at;
    }
  }
  const auto [rest, error] = std::from_chars(number, end, value);
  return error == std::errc() ? rest : nullptr;
}

// The usual row at `at` (see ParseUsual), columns of `dropped` passed over; gives the start of the
// next row. Null: the row is something else, and `row` is of no use.
const char* ParseUsualRow(const char* at, const char* end, const Dialect& dialect,
                          std::span<const char> dropped, float* row) {
  for (size_t c = 0; c < dropped.size(); ++c) {
    if (c > 0 && *at++ != dialect.separator) return nullptr;
    if (dropped[c] != 0) {
      if (dialect.separator == ' ') return nullptr;  // a run of blanks is no empty cell
      while (at != end && *at != dialect.separator && *at != '\n' && *at != '"') ++at;
    } else {
      at = ParseUsual(at, end, dialect.decimal_comma, *row++);
    }
    if (at == nullptr || at == end) return nullptr;
  }
  if (*at == '\r' && at + 1 != end) ++at;
  return *at == '\n' ? at + 1 : nullptr;
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
  int Number() const { return number_; }  // of the line that Next gave
  std::string_view Rest() const { return rest_; }
  // Passes over the next line, which ends before `next`.
  void Skip(const char* next) {
    rest_.remove_prefix(static_cast<size_t>(next - rest_.data()));
    ++number_;
  }

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

// The table behind a byte order mark and comments.
std::string_view BehindComments(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (text.starts_with('#')) {
    const size_t end = std::min(text.find('\n'), text.size());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return text;
}

std::string Shown(std::string_view cell) {
  constexpr size_t kMost = 40;
  std::string text;
  for (const char c : cell.substr(0, kMost))
    text += std::isprint(static_cast<unsigned char>(c)) ? c : '?';
  return cell.size() > kMost ? text + "..." : text;
}

}  // namespace

bool IsTimeColumn(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find("time") != std::string::npos;
}

TimeColumn ReadTimeColumn(std::string_view text) {
  text = BehindComments(text);
  const Dialect dialect = FindDialect(text);
  Lines lines(text);
  std::string_view line;
  TimeColumn time;
  if (!lines.Next(line)) return time;
  const std::vector<std::string_view> header = Split(line, dialect.separator);
  const auto found = std::ranges::find_if(
      header, [](std::string_view cell) { return IsTimeColumn(Unquote(cell)); });
  if (found == header.end()) return time;
  time.name = Unquote(*found);
  while (lines.Next(line)) {
    const std::vector<std::string_view> cells = Split(line, dialect.separator);
    if (cells.size() != header.size()) return {};
    std::string number(Unquote(cells[static_cast<size_t>(found - header.begin())]));
    if (dialect.decimal_comma) std::ranges::replace(number, ',', '.');
    double value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || end != number.data() + number.size() || !std::isfinite(value))
      return {};
    time.values.push_back(value);
  }
  return time;
}

Table ParseCsv(std::string_view text, const std::string& file) {
  const std::string_view whole = text;
  text = BehindComments(text);
  const auto skipped = static_cast<int>(
      std::count(whole.begin(), whole.end() - static_cast<std::ptrdiff_t>(text.size()), '\n'));
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
      dropped[c] = IsTimeColumn(header.back()) ? 1 : 0;
      if (dropped[c] == 0) table.names.push_back(header.back());
    }
  }
  table.columns = static_cast<int64_t>(std::count(dropped.begin(), dropped.end(), 0));
  if (table.columns == 0) {
    throw Error(Category::kData, "every column is a time column, none has values", "",
                {file, 1, 0});
  }
  table.values.reserve(text.size() / 5);
  std::vector<float> row(static_cast<size_t>(table.columns));
  if (!has_header) lines = Lines(text);
  for (;; ++table.rows) {
    const std::string_view rest = lines.Rest();
    if (const char* const next =
            ParseUsualRow(rest.data(), rest.data() + rest.size(), dialect, dropped, row.data())) {
      table.values.insert(table.values.end(), row.begin(), row.end());
      lines.Skip(next);
      continue;
    }
    if (!lines.Next(line)) break;
    const int number_of_line = lines.Number() + skipped;
    size_t c = 0;
    if (dialect.separator == ' ') line = Trim(line);
    for (bool more = true; more; ++c) {
      const std::string_view cell = NextCell(line, dialect.separator, more);
      if (c >= dropped.size() || dropped[c] != 0) continue;
      float value = 0;
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
  }
  if (table.rows == 0) {
    throw Error(Category::kData, "the file has a header but no values", "", {file, 0, 0});
  }
  return table;
}

std::vector<int> SelectColumns(const Table& table, const config::Columns& variables,
                               const std::string& file, const std::string& key) {
  const auto fail = [&](const std::string& message, const std::string& hint) {
    throw Error(Category::kData, message, hint, {file, 0, 0});
  };
  const std::string there =
      table.names.empty()
          ? fmt::format("the file has {} value columns and no header", table.columns)
          : "";
  std::vector<int> columns;
  const auto add_index = [&](int c) {
    if (c < 0 || c >= table.columns) {
      fail(fmt::format("{} asks for column {}, the file has columns 0 to {}", key, c,
                       table.columns - 1),
           "columns are counted from 0 without time columns");
    }
    columns.push_back(c);
  };
  if (const int* count = std::get_if<int>(&variables)) {
    if (*count > table.columns) {
      fail(fmt::format("{} asks for {} columns, the file has {}", key, *count, table.columns),
           fmt::format("set data_processing_feature_extraction.{} to what all recordings have",
                       key));
    }
    for (int c = 0; c < *count; ++c) columns.push_back(c);
  } else if (const auto* indices = std::get_if<std::vector<int>>(&variables)) {
    for (const int c : *indices) add_index(c);
  } else {
    for (const std::string& name : std::get<std::vector<std::string>>(variables)) {
      const auto found = std::find(table.names.begin(), table.names.end(), name);
      int index = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
      if (found == table.names.end() && error == std::errc() && end == name.data() + name.size()) {
        add_index(index);
        continue;
      }
      if (found == table.names.end()) {
        fail(fmt::format("{} asks for column '{}'", key, name),
             table.names.empty() ? there : Suggest(name, table.names));
      }
      columns.push_back(static_cast<int>(found - table.names.begin()));
    }
  }
  return columns;
}

}  // namespace platypus::data
