#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "platypus/data/table.h"
#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

using Values = std::vector<float>;
using Names = std::vector<std::string>;

struct Legal {
  std::string text;
  Names names;
  int64_t columns;
  Values values;
};

TEST(CsvTest, Dialects) {
  const std::vector<Legal> cases = {
      {"1\n2\n3\n", {}, 1, {1, 2, 3}},
      {"x\n1\n2", {"x"}, 1, {1, 2}},
      {"ax,ay\n1,2\n3,4\n", {"ax", "ay"}, 2, {1, 2, 3, 4}},
      {"1e-5,2\n3,4\n", {}, 2, {1e-5F, 2, 3, 4}},
      {"-1.5E+2,+.5\n3.,4\n", {}, 2, {-150, .5, 3, 4}},
      {"1,b\n2,3\n", {"1", "b"}, 2, {2, 3}},
      {"a;b\n1,5;2,25\n", {"a", "b"}, 2, {1.5, 2.25}},
      {"1,5;2,25\n1;2\n", {}, 2, {1.5, 2.25, 1, 2}},
      {"1.5;2.25\n", {}, 2, {1.5, 2.25}},
      {"1,5\t2,25\n3,5\t4\n", {}, 2, {1.5, 2.25, 3.5, 4}},
      {"a\tb\n1\t2\n", {"a", "b"}, 2, {1, 2}},
      {"  1   2\t3 \n 4 5 6\n", {}, 3, {1, 2, 3, 4, 5, 6}},
      {"1 2 \n3  4\t\n", {}, 2, {1, 2, 3, 4}},
      {"16777216,16777217,-0.00000001\n0.1234567891,12345678.9,00.50\n",
       {},
       3,
       {16777216, 16777216, -1e-8F, .1234567891F, 12345678.9F, .5}},
      {"1, 2,  3\n4, 5, 6\n", {}, 3, {1, 2, 3, 4, 5, 6}},
      {"\"a\",\"b\"\n\"1\",\"2\"\n", {"a", "b"}, 2, {1, 2}},
      {"\"acc; m/s2\",\"b, raw\"\n1,2\n", {"acc; m/s2", "b, raw"}, 2, {1, 2}},
      {"\xEF\xBB\xBFv,w\r\n1,2\r\n\r\n\r\n", {"v", "w"}, 2, {1, 2}},
      {"# made by a logger\n# 2 channels\nv,w\n1,2\n", {"v", "w"}, 2, {1, 2}},
      {"\n\n1\n\n2\n", {}, 1, {1, 2}},
      {"time,a\n0,1\n1,2\n", {"a"}, 1, {1, 2}},
      {"a,TimeStamp,b\n1,2023-05-06 10:00:00,2\n3,later,4\n", {"a", "b"}, 2, {1, 2, 3, 4}},
      {"my signal\n1\n2\n", {"my signal"}, 1, {1, 2}},
      {"1e-60\n1e-400\n-1e-999999\n", {}, 1, {0, 0, 0}},
      {"a time b\n 1 0:00  2 \n3   0:01 4\n", {"a", "b"}, 2, {1, 2, 3, 4}},
      {"a,time\n1,\n2,\"0,5\"\n3,x\r\n", {"a"}, 1, {1, 2, 3}},
      {"a;b\n16777217,0;1,5e3\n1.5e3;+,5\n", {"a", "b"}, 2, {16777216, 1500, 1500, .5}},
      {"1 ,\t2\n  3,4\r\r\n5,6", {}, 2, {1, 2, 3, 4, 5, 6}},
  };
  for (const Legal& c : cases) {
    SCOPED_TRACE(c.text);
    const Table table = ParseCsv(c.text, "a.csv");
    EXPECT_EQ(table.names, c.names);
    EXPECT_EQ(table.columns, c.columns);
    EXPECT_EQ(table.values, c.values);
    EXPECT_EQ(table.rows * table.columns, static_cast<int64_t>(c.values.size()));
  }
}

