#include "platypus/data/stand_in.h"

#include <gtest/gtest.h>

#include <cmath>

#include "platypus/data/dataset.h"
#include "platypus/data/formula.h"
#include "tests/data/fixtures.h"

namespace platypus::data {
namespace {

double Value(const std::string& text) {
  const std::vector<std::string> names = {"x", "y_1"};
  Random random(1, "formula");
  return Formula(text, names).Evaluate(std::vector<double>{3, 5}, {}, random);
}

TEST(FormulaTest, Computes) {
  for (const auto& [text, wanted] : std::vector<std::pair<std::string, double>>{
           {"1 + 2 * 3", 7},
           {"(1+2)*3", 9},
           {"2 - 3 - 4", -5},
           {"-2 ^ 2", -4},
           {"2 ^ 3 ^ 2", 512},
           {"8 / 2 / 2", 2},
           {"7 % 4", 3},
           {"-1 % 4", 3},
           {"x * y_1", 15},
           {"x < y_1", 1},
           {"x > y_1", 0},
           {"1e2 + .5", 100.5},
           {"min(x, y_1) + max(x, y_1)", 8},
           {"step(0) + step(-1)", 1},
           {"abs(-2) + floor(2.7) + sqrt(16)", 8},
           {"sine(0.25) + square(0.6) + saw(0.5) + triangle(0.25)", 1},
           {"pulse(2, 5)", 1},
           {"cos(pi)", -1},
           {"prev(x, 4) + 1", 5},
           {"slow(8, 0.5)", 8}}) {
    EXPECT_DOUBLE_EQ(Value(text), wanted) << text;
  }
}

TEST(FormulaTest, FollowsTheRows) {
  const std::vector<std::string> names = {"x"};
  Random random(1, "formula");
  Formula sum("sum(x)", names);
  Formula slow("slow(x, 0.5)", names);
  Formula previous("prev(x, 9) + x", names);
  const std::vector<double> one = {1};
  const std::vector<double> three = {3};
  EXPECT_EQ(sum.Evaluate(one, {}, random), 1);
  EXPECT_EQ(sum.Evaluate(three, one, random), 4);
  EXPECT_EQ(slow.Evaluate(one, {}, random), 1);
  EXPECT_EQ(slow.Evaluate(three, one, random), 2);
  EXPECT_EQ(previous.Evaluate(one, {}, random), 10);
  EXPECT_EQ(previous.Evaluate(three, one, random), 4);
}

TEST(FormulaTest, ErrorsNameTheFormula) {
  EXPECT_EQ(ErrorOf([] { Value("x + z"); }), "formula 'x + z': 'z' is unknown; names: x, y_1");
  EXPECT_EQ(ErrorOf([] { Value("sinus(x)"); }),
            "formula 'sinus(x)': there is no function 'sinus'; names: x, y_1");
  for (const char* text :
       {"", "1 +", "(1", "min(1)", "min(1, 2, 3)", "1 2", "x y_1", "$", "prev(1, 2)", "."})
    EXPECT_NE(ErrorOf([&] { Value(text); }), "no error") << text;
  EXPECT_NE(ErrorOf([] { Value(std::string(100000, '(')); }), "no error");
  Random random(5, "formulas");
  for (int i = 0; i < 3000; ++i) {
    const std::string text = Mutate("min(x, 2) * (sine(0.1) + prev(x, 1)) ^ 2 % 3 < 5", random);
    ErrorOf([&] { Value(text); });
  }
}

TEST(StandInTest, IsTheSameForTheSameSeedAndAnyThreads) {
  const config::Registry registry = config::LoadRegistry();
  const TemporaryFolder folder;
  ThreadPool one(1);
  ThreadPool four(4);
  NullSink sink;
  const auto write = [&](const char* name, uint64_t seed, ThreadPool& pool) {
    WriteStandIn(registry, "generic_timeseries_regression", folder.Path() / name, seed, pool, sink);
    return Contents(folder.Path() / name);
  };
  const auto first = write("a", 42, one);
  EXPECT_EQ(first.size(), 12U) << "ten files, their folder, README.md";
  EXPECT_EQ(write("b", 42, four), first);
  EXPECT_EQ(write("a", 42, four), first) << "what is there is left alone";
  EXPECT_NE(write("c", 7, four), first);
  EXPECT_NE(first.at("README.md").find("synthetic"), std::string::npos);
  EXPECT_NE(ErrorOf([&] { write("a", 43, one); }), "no error");
  const Recording r = Read(folder.Path() / "a/files/synthetic_00.csv", 1, std::vector<int>{},
                           DefaultTargets::kLast);
  EXPECT_EQ(r.rows, 5000);
  EXPECT_EQ(r.columns, (std::vector<std::string>{"x"}));
  for (size_t i = 0; i < r.targets.size(); ++i) {
    EXPECT_NEAR(r.targets[i], 1.2 * std::sin(r.values[i]) + 3.2 * std::cos(r.values[i]), 1e-4);
  }
}

TEST(StandInTest, AnomaliesDifferInSizeOrFrequency) {
  const config::Registry registry = config::LoadRegistry();
  const TemporaryFolder folder;
  ThreadPool pool(2);
  NullSink sink;
  WriteStandIn(registry, "generic_timeseries_anomalydetection", folder.Path() / "a", 42, pool,
               sink);
  // Amplitude, and changes of sign a second, of a file.
  const auto look = [&](const std::string& name) {
    const Recording r = Read(folder.Path() / "a/classes" / name, 1);
    double squares = 0;
    int crossings = 0;
    bool high = r.values[0] > 0;
    for (const float v : r.values) {
      squares += double{v} * v;
      if ((high && v < -0.2F) || (!high && v > 0.2F)) {
        high = !high;
        ++crossings;
      }
    }
    return std::pair(std::sqrt(2 * squares / double(r.rows)), crossings / 50.0);
  };
  const auto [size, rate] = look("Normal/Normal_59.csv");
  EXPECT_NEAR(size, 1.0, 0.15);
  EXPECT_NEAR(rate, 2.0, 0.2);
  EXPECT_GT(look("Anomaly/Anomaly_00.csv").first, 1.35);
  EXPECT_LT(look("Anomaly/Anomaly_01.csv").first, 0.75);
  EXPECT_GT(look("Anomaly/Anomaly_02.csv").second, 2.8);
  EXPECT_LT(look("Anomaly/Anomaly_31.csv").second, 1.4);
}

TEST(StandInTest, TheThermostatKeepsItsTemperature) {
  const config::Registry registry = config::LoadRegistry();
  const TemporaryFolder folder;
  ThreadPool pool(2);
  NullSink sink;
  WriteStandIn(registry, "generic_timeseries_forecasting", folder.Path() / "a", 42, pool, sink);
  const Recording r = Read(folder.Path() / "a/files/synthetic_00.csv", 1);
  EXPECT_EQ(r.columns, (std::vector<std::string>{"temperature"}));
  const auto [low, high] = std::minmax_element(r.values.begin(), r.values.end());
  EXPECT_GT(*high - *low, 1.5F) << "it swings about the wanted temperature";
  EXPECT_LT(*high - *low, 3.0F);
}

TEST(StandInTest, RecipesOfYourOwn) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& yaml) {
    WriteFile(folder.Path() / "registry/datasets.yaml", yaml);
    const config::Registry registry = config::LoadRegistry(folder.Path() / "registry");
    ThreadPool pool(1);
    NullSink sink;
    return ErrorOf([&] { WriteStandIn(registry, "mine", folder.Path() / "out", 1, pool, sink); });
  };
  EXPECT_EQ(error("mine: {rows: 3}"), (folder.Path() / "registry/datasets.yaml").string() +
                                          ":1:1: data set 'mine' needs rows, rate and columns");
  EXPECT_EQ(error("mine: {rows: 3, columns: {a: '1 / 0'}}"), "'a' is not finite in row 0");
  EXPECT_EQ(error("mine: {rows: 3, columns: {'a{1..}': '1'}}").find("no row of names") !=
                std::string::npos,
            true);
  EXPECT_EQ(error("mine: {rows: 2, files: 1, decimals: 1, columns: {'a{1..3}': '{n} + row'}}"),
            "no error");
  EXPECT_EQ(ReadFile(folder.Path() / "out/files/synthetic_00.csv"),
            "a1,a2,a3\n1.0,2.0,3.0\n2.0,3.0,4.0\n");
  const config::Registry registry = config::LoadRegistry();
  EXPECT_TRUE(ErrorOf([&] { FormOf(registry, "gas_sensors"); })
                  .starts_with("there is no generated data set 'gas_sensors'; did you mean "
                               "'gas_sensor'?"));
}

}  // namespace
}  // namespace platypus::data
