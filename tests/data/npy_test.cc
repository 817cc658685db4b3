#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "platypus/data/table.h"
#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

using Values = std::vector<float>;

std::string Wrap(const std::string& dictionary, const std::string& data, int version = 1) {
  std::string header = dictionary;
  const size_t prefix = version == 1 ? 10 : 12;
  while ((prefix + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (size_t i = 0; i < prefix - 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i));
  return bytes + header + data;
}

std::string Wrap(const std::string& type, bool fortran, const std::string& shape,
                 const std::string& data, int version = 1) {
  return Wrap(fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': ({}), }}", type,
                          fortran ? "True" : "False", shape),
              data, version);
}

template <typename T>
std::string Octets(const std::vector<T>& values, bool big_endian = false) {
  std::string data;
  for (const T value : values) {
    std::array<char, sizeof(T)> octets;
    std::memcpy(octets.data(), &value, sizeof(T));
    if (big_endian) std::reverse(octets.begin(), octets.end());
    data.append(octets.data(), octets.size());
  }
  return data;
}

template <typename T>
void ExpectBothEndiannesses(const std::string& type, const std::vector<T>& values) {
  SCOPED_TRACE(type);
  const std::string shape = fmt::format("{},", values.size());
  const Values expected(values.begin(), values.end());
  EXPECT_EQ(ParseNpy(Wrap("<" + type, false, shape, Octets(values)), "a.npy").values, expected);
  EXPECT_EQ(ParseNpy(Wrap(">" + type, false, shape, Octets(values, true)), "a.npy").values,
            expected);
}

TEST(NpyTest, ArraysOfAnyNumberOfAxes) {
  const Values values = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const NpyArray c = ParseNpyArray(Wrap("<f4", false, "2, 3, 2", Octets(values)), "a.npy");
  EXPECT_EQ(c.shape, (Shape{2, 3, 2}));
  EXPECT_EQ(c.values, values);
  // The first axis runs fastest.
  const NpyArray f = ParseNpyArray(Wrap("<f4", true, "2, 3, 2", Octets(values)), "a.npy");
  EXPECT_EQ(f.values, (Values{0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11}));
  EXPECT_EQ(ParseNpyArray(Wrap("<i2", false, "", Octets<int16_t>({7})), "a.npy").values, Values{7});
  for (const char* shape : {"2, 3, 3", "0, 3", "99999999999, 99999999999"}) {
    EXPECT_THROW(ParseNpyArray(Wrap("<f4", false, shape, Octets(values)), "a.npy"), Error);
  }
  EXPECT_THROW(ParseNpyArray("none", "a.npy"), Error);
  EXPECT_THROW(ParseNpyArray(Wrap("<f4", false, "1,", Octets(Values{NAN})), "a.npy"), Error);
}

TEST(NpyTest, AllTypesAndBothEndiannesses) {
  ExpectBothEndiannesses<float>("f4", {1.5F, -2.25F, 3e-40F});
  ExpectBothEndiannesses<double>("f8", {1.5, -2.25, 1e30});
  ExpectBothEndiannesses<int16_t>("i2", {-32768, 7, 32767});
  ExpectBothEndiannesses<int32_t>("i4", {-2147483647 - 1, 7, 65536});
  ExpectBothEndiannesses<int64_t>("i8", {-(int64_t{1} << 40), 7});
  ExpectBothEndiannesses<uint16_t>("u2", {65535, 7});
  ExpectBothEndiannesses<uint32_t>("u4", {4294967040U, 7});
  ExpectBothEndiannesses<uint64_t>("u8", {uint64_t{1} << 63, 7});
  EXPECT_EQ(ParseNpy(Wrap("|i1", false, "2,", Octets<int8_t>({-128, 127})), "a.npy").values,
            (Values{-128, 127}));
  EXPECT_EQ(ParseNpy(Wrap("|u1", false, "2,", Octets<uint8_t>({0, 255})), "a.npy").values,
            (Values{0, 255}));
  EXPECT_EQ(ParseNpy(Wrap("|b1", false, "2,", Octets<uint8_t>({1, 0})), "a.npy").values,
            (Values{1, 0}));
  // IEEE 754 binary16: 1, -2, the largest, the smallest subnormal.
  const std::vector<uint16_t> halves = {0x3c00, 0xc000, 0x7bff, 0x0001};
  const Values expected = {1, -2, 65504, 0x1p-24F};
  EXPECT_EQ(ParseNpy(Wrap("<f2", false, "4,", Octets(halves)), "a.npy").values, expected);
  EXPECT_EQ(ParseNpy(Wrap(">f2", false, "4,", Octets(halves, true)), "a.npy").values, expected);
}