TEST(CsvTest, BadInputsAreNamedExactly) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "a.csv: the file is empty"},
      {"\n\r\n  \n", "a.csv: the file is empty"},
      {"# only a comment", "a.csv: the file is empty"},
      {"x,y\n", "a.csv: the file has a header but no values"},
      {"Hello World", "a.csv: the file has a header but no values"},
      {"time\n1\n2\n", "a.csv:1: every column is a time column, none has values"},
      {"1\n2\nx\n", "a.csv:3: column 1 holds 'x', which is not a finite number"},
      {"a,b\n1,2\n3,4x\n", "a.csv:3: column 2 (b) holds '4x', which is not a finite number"},
      {"time,a,b\n0,1,2\n1,3,?\n", "a.csv:3: column 3 (b) holds '?', which is not a finite number"},
      {"# c\na,b\n1,nan\n", "a.csv:3: column 2 (b) holds 'nan', which is not a finite number"},
      {"nan,1\n2,3\n", "a.csv:1: column 1 holds 'nan', which is not a finite number"},
      {"-inf,1\n2,3\n", "a.csv:1: column 1 holds '-inf', which is not a finite number"},
      {"NAN,1\n2,3\n", "a.csv:1: column 1 holds 'NAN', which is not a finite number"},
      {"N/A,1\n2,3\n", "a.csv:1: column 1 holds 'N/A', which is not a finite number"},
      {"1e999,1\n2,3\n", "a.csv:1: column 1 holds '1e999', which is not a finite number"},
      {"1\n1e39\n", "a.csv:2: column 1 holds '1e39', which is not a finite number"},
      {"1\n-1e400\n", "a.csv:2: column 1 holds '-1e400', which is not a finite number"},
      {"1\n+-5\n", "a.csv:2: column 1 holds '+-5', which is not a finite number"},
      {"1\n0x10\n", "a.csv:2: column 1 holds '0x10', which is not a finite number"},
      {"1,2\n3,4\n5\n", "a.csv:3: the row has 1 columns, the first row has 2"},
      {"1,2\n3,4\n\n5,6,7\n", "a.csv:4: the row has 3 columns, the first row has 2"},
      {"1;2\n3;4\n5\n", "a.csv:3: the row has 1 columns, the first row has 2"},
      {"1 2\n3\n4\n", "a.csv:2: the row has 1 columns, the first row has 2"},
      {"1\t2\n3\n4\n", "a.csv:2: the row has 1 columns, the first row has 2"},
      {"a,b\n1,\n", "a.csv:2: column 2 (b) is empty"},
      {"1,2\n,3\n", "a.csv:2: column 1 is empty"},
      {"a,b\n1,\n2\n", "a.csv:2: column 2 (b) is empty"},
      {"1\n2e\n", "a.csv:2: column 1 holds '2e', which is not a finite number"},
      {"1\n-+5\n", "a.csv:2: column 1 holds '-+5', which is not a finite number"},
      {"1\n.\n", "a.csv:2: column 1 holds '.', which is not a finite number"},
      {"a time b\n1 0 2\n1 0 2\n1 0 2\n1 0 2\n1  2\n",
       "a.csv:6: the row has 2 columns, the first row has 3"},
      {"a time\n1 0\n1 0\n1 0\n1 0\n1 \n", "a.csv:6: the row has 1 columns, the first row has 2"},
      {"1,2\n\"3,4\n", "a.csv:2: column 1 holds '\"3,4', which is not a finite number"},
      {std::string("1\n\0001\n", 5), "a.csv:2: column 1 holds '?1', which is not a finite number"},
      {"1\n" + std::string(60, 'z'),
       "a.csv:2: column 1 holds '" + std::string(40, 'z') + "...', which is not a finite number"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.first);
    EXPECT_EQ(ErrorOf([&] { ParseCsv(c.first, "a.csv"); }), c.second);
  }
}

std::string Print(float value, Random& random, bool decimal_comma) {
  std::array<char, 64> digits;
  const auto format =
      random.Below(3) == 0 ? std::chars_format::scientific : std::chars_format::general;
  std::string text(digits.data(),
                   std::to_chars(digits.data(), digits.data() + digits.size(), value, format).ptr);
  if (decimal_comma) {
    for (char& c : text) c = c == '.' ? ',' : c;
  }
  return text;
}

