#include "platypus/pipeline/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/pipeline/quantize_model.h"
#include "platypus/pipeline/run_observer.h"

// Whole runs on a small set of sines, looked at while they go on.
namespace platypus::pipeline {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Sink : public NullSink {
 public:
  bool Cancelled() override { return cancel_after_epochs > 0 && epochs >= cancel_after_epochs; }
  void OnProgress(const ProgressEvent& event) override {
    if (event.stage == "train") epochs = static_cast<int>(event.step);
  }
  int epochs = 0;
  int cancel_after_epochs = 0;
};

class RunTest : public ::testing::Test {
 protected:
  RunTest() {
    Random random(1, "run test");
    for (const auto& [name, step] : {std::pair{"slow", 0.1}, {"fast", 0.4}}) {
      for (int file = 0; file < 5; ++file) {
        std::string text = "a,b\n";
        for (int i = 0; i < 320; ++i) {
          text += fmt::format("{:.3f},{:.3f}\n", std::sin(step * i + file) + 0.1 * random.Normal(),
                              random.Normal());
        }
        WriteFile(folder_.Path() / "data" / "classes" / name / fmt::format("{}.csv", file), text);
      }
    }
  }
  config::Loaded Load(std::vector<std::string> sets = {}) const {
    sets.push_back("common.projects_path=" + (folder_.Path() / "projects").string());
    const std::string yaml =
        "common: {task_type: generic_timeseries_classification, target_device: F28P55, run_name: r,"
        " threads: 2}\n"
        "dataset: {dataset_name: sines, input_data_path: ./data}\n"
        "data_processing_feature_extraction: {data_proc_transforms: [SimpleWindow], frame_size: "
        "32, stride_size: 1, variables: 2, sampling_rate: 100, new_sr: 100}\n"
        "training: {model_name: CLS_1k_NPU, training_epochs: 3, batch_size: 16, optimizer: adam}\n"
        "compilation: {verify_cores: [host]}\n";
    return config::LoadText(yaml, "test.yaml", folder_.Path(), sets, config::LoadRegistry());
  }
  nlohmann::json Summary() const {
    return nlohmann::json::parse(
        ReadFile(folder_.Path() / "projects" / "sines" / "run" / "r" / "summary.json"));
  }
  RunOptions Observed() {
    RunOptions options;
    options.command = "platypus run test.yaml";
    options.observe = [this](const RunSummary& s) { seen_.push_back(s); };
    return options;
  }

