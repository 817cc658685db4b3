#include "platypus/pipeline/samples.h"

#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/config/registry.h"
#include "platypus/zoo/zoo.h"

namespace platypus::pipeline {
namespace {

constexpr int kFrame = 64;

class SamplesTest : public ::testing::Test {
 protected:
  SamplesTest() {
    Random random(1, "samples");
    for (int file = 0; file < 12; ++file) {
      std::string text = "signal\n";
      // Of different lengths; one is too short for a sample.
      const int rows = file == 5 ? kFrame - 1 : kFrame * (8 + file);
      for (int t = 0; t < rows; ++t) {
        text += fmt::format("{:.3f}\n", std::sin(t * (0.1 + 0.2 * (file % 3))) + random.Normal());
      }
      const std::string name = fmt::format("{}.csv", file);
      WriteFile(folder_.Path() / name, text);
      refs_.push_back({folder_.Path() / name, name, file % 3});
    }
    config_.data_processing_feature_extraction.frame_size = kFrame;
    config_.data_processing_feature_extraction.data_proc_transforms = {"SimpleWindow"};
    config_.data_processing_feature_extraction.stride_size = 0.5;
  }

  SampleSet Extract(DataMemory& memory, int threads) {
    ThreadPool pool(threads);
    NullSink sink;
    std::vector<data::SkippedFile> skipped;
    const auto recordings = data::ReadAll(refs_, config_, memory, pool, skipped, sink);
    return ExtractSamples(
        features::MakePipeline(config_.data_processing_feature_extraction, 1, sink), refs_,
        recordings, "train", Goal{.classes = {"a", "b", "c"}}, variations_, memory, pool, sink);
  }

  graph::Graph Train(const SampleSet& set, int threads) {
    config::Training training;
    training.model_name = training.model_training_id = "CNN_TS_GEN_BASE_1K_NPU";
    train::Options options;
    options.epochs = 2;
    options.settings.batch_size = 32;
    ThreadPool pool(threads);
    NullSink sink;
    const graph::Graph graph = zoo::Build(training, config::LoadRegistry(), set.shape, 3, 1);
    return train::Fit(graph, set.View(), set.View(), options, {}, pool, sink).best;
  }

  TemporaryFolder folder_;
  std::vector<data::RecordingRef> refs_;
  config::Config config_;
  Variations variations_;
};

TEST_F(SamplesTest, StandInTheOrderOfTheirRecordings) {
  DataMemory memory(HalfOfMemory(), folder_.Path());
  const SampleSet set = Extract(memory, 3);
  int64_t expected = 0;
  for (int file = 0; file < 12; ++file) expected += file == 5 ? 0 : 2 * (8 + file) - 1;
  ASSERT_EQ(set.Count(), expected);
  EXPECT_TRUE(std::is_sorted(set.recording.begin(), set.recording.end()));
  // The second window of the first recording begins half a frame after the first one.
  const data::Recording first = data::Read(refs_[0].path, 1);
  for (size_t t = 0; t < kFrame; ++t) {
    EXPECT_EQ(set.inputs[kFrame + t], first.values[kFrame / 2 + t]);
  }
}

TEST_F(SamplesTest, BeyondTheBoundGiveTheSameNetworkToTheBit) {
  DataMemory roomy(HalfOfMemory(), folder_.Path());
  const SampleSet in_memory = Extract(roomy, 2);
  EXPECT_FALSE(in_memory.inputs.InFile());
  EXPECT_FALSE(in_memory.View().prefetch);
  DataMemory tiny(1, folder_.Path());
  const SampleSet in_file = Extract(tiny, 2);
  EXPECT_TRUE(in_file.inputs.InFile());
  EXPECT_TRUE(in_file.View().prefetch);
  EXPECT_EQ(in_memory.inputs, in_file.inputs);
  EXPECT_EQ(in_memory.labels, in_file.labels);
  EXPECT_EQ(in_memory.recording, in_file.recording);
  const graph::Graph expected = Train(in_memory, 1);
  EXPECT_EQ(Train(in_file, 1).parameters, expected.parameters);
  EXPECT_EQ(Train(in_file, 2).parameters, expected.parameters);
}

TEST_F(SamplesTest, GoldenVectorsTakeWhatAClassHas) {
  // Of class 2 one recording is too short, the other one long enough for a single sample.
  refs_ = {refs_[0], refs_[1], refs_[5], refs_[2]};
  std::string rows = "signal\n";
  for (int t = 0; t < kFrame; ++t) rows += fmt::format("{}\n", t);
  WriteFile(refs_[3].path, rows);
  ThreadPool pool(1);
  NullSink sink;
  DataMemory memory(HalfOfMemory(), folder_.Path());
  std::vector<data::SkippedFile> skipped;
  const auto recordings = data::ReadAll(refs_, config_, memory, pool, skipped, sink);
  const auto pipeline = features::MakePipeline(config_.data_processing_feature_extraction, 1, sink);
  const SampleSet set = ExtractSamples(pipeline, refs_, recordings, "test",
                                       Goal{.classes = {"a", "b", "c"}}, {}, memory, pool, sink);
  const auto golden = PickPerClass(pipeline, refs_, recordings, set, 3, 2, 1);
  ASSERT_EQ(golden.size(), 5U);
  EXPECT_EQ(golden[3].label, 1);
  EXPECT_EQ(golden[4].label, 2);
  EXPECT_EQ(golden[4].raw[9], 9.0F);
}

}  // namespace
}  // namespace platypus::pipeline