// Writes a random table in a random dialect and gives the table that should be read.
std::string WriteRandom(Random& random, Table& expected) {
  const char separator = ",;\t "[random.Below(4)];
  const bool header = random.Below(2) == 0;
  const bool quoted = random.Below(4) == 0;
  const std::string end = random.Below(2) == 0 ? "\n" : "\r\n";
  expected.columns = 1 + static_cast<int64_t>(random.Below(5));
  expected.rows = 1 + static_cast<int64_t>(random.Below(20));
  const bool decimal_comma =
      (separator == ';' || separator == '\t') && expected.columns > 1 && random.Below(2) == 0;
  const int64_t time = header && random.Below(3) == 0 ? static_cast<int64_t>(random.Below(5)) : -1;
  std::string text = random.Below(4) == 0 ? "\xEF\xBB\xBF" : "";
  for (uint64_t n = random.Below(3); n > 0; --n) text += "# comment, with; signs" + end;
  const auto line = [&](const std::vector<std::string>& cells, const std::string& time_cell) {
    for (size_t c = 0; c <= cells.size(); ++c) {
      const bool here =
          time == static_cast<int64_t>(c) || (c == cells.size() && time > static_cast<int64_t>(c));
      if (here) text += time_cell + (c < cells.size() ? std::string(1, separator) : "");
      if (c == cells.size()) break;
      text += quoted ? '"' + cells[c] + '"' : cells[c];
      const bool last = c + 1 == cells.size() && time < static_cast<int64_t>(cells.size());
      if (!last) text += separator;
    }
    text += end;
  };
  if (header) {
    std::vector<std::string> cells;
    for (int64_t c = 0; c < expected.columns; ++c) cells.push_back(fmt::format("axis_{}", c));
    expected.names = cells;
    line(cells, "Time[s]");
  }
  for (int64_t r = 0; r < expected.rows; ++r) {
    std::vector<std::string> cells;
    for (int64_t c = 0; c < expected.columns; ++c) {
      const auto value =
          static_cast<float>(random.Normal() * std::pow(10.0, random.Uniform(-20.0, 20.0)));
      const float few_digits = static_cast<float>(std::lround(random.Uniform(-1e6, 1e6))) / 1000.0F;
      const float choices[] = {value, std::round(value), few_digits};
      expected.values.push_back(choices[random.Below(3)]);
      cells.push_back(Print(expected.values.back(), random, decimal_comma));
    }
    line(cells, fmt::format("10:{:02}", r));
  }
  for (uint64_t n = random.Below(3); n > 0; --n) text += end;
  return text;
}

TEST(CsvTest, RandomTablesInRandomDialectsReadBackEqual) {
  Random random(1, "csv tables");
  for (int i = 0; i < 3000; ++i) {
    Table expected;
    const std::string text = WriteRandom(random, expected);
    SCOPED_TRACE(text);
    Table table;
    ASSERT_EQ(ErrorOf([&] { table = ParseCsv(text, "a.csv"); }), "no error");
    ASSERT_EQ(table.names, expected.names);
    ASSERT_EQ(table.columns, expected.columns);
    ASSERT_EQ(table.rows, expected.rows);
    ASSERT_EQ(table.values, expected.values);
  }
}

// A number as people and programs write it: integers, decimals, exponents, too many digits, values
// halfway between two floats and just beside.
std::string WriteNumber(Random& random) {
  const auto some_digits = [&](uint64_t most) {
    std::string digits;
    for (uint64_t n = random.Below(most + 1); n > 0; --n)
      digits += static_cast<char>('0' + random.Below(10));
    return digits;
  };
  const std::string sign = std::array{"", "", "-", "+"}[random.Below(4)];
  switch (random.Below(5)) {
    case 0:
      return sign + '0' + some_digits(20);
    case 1:
      return sign + some_digits(12) + '.' + '5' + some_digits(12);
    case 2:
      return sign + '1' + some_digits(25) + '.' + some_digits(25);
    case 3:
      return fmt::format("{}{}1.{}{}{}", sign, some_digits(3), some_digits(18),
                         std::array{"e", "E"}[random.Below(2)],
                         static_cast<int>(random.Below(76)) - 45);
    default:
      break;
  }
  // An odd multiple of 2^-k with 25 bits; exact as text.
  const uint64_t middle = (uint64_t{1} << 24) + 2 * random.Below(1U << 23) + 1;
  std::string text = fmt::format(
      "{:.30f}", std::ldexp(static_cast<double>(middle), -static_cast<int>(random.Below(30))));
  text.erase(text.find_last_not_of('0') + 1);
  if (random.Below(3) == 0) text += std::string(random.Below(12), '0') + '1';
  if (random.Below(3) == 0 && text.back() != '.') --text.back();
  return sign + text;
}

