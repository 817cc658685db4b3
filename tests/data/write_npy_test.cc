#include "platypus/data/write_npy.h"

#include <gtest/gtest.h>

#include "platypus/data/table.h"

namespace platypus::data {
namespace {

TEST(WriteNpyTest, IsReadBack) {
  const Table table = ParseNpy(ToNpy({3, 2}, std::vector<float>{0, 1.5F, 1, -2, 2, 1e-30F}), "x");
  EXPECT_EQ(table.rows, 3);
  EXPECT_EQ(table.columns, 1) << "column 0 of several is time";
  EXPECT_EQ(table.values, (std::vector<float>{1.5F, -2, 1e-30F}));
}

TEST(WriteNpyTest, TextsHaveThirtyTwoBitsALetter) {
  const std::vector<std::string> texts = {"a", "\xC3\xA4\xE2\x82\xAC", "\xFFz"};  // a-umlaut, euro
  const std::string bytes = ToNpy(texts);
  EXPECT_NE(bytes.find("'descr': '<U2', 'fortran_order': False, 'shape': (3, ), }"),
            std::string::npos);
  EXPECT_EQ(bytes.substr(bytes.find('\n') + 1),
            std::string("a\0\0\0\0\0\0\0\xE4\0\0\0\xAC\x20\0\0\xFD\xFF\0\0z\0\0\0", 24));
}

}  // namespace
}  // namespace platypus::data
