// A network learns the features, another one to classify them, and the chain of both is deployed.
#include "platypus/pipeline/neural_extractor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/config/registry.h"
#include "platypus/exec/interpreter.h"
#include "platypus/pipeline/training.h"
#include "platypus/quantize/quantize.h"
#include "platypus/zoo/zoo.h"

namespace platypus::pipeline {
namespace {

class NeuralExtractorTest : public ::testing::Test {
 protected:
  NeuralExtractorTest() {
    config_.common.task_category = goal_.category;
    config_.training.model_name = config_.training.model_training_id = "CNN_TS_GEN_BASE_1K_NPU";
    config_.training.training_epochs = 12;
    config_.training.batch_size = 32;
    config_.training.optimizer = "adam";
    config_.training.learning_rate = 0.005;
    config::FeatureExtraction& settings = config_.data_processing_feature_extraction;
    settings.frame_size = 64;
    settings.feat_ext_transform = {"FFT_FE", "NORMALIZE", "FFT_POS_HALF", "ABS", "DC_REMOVE"};
    settings.offset = 16;
    featured_ = features::MakePipeline(settings, 1, sink_);
  }

  // Noisy tones, of two frequencies: recordings of the classes by turns.
  SampleSet Extract(const features::Pipeline& pipeline, int recordings, uint64_t seed) {
    Random random(seed, "recordings");
    std::vector<data::RecordingRef> refs(static_cast<size_t>(recordings));
    std::vector<data::Recording> made(refs.size());
    for (size_t r = 0; r < refs.size(); ++r) {
      refs[r].label = static_cast<int>(r % 2);
      made[r].columns = {"a"};
      made[r].rows = 640;
      const double frequency = refs[r].label == 0 ? 0.07 : 0.16;
      std::vector<float> values;
      for (int i = 0; i < 640; ++i) {
        values.push_back(static_cast<float>(5 * std::sin(2 * std::numbers::pi * frequency * i) +
                                            random.Uniform(-1.0, 1.0)));
      }
      made[r].values = Floats(std::move(values));
    }
    return ExtractSamples(pipeline, refs, made, "a", goal_, {}, memory_, pool_, sink_);
  }
  Splits ExtractAll(const features::Pipeline& pipeline) {
    return {.train = Extract(pipeline, 12, 1),
            .val = Extract(pipeline, 4, 2),
            .test = Extract(pipeline, 4, 3)};
  }
  double Accuracy(const graph::Graph& network, const SampleSet& set) {
    const std::vector<float> logits =
        exec::Interpreter(network).Run(set.inputs, set.Count(), pool_);
    return train::Evaluate(logits, set.labels, 2).accuracy;
  }

  const Goal goal_{.classes = {"low", "high"}};
  config::Config config_;
  TemporaryFolder folder_;
  DataMemory memory_{1 << 28, folder_.Path()};
  ThreadPool pool_{2};
  NullSink sink_;
  features::Pipeline featured_;
};

TEST_F(NeuralExtractorTest, RawRowsStandWhereTheFeaturesDo) {
  const features::Pipeline raw = RawRows(featured_);
  EXPECT_EQ(featured_.OutputShape(), (Shape{1, 32, 1}));
  EXPECT_EQ(raw.OutputShape(), (Shape{1, 64, 1}));
  const SampleSet rows = Extract(raw, 2, 1);
  const SampleSet features = Extract(featured_, 2, 1);
  EXPECT_EQ(rows.recording, features.recording);
  EXPECT_EQ(rows.labels, features.labels);
  // The largest bin of the last sample, of its own rows: 0.16 of 64.
  const float* of_last = features.inputs.end() - 32;
  EXPECT_EQ(std::max_element(of_last, features.inputs.end()) - of_last, 9);
  double real = 0;
  double imaginary = 0;
  for (int t = 0; t < 64; ++t) {
    const double value = rows.inputs[rows.inputs.size() - 64 + static_cast<size_t>(t)] / 64;
    real += value * std::cos(2 * std::numbers::pi * 10 * t / 64);
    imaginary += value * std::sin(2 * std::numbers::pi * 10 * t / 64);
  }
  EXPECT_NEAR(of_last[9], std::hypot(real, imaginary), 1e-4);
}

TEST_F(NeuralExtractorTest, WithoutTransformsThereIsNothingToLearn) {
  features::Pipeline plain = featured_;
  plain.stages.clear();
  EXPECT_THROW(RawRows(plain), Error);
}

TEST_F(NeuralExtractorTest, TheClassifierLearnsBehindTheExtractor) {
  const Splits raw = ExtractAll(RawRows(featured_));
  const Splits features = ExtractAll(featured_);
  RunLog log(folder_.Path() / "run.log");
  const LearnedFeatures learned =
      LearnFeatures(raw, features, config_, folder_.Path() / "extractor", log, pool_, sink_);
  const std::vector<float> made =
      exec::Interpreter(learned.extractor).Run(raw.test.inputs, raw.test.Count(), pool_);
  const std::vector<float> wanted(features.test.inputs.begin(), features.test.inputs.end());
  double error = 0;
  double variance = 0;
  double mean = 0;
  for (const float value : wanted) mean += value / static_cast<double>(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    error += std::pow(made[i] - wanted[i], 2);
    variance += std::pow(wanted[i] - mean, 2);
  }
  EXPECT_LT(error, 0.1 * variance);
  const std::string text = ReadFile(folder_.Path() / "run.log");
  EXPECT_NE(text.find("FeatureExtractor: Epoch: [11]  lr: 0."), std::string::npos) << text;
  EXPECT_NE(text.find("RMSE"), std::string::npos);
  EXPECT_NE(text.find("MAE"), std::string::npos);

  const graph::Graph initial = zoo::Build(config_.training, config::LoadRegistry(),
                                          features.train.shape, 2, config_.common.seed);
  const Lesson lesson(learned.splits, goal_, initial.Output().shape);
  const graph::Graph classifier =
      TrainFloat(initial, lesson, config_, folder_.Path() / "base", log, pool_, sink_).best;
  for (const auto& [name, array] : initial.parameters) {
    if (name.ends_with(".weight")) {
      EXPECT_NE(classifier.parameters.at(name).Floats(), array.Floats()) << name;
    }
  }
  const graph::Graph chain = learned.Before(classifier);
  for (const auto& [name, array] : learned.extractor.parameters) {
    EXPECT_EQ(chain.parameters.at(name).Floats(), array.Floats()) << name;
  }
  EXPECT_EQ(exec::Interpreter(chain).Run(raw.test.inputs, raw.test.Count(), pool_),
            exec::Interpreter(classifier).Run(made, raw.test.Count(), pool_));
  EXPECT_GT(Accuracy(chain, raw.test), 0.95);

  // The whole of it becomes integers.
  EXPECT_TRUE(quantize::FloatLayers(chain, {}).empty());
  config_.training.quantization_method = config::QuantizationMethod::kPtq;
  const Lesson on_raw(raw, goal_, chain.Output().shape);
  const QuantizedResult quantized =
      TrainQuantized(chain, on_raw, config_, folder_.Path() / "quantized", log, pool_, sink_);
  EXPECT_GT(Accuracy(quantized.integer, raw.test), 0.9);
}

}  // namespace
}  // namespace platypus::pipeline
