#include <gtest/gtest.h>

#include "platypus/data/table.h"
#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

using Values = std::vector<float>;

// An array of format 1 with octets of unsigned integers.
std::string Array(const std::string& shape, const std::string& values,
                  const std::string& type = "'|u1'") {
  const std::string header =
      "{'descr': " + type + ", 'fortran_order': False, 'shape': " + shape + "}\n";
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size());
  text += '\0';
  return text + header + values;
}

class NpzTest : public ::testing::Test {
 protected:
  std::string Npz(const std::vector<Member>& members) {
    const fs::path file = folder_.Path() / "a.zip";
    WriteArchive(file, members);
    return ReadFile(file);
  }
  std::string ErrorFor(const std::vector<Member>& members) {
    const std::string bytes = Npz(members);
    return ErrorOf([&] { ParseNpz(bytes, "a.npz"); });
  }
  TemporaryFolder folder_;
};

TEST_F(NpzTest, OneArrayIsReadAsNpy) {
  const Table table = ParseNpz(Npz({{"data.npy", Array("(2, 3)", "\1\2\3\4\5\6")}}), "a.npz");
  EXPECT_EQ(table.columns, 2) << "column 0 is time";
  EXPECT_EQ(table.values, (Values{2, 3, 5, 6}));
  EXPECT_EQ(ParseNpz(Npz({{"x.npy", Array("(3,)", "\1\2\3")}}), "a.npz").values, (Values{1, 2, 3}));
}

TEST_F(NpzTest, SeveralArraysAreNamedColumns) {
  const Table table = ParseNpz(Npz({{"ax.npy", Array("(2,)", "\1\2")},
                                    {"Timestamp.npy", Array("(9,)", "123456789")},
                                    {"ay.npy", Array("(2, 1)", "\3\4")}}),
                               "a.npz");
  EXPECT_EQ(table.names, (std::vector<std::string>{"ax", "ay"}));
  EXPECT_EQ(table.rows, 2);
  EXPECT_EQ(table.values, (Values{1, 3, 2, 4}));
}

TEST_F(NpzTest, OnlyArraysOfNumbersAreTaken) {
  const std::string array = Array("(2,)", "\1\2");
  EXPECT_EQ(ErrorFor({{"run.py", "import os"}, {"x.npy", array}}),
            "a.npz: member 'run.py' of the npz file is no array");
  EXPECT_TRUE(ErrorFor({{"x.npy", Array("(2,)", "\1\2", "'|O'")}}).starts_with("a.npz/x: "));
  EXPECT_EQ(ErrorFor({{"x.npy", array}, {"y.npy", Array("(3,)", "\1\2\3")}}),
            "a.npz: array 'y' has 3 rows, 'x' has 2");
  EXPECT_EQ(ErrorFor({{"x.npy", array}, {"y.npy", Array("(2, 3)", "\1\2\3\4\5\6")}}),
            "a.npz: array 'y' has 2 columns; an npz file holds one array of rows and columns, or "
            "one array for each column");
  EXPECT_EQ(ErrorFor({{"time.npy", array}, {"time2.npy", array}}),
            "a.npz: every array is a time column, none has values");
  EXPECT_TRUE(ErrorOf([] {
                ParseNpz("no zip at all", "a.npz");
              }).starts_with("a.npz: the npz file is damaged"));
}

TEST_F(NpzTest, DamagedFilesAreReadOrSayWhatIsWrong) {
  const std::string bytes =
      Npz({{"ax.npy", Array("(2,)", "\1\2")}, {"ay.npy", Array("(2, 1)", "\3\4")}});
  Random random(3, "npz");
  for (int i = 0; i < 3000; ++i) {
    const std::string mutated = Mutate(bytes, random);
    ErrorOf([&] { ParseNpz(mutated, "a.npz"); });
  }
}

}  // namespace
}  // namespace platypus::data
