// What the quantised phase tells beside its network.
#include "platypus/pipeline/training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/files.h"
#include "platypus/base/random.h"

namespace platypus::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Notices : NullSink {
  std::vector<std::string> said;
  void OnNotice(const std::string& text) override { said.push_back(text); }
};

// Two channels of one weight in the sum that is wanted: the first one is `loud` times as large.
SampleSet TwoChannels(float loud, uint64_t seed) {
  Random random(seed, "channels");
  SampleSet set;
  set.shape = {2};
  std::vector<float> inputs;
  for (int i = 0; i < 200; ++i) {
    const auto first = static_cast<float>(random.Normal());
    const auto second = static_cast<float>(random.Normal());
    inputs.insert(inputs.end(), {loud * first, second});
    set.targets.push_back(first + second);
  }
  set.inputs = Floats(std::move(inputs));
  set.recording.assign(set.targets.size(), 0);
  return set;
}

// What is said while the network that knows the sum is quantised.
std::vector<std::string> NoticesOf(float loud, int activation_bits) {
  const Splits splits{TwoChannels(loud, 1), TwoChannels(loud, 2), TwoChannels(loud, 3)};
  const Goal goal{.category = config::TaskCategory::kTimeseriesRegression, .targets = {"sum"}};
  graph::Graph g = graph::MakeGraph("net", {2});
  graph::Linear linear;
  linear.out_features = 1;
  graph::Append(g, "linear", linear, {g.input});
  const auto unit = static_cast<float>(1 / std::sqrt(2.0));  // the sum's standard deviation is 1
  g.parameters["linear.weight"] = {{1, 2}, std::vector<float>{unit / loud, unit}};
  g.parameters["linear.bias"] = {{1}, std::vector<float>{0}};
  config::Config config;
  config.common.task_category = goal.category;
  config.training.quantization_method = config::QuantizationMethod::kPtq;
  config.training.quantization_activation_bitwidth = activation_bits;
  config.training.batch_size = 50;
  const TemporaryFolder folder;
  RunLog log(folder.Path() / "run.log");
  ThreadPool pool(1);
  Notices notices;
  const Lesson lesson(splits, goal, {1});
  TrainQuantized(g, lesson, config, folder.Path(), log, pool, notices);
  return notices.said;
}

TEST(AdviceOnActivationsTest, NamesMoreBitsWhereSmallAndLargeValuesShareCodes) {
  EXPECT_THAT(NoticesOf(100, 8),
              ElementsAre(HasSubstr("training.quantization_activation_bitwidth: 16")));
}

TEST(AdviceOnActivationsTest, IsSilentWhereEightBitsAreEnough) {
  EXPECT_THAT(NoticesOf(1, 8), IsEmpty());
}

TEST(AdviceOnActivationsTest, IsSilentWhereTheyHaveSixteen) {
  EXPECT_THAT(NoticesOf(100, 16), IsEmpty());
}

}  // namespace
}  // namespace platypus::pipeline
