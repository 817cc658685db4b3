#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <tuple>

#include "platypus/base/error.h"
#include "platypus/base/files.h"
#include "platypus/base/random.h"
#include "platypus/train/checkpoint.h"
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
  const auto add = [&](const char* name, const graph::Op& op) {
    graph::Append(g, name, op, {g.output});
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

const ClassificationMetrics& Classes(const Epoch& epoch) {
  return std::get<ClassificationMetrics>(epoch.val);
}
ClassificationMetrics& Classes(Epoch& epoch) { return std::get<ClassificationMetrics>(epoch.val); }

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
  for (const Epoch& epoch : result.history) best = std::max(best, Classes(epoch).accuracy);
  EXPECT_GE(best, 0.99);
  EXPECT_EQ(Classes(result.history[static_cast<size_t>(result.best_epoch - 1)]).accuracy, best);
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
    const auto start = [&](ThreadPool& pool) {
      return quantized ? Calibrate(MakeNetwork(true), train.Set(), pool) : MakeNetwork();
    };
    const Result expected = Fit(start(one), train.Set(), val.Set(), MakeOptions(3), {}, one, sink);
    for (const int threads : {2, 3, 4}) {
      ThreadPool pool(threads);
      const Result result =
          Fit(start(pool), train.Set(), val.Set(), MakeOptions(3), {}, pool, sink);
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
    EXPECT_EQ(Classes(resumed.history[5]).loss, Classes(expected.history[5]).loss);
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
       {std::string("nonsense"), std::string("PLATYPUS-CHECKPOINT-2\n") + std::string(90, 'x')}) {
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
    EXPECT_NE(std::string(error.what()).find("not finite in epoch 1, step 2, first in layer input"),
              std::string::npos)
        << error.what();
  }
}

TEST(FitTest, CalibrationMovesRangesOnly) {
  const Waves train = MakeWaves(600, 1);  // more than one batch
  ThreadPool pool(1);
  const graph::Graph start = MakeNetwork(true);
  const graph::Graph calibrated = Calibrate(start, train.Set(), pool);
  const auto [low, high] = std::minmax_element(train.inputs.begin(), train.inputs.end());
  for (const auto& [name, array] : calibrated.parameters) {
    if (!name.ends_with(".range")) {
      EXPECT_EQ(array, start.parameters.at(name)) << name;
      continue;
    }
    EXPECT_LE(array.Floats()[0], array.Floats()[1]) << name;
  }
  // Behind a batch norm that has learnt nothing yet.
  EXPECT_NEAR(calibrated.parameters.at("q0.range").Floats()[0], *low, 1e-4);
  EXPECT_NEAR(calibrated.parameters.at("q0.range").Floats()[1], *high, 1e-4);
}

TEST(FitTest, KeepsTheStartThatTrainingDoesNotImprove) {
  const Waves train = MakeWaves(60, 1);
  ThreadPool pool(1);
  NullSink sink;
  const graph::Graph start = Calibrate(MakeNetwork(true), train.Set(), pool);
  Options options = MakeOptions(2);
  options.judge_start = true;
  int judged = 0;
  options.judge = [&](std::span<const float>) {
    ClassificationMetrics metrics;
    metrics.accuracy = 0.9 - 0.1 * judged++;
    return metrics;
  };
  const Result kept = Fit(start, train.Set(), train.Set(), options, {}, pool, sink);
  EXPECT_EQ(kept.best_epoch, 0);
  EXPECT_EQ(kept.best.parameters, start.parameters);
  ASSERT_EQ(kept.history.size(), 3U);
  EXPECT_EQ(kept.history[0].number, 0);
  EXPECT_EQ(kept.history[2].number, 2);
  options.judge = [&](std::span<const float>) {
    ClassificationMetrics metrics;
    metrics.accuracy = 0.1 * judged++;
    return metrics;
  };
  const Result trained = Fit(start, train.Set(), train.Set(), options, {}, pool, sink);
  EXPECT_EQ(trained.best_epoch, 2);
  options.epochs = 0;
  options.judge = {};
  const Result untrained = Fit(start, train.Set(), train.Set(), options, {}, pool, sink);
  EXPECT_EQ(untrained.best.parameters, start.parameters);
  EXPECT_GT(untrained.history.at(0).train_loss, 0);
}

