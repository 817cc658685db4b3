#ifndef PLATYPUS_DATA_TABLE_H_
#define PLATYPUS_DATA_TABLE_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platypus/base/array.h"
#include "platypus/config/config.h"

// One file as a table of numbers. Time columns are already gone.
namespace platypus::data {

struct Table {
  std::vector<std::string> names;  // header; empty if the file has none
  int64_t columns = 0;
  int64_t rows = 0;
  std::vector<float> values;  // [row][column]
};

// Text tables: separator comma, semicolon, tab or blanks (found out from the first lines; comma
// wins), decimal comma where the separator is not a comma, header if any cell of the first row is
// no number, comment lines
// (#) before it, quotes, CRLF, a byte order mark. Columns whose header contains "time" are dropped.
// Error (data) with `file`, line and column for an empty file, a ragged row, a cell that is no
// finite number.
Table ParseCsv(std::string_view text, const std::string& file);

// NumPy .npy, format 1 to 3: 1-D (one column) or 2-D, C or Fortran order, integers, floats and bool
// of either byte order. A 2-D array of two or more columns has time in column 0, which is dropped.
// Error (data).
Table ParseNpy(std::string_view bytes, const std::string& file);

// An array of any number of axes, C order, whole: nothing is taken for time.
struct NpyArray {
  Shape shape;
  std::vector<float> values;
};
// The same formats and types as ParseNpy reads, of at most 2^28 elements. Error (data).
NpyArray ParseNpyArray(std::string_view bytes, const std::string& file);

// NumPy .npz (zip, with or without compression): one array, read as ParseNpy does, or one array of
// one column for each column, named after it, where names with "time" are dropped. Only arrays of
// plain numbers; any other member is an Error (data).
Table ParseNpz(std::string_view bytes, const std::string& file);

// The arrays of an .npz, whole, in the order of the file.
std::vector<NpyArray> ParseNpzArrays(std::string_view bytes, const std::string& file);

// ".csv", ".txt", ".npy", ".npz".
bool IsRecordingEnding(std::string_view extension);

// A file by the ending of its name. Error (data) as above, and for other
// endings.
Table ParseTable(const std::filesystem::path& path, std::string_view bytes);

// The first time column of a text table, as far as it holds numbers; empty without one, and where a
// cell is no number (a date).
struct TimeColumn {
  std::string name;
  std::vector<double> values;
};
TimeColumn ReadTimeColumn(std::string_view text);

// Does a column of this name hold time?
bool IsTimeColumn(std::string_view name);

// Indices of the columns that `variables` asks for; a name of digits that the header does not have
// is an index. Error (data) naming file, what is asked (by the configuration's `key`) and what
// there is.
std::vector<int> SelectColumns(const Table& table, const config::Columns& variables,
                               const std::string& file, const std::string& key = "variables");

}  // namespace platypus::data

#endif  // PLATYPUS_DATA_TABLE_H_
