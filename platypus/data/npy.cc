#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "platypus/base/error.h"
#include "platypus/data/table.h"

namespace platypus::data {
namespace {

struct Header {
  char kind = 'f';  // f float, i signed, u unsigned, b bool
  int size = 4;     // octets of an element
  bool big_endian = false;
  bool fortran = false;
  std::vector<int64_t> shape;
};

[[noreturn]] void Bad(const std::string& file, const std::string& message) {
  throw Error(Category::kData, message, "", {file, 0, 0});
}

// The text behind 'key': in the header's dictionary.
std::string_view Find(std::string_view header, std::string_view key, const std::string& file) {
  const size_t at = header.find(key);
  const size_t colon = at == std::string_view::npos ? at : header.find(':', at);
  if (colon == std::string_view::npos) Bad(file, fmt::format("the npy header has no {}", key));
  const size_t start = header.find_first_not_of(" \t", colon + 1);
  return start == std::string_view::npos ? std::string_view() : header.substr(start);
}

Header ParseHeader(std::string_view text, const std::string& file) {
  Header header;
  const std::string_view descr = Find(text, "descr", file);
  if (descr.size() < 5 || (descr[0] != '\'' && descr[0] != '"')) {
    Bad(file, "the npy file holds records or objects, not plain numbers");
  }
  header.big_endian = descr[1] == '>';
  header.kind = descr[2];
  header.size = descr[3] - '0';
  const bool legal =
      (header.kind == 'f' && (header.size == 2 || header.size == 4 || header.size == 8)) ||
      ((header.kind == 'i' || header.kind == 'u') &&
       (header.size == 1 || header.size == 2 || header.size == 4 || header.size == 8)) ||
      (header.kind == 'b' && header.size == 1);
  if (!legal || (descr[4] != '\'' && descr[4] != '"')) {
    Bad(file,
        fmt::format(
            "npy type {} is not one of floats of 2, 4, 8, integers of 1, 2, 4, 8 octets, bool",
            descr.substr(0, 6)));
  }
  header.fortran = Find(text, "fortran_order", file).starts_with("True");
  std::string_view shape = Find(text, "shape", file);
  if (!shape.starts_with('(')) Bad(file, "the npy header's shape is damaged");
  shape = shape.substr(1, std::min(shape.find(')'), shape.size()) - 1);
  if (shape.find('-') != std::string_view::npos) Bad(file, "the npy header's shape is damaged");
  while (!shape.empty()) {
    const size_t digit = shape.find_first_of("0123456789");
    if (digit == std::string_view::npos) break;
    int64_t extent = 0;
    const auto [end, error] =
        std::from_chars(shape.data() + digit, shape.data() + shape.size(), extent);
    if (error != std::errc()) Bad(file, "the npy header's shape is damaged");
    header.shape.push_back(extent);
    shape.remove_prefix(static_cast<size_t>(end - shape.data()));
  }
  return header;
}

double HalfToDouble(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f;
  const int fraction = bits & 0x3ff;
  double value = exponent == 0    ? std::ldexp(fraction, -24)
                 : exponent == 31 ? (fraction != 0 ? std::numeric_limits<double>::quiet_NaN()
                                                   : std::numeric_limits<double>::infinity())
                                  : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
}

double Element(const char* bytes, const Header& header) {
  uint64_t raw = 0;
  for (int i = 0; i < header.size; ++i) {
    const int from = header.big_endian ? header.size - 1 - i : i;
    raw |= uint64_t{static_cast<unsigned char>(bytes[from])} << (8 * i);
  }
  if (header.kind == 'f') {
    if (header.size == 8) return std::bit_cast<double>(raw);
    if (header.size == 4) return double{std::bit_cast<float>(static_cast<uint32_t>(raw))};
    return HalfToDouble(static_cast<uint16_t>(raw));
  }
  if (header.kind == 'i') {
    const int unused = 64 - 8 * header.size;
    return static_cast<double>(static_cast<int64_t>(raw << unused) >> unused);
  }
  return static_cast<double>(raw);
}

struct File {
  Header header;
  std::string_view data;
};

File Split(std::string_view bytes, const std::string& file) {
  if (!bytes.starts_with("\x93NUMPY") || bytes.size() < 10) Bad(file, "this is not an npy file");
  const int version = static_cast<unsigned char>(bytes[6]);
  const size_t prefix = version == 1 ? 10 : 12;
  if (version < 1 || version > 3 || bytes.size() < prefix) {
    Bad(file, fmt::format("npy format version {} is not 1, 2 or 3", version));
  }
  size_t length = 0;
  for (size_t i = prefix; i > 8; --i)
    length = length << 8 | static_cast<unsigned char>(bytes[i - 1]);
  if (length > bytes.size() - prefix) Bad(file, "the npy header is cut off");
  return {ParseHeader(bytes.substr(prefix, length), file), bytes.substr(prefix + length)};
}

}  // namespace

Table ParseNpy(std::string_view bytes, const std::string& file) {
  const auto [header, data] = Split(bytes, file);
  if (header.shape.empty() || header.shape.size() > 2) {
    Bad(file, fmt::format("the array has {} axes; rows and columns, or one column, are expected",
                          header.shape.size()));
  }
  const int64_t rows = header.shape[0];
  const int64_t columns = header.shape.size() == 2 ? header.shape[1] : 1;
  const auto available = static_cast<int64_t>(data.size() / static_cast<size_t>(header.size));
  if (rows == 0 || columns == 0) Bad(file, "the array is empty");
  if (columns > available || rows > available / columns) {
    Bad(file, fmt::format("the array should have {} x {} values, the file holds {}", rows, columns,
                          available));
  }
  Table table;
  const int64_t first = header.shape.size() == 2 && columns > 1 ? 1 : 0;
  table.rows = rows;
  table.columns = columns - first;
  table.values.reserve(static_cast<size_t>(rows * table.columns));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = first; c < columns; ++c) {
      const int64_t index = header.fortran ? c * rows + r : r * columns + c;
      const auto value = static_cast<float>(Element(data.data() + index * header.size, header));
      if (!std::isfinite(value)) {
        Bad(file, fmt::format("row {}, column {} is not a finite number", r + 1, c + 1));
      }
      table.values.push_back(value);
    }
  }
  return table;
}

NpyArray ParseNpyArray(std::string_view bytes, const std::string& file) {
  constexpr int64_t kMost = int64_t{1} << 28;
  const auto [header, data] = Split(bytes, file);
  NpyArray array{header.shape, {}};
  int64_t count = 1;
  for (const int64_t extent : header.shape) {
    if (extent == 0 || extent > kMost / count) {
      Bad(file, fmt::format("an array of shape {}; 1 to {} elements are read",
                            ToString(header.shape), kMost));
    }
    count *= extent;
  }
  const auto available = static_cast<int64_t>(data.size() / static_cast<size_t>(header.size));
  if (count > available) {
    Bad(file, fmt::format("the array should have {} values, the file holds {}", count, available));
  }
  array.values.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    int64_t index = i;
    if (header.fortran) {  // the first axis runs fastest in the file
      index = 0;
      int64_t rest = i;
      int64_t below = count;
      for (size_t axis = header.shape.size(); axis-- > 0;) {
        below /= header.shape[axis];
        index += rest % header.shape[axis] * below;
        rest /= header.shape[axis];
      }
    }
    const auto value = static_cast<float>(Element(data.data() + index * header.size, header));
    if (!std::isfinite(value)) Bad(file, fmt::format("value {} is not a finite number", i + 1));
    array.values.push_back(value);
  }
  return array;
}

}  // namespace platypus::data