TEST(FitTest, LearnsExclusiveOr) {
  Waves points;  // two values each, class 1 when their signs differ
  Random random(5, "points");
  for (int i = 0; i < 400; ++i) {
    const auto x = static_cast<float>(random.Uniform(-1, 1));
    const auto y = static_cast<float>(random.Uniform(-1, 1));
    points.inputs.insert(points.inputs.end(),
                         {x + (x > 0 ? 0.1f : -0.1f), y + (y > 0 ? 0.1f : -0.1f)});
    points.labels.push_back((x > 0) != (y > 0) ? 1 : 0);
  }
  const LabelledSet set{{2}, points.inputs, points.labels};
  graph::Graph g = graph::MakeGraph("xor", {2});
  const auto linear = [&](const char* name, int outs) {
    const int64_t ins = g.Output().shape[0];
    graph::Append(g, name, graph::Linear{outs, true, {}}, {g.output});
    for (const auto& [role, shape] :
         {std::pair{".weight", Shape{outs, ins}}, std::pair{".bias", Shape{outs}}}) {
      std::vector<float> values(static_cast<size_t>(NumElements(shape)));
      for (float& v : values) v = static_cast<float>(random.Uniform(-0.7, 0.7));
      g.parameters[std::string(name) + role] = {shape, values};
    }
  };
  linear("hidden", 16);
  graph::Append(g, "relu", graph::Relu{}, {g.output});
  linear("out", 2);
  ThreadPool pool(2);
  NullSink sink;
  const Result result = Fit(g, set, set, MakeOptions(40), {}, pool, sink);
  EXPECT_GT(Classes(result.history[static_cast<size_t>(result.best_epoch - 1)]).accuracy, 0.99);
}

TEST(FitTest, TakesTheBestEpochByWhatTheJudgeSays) {
  const Waves train = MakeWaves(60, 1);
  ThreadPool pool(1);
  NullSink sink;
  // accuracy, loss of each epoch: the third and fourth tie, the fourth has the lower loss; the
  // fifth equals it.
  const std::vector<std::pair<double, double>> judged = {
      {0.5, 1}, {0.4, 0.1}, {0.9, 0.5}, {0.9, 0.4}, {0.9, 0.4}};
  std::vector<graph::Graph> seen;
  const Predictor predict = [&](const graph::Graph& graph) {
    seen.push_back(graph);
    return std::vector<float>{static_cast<float>(seen.size())};
  };
  Options options = MakeOptions(5);
  options.judge = [&](std::span<const float> outputs) {
    ClassificationMetrics metrics;
    std::tie(metrics.accuracy, metrics.loss) = judged.at(static_cast<size_t>(outputs[0]) - 1);
    return metrics;
  };
  const Result result = Fit(MakeNetwork(), train.Set(), train.Set(), options, predict, pool, sink);
  EXPECT_EQ(result.best_epoch, 4);
  EXPECT_EQ(result.best.parameters, seen[3].parameters);
  EXPECT_NE(result.best.parameters, seen[4].parameters);
}

TEST(FitTest, NoEpochsReturnTheGraph) {
  const Waves train = MakeWaves(20, 1);
  ThreadPool pool(1);
  NullSink sink;
  const Result result =
      Fit(MakeNetwork(), train.Set(), train.Set(), MakeOptions(0), {}, pool, sink);
  EXPECT_EQ(result.best.parameters, MakeNetwork().parameters);
  EXPECT_TRUE(result.history.empty());
}

TEST(FitTest, BatchesOfOneAndALastBatchOfOne) {
  const Waves train = MakeWaves(9, 1);
  ThreadPool pool(3);
  NullSink sink;
  for (const int batch : {1, 4, 100}) {
    Options options = MakeOptions(2);
    options.settings.batch_size = batch;
    const Result result = Fit(MakeNetwork(), train.Set(), train.Set(), options, {}, pool, sink);
    EXPECT_TRUE(std::isfinite(result.history[1].train_loss)) << batch;
  }
}

TEST(FitTest, NamesAClassThatTheNetworkDoesNotHave) {
  const Waves train = MakeWaves(20, 1);
  Waves wrong = train;
  wrong.labels[3] = 2;
  ThreadPool pool(1);
  NullSink sink;
  try {
    Fit(MakeNetwork(), train.Set(), wrong.Set(), MakeOptions(1), {}, pool, sink);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::kModel);
    EXPECT_EQ(error.message(), "a validation sample is of class 2, but the network has 2 outputs");
  }
}

TEST(FitTest, LearnsTargetsInsteadOfLabels) {
  const Waves train = MakeWaves(120, 1);
  ThreadPool pool(1);
  NullSink sink;
  Options options = MakeOptions(8);
  std::vector<float> targets;
  for (const int32_t label : train.labels) {  // the other class each
    targets.push_back(label == 0 ? 0.0f : 1.0f);
    targets.push_back(label == 0 ? 1.0f : 0.0f);
  }
  LabelledSet set = train.Set();
  set.targets = targets;
  const Result result = Fit(MakeNetwork(), set, train.Set(), MakeOptions(8), {}, pool, sink);
  EXPECT_LT(result.history.back().train_accuracy, 0.1);
}

