#include "platypus/data/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

using Counts = std::vector<int64_t>;

TEST(SharesTest, WhatIsLeftIsSpreadEvenly) {
  EXPECT_EQ(Shares(std::vector<double>{0.6, 0.3, 0.1}, 3), (std::vector<double>{0.6, 0.3, 0.1}));
  EXPECT_EQ(Shares(std::vector<double>{0.5}, 3), (std::vector<double>{0.5, 0.25, 0.25}));
  EXPECT_EQ(Shares(std::vector<double>{0.5, 0.5}, 3), (std::vector<double>{0.5, 0.5, 0.0}));
}

TEST(ApportionTest, LargestRemainder) {
  EXPECT_EQ(Apportion(10, std::vector<double>{0.6, 0.3, 0.1}), (Counts{6, 3, 1}));
  EXPECT_EQ(Apportion(10, Shares(std::vector<double>{0.8}, 3)), (Counts{8, 1, 1}));
  EXPECT_EQ(Apportion(100, std::vector<double>{0.29, 0.29, 0.42}), (Counts{29, 29, 42}));
  EXPECT_EQ(Apportion(7, std::vector<double>{0.6, 0.3, 0.1}), (Counts{4, 2, 1}));
  EXPECT_EQ(Apportion(10, std::vector<double>{0.7, 0.3, 0.0}), (Counts{7, 3, 0}));
  EXPECT_EQ(Apportion(0, std::vector<double>{0.6, 0.3, 0.1}), (Counts{0, 0, 0}));
}

TEST(ApportionTest, FewItemsGoToTheFirstSplits) {
  EXPECT_EQ(Apportion(1, std::vector<double>{0.2, 0.2, 0.6}), (Counts{1, 0, 0}));
  EXPECT_EQ(Apportion(2, std::vector<double>{0.1, 0.1, 0.8}), (Counts{1, 1, 0}));
  EXPECT_EQ(Apportion(2, std::vector<double>{0.1, 0.0, 0.9}), (Counts{1, 0, 1}));
  EXPECT_EQ(Apportion(3, std::vector<double>{0.98, 0.01, 0.01}), (Counts{1, 1, 1}));
}

TEST(ApportionTest, SumsUpAndStaysNearTheShares) {
  Random random(5, "apportion");
  for (int i = 0; i < 2000; ++i) {
    std::vector<double> shares(1 + random.Below(4));
    for (double& share : shares) share = random.Uniform(0.05, 1.0);
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    for (double& share : shares) share /= sum;
    const auto total = static_cast<int64_t>(random.Below(200));
    const Counts counts = Apportion(total, shares);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), int64_t{0}), total);
    for (size_t k = 0; k < shares.size(); ++k) {
      if (total >= 100) {
        EXPECT_LT(std::abs(static_cast<double>(counts[k]) - shares[k] * static_cast<double>(total)),
                  1.0 + 1e-9);
      }
      if (total >= static_cast<int64_t>(shares.size())) {
        EXPECT_GT(counts[k], 0);
      }
    }
  }
}

TEST(SplitByFilesTest, EveryFileOnceClassesBalancedOrderIndependent) {
  std::vector<std::string> names;
  for (const char* label : {"b", "a", "deep/c"}) {
    for (int i = 0; i < 10; ++i) names.push_back(fmt::format("{}/{:02}.csv", label, i));
  }
  const std::vector<double> shares = {0.6, 0.3, 0.1};
  const auto splits = SplitByFiles(names, shares, 42);
  ASSERT_EQ(splits.size(), 3U);
  std::vector<std::string> all;
  const size_t expected[] = {6, 3, 1};
  for (size_t i = 0; i < 3; ++i) {
    for (const char* label : {"a/", "b/", "deep/c/"}) {
      EXPECT_EQ(std::count_if(splits[i].begin(), splits[i].end(),
                              [&](const std::string& n) { return n.starts_with(label); }),
                static_cast<int64_t>(expected[i]));
    }
    all.insert(all.end(), splits[i].begin(), splits[i].end());
  }
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()),
            std::set<std::string>(names.begin(), names.end()));
  EXPECT_EQ(all.size(), names.size());

  std::reverse(names.begin(), names.end());
  EXPECT_EQ(SplitByFiles(names, shares, 42), splits);
  EXPECT_NE(SplitByFiles(names, shares, 43), splits);
  EXPECT_FALSE(std::is_sorted(splits[0].begin(), splits[0].begin() + 6))
      << "the split is not shuffled";
}

TEST(ReadListTest, StripsAndNumbersLines) {
  const TemporaryFolder folder;
  WriteFile(folder.Path() / "l.txt", "a/1.csv\r\n\n   b\\2.csv \t\n\n \nc/with space.csv");
  const std::vector<ListEntry> entries = ReadList(folder.Path() / "l.txt");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].name, "a/1.csv");
  EXPECT_EQ(entries[0].line, 1);
  EXPECT_EQ(entries[1].name, "b/2.csv");
  EXPECT_EQ(entries[1].line, 3);
  EXPECT_EQ(entries[2].name, "c/with space.csv");
  EXPECT_EQ(entries[2].line, 6);
  WriteFile(folder.Path() / "l.txt", "");
  EXPECT_TRUE(ReadList(folder.Path() / "l.txt").empty());
}

}  // namespace
}  // namespace platypus::data
