#include "platypus/data/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include <fmt/format.h>

namespace platypus::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RecordingFacts Facts(const std::string& name, int label, const std::string& split,
                     const std::string& content, int64_t rows = 100) {
  RecordingFacts facts{name, {split}, label, rows, content, {}, {}};
  facts.columns.push_back({"x", 0, 1, false, false});
  return facts;
}

std::vector<RecordingFacts> Clean() {
  std::vector<RecordingFacts> all;
  for (int label = 0; label < 2; ++label) {
    for (const char* split : {"train", "val", "test"}) {
      all.push_back(Facts(fmt::format("{}/{}", label, split), label, split,
                          fmt::format("{}{}", label, split)));
    }
  }
  return all;
}

Context TwoClasses() { return {{"a", "b"}, false, false, 0}; }

auto Is(Severity severity, const std::string& found) {
  return AllOf(Field(&Finding::severity, severity), Field(&Finding::found, HasSubstr(found)));
}

TEST(FindingsTest, NothingToSayOfACleanSet) {
  EXPECT_THAT(FindProblems(Clean(), TwoClasses()), IsEmpty());
  EXPECT_THAT(FindProblems({}, TwoClasses()), IsEmpty());
}

TEST(FindingsTest, Duplicates) {
  auto all = Clean();
  all.push_back(Facts("0/copy", 0, "train", "0train"));
  EXPECT_THAT(FindProblems(all, TwoClasses()), ElementsAre(Is(Severity::kWarning, "0/copy")));
  all.back().splits = {"test"};
  EXPECT_THAT(FindProblems(all, TwoClasses()),
              ElementsAre(Is(Severity::kError, "in the splits test and train")));
  all.back().label = 1;
  EXPECT_THAT(FindProblems(all, TwoClasses()),
              ElementsAre(Is(Severity::kError, "of another class")));
  all.back() = all[0];
  all.back().splits = {"test"};
  EXPECT_THAT(FindProblems(all, TwoClasses()), IsEmpty()) << "another part of the same recording";
  all.back() = Facts("0/other", 0, "test", "");
  EXPECT_THAT(FindProblems(all, TwoClasses()), IsEmpty()) << "not known";
}

TEST(FindingsTest, ManyDuplicatesAreCounted) {
  std::vector<RecordingFacts> all;
  for (int i = 0; i < 40; ++i)
    all.push_back(Facts(fmt::format("{}", i), -1, "train", fmt::format("{}", i / 2)));
  const auto findings = FindProblems(all, {});
  EXPECT_EQ(findings.size(), 9u);
  EXPECT_THAT(findings.back().found, HasSubstr("12 more groups"));
}

TEST(FindingsTest, ColumnsThatDiffer) {
  auto all = Clean();
  all[1].columns.push_back({"y", 0, 1, false, false});
  all[2].columns[0].name = "z";
  EXPECT_THAT(FindProblems(all, TwoClasses()),
              ElementsAre(Is(Severity::kError, "has 2 value columns, most recordings have 1"),
                          Is(Severity::kWarning, "called otherwise")));
}

TEST(FindingsTest, ConstantAndClippedColumns) {
  auto all = Clean();
  for (auto& facts : all) facts.columns[0].high = 0;
  EXPECT_THAT(FindProblems(all, TwoClasses()),
              ElementsAre(Is(Severity::kWarning, "x is 0 in every recording")));
  all[0].columns[0] = {"x", 2, 2, false, false};
  EXPECT_THAT(FindProblems(all, TwoClasses()),
              ElementsAre(Is(Severity::kHint, "does not change within any")));
  for (auto& facts : all) facts.columns[0] = {"x", 0, 1, false, true};
  EXPECT_THAT(FindProblems(all, TwoClasses()),
              ElementsAre(Is(Severity::kWarning, "limit 1 again and again in 6 of 6")));
}

TEST(FindingsTest, LengthsAndClasses) {
  auto all = Clean();
  all[0].rows = 5;
  Context context = TwoClasses();
  EXPECT_THAT(FindProblems(all, context), ElementsAre(Is(Severity::kHint, "less than a tenth")));
  context.rows_per_sample = 10;
  EXPECT_THAT(FindProblems(all, context),
              ElementsAre(Is(Severity::kWarning, "1 of 6 recordings has fewer rows than the 10")));
  context.rows_per_sample = 1000;
  EXPECT_THAT(FindProblems(all, context)[0], Is(Severity::kError, "6 of 6 recordings have"));
  all = Clean();
  for (size_t i = 0; i < 3; ++i) all[i].rows = 1000;
  EXPECT_THAT(FindProblems(all, TwoClasses()),
              ElementsAre(Is(Severity::kWarning, "class a has 10 times as many rows as class b")));
  all = Clean();
  all.pop_back();
  EXPECT_THAT(FindProblems(all, TwoClasses()),
              ElementsAre(Is(Severity::kWarning, "class b has no recording in the test split")));
}

TEST(FindingsTest, Clipping) {
  const auto sine = [](float limit, int levels) {
    std::vector<float> values;
    for (int i = 0; i < 4000; ++i) {
      const double v = std::round(levels * std::sin(0.2 * i));
      values.push_back(std::min(limit, static_cast<float>(v)));
    }
    return DescribeColumns(values, {"x"})[0];
  };
  EXPECT_FALSE(sine(1e6, 1000).clipped_high) << "a sine stands near its peak, not at it";
  EXPECT_FALSE(sine(1e6, 100).clipped_high) << "few codes, but it gets there by small steps";
  EXPECT_TRUE(sine(700, 1000).clipped_high);
  EXPECT_FALSE(sine(700, 1000).clipped_low);
  EXPECT_FALSE(sine(1e6, 1).clipped_high) << "a switch";
  EXPECT_FALSE(DescribeColumns({}, {"x"})[0].clipped_low);
  EXPECT_TRUE(DescribeColumns(std::vector<float>(9, 3), {"x"})[0].IsConstant());
}

TEST(FindingsTest, TimeColumns) {
  std::vector<double> times;
  for (int i = 0; i < 100; ++i) times.push_back(0.01 * i);
  TimeFacts facts = DescribeTime(times);
  EXPECT_NEAR(facts.step, 0.01, 1e-12);
  EXPECT_LT(facts.jitter, 1e-6);
  EXPECT_EQ(facts.gaps + facts.backward, 0);
  times.push_back(5);
  times.push_back(4);
  facts = DescribeTime(times);
  EXPECT_EQ(facts.gaps, 1);
  EXPECT_EQ(facts.backward, 1);
  auto all = Clean();
  for (auto& of : all) of.time = DescribeTime(std::span(times).first(100));
  EXPECT_THAT(FindProblems(all, TwoClasses()), IsEmpty());
  all[0].time = facts;
  all[1].time.step = 0.02;
  all[2].time.jitter = 0.3;
  EXPECT_THAT(FindProblems(all, TwoClasses()),
              ElementsAre(Is(Severity::kWarning, "does not rise 1 times"),
                          Is(Severity::kWarning, "another in 1 recording"),
                          Is(Severity::kWarning, "vary by up to 30 %"),
                          Is(Severity::kHint, "1 step of the time column is longer")));
}

}  // namespace
}  // namespace platypus::data