// One step of plain gradient descent with and without lambda_reg: parameters move by what the
// formula says, batch norms' and biases too, and the training loss holds the penalty.
TEST(FitTest, RegularisesEveryParameter) {
  const Waves train = MakeWaves(40, 1);
  ThreadPool pool(1);
  NullSink sink;
  Options options = MakeOptions(1);
  options.settings.optimizer = "sgd";
  options.settings.momentum = 0;
  options.settings.weight_decay = 0;
  const graph::Graph start = MakeNetwork();
  const Result without = Fit(start, train.Set(), train.Set(), options, {}, pool, sink);
  options.settings.lambda_reg = 0.5;
  const Result with = Fit(start, train.Set(), train.Set(), options, {}, pool, sink);
  double penalty = 0;
  for (const auto& [name, array] : start.parameters) {
    if (name.find("running_") != std::string::npos) continue;
    for (size_t i = 0; i < array.Floats().size(); ++i) {
      const double p = array.Floats()[i];
      const double sign = p > 0 ? 1 : (p < 0 ? -1 : 0);
      penalty += 0.5 * (std::abs(p) + p * p);
      const double moved =
          with.best.parameters.at(name).Floats()[i] - without.best.parameters.at(name).Floats()[i];
      EXPECT_NEAR(moved, -without.history[0].learning_rate * 0.5 * (sign + 2 * p), 1e-6)
          << name << " " << i;
    }
  }
  EXPECT_GT(penalty, 1);
  EXPECT_NEAR(with.history[0].train_loss, without.history[0].train_loss + penalty, 1e-9);
}

// Weights that stand still: training sees them soft in the first epoch and as the evaluation does,
// hard, in the last one.
TEST(FitTest, SoftRoundingHardensToTheLastEpoch) {
  const Waves train = MakeWaves(80, 1);
  ThreadPool pool(1);
  NullSink sink;
  Options options = MakeOptions(16);
  options.learning_rate = 0;
  options.settings.weight_decay = 0;
  options.settings.class_balanced_sampling = false;
  for (const graph::Rounding kind :
       {graph::Rounding::kSoftSigmoid, graph::Rounding::kSoftTanh, graph::Rounding::kTernary}) {
    graph::Graph g = MakeNetwork(true);
    for (graph::Node& node : g.nodes) {
      const graph::WeightQuantizer quantizer{2, false, true, kind};
      if (auto* conv = std::get_if<graph::Conv2d>(&node.op)) conv->weight_quantizer = quantizer;
      if (auto* linear = std::get_if<graph::Linear>(&node.op)) linear->weight_quantizer = quantizer;
    }
    const graph::Graph start = Calibrate(g, train.Set(), pool);
    const Result result = Fit(start, train.Set(), train.Set(), options, {}, pool, sink);
    EXPECT_EQ(result.best.parameters, start.parameters);
    const auto distance = [](const Epoch& e) { return std::abs(e.train_loss - Classes(e).loss); };
    const double first = distance(result.history.front());
    EXPECT_GT(first, 2e-3) << static_cast<int>(kind);
    EXPECT_LT(distance(result.history.back()), first / 10) << static_cast<int>(kind);
  }
}

TEST(FitTest, RangesStayWhileWeightsTrain) {
  const Waves train = MakeWaves(80, 1);
  ThreadPool pool(1);
  NullSink sink;
  const graph::Graph start = Calibrate(MakeNetwork(true), train.Set(), pool);
  const Result result = Fit(start, train.Set(), train.Set(), MakeOptions(3), {}, pool, sink);
  for (const auto& [name, array] : result.best.parameters) {
    if (!name.ends_with(".range")) continue;
    EXPECT_EQ(array, start.parameters.at(name)) << name;
  }
  EXPECT_NE(result.best.parameters.at("conv.weight"), start.parameters.at("conv.weight"));
}

