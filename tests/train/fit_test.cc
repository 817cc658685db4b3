#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/train/optimizer.h"
#include "platypus/train/train.h"

namespace platypus::train {
namespace {

struct Waves {
  std::vector<float> inputs;
  std::vector<int32_t> labels;
  LabelledSet Set() const { return {{1, 32, 1}, inputs, labels}; }
};

// Two frequencies, any phase, some noise.
Waves MakeWaves(int64_t count, uint64_t seed) {
  Random random(seed, "waves");
  Waves waves;
  for (int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<int32_t>(random.Below(2));
    const double phase = random.Uniform();
    for (int t = 0; t < 32; ++t) {
      const double turns = phase + t * (label == 0 ? 0.08 : 0.19);
      waves.inputs.push_back(
          static_cast<float>(std::sin(2 * std::numbers::pi * turns) + 0.1 * random.Normal()));
    }
    waves.labels.push_back(label);
  }
  return waves;
}

graph::Graph MakeNetwork(bool fake_quantized = false) {
  graph::Graph g = graph::MakeGraph("waves", {1, 32, 1});
  Random random(3, "weights");
  const auto add = [&](const char* name, graph::Op op) {
    graph::Append(g, name, std::move(op), {g.output});
  };
  const auto fill = [&](const std::string& name, const Shape& shape, double low, double high) {
    std::vector<float> values(static_cast<size_t>(NumElements(shape)));
    for (float& v : values) v = static_cast<float>(random.Uniform(low, high));
    g.parameters[name] = {shape, values};
  };
  const auto norm = [&](const std::string& name, int64_t channels) {
    add(name.c_str(), graph::BatchNorm{});
    fill(name + ".weight", {channels}, 1, 1);
    fill(name + ".bias", {channels}, 0, 0);
    fill(name + ".running_mean", {channels}, 0, 0);
    fill(name + ".running_var", {channels}, 1, 1);
  };
  const auto quantize = [&](const char* name) {
    if (!fake_quantized) return;
    add(name, graph::FakeQuantize{});
    g.parameters[std::string(name) + ".range"] = {{2}, std::vector<float>{1, -1}};
  };
  norm("bn", 1);
  quantize("q0");
  graph::Conv2d conv{6, {5, 1}, {}, {}, {2, 0, 2, 0}, 1, true, {}};
  graph::Linear linear{2, true, {}};
  if (fake_quantized) conv.weight_quantizer = linear.weight_quantizer = graph::WeightQuantizer{};
  add("conv", conv);
  fill("conv.weight", {6, 1, 5, 1}, -0.4, 0.4);
  fill("conv.bias", {6}, -0.4, 0.4);
  if (!fake_quantized) norm("bn2", 6);
  add("relu", graph::Relu{});
  quantize("q1");
  add("pool", graph::AdaptiveAvgPool{{1, 1}});
  quantize("q2");
  add("flatten", graph::Flatten{});
  add("fc", linear);
  fill("fc.weight", {2, 6}, -0.4, 0.4);
  fill("fc.bias", {2}, -0.4, 0.4);
  quantize("q3");
  graph::Verify(g);
  return g;
}

Options MakeOptions(int epochs) {
  Options options;
  options.epochs = epochs;
  options.learning_rate = 0.02;
  options.settings.optimizer = "adam";
  options.settings.batch_size = 40;
  return options;
}

class StopAfter : public NullSink {
 public:
  explicit StopAfter(int epochs) : left_(epochs) {}
  void OnProgress(const ProgressEvent&) override { --left_; }
  bool Cancelled() override { return left_ <= 0; }

