#include "platypus/base/data_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/parallel.h"

namespace platypus {
namespace {

std::vector<float> Ramp(size_t count, float first) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

TEST(DataMemoryTest, KeepsRowsInMemoryUpToTheBound) {
  const TemporaryFolder folder;
  DataMemory memory(400, folder.Path());
  Floats first = memory.Keep(Ramp(60, 1));
  EXPECT_FALSE(first.InFile());
  EXPECT_EQ(memory.Used(), 240U);
  const Floats second = memory.Keep(Ramp(60, 100));
  EXPECT_TRUE(second.InFile());
  EXPECT_EQ(memory.Used(), 240U);
  EXPECT_EQ(first, Ramp(60, 1));
  EXPECT_EQ(second, Ramp(60, 100));
  // Copies share the values; the last one gives the room back.
  const Floats copy = first;
  EXPECT_EQ(copy.data(), first.data());
  first = {};
  EXPECT_EQ(memory.Used(), 240U);
  EXPECT_FALSE(memory.Make(40).InFile());
  EXPECT_TRUE(memory.Make(41).InFile());
  EXPECT_EQ(memory.Used(), 240U);
}

TEST(DataMemoryTest, MakesRowsOfZerosToBeFilled) {
  const TemporaryFolder folder;
  for (const uint64_t bound : {uint64_t{0}, uint64_t{1000}}) {
    DataMemory memory(bound, folder.Path());
    Floats row = memory.Make(100);
    EXPECT_EQ(row.InFile(), bound == 0);
    EXPECT_EQ(row, std::vector<float>(100, 0.0f));
    std::iota(row.Fill().begin(), row.Fill().end(), 5.0f);
    EXPECT_EQ(row, Ramp(100, 5));
  }
  DataMemory none(0, folder.Path());
  EXPECT_TRUE(none.Make(0).empty());
  EXPECT_TRUE(none.Keep({}).empty());
}

TEST(DataMemoryTest, LeavesNothingInTheFolderAndOutlivesIts) {
  auto folder = std::make_unique<TemporaryFolder>();
  Floats small;
  Floats large;
  {
    DataMemory memory(0, folder->Path() / "new");
    small = memory.Keep(Ramp(3, 1));
    large = memory.Keep(Ramp(5000000, 0));
    EXPECT_TRUE(std::filesystem::is_empty(folder->Path() / "new"));
  }
  folder.reset();
  EXPECT_EQ(small, Ramp(3, 1));
  large.Prefetch(4999999, 1);
  large.Prefetch(0, 5000000);
  EXPECT_EQ(large, Ramp(5000000, 0));
}

TEST(DataMemoryTest, ServesSeveralThreads) {
  const TemporaryFolder folder;
  DataMemory memory(40000, folder.Path());
  ThreadPool pool(4);
  std::vector<Floats> rows(200);
  pool.Run(200, [&](int64_t i) {
    rows[static_cast<size_t>(i)] = memory.Keep(Ramp(100, static_cast<float>(i)));
  });
  size_t in_file = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i], Ramp(100, static_cast<float>(i)));
    in_file += rows[i].InFile() ? 1 : 0;
  }
  EXPECT_EQ(in_file, 100U);
  EXPECT_EQ(memory.Used(), 40000U);
  rows.clear();
  EXPECT_EQ(memory.Used(), 0U);
}

TEST(DataMemoryTest, SaysWhereTheFileCannotBe) {
  const TemporaryFolder folder;
  WriteFile(folder.Path() / "file", "");
  DataMemory memory(0, folder.Path() / "file");
  try {
    memory.Make(1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr((folder.Path() / "file").string()));
    EXPECT_THAT(error.hint(), testing::HasSubstr("common.data_memory_mb"));
  }
}

TEST(DataMemoryTest, HalfOfTheMemoryIsSomething) { EXPECT_GT(HalfOfMemory(), 1U << 20); }

}  // namespace
}  // namespace platypus