TEST(CsvTest, NumbersRoundAsTheStandardLibraryRounds) {
  Random random(4, "csv numbers");
  std::string text;
  std::vector<std::string> numbers;
  for (int i = 0; i < 200000; ++i) {
    numbers.push_back(WriteNumber(random));
    if (std::isinf(std::strtof(numbers.back().c_str(), nullptr))) numbers.back() = "1";
    text += numbers.back() + (random.Below(10) == 0 ? "\r\n" : "\n");
  }
  const Table table = ParseCsv(text, "a.csv");
  ASSERT_EQ(table.values.size(), numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    const float expected = std::strtof(numbers[i].c_str(), nullptr);
    ASSERT_EQ(std::bit_cast<uint32_t>(table.values[i]), std::bit_cast<uint32_t>(expected))
        << numbers[i];
  }
}

TEST(CsvTest, MutationsEndInATableOrAnError) {
  Random random(2, "csv mutations");
  int errors = 0;
  for (int i = 0; i < 2000; ++i) {
    Table written;
    const std::string text = Mutate(WriteRandom(random, written), random);
    try {
      const Table table = ParseCsv(text, "a.csv");
      ASSERT_EQ(static_cast<int64_t>(table.values.size()), table.rows * table.columns);
      ASSERT_GT(table.rows, 0);
      for (const float value : table.values) ASSERT_TRUE(std::isfinite(value));
    } catch (const Error& error) {
      ASSERT_EQ(error.category(), Category::kData);
      ++errors;
    }
  }
  EXPECT_GT(errors, 200);
  EXPECT_LT(errors, 1990);
}

TEST(SelectColumnsTest, ByCountIndexAndName) {
  const Table table = ParseCsv("time,ax,ay,az\n0,1,2,3\n", "a.csv");
  EXPECT_EQ(SelectColumns(table, 2, "a.csv"), (std::vector<int>{0, 1}));
  EXPECT_EQ(SelectColumns(table, std::vector<int>{2, 0}, "a.csv"), (std::vector<int>{2, 0}));
  EXPECT_EQ(SelectColumns(table, Names{"az", "ax"}, "a.csv"), (std::vector<int>{2, 0}));
}

TEST(SelectColumnsTest, BadSelections) {
  const Table table = ParseCsv("time,ax,ay\n0,1,2\n", "a.csv");
  const Table bare = ParseCsv("1,2\n", "b.csv");
  const auto error = [](const Table& from, const config::Columns& columns) {
    return ErrorOf([&] { SelectColumns(from, columns, "a.csv"); });
  };
  EXPECT_EQ(error(table, 3),
            "a.csv: variables asks for 3 columns, the file has 2; set "
            "data_processing_feature_extraction.variables to what all recordings have");
  EXPECT_EQ(
      error(table, std::vector<int>{2}),
      "a.csv: variables asks for column 2, the file has columns 0 to 1; columns are counted from 0 "
      "without time columns");
  EXPECT_EQ(error(table, std::vector<int>{-1}),
            "a.csv: variables asks for column -1, the file has columns 0 to 1; columns are counted "
            "from 0 "
            "without time columns");
  EXPECT_EQ(error(table, Names{"AX"}),
            "a.csv: variables asks for column 'AX'; did you mean 'ax'? legal values: ax, ay");
  EXPECT_EQ(error(bare, Names{"ax"}),
            "a.csv: variables asks for column 'ax'; the file has 2 value columns and no header");
}

}  // namespace
}  // namespace platypus::data