 private:
  int left_;
};

TEST(FitTest, LearnsAndReportsTheBestEpoch) {
  const Waves train = MakeWaves(500, 1);
  const Waves val = MakeWaves(200, 2);
  ThreadPool pool(2);
  NullSink sink;
  const Result result = Fit(MakeNetwork(), train.Set(), val.Set(), MakeOptions(12), {}, pool, sink);
  ASSERT_EQ(result.history.size(), 12u);
  double best = 0;
  for (const Epoch& epoch : result.history) best = std::max(best, epoch.val.accuracy);
  EXPECT_GE(best, 0.99);
  EXPECT_EQ(result.history[static_cast<size_t>(result.best_epoch - 1)].val.accuracy, best);
  const ClassificationMetrics again =
      Evaluate(Predict(result.best, val.Set(), pool), val.labels, 2);
  EXPECT_EQ(again.accuracy, best) << "the best graph is not the one that was judged best";
}

TEST(FitTest, SameBitsForAnyNumberOfThreads) {
  const Waves train = MakeWaves(150, 1);
  const Waves val = MakeWaves(50, 2);
  NullSink sink;
  for (const bool quantized : {false, true}) {
    ThreadPool one(1);
    const Result expected =
        Fit(MakeNetwork(quantized), train.Set(), val.Set(), MakeOptions(3), {}, one, sink);
    for (const int threads : {2, 3, 4}) {
      ThreadPool pool(threads);
      const Result result =
          Fit(MakeNetwork(quantized), train.Set(), val.Set(), MakeOptions(3), {}, pool, sink);
      EXPECT_EQ(result.best.parameters, expected.best.parameters) << threads << " threads";
      EXPECT_EQ(result.history.back().train_loss, expected.history.back().train_loss);
    }
  }
}

TEST(FitTest, ResumesToTheSameBits) {
  const Waves train = MakeWaves(150, 1);
  const Waves val = MakeWaves(50, 2);
  ThreadPool pool(2);
  NullSink sink;
  const TemporaryFolder folder;
  for (const bool ema : {false, true}) {
    Options options = MakeOptions(6);
    options.settings.model_ema = ema;
    options.settings.model_ema_steps = 1;
    options.settings.model_ema_decay = 0.9;
    const Result expected = Fit(MakeNetwork(), train.Set(), val.Set(), options, {}, pool, sink);
    options.checkpoint = folder.Path() / (ema ? "ema.bin" : "plain.bin");
    StopAfter stop(2);
    EXPECT_THROW(Fit(MakeNetwork(), train.Set(), val.Set(), options, {}, pool, stop), Error);
    const Result resumed = Fit(MakeNetwork(), train.Set(), val.Set(), options, {}, pool, sink);
    EXPECT_EQ(resumed.best.parameters, expected.best.parameters);
    EXPECT_EQ(resumed.best_epoch, expected.best_epoch);
    ASSERT_EQ(resumed.history.size(), 6u);
    EXPECT_EQ(resumed.history[5].val.loss, expected.history[5].val.loss);
  }
}

TEST(FitTest, IgnoresDamagedAndForeignCheckpoints) {
  const Waves train = MakeWaves(100, 1);
  const Waves val = MakeWaves(50, 2);
  ThreadPool pool(1);
  NullSink sink;
  const TemporaryFolder folder;
  Options options = MakeOptions(2);
  const Result expected = Fit(MakeNetwork(), train.Set(), val.Set(), options, {}, pool, sink);
  options.checkpoint = folder.Path() / "c.bin";
  for (const std::string& content :
       {std::string("nonsense"), std::string("PLATYPUS-CHECKPOINT-1\n") + std::string(90, 'x')}) {
    WriteFile(options.checkpoint, content);
    EXPECT_EQ(Fit(MakeNetwork(), train.Set(), val.Set(), options, {}, pool, sink).best.parameters,
              expected.best.parameters);
  }
  Options other = options;
  other.learning_rate = 0.5;  // leaves a checkpoint of other settings behind
  std::filesystem::remove(options.checkpoint);
  Fit(MakeNetwork(), train.Set(), val.Set(), other, {}, pool, sink);
  EXPECT_EQ(Fit(MakeNetwork(), train.Set(), val.Set(), options, {}, pool, sink).best.parameters,
            expected.best.parameters);
}

TEST(FitTest, StopsAtALossThatIsNotFinite) {
  const Waves train = MakeWaves(100, 1);
  Waves broken = train;
  broken.inputs[5] = std::numeric_limits<float>::quiet_NaN();
  ThreadPool pool(1);
  NullSink sink;
  try {
    Fit(MakeNetwork(), broken.Set(), train.Set(), MakeOptions(2), {}, pool, sink);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kModel);
    EXPECT_NE(std::string(error.what()).find("not finite in epoch 1"), std::string::npos)
        << error.what();
  }
}

TEST(FitTest, CalibrationMovesRangesOnly) {
  const Waves train = MakeWaves(100, 1);
  ThreadPool pool(1);
  NullSink sink;
  const graph::Graph start = MakeNetwork(true);
  Options options = MakeOptions(2);
  options.calibrate_only = true;
  const Result result = Fit(start, train.Set(), train.Set(), options, {}, pool, sink);
  for (const auto& [name, array] : result.best.parameters) {
    if (name.ends_with(".range")) {
      EXPECT_LE(array.Floats()[0], array.Floats()[1]) << name;
    } else {
      EXPECT_EQ(array, start.parameters.at(name)) << name;
    }
  }
}

TEST(OptimizerTest, FollowsTheFormulas) {
  const auto run = [](const char* name, double decay) {
    config::Training settings;
    settings.optimizer = name;
    settings.weight_decay = decay;
    Optimizer optimizer(settings, 1);
    std::vector<float> p = {1.0f};
    for (const float g : {0.5f, -0.25f}) optimizer.Step(p, std::vector<float>{g}, 0.1);
    return p[0];
  };
  // v1 = 0.5, p = 0.95; v2 = 0.45 - 0.25 = 0.2, p = 0.93
  EXPECT_NEAR(run("sgd", 0.0), 0.93, 1e-6);
  // p1 = 1 - 0.1 (0.5 + 0.45) = 0.905; v2 = 0.2; p2 = 0.905 - 0.1 (-0.25 + 0.18) = 0.912
  EXPECT_NEAR(run("sgd_nesterov", 0.0), 0.912, 1e-6);
  // g1 = 0.5 + 0.01 = 0.51, p = 0.949; g2 = -0.25 + 0.00949, v2 = 0.459 - 0.24051 = 0.21849, p =
  // 0.927151
  EXPECT_NEAR(run("sgd", 0.01), 0.927151, 1e-6);
  // m/c1 = 0.5, v/c2 = 0.25: step 0.1; then m = 0.045 - 0.025 = 0.02, /0.19; v = 0.00024975 +
  // 0.0000625, /0.001999
  const double second = 0.02 / 0.19 / (std::sqrt((0.00025 * 0.999 + 0.0000625) / 0.001999) + 1e-8);
  EXPECT_NEAR(run("adam", 0.0), 0.9 - 0.1 * second, 1e-5);
  EXPECT_NEAR(run("adamw", 0.1), (1 - 0.01 - 0.1) * 0.99 - 0.1 * second, 1e-5);
  // s = 0.025, b = 0.5 / (0.158114 + 0.0316)
  const double b1 = 0.5 / (std::sqrt(0.025) + 0.0316);
  const double b2 = 0.9 * b1 - 0.25 / (std::sqrt(0.0225 + 0.00625) + 0.0316);
  EXPECT_NEAR(run("rmsprop", 0.0), 1 - 0.1 * b1 - 0.1 * b2, 1e-5);
}

TEST(OptimizerTest, ClipsTheNorm) {
  std::vector<float> g = {3, 4};
  EXPECT_DOUBLE_EQ(ClipNorm(g, 1.0), 5.0);
  EXPECT_FLOAT_EQ(g[0], 0.6f);
  EXPECT_FLOAT_EQ(g[1], 0.8f);
}

TEST(ScheduleTest, FollowsTheTables) {
  config::Training s;
  s.lr_warmup_epochs = 1;
  EXPECT_NEAR(LearningRate(s, 0.1, 0, 5), 0.001, 1e-12);
  EXPECT_NEAR(LearningRate(s, 0.1, 1, 5), 0.1, 1e-12);
  EXPECT_NEAR(LearningRate(s, 0.1, 3, 5), 0.05, 1e-12);
  s.lr_warmup_epochs = 0;
  s.lr_scheduler = "steplr";
  s.lr_step_size = 2;
  EXPECT_NEAR(LearningRate(s, 1, 5, 9), 0.01, 1e-12);
  s.lr_scheduler = "exponentiallr";
  s.lr_gamma = 0.5;
  EXPECT_NEAR(LearningRate(s, 1, 3, 9), 0.125, 1e-12);
  s.lr_scheduler = "multisteplr";
  s.lr_milestones = {2, 4};
  EXPECT_NEAR(LearningRate(s, 1, 1, 9), 1, 1e-12);
  EXPECT_NEAR(LearningRate(s, 1, 4, 9), 0.25, 1e-12);
  s.lr_scheduler = "none";
  s.lr_warmup_epochs = 3;
  EXPECT_NEAR(LearningRate(s, 1, 0, 9), 1, 1e-12);
}

TEST(MetricsTest, ClosedForms) {
  const std::vector<float> logits = {2, 1, 0, 0, 3, 1, 1, 0, 5, 4, 0, 0};
  const std::vector<int32_t> labels = {0, 1, 2, 1};
  const ClassificationMetrics m = Evaluate(logits, labels, 3);
  EXPECT_DOUBLE_EQ(m.accuracy, 0.75);
  EXPECT_EQ(m.confusion[1][0], 1);
  // class 0: 2*1/(2+1), class 1: 2*1/(1+2), class 2: 1
  EXPECT_NEAR(m.f1_macro, (2.0 / 3 + 2.0 / 3 + 1) / 3, 1e-12);
  const std::vector<float> scores = {0.9f, 0.8f, 0.7f, 0.6f};
  EXPECT_NEAR(Roc(scores, std::vector<uint8_t>{1, 0, 1, 0}).area, 0.75, 1e-12);
  EXPECT_NEAR(Roc(std::vector<float>(4, 1.0f), std::vector<uint8_t>{1, 0, 1, 0}).area, 0.5, 1e-12);
  EXPECT_TRUE(std::isnan(Roc(scores, std::vector<uint8_t>{1, 1, 1, 1}).area));
}

}  // namespace
}  // namespace platypus::train
