#include "platypus/pipeline/recording_views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platypus/pipeline/device_fit.h"

namespace platypus::pipeline {
namespace {

using ::testing::ElementsAre;

data::Recording MakeRecording(int64_t rows, int columns) {
  data::Recording recording;
  recording.rows = rows;
  std::vector<float> values;
  for (int c = 0; c < columns; ++c) recording.columns.push_back(fmt::format("c{}", c));
  for (int64_t r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) values.push_back(static_cast<float>(r * (c + 1)));
  }
  recording.values = values;
  return recording;
}

// Three recordings of two samples of one value each.
SampleSet MakeSamples() {
  SampleSet set;
  set.shape = {1, 1, 1};
  set.inputs = std::vector<float>{0, 1, 2, 3, 4, 5};
  set.recording = {0, 0, 1, 1, 2, 2};
  return set;
}

class RecordingViewsTest : public ::testing::Test {
 protected:
  Goal goal_{.classes = {"a", "b"}};
  SampleSet samples_ = MakeSamples();
  std::vector<float> outputs_;
  std::vector<data::RecordingRef> refs_ = {{"", "a/0", 0}, {"", "b/1", 1}, {"", "b/2", 1}};
  std::vector<data::Recording> recordings_ = {MakeRecording(2000, 1), MakeRecording(7, 2),
                                              MakeRecording(7, 2)};
  TestOutcome Outcome(double threshold = 0) {
    return {goal_, samples_, outputs_, refs_, recordings_, 100, threshold};
  }
};

TEST_F(RecordingViewsTest, ClassesThatWereTakenForOthers) {
  samples_.labels = {0, 0, 1, 1, 1, 1};
  outputs_ = {1, 0, 2, 0, /**/ 5, 1, 3, 2, /**/ 0, 1, 2, 1};
  const std::vector<RecordingView> worst = WorstRecordings(Outcome());
  ASSERT_EQ(worst.size(), 2u) << "a/0 is right throughout";
  EXPECT_EQ(worst[0].name, "b/1");
  EXPECT_EQ(worst[0].truth, "b");
  EXPECT_EQ(worst[0].wrong, 2);
  EXPECT_EQ(worst[0].worst, 0);
  EXPECT_EQ(worst[0].taken_for, "a");
  EXPECT_THAT(worst[0].features, ElementsAre(2.0f));
  EXPECT_EQ(worst[1].wrong, 1);
  EXPECT_EQ(worst[1].worst, 1);
  const std::vector<RecordingView> typical = TypicalRecordings(Outcome());
  ASSERT_EQ(typical.size(), 2u);
  EXPECT_EQ(typical[0].name, "a/0");
  EXPECT_EQ(typical[1].name, "b/2");
  EXPECT_EQ(typical[0].seconds, 20);
  ASSERT_EQ(typical[0].signal[0].high.size(), 600u);
  EXPECT_EQ(typical[0].signal[0].low[0], 0);
  EXPECT_EQ(typical[0].signal[0].high.back(), 1999);
  EXPECT_EQ(typical[1].signal.size(), 2u);
  EXPECT_EQ(typical[1].signal[1].low.size(), 7u) << "no more pieces than rows";
}

TEST_F(RecordingViewsTest, Values) {
  goal_ = {.category = config::TaskCategory::kTimeseriesRegression, .targets = {"t"}};
  samples_.targets = {0, 1, 2, 3, 4, 5};
  outputs_ = {0, 1, 2, 5, 4, 4};
  const std::vector<RecordingView> worst = WorstRecordings(Outcome());
  ASSERT_EQ(worst.size(), 3u);
  EXPECT_EQ(worst[0].name, "b/1");
  EXPECT_EQ(worst[0].error, 2);
  EXPECT_EQ(worst[0].truth, "");
  EXPECT_EQ(worst[0].worst, 1);
  const std::vector<RecordingView> typical = TypicalRecordings(Outcome());
  ASSERT_EQ(typical.size(), 1u);
  EXPECT_EQ(typical[0].name, "b/2") << "the median error";
  const ValuePairs pairs = PairValues(samples_, outputs_);
  EXPECT_EQ(pairs.outputs, 1);
  EXPECT_EQ(pairs.given, outputs_);
  const std::vector<ClassProfile> profiles = Profiles(samples_, goal_);
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_THAT(profiles[0].mean, ElementsAre(2.5f));
}

TEST_F(RecordingViewsTest, Anomalies) {
  goal_ = {.category = config::TaskCategory::kTimeseriesAnomalyDetection,
           .classes = {"Anomaly", "Normal"}};
  samples_.labels = {0, 0, 1, 1, 1, 1};
  outputs_ = {0, 4, 2, 3, 4, 8};  // errors 0, 9, 0, 0, 0, 9
  const std::vector<RecordingView> worst = WorstRecordings(Outcome(4));
  ASSERT_EQ(worst.size(), 2u);
  EXPECT_EQ(worst[0].taken_for, worst[0].truth == "Normal" ? "Anomaly" : "Normal");
  EXPECT_EQ(worst[0].error, 4.5);
  EXPECT_EQ(worst[0].wrong, 1);
}

TEST_F(RecordingViewsTest, ProfilesByClass) {
  samples_.labels = {0, 0, 1, 1, 1, 1};
  goal_.classes = {"a", "b", "c"};
  const std::vector<ClassProfile> profiles = Profiles(samples_, goal_);
  ASSERT_EQ(profiles.size(), 2u) << "c has no samples";
  EXPECT_EQ(profiles[0].name, "a");
  EXPECT_THAT(profiles[0].mean, ElementsAre(0.5f));
  EXPECT_THAT(profiles[0].deviation, ElementsAre(0.5f));
}

TEST(DeviceFitTest, MeasuredOnTheDevicesCore) {
  const config::Registry registry = config::LoadRegistry();
  features::Pipeline pipeline;
  pipeline.hop = 50;
  pipeline.decimation = 2;
  deploy::VerifyResult m4;
  m4.core = "cortex-m4";
  m4.ran = true;
  m4.instructions = 1000;
  deploy::VerifyResult m0 = m4;
  m0.core = "cortex-m0plus";
  m0.instructions = 700'000;
  m0.feature_instructions = 100'000;
  m0.flash_bytes = 5;
  m0.ram_bytes = 6;
  m0.stack_bytes = 7;
  for (const auto& results : {std::vector{m4, m0}, std::vector{m0, m4}}) {
    const auto fit = FitDevice(registry, "MSPM0G3507", results, pipeline, 1000);
    ASSERT_TRUE(fit.has_value());
    EXPECT_EQ(fit->flash_octets, 128 * 1024);
    EXPECT_EQ(fit->ram_octets, 32 * 1024);
    EXPECT_EQ(fit->flash_used, 5);
    EXPECT_EQ(fit->ram_used, 13);
    EXPECT_NEAR(fit->seconds_used, 8e5 * fit->cycles_per_instruction / 80e6, 1e-12);
    EXPECT_NEAR(*fit->seconds_available, 0.1, 1e-12);
  }
  EXPECT_FALSE(FitDevice(registry, "MSPM0G3507", {m4}, pipeline, 1)->seconds_available);
  EXPECT_FALSE(FitDevice(registry, "none", {m4}, pipeline, 1));
}

TEST(DeviceFitTest, CapacitiesWithRemarksAndUnknownOnes) {
  const config::Registry registry = config::LoadRegistry();
  EXPECT_EQ(Capacity(registry, "F28P65")->flash_octets, 1311 * 1024);
  EXPECT_EQ(Capacity(registry, "F28P55")->ram_octets, 133 * 1024);
  EXPECT_EQ(Capacity(registry, "F280013")->ram_octets, 0) << "not known";
  for (const std::string& device : registry.devices.Names())
    EXPECT_GT(Capacity(registry, device)->cycles_per_instruction, 0) << device;
}

}  // namespace
}  // namespace platypus::pipeline