TEST(FitTest, ReportsProgress) {
  class Recorder : public NullSink {
   public:
    void OnProgress(const ProgressEvent& event) override { events.push_back(event); }
    std::vector<ProgressEvent> events;
  };
  const Waves train = MakeWaves(60, 1);
  ThreadPool pool(1);
  Recorder sink;
  const Result result =
      Fit(MakeNetwork(), train.Set(), train.Set(), MakeOptions(2), {}, pool, sink);
  ASSERT_EQ(sink.events.size(), 2u);
  const ProgressEvent& event = sink.events[1];
  EXPECT_EQ(event.stage, "train");
  EXPECT_EQ(event.step, 2);
  EXPECT_EQ(event.total, 2);
  EXPECT_EQ(event.unit, "epochs");
  const std::vector<std::pair<std::string, double>> expected = {
      {"train_loss", result.history[1].train_loss},
      {"train_accuracy", result.history[1].train_accuracy},
      {"val_loss", Classes(result.history[1]).loss},
      {"val_accuracy", Classes(result.history[1]).accuracy},
      {"learning_rate", result.history[1].learning_rate}};
  EXPECT_EQ(event.metrics, expected);
}

TEST(CheckpointTest, KeyCoversEveryFieldOfTheOperators) {
  const Waves train = MakeWaves(20, 1);
  const auto key = [&](const graph::Graph& graph, const Options& options) {
    return CheckpointKey(graph, train.Set(), train.Set(), options);
  };
  const graph::Graph graph = MakeNetwork(true);
  const Options options = MakeOptions(3);
  const std::string expected = key(graph, options);
  EXPECT_EQ(key(graph, options), expected);
  graph::Graph other = graph;
  std::get<graph::Conv2d>(other.nodes[2].op).padding = {1, 0, 3, 0};  // the same shapes
  EXPECT_NE(key(other, options), expected);
  other = graph;
  std::get<graph::Conv2d>(other.nodes[2].op).weight_quantizer->bits = 4;
  EXPECT_NE(key(other, options), expected);
  Options changed = options;
  changed.settings.weight_decay = 0.5;
  EXPECT_NE(key(graph, changed), expected);
  changed = options;
  changed.settings.lambda_reg = 0.5;
  EXPECT_NE(key(graph, changed), expected);
  changed = options;
  changed.settings.clip_grad_norm = 1.0;
  EXPECT_NE(key(graph, changed), expected);
  changed = options;
  changed.norm_epochs = 1;
  EXPECT_NE(key(graph, changed), expected);
  changed = options;
  changed.range_epochs = 1;
  EXPECT_NE(key(graph, changed), expected);
}