TEST(NpyTest, ShapesOrdersAndVersions) {
  const std::vector<float> data = {1, 2, 3, 4, 5, 6};
  for (int version = 1; version <= 3; ++version) {
    const Table c = ParseNpy(Wrap("<f4", false, "2, 3", Octets(data), version), "a.npy");
    EXPECT_EQ(c.rows, 2);
    EXPECT_EQ(c.columns, 2);  // column 0 is time
    EXPECT_EQ(c.values, (Values{2, 3, 5, 6}));
    const Table fortran = ParseNpy(Wrap("<f4", true, "2, 3", Octets(data), version), "a.npy");
    EXPECT_EQ(fortran.values, (Values{3, 5, 4, 6}));
  }
  const Table line = ParseNpy(Wrap("<f4", false, "6,", Octets(data)), "a.npy");
  EXPECT_EQ(line.columns, 1);
  EXPECT_EQ(line.rows, 6);
  EXPECT_EQ(line.values, data);
  const Table column = ParseNpy(Wrap("<f4", false, "6, 1", Octets(data)), "a.npy");
  EXPECT_EQ(column.columns, 1);
  EXPECT_EQ(column.values, data);
}

TEST(NpyTest, BadInputsAreNamedExactly) {
  const std::string data = Octets<float>({1, 2, 3, 4, 5, 6});
  const std::string whole = Wrap("<f4", false, "2, 3", data);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string types = " is not one of floats of 2, 4, 8, integers of 1, 2, 4, 8 octets, bool";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "a.npy: this is not an npy file"},
      {"1,2\n3,4\n5,6\n7,8\n", "a.npy: this is not an npy file"},
      {whole.substr(0, 9), "a.npy: this is not an npy file"},
      {whole.substr(0, 40), "a.npy: the npy header is cut off"},
      {"\x93NUMPY\x09" + whole.substr(7), "a.npy: npy format version 9 is not 1, 2 or 3"},
      {whole.substr(0, whole.size() - 1),
       "a.npy: the array should have 2 x 3 values, the file holds 5"},
      {Wrap("<f4", false, "2, 2, 3", data),
       "a.npy: the array has 3 axes; rows and columns, or one column, are expected"},
      {Wrap("<f4", false, "", data),
       "a.npy: the array has 0 axes; rows and columns, or one column, are expected"},
      {Wrap("<f4", false, "0, 3", ""), "a.npy: the array is empty"},
      {Wrap("<f4", false, "3, 0", ""), "a.npy: the array is empty"},
      {Wrap("<f4", false, "4611686018427387904, 4", data),
       "a.npy: the array should have 4611686018427387904 x 4 values, the file holds 6"},
      {Wrap("<f4", false, "99999999999999999999999,", data),
       "a.npy: the npy header's shape is damaged"},
      {Wrap("<f4", false, "-6,", data), "a.npy: the npy header's shape is damaged"},
      {Wrap("<c8", false, "3,", data), "a.npy: npy type '<c8'," + types},
      {Wrap("<f16", false, "1,", data), "a.npy: npy type '<f16'" + types},
      {Wrap("|O", false, "3,", data), "a.npy: npy type '|O', " + types},
      {Wrap("<U4", false, "1,", data), "a.npy: npy type '<U4'," + types},
      {Wrap("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", data),
       "a.npy: the npy file holds records or objects, not plain numbers"},
      {Wrap("{'fortran_order': False, 'shape': (3,), }", data),
       "a.npy: the npy header has no descr"},
      {Wrap("{'descr': '<f4', 'shape': (3,), }", data),
       "a.npy: the npy header has no fortran_order"},
      {Wrap("{'descr': '<f4', 'fortran_order': False, }", data),
       "a.npy: the npy header has no shape"},
      {Wrap("<f4", false, "2, 2", Octets<float>({0, 1, 0, nan})),
       "a.npy: row 2, column 2 is not a finite number"},
      {Wrap("<f8", false, "1,", Octets<double>({1e300})),
       "a.npy: row 1, column 1 is not a finite number"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ErrorOf([&] { ParseNpy(c.first, "a.npy"); }), c.second);
  }
}

TEST(NpyTest, RandomArraysReadBackEqual) {
  Random random(3, "npy arrays");
  for (int i = 0; i < 500; ++i) {
    const size_t rows = 1 + random.Below(30);
    const size_t columns = 1 + random.Below(5);
    const bool fortran = random.Below(2) == 0;
    const bool big = random.Below(2) == 0;
    std::vector<double> stored(rows * columns);
    Values expected;
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < columns; ++c) {
        const auto value = static_cast<float>(random.Normal());
        stored[fortran ? c * rows + r : r * columns + c] = value;
        if (c > 0 || columns == 1) expected.push_back(value);
      }
    }
    const std::string bytes =
        Wrap(big ? ">f8" : "<f8", fortran, fmt::format("{}, {}", rows, columns),
             Octets(stored, big), 1 + static_cast<int>(random.Below(3)));
    EXPECT_EQ(ParseNpy(bytes, "a.npy").values, expected);
  }
}

TEST(NpyTest, MutationsEndInATableOrAnError) {
  Random random(4, "npy mutations");
  const std::string whole =
      Wrap("<f4", false, "4, 3", Octets<float>({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  int errors = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = Mutate(whole, random);
    try {
      const Table table = ParseNpy(bytes, "a.npy");
      ASSERT_EQ(static_cast<int64_t>(table.values.size()), table.rows * table.columns);
      for (const float value : table.values) ASSERT_TRUE(std::isfinite(value));
    } catch (const Error& error) {
      ASSERT_EQ(error.category(), Category::kData);
      ++errors;
    }
  }
  EXPECT_GT(errors, 200);
  EXPECT_LT(errors, 2000);
}

}  // namespace
}  // namespace platypus::data