  TemporaryFolder folder_;
  std::vector<RunSummary> seen_;
};

TEST_F(RunTest, IsSeenWhileItGoesOn) {
  NullSink sink;
  const RunSummary last = pipeline::Run(Load(), Observed(), sink);
  ASSERT_GT(seen_.size(), 10u);
  EXPECT_EQ(seen_[0].state, RunState::kRunning);
  EXPECT_EQ(seen_[0].command, "platypus run test.yaml");
  EXPECT_THAT(seen_[0].configuration, HasSubstr("training_epochs"));
  EXPECT_FALSE(seen_[0].seconds_left) << "no epoch has been timed yet";
  std::vector<size_t> lengths;
  for (const RunSummary& s : seen_) {
    if (s.stage != "train" || s.float_network.history.empty()) continue;
    lengths.push_back(s.float_network.history.size());
    EXPECT_TRUE(s.float_network.present);
    EXPECT_TRUE(s.seconds_left.has_value());
    EXPECT_NEAR(s.share_done, static_cast<double>(lengths.back()) / 3, 1e-9);
  }
  EXPECT_THAT(lengths, ::testing::ElementsAre(1, 2, 3));
  EXPECT_EQ(seen_.back().state, RunState::kComplete);
  EXPECT_EQ(last.state, RunState::kComplete);
  EXPECT_EQ(Summary()["state"], "complete");
  EXPECT_TRUE(Summary()["error"].is_null());
  EXPECT_GE(last.quantized_network.history.size(), 10u);
}

TEST_F(RunTest, KnowsWhatItsSamplesAndLayersAreLike) {
  NullSink sink;
  const RunSummary s = pipeline::Run(Load(), {}, sink);
  const Insight& i = s.insight;
  ASSERT_EQ(i.profiles.size(), 2u);
  EXPECT_EQ(i.profiles[0].mean.size(), static_cast<size_t>(NumElements(s.input_shape)));
  ASSERT_EQ(i.projections.size(), 3u);
  EXPECT_EQ(i.projections[0].method, "PCA");
  EXPECT_GT(i.projections[0].explained.first, i.projections[0].explained.second);
  EXPECT_EQ(i.projections[0].labels.size(), i.projections[0].x.size());
  EXPECT_EQ(i.projections[2].method, "t-SNE");
  ASSERT_EQ(i.typical.size(), 2u);
  EXPECT_EQ(i.typical[0].truth, "fast");
  EXPECT_EQ(i.typical[0].signal.size(), 2u);
  EXPECT_EQ(i.typical[0].signal[0].low.size(), 320u);
  EXPECT_NEAR(i.typical[0].seconds, 3.2, 1e-9);
  EXPECT_EQ(i.typical[0].features.size(), 64u);
  EXPECT_TRUE(i.test_values.given.empty());
  ASSERT_TRUE(i.fit.has_value());
  EXPECT_EQ(i.fit->device, "F28P55");
  EXPECT_GT(i.fit->flash_octets, 1'000'000);
  EXPECT_EQ(i.fit->clock_hz, 150e6);
  ASSERT_TRUE(i.fit->seconds_available.has_value());
  EXPECT_NEAR(*i.fit->seconds_available, 0.32, 1e-9);
  EXPECT_THAT(i.fit->assumption, HasSubstr("C28x"));
  int with_figure = 0;
  for (const LayerSummary& layer : s.layers) {
    if (!layer.signal_to_noise) continue;
    ++with_figure;
    EXPECT_GT(*layer.signal_to_noise, 0) << layer.name;
  }
  EXPECT_GT(with_figure, 6);
}

// Bits by configuration: every layer tells its own, and why it is in float. Then the same from the
// run's folder, whose networks are read from their files.
TEST_F(RunTest, LayersHaveBitsOfTheirOwn) {
  NullSink sink;
  const RunSummary s =
      pipeline::Run(Load({"training.quantization_weight_bitwidth=4",
                          "training.partial_quantization=true", "compilation.enable=false"}),
                    {}, sink);
  ASSERT_TRUE(s.quantization.has_value());
  std::vector<std::string> with_weights;
  for (const QuantizedLayer& layer : s.quantization->layers) {
    if (layer.weights > 0) with_weights.push_back(layer.name);
    int64_t counted = 0;
    for (const int64_t n : layer.weight_values.counts) counted += n;
    EXPECT_EQ(counted, layer.weights) << layer.name;
    if (layer.weights > 0 && layer.why_float.empty()) {
      EXPECT_EQ(layer.weight_bits, 4) << layer.name;
    }
  }
  ASSERT_GT(with_weights.size(), 2u);
  const auto& layers = s.quantization->layers;
  const auto find = [&](const std::string& name) {
    return *std::ranges::find(layers, name, &QuantizedLayer::name);
  };
  for (const std::string& end : {with_weights.front(), with_weights.back()}) {
    EXPECT_EQ(find(end).weight_bits, 32) << end;
    EXPECT_EQ(find(end).why_float, "training.partial_quantization") << end;
    EXPECT_FALSE(find(end).metric_alone && find(end).activation_bits == 0) << end;
  }
  EXPECT_EQ(find(with_weights[1]).why_float, "");
  EXPECT_TRUE(find(with_weights[1]).metric_alone.has_value());
  EXPECT_EQ(Summary()["quantization"]["layers"].size(), layers.size());
  const std::string log = ReadFile(folder_.Path() / "projects/sines/run/r/training/base/run.log");
  EXPECT_THAT(log, HasSubstr("Quantization Convert Diff: {'snr_db': "));
  EXPECT_THAT(log, HasSubstr("in float because of")) << "every layer's error";

  const QuantizationInsight again =
      AnalyzeRun(folder_.Path() / "projects" / "sines" / "run" / "r", sink);
  EXPECT_NEAR(again.float_metric, s.quantization->float_metric, 1e-9);
  EXPECT_NEAR(again.integer_metric, s.quantization->integer_metric, 1e-9);
  ASSERT_EQ(again.layers.size(), layers.size());
  for (size_t l = 0; l < layers.size(); ++l) {
    EXPECT_EQ(again.layers[l].name, layers[l].name);
    EXPECT_EQ(again.layers[l].weight_bits, layers[l].weight_bits) << layers[l].name;
    EXPECT_EQ(again.layers[l].activation_bits, layers[l].activation_bits) << layers[l].name;
    EXPECT_EQ(again.layers[l].why_float, layers[l].why_float) << layers[l].name;
  }
}

// Q27, Q23: weights of an earlier run, no float phase in this process, and bits chosen all the
// same.
TEST_F(RunTest, TheQuantisedPhaseAloneChoosesBits) {
  NullSink sink;
  pipeline::Run(Load({"training.quantization=0"}), {}, sink);
  const fs::path saved = folder_.Path() / "saved.bin";
  fs::copy_file(folder_.Path() / "projects/sines/run/r/training/base/checkpoint.bin", saved);
  const std::vector<std::string> alone = {"training.run_quant_train_only=true",
                                          "training.pretrained_checkpoint_path=" + saved.string(),
                                          "training.auto_quantization=true"};
  const RunSummary s = pipeline::Run(Load(alone), {}, sink);
  ASSERT_TRUE(s.precision.has_value());
  ASSERT_TRUE(s.quantization.has_value());
  EXPECT_NEAR(s.precision->float_metric, s.quantization->float_metric, 1e-9) << "measured";
  EXPECT_FALSE(s.precision->trials.empty());
  const auto json = nlohmann::json::parse(ReadFile(
      folder_.Path() / "projects/sines/run/r/training/quantization/auto_quantization.json"));
  EXPECT_EQ(json["goal"], "tolerance");
  EXPECT_EQ(json["layers"].size(), s.precision->layers.size());
  EXPECT_EQ(Summary()["auto_quantization"], json);

  std::vector<std::string> half = alone;
  half.push_back("training.auto_quantization_goal=flash");
  half.push_back("training.quantization_method=PTQ");
  const RunSummary budget = pipeline::Run(Load(half), {}, sink);
  ASSERT_TRUE(budget.precision.has_value());
  EXPECT_LE(budget.precision->used, budget.precision->budget);
  EXPECT_EQ(budget.precision->budget, budget.precision->at_eight_bits / 2);
  EXPECT_EQ(budget.precision->used, budget.precision->weight_octets);
}

TEST_F(RunTest, AFailureIsInTheSummary) {
  WriteFile(folder_.Path() / "data" / "classes" / "slow" / "5.csv", "a,b\n1,x\n");
  NullSink sink;
  EXPECT_THROW(pipeline::Run(Load(), Observed(), sink), Error);
  EXPECT_EQ(seen_.back().state, RunState::kFailed);
  EXPECT_THAT(seen_.back().error, HasSubstr("5.csv:2: column 2 (b) holds 'x'"));
  EXPECT_THAT(seen_.back().error, ::testing::Not(HasSubstr("on_bad_file")));
  EXPECT_THAT(seen_.back().hint, HasSubstr("on_bad_file"));
  EXPECT_EQ(seen_.back().stage, "read");
  const auto json = Summary();
  EXPECT_EQ(json["state"], "failed");
  EXPECT_EQ(json["stage"], "read");
  EXPECT_EQ(json["hint"], seen_.back().hint);
  EXPECT_TRUE(json["float"].is_null());
}

TEST_F(RunTest, AnInterruptionIsNoFailureAndIsResumed) {
  Sink sink;
  sink.cancel_after_epochs = 2;
  EXPECT_THROW(pipeline::Run(Load(), Observed(), sink), Error);
  EXPECT_EQ(seen_.back().state, RunState::kInterrupted);
  EXPECT_EQ(Summary()["state"], "interrupted");
  EXPECT_EQ(Summary()["float"]["history"].size(), 2u) << "what was trained is not forgotten";
  seen_.clear();
  NullSink silent;
  RunOptions options = Observed();
  options.resume = true;
  pipeline::Run(Load(), options, silent);
  size_t first = 0;
  for (const RunSummary& s : seen_) {
    if (first == 0) first = s.float_network.history.size();
  }
  EXPECT_EQ(first, 2u) << "the curve begins where it stopped";
  EXPECT_EQ(Summary()["float"]["history"].size(), 3u);
}

TEST_F(RunTest, CopiesAcrossSplitsAreAWarning) {
  const fs::path classes = folder_.Path() / "data" / "classes";
  for (int file = 1; file < 5; ++file)
    fs::copy_file(classes / "slow" / "0.csv", classes / "slow" / fmt::format("{}.csv", file),
                  fs::copy_options::overwrite_existing);
  NullSink sink;
  const RunSummary s = pipeline::Run(Load({"compilation.enable=false"}), {}, sink);
  ASSERT_FALSE(s.insight.data_warnings.empty());
  EXPECT_THAT(s.insight.data_warnings[0], HasSubstr("same content"));
  EXPECT_THAT(Summary()["data_warnings"][0].get<std::string>(), HasSubstr("slow/"));
}

TEST(RunObserverTest, TimeLeft) {
  const std::vector<PlannedStage> ahead = {{"train", 10}, {"quantize", 4}};
  EXPECT_FALSE(SecondsLeft(ahead, 0, 1, 0));
  EXPECT_DOUBLE_EQ(*SecondsLeft(ahead, 0.5, 10, 2), 5 * 2 + 4 * 2 * 1.5);
  EXPECT_DOUBLE_EQ(*SecondsLeft({{"quantize", 4}}, 0.5, 10, 3), 6) << "its own epochs are timed";
  EXPECT_DOUBLE_EQ(*SecondsLeft({{"verify"}}, 0.25, 3, 0), 9) << "by what it has done";
  EXPECT_EQ(*SecondsLeft({}, 1, 0, 0), 0);
}

}  // namespace
}  // namespace platypus::pipeline
