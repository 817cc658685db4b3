#include "platypus/pipeline/variations.h"

#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/pipeline/samples.h"

namespace platypus::pipeline {
namespace {

const std::vector<std::string> kClasses = {"arc", "normal"};

class VariationsTest : public ::testing::Test {
 protected:
  VariationsTest() {
    for (int file = 0; file < 6; ++file) {
      data::Recording recording;
      recording.columns = {"a", "b"};
      recording.rows = 300 + 40 * file;
      std::vector<float> values;
      for (int t = 0; t < recording.rows; ++t) {
        values.push_back(static_cast<float>(std::sin(0.1 * t * (1 + file))));
        values.push_back(static_cast<float>(2 + std::cos(0.3 * t)));
      }
      recording.values = std::move(values);
      recordings_.push_back(std::move(recording));
      refs_.push_back({"", fmt::format("{}.csv", file), file % 2});
    }
    Features().frame_size = 32;
    Features().data_proc_transforms = {"SimpleWindow"};
    Features().stride_size = 0.5;
  }

  config::FeatureExtraction& Features() { return config_.data_processing_feature_extraction; }
  void Augment(const std::string& yaml) {
    config_.training.augment_config = folder_.Path() / "augment.yaml";
    WriteFile(config_.training.augment_config, yaml);
  }
  // Frames of spectra, joined and thinned, of decimated and scaled rows, on two grids.
  void UseLongChain() {
    Features().data_proc_transforms = {"Downsample"};
    Features().sampling_rate = 2;
    Features().scale = 3.0;
    Features().frame_size = 16;
    Features().offset = 8;
    Features().feat_ext_transform = {"WINDOWING", "FFT_FE", "FFT_POS_HALF", "ABS", "CONCAT"};
    Features().num_frame_concat = 3;
    Features().frame_skip = 2;
  }