// Pairs of graphs that differ in one field, mostly in one that the shapes do not tell.
TEST(CheckpointTest, KeyTellsNetworksApart) {
  const Waves train = MakeWaves(4, 1);
  const auto key = [&](const graph::Op& op) {
    graph::Graph g = graph::MakeGraph("one", {1, 32, 1});
    graph::Append(g, "op", op, {g.output});
    return CheckpointKey(g, train.Set(), train.Set(), MakeOptions(1));
  };
  using graph::ConvTranspose2d;
  using graph::Recurrent;
  using graph::Resize;
  const ConvTranspose2d spread{4, {3, 1}, {2, 1}, {1, 1}, {1, 0, 1, 0}, {1, 0}, 1, true};
  const auto other_spread = [&](auto change) {
    ConvTranspose2d op = spread;
    change(op);
    return op;
  };
  const std::pair<graph::Op, graph::Op> pairs[] = {
      {graph::Sigmoid{}, graph::Tanh{}},
      {graph::Softmax{}, graph::LogSoftmax{}},
      {graph::BatchNorm{1e-5f, 0.1f}, graph::BatchNorm{1e-4f, 0.1f}},
      {graph::BatchNorm{1e-5f, 0.1f}, graph::BatchNorm{1e-5f, 0.2f}},
      {graph::Clamp{0, 6}, graph::Clamp{0, 5}},
      {graph::Clamp{0, 6}, graph::Clamp{-1, 6}},
      {graph::LeakyRelu{0.01f}, graph::LeakyRelu{0.02f}},
      {graph::Transpose{{1, 0, 2}}, graph::Transpose{{1, 2, 0}}},
      {graph::Reshape{{32, 1, 1}}, graph::Reshape{{1, 1, 32}}},
      {graph::Pad{{1, 0, 1, 0}, 0}, graph::Pad{{2, 0, 0, 0}, 0}},
      {graph::Pad{{1, 0, 1, 0}, 0}, graph::Pad{{1, 0, 1, 0}, 1}},
      {graph::Slice{1, 0, 8, 1}, graph::Slice{1, 1, 9, 1}},
      {graph::Slice{1, 0, 8, 2}, graph::Slice{1, 0, 7, 2}},
      {graph::Slice{1, 0, 2, 1}, graph::Slice{1, 0, 2, 2}},
      {Resize{{9, 1}, Resize::Mode::kNearest}, Resize{{9, 1}, Resize::Mode::kBilinear}},
      {Resize{{9, 1}, Resize::Mode::kNearest}, Resize{{10, 1}, Resize::Mode::kNearest}},
      {graph::Dropout{0.5f}, graph::Dropout{0.25f}},
      {graph::LayerNorm{1e-5f}, graph::LayerNorm{1e-6f}},
      {Recurrent{Recurrent::Cell::kRnn, 4, 1, true}, Recurrent{Recurrent::Cell::kGru, 4, 1, true}},
      {Recurrent{Recurrent::Cell::kGru, 4, 1, true}, Recurrent{Recurrent::Cell::kLstm, 4, 1, true}},
      {Recurrent{Recurrent::Cell::kGru, 4, 1, true}, Recurrent{Recurrent::Cell::kGru, 4, 2, true}},
      {Recurrent{Recurrent::Cell::kGru, 4, 1, true}, Recurrent{Recurrent::Cell::kGru, 4, 1, false}},
      {Recurrent{Recurrent::Cell::kGru, 4, 1, true}, Recurrent{Recurrent::Cell::kGru, 5, 1, true}},
      {spread, other_spread([](ConvTranspose2d& o) { o.out_channels = 5; })},
      {spread, other_spread([](ConvTranspose2d& o) { o.kernel.h = 4; })},
      {spread, other_spread([](ConvTranspose2d& o) { o.stride.w = 2; })},
      {spread, other_spread([](ConvTranspose2d& o) { o.dilation.w = 2; })},
      {spread, other_spread([](ConvTranspose2d& o) {
         o.padding = {0, 0, 2, 0};
       })},
      {spread, other_spread([](ConvTranspose2d& o) {
         o.extra = {0, 0};
       })},
      {spread, other_spread([](ConvTranspose2d& o) { o.has_bias = false; })},
      {spread, other_spread([](ConvTranspose2d& o) { o.weight_quantizer.emplace(); })},
      {Recurrent{Recurrent::Cell::kGru, 4, 1, true},
       Recurrent{Recurrent::Cell::kGru, 4, 1, true, graph::WeightQuantizer{}}},
      {graph::FakeQuantize{8, true, false}, graph::FakeQuantize{8, true, true}},
      {graph::FakeQuantize{8, true, false}, graph::FakeQuantize{8, true, false, true}},
      {graph::FakeQuantize{8, true, false}, graph::FakeQuantize{4, true, false}},
      {graph::AdaptiveAvgPool{{4, 1}}, graph::AdaptiveAvgPool{{5, 1}}},
  };
  for (const auto& [a, b] : pairs) {
    EXPECT_EQ(key(a), key(a)) << graph::Name(a);
    EXPECT_NE(key(a), key(b)) << graph::Name(a) << " " << graph::Name(b);
  }
}

TEST(CheckpointTest, EveryTruncationIsNoticed) {
  const TemporaryFolder folder;
  Checkpoint checkpoint;
  checkpoint.key = "k";
  checkpoint.parameters = {1, 2, 3};
  checkpoint.history.resize(2);
  checkpoint.history[0].val = RegressionMetrics{};
  std::get<RegressionMetrics>(checkpoint.history[0].val).outputs = {{1, 2, 3, 0.5}};
  Classes(checkpoint.history[1]).confusion = {{1, 2}, {3, 4}};
  const std::filesystem::path file = folder.Path() / "c.bin";
  Save(checkpoint, file);
  std::string problem;
  const std::optional<Checkpoint> loaded = LoadCheckpoint(file, problem);
  ASSERT_TRUE(loaded) << problem;
  EXPECT_EQ(loaded->parameters, checkpoint.parameters);
  EXPECT_EQ(std::get<RegressionMetrics>(loaded->history[0].val).outputs.at(0).r2, 0.5);
  EXPECT_EQ(Classes(loaded->history[1]).confusion, Classes(checkpoint.history[1]).confusion);
  const std::string bytes = ReadFile(file);
  for (size_t size = 0; size < bytes.size(); size += 7) {
    WriteFile(file, std::string_view(bytes).substr(0, size));
    problem.clear();
    EXPECT_FALSE(LoadCheckpoint(file, problem)) << size;
    EXPECT_EQ(problem, "it is damaged") << size;
  }
  std::string flipped = bytes;
  flipped[bytes.size() / 2] ^= 1;
  WriteFile(file, flipped);
  EXPECT_FALSE(LoadCheckpoint(file, problem));
}

}  // namespace
}  // namespace platypus::train