  SampleSet Take(const Variations& variations, int threads = 2) {
    ThreadPool pool(threads);
    NullSink sink;
    DataMemory memory(HalfOfMemory(), folder_.Path());
    return ExtractSamples(features::MakePipeline(Features(), 2, sink), refs_, recordings_, "train",
                          Goal{.classes = kClasses}, variations, memory, pool, sink);
  }
  SampleSet Changed(int threads = 2) { return Take(Variations(config_, kClasses), threads); }
  std::string ErrorText() {
    try {
      Changed();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder_;
  std::vector<data::RecordingRef> refs_;
  std::vector<data::Recording> recordings_;
  config::Config config_;
};

// Samples of every recording of `whole`, as they stand in `all` from copy `copy` on.
void ExpectCopy(const SampleSet& all, const SampleSet& whole, const std::vector<size_t>& copies,
                size_t copy) {
  const auto width = static_cast<size_t>(NumElements(whole.shape));
  size_t at = 0;
  size_t in_all = 0;
  for (size_t file = 0; file < copies.size(); ++file) {
    size_t samples = 0;
    while (at + samples < whole.labels.size() &&
           static_cast<size_t>(whole.recording[at + samples]) == file)
      ++samples;
    const size_t skipped = std::min(copy, copies[file] - 1) * samples;
    for (size_t i = 0; i < samples * width; ++i) {
      ASSERT_EQ(all.inputs[(in_all + skipped) * width + i], whole.inputs[at * width + i])
          << "recording " << file << ", value " << i;
    }
    at += samples;
    in_all += copies[file] * samples;
  }
  EXPECT_EQ(static_cast<size_t>(all.Count()), in_all);
}

TEST_F(VariationsTest, WindowsThatDoNotChangeGiveTheSamplesOfTheRecordingToTheBit) {
  for (const bool chain : {false, true}) {
    if (chain) UseLongChain();
    Augment("AddNoise: {scale: 0, repeats: 3}");
    const SampleSet plain = Take({});
    ASSERT_GT(plain.Count(), 6);
    const SampleSet all = Changed();
    for (size_t copy = 0; copy < 3; ++copy)
      ExpectCopy(all, plain, std::vector<size_t>(refs_.size(), 3), copy);
  }
}

TEST_F(VariationsTest, AugmentersStandInPlaceOfTheWindow) {
  Augment("Reverse:");
  const SampleSet plain = Take({});
  const SampleSet reversed = Changed();
  ASSERT_EQ(reversed.Count(), plain.Count());
  EXPECT_EQ(reversed.labels, plain.labels);
  EXPECT_EQ(reversed.recording, plain.recording);
  for (size_t row = 0; row < plain.inputs.size() / 32; ++row) {  // [sample][variable]
    for (size_t t = 0; t < 32; ++t)
      ASSERT_EQ(reversed.inputs[row * 32 + t], plain.inputs[row * 32 + 31 - t]);
  }
}

TEST_F(VariationsTest, NoiseIsAddedBehindTheScale) {
  Features().scale = 4.0;
  const SampleSet plain = Take({});
  Augment("AddNoise: {scale: 0, loc: 0.5, normalize: false}");
  const SampleSet moved = Changed();
  for (size_t i = 0; i < plain.inputs.size(); ++i)
    ASSERT_FLOAT_EQ(moved.inputs[i], plain.inputs[i] + 0.5F);
}

TEST_F(VariationsTest, AClassWithGainsStandsTwice) {
  Features().gain_variations = {{"normal", 1.5, 2.0}};
  const SampleSet plain = Take({});
  const SampleSet all = Changed();
  std::vector<size_t> copies;
  for (const data::RecordingRef& ref : refs_) copies.push_back(ref.label == 1 ? 2 : 1);
  ExpectCopy(all, plain, copies, 1);  // unchanged behind those with gains
  // The first recording of "normal" begins behind the only copy of recording 0.
  const auto width = static_cast<size_t>(NumElements(plain.shape));
  const auto first =
      static_cast<size_t>(std::count(plain.recording.begin(), plain.recording.end(), 0));
  std::vector<float> gains;
  for (size_t s = first; plain.recording[s] == 1; ++s) {
    const float gain = all.inputs[(s + 1) * width - 1] / plain.inputs[(s + 1) * width - 1];
    for (size_t i = s * width; i < (s + 1) * width; ++i)
      ASSERT_NEAR(all.inputs[i], gain * plain.inputs[i], 1e-5) << "one gain for all channels";
    EXPECT_TRUE(gain >= 1.5F && gain <= 2.0F) << gain;
    gains.push_back(gain);
  }
  ASSERT_GT(gains.size(), 2U);
  EXPECT_NE(gains[0], gains[1]);
}

TEST_F(VariationsTest, TheSameSamplesForAnyNumberOfThreads) {
  UseLongChain();
  Augment("AddNoise: {repeats: 2, prob: 0.5}\nTimeWarp:\n");
  Features().gain_variations = {{"arc", 0.5, 2.0}};
  const SampleSet one = Changed(1);
  const SampleSet three = Changed(3);
  EXPECT_EQ(one.inputs, three.inputs);
  EXPECT_EQ(one.labels, three.labels);
  config_.common.seed = 7;
  EXPECT_NE(Changed().inputs, one.inputs);
}

TEST_F(VariationsTest, Errors) {
  Features().gain_variations = {{"norml", 0.5, 2.0}};
  EXPECT_NE(ErrorText().find("gain_variations: 'norml' is no class of the data set; did you mean "
                             "'normal'?"),
            std::string::npos)
      << ErrorText();
  Features().gain_variations.clear();
  Augment("Resize: {size: 30}");
  EXPECT_NE(ErrorText().find("windows of 32 rows become windows of 30"), std::string::npos)
      << ErrorText();
  EXPECT_NE(ErrorText().find("be 32, or leave them out"), std::string::npos);
}

}  // namespace
}  // namespace platypus::pipeline
