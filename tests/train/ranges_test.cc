// Ranges of activations that move while training: with the batches, or learned.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "networks.h"
#include "platypus/base/files.h"
#include "platypus/train/network.h"
#include "platypus/train/train.h"

namespace platypus::train {
namespace {

using graph::Graph;

// x -> codes -> linear.
Graph MakeGraph(float min, float max, bool learned = false) {
  Graph graph = graph::MakeGraph("range", {2});
  graph::FakeQuantize op;
  op.learned_step = learned;
  graph::Append(graph, "codes", op, {graph.output});
  graph.parameters["codes.range"] = {{2}, std::vector<float>{min, max}};
  graph::Append(graph, "out", graph::Linear{2, false, {}}, {graph.output});
  graph.parameters["out.weight"] = {{2, 2}, std::vector<float>{1, 0, 0, 1}};
  return graph;
}

// 20 samples of two values each; the lanes without a sample hold zeros and must not count.
struct Samples {
  std::vector<std::vector<float>> rows;
  std::vector<const float*> pointers;
  std::vector<int32_t> labels = std::vector<int32_t>(20, 0);
  Samples(float low, float high) : rows(20, {low, high}) {
    rows[17] = {low + 0.25f, high - 0.25f};
    for (const auto& row : rows) pointers.push_back(row.data());
  }
};

TEST(RangesTest, FollowTheBatchesWhileTheyMove) {
  ThreadPool pool(2);
  Network network(MakeGraph(-1, 2), 32);
  const auto train = [&](const Samples& samples, bool move) {
    Network::Batch batch{samples.pointers, samples.labels};
    batch.ranges_move = move;
    return network.Train(batch, CrossEntropy{}, pool).loss;
  };
  const auto range = [&] { return std::pair(network.State()[0], network.State()[1]); };
  const Samples wide(-3, 6);
  const double before = train(wide, false);
  EXPECT_EQ(range(), std::pair(-1.0f, 2.0f));
  // The batch that moves the range is rounded by the range as it was.
  EXPECT_EQ(train(wide, true), before);
  EXPECT_FLOAT_EQ(range().first, -1 + 0.01f * -2);
  EXPECT_FLOAT_EQ(range().second, 2 + 0.01f * 4);
  const auto moved = range();
  train(Samples(0, 1), true);  // ranges shrink too
  EXPECT_FLOAT_EQ(range().first, 0.99f * moved.first);
  EXPECT_FLOAT_EQ(range().second, moved.second + 0.01f * (1 - moved.second));
  // Evaluation never moves them.
  const auto kept = range();
  std::vector<float> logits(40);
  network.Predict({wide.pointers, {}}, logits, pool);
  EXPECT_EQ(range(), kept);
  // The first batch that a range sees sets it.
  Network fresh(MakeGraph(1, -1), 32);
  Network::Batch batch{wide.pointers, wide.labels};
  batch.ranges_move = true;
  fresh.Train(batch, CrossEntropy{}, pool);
  EXPECT_EQ(fresh.State()[0], -3);
  EXPECT_EQ(fresh.State()[1], 6);
}

// Behind a batch norm and a ReLU that are computed where they are read.
Graph MakeClassifier() {
  Maker m({1, 12, 1});
  int codes = 0;
  const auto quantize = [&] {
    graph::Append(m.graph, "codes" + std::to_string(codes++), graph::FakeQuantize{},
                  {m.graph.output});
    m.graph.parameters[m.graph.nodes.back().name + ".range"] = {{2}, std::vector<float>{1, -1}};
  };
  m.Norm();
  quantize();
  graph::Conv2d conv = Conv(4, {3, 1});
  conv.weight_quantizer = graph::WeightQuantizer{};
  m.Conv(conv);
  m.Norm();
  m.Add(graph::Relu{});
  quantize();
  m.Add(graph::Flatten{});
  m.Linear(3);
  quantize();
  graph::Verify(m.graph);
  return m.graph;
}

struct Set {
  std::vector<float> inputs;
  std::vector<int32_t> labels;
  LabelledSet View() const { return {{1, 12, 1}, inputs, labels}; }
  explicit Set(int count) {
    Random random(4, "set");
    for (int i = 0; i < count; ++i) {
      labels.push_back(static_cast<int32_t>(random.Below(3)));
      for (int t = 0; t < 12; ++t) {
        inputs.push_back(
            static_cast<float>(std::sin(t * (0.3 + 0.4 * labels.back())) + 0.3 * random.Normal()));
      }
    }
  }
};

// What stands in the graph after each epoch.
std::vector<Graph> Epochs(const Graph& start, const Set& set, Options options, int threads) {
  std::vector<Graph> graphs;
  ThreadPool pool(threads);
  NullSink sink;
  const Predictor keep = [&](const Graph& graph) {
    graphs.push_back(graph);
    return Predict(graph, set.View(), pool);
  };
  options.learning_rate = 0.01;
  options.settings.batch_size = 32;
  Fit(start, set.View(), set.View(), options, keep, pool, sink);
  return graphs;
}

// Statistics and ranges follow the batches for so many epochs; the input's statistics stay.
TEST(RangesTest, FreezeByTheEpoch) {
  const Set set(100);
  ThreadPool pool(1);
  const Graph start = Calibrate(MakeClassifier(), set.View(), pool);
  Options options;
  options.epochs = 5;
  options.norm_epochs = 2;
  options.range_epochs = 3;
  const std::vector<Graph> epochs = Epochs(start, set, options, 1);
  ASSERT_EQ(epochs.size(), 5u);
  const auto changes = [&](const std::string& name) {
    std::string result;
    for (size_t e = 0; e < 5; ++e) {
      const Graph& before = e == 0 ? start : epochs[e - 1];
      result += before.parameters.at(name) == epochs[e].parameters.at(name) ? '-' : '+';
    }
    return result;
  };
  EXPECT_EQ(changes("n0.running_mean"), "-----");
  EXPECT_EQ(changes("n0.running_var"), "-----");
  EXPECT_EQ(changes("n2.running_mean"), "++---");
  EXPECT_EQ(changes("n2.running_var"), "++---");
  for (const char* range : {"codes0.range", "codes1.range", "codes2.range"}) {
    EXPECT_EQ(changes(range), "+++--") << range;
  }
  for (const char* weights : {"n0.weight", "n1.weight", "n2.weight", "n2.bias", "n5.weight"}) {
    EXPECT_EQ(changes(weights), "+++++") << weights;
  }
  const std::vector<Graph> two = Epochs(start, set, options, 2);
  for (size_t e = 0; e < 5; ++e) EXPECT_EQ(two[e].parameters, epochs[e].parameters);
  options.range_epochs = 0;
  const Graph stayed = Epochs(start, set, options, 1).back();
  EXPECT_EQ(stayed.parameters.at("codes1.range"), start.parameters.at("codes1.range"));
}

TEST(RangesTest, ResumeToTheSameBits) {
  class Stop : public NullSink {
   public:
    void OnProgress(const ProgressEvent&) override { ++epochs_; }
    bool Cancelled() override { return epochs_ >= 2; }

   private:
    int epochs_ = 0;
  };
  const Set set(100);
  ThreadPool pool(1);
  const Graph start = Calibrate(MakeClassifier(), set.View(), pool);
  const TemporaryFolder folder;
  Options options;
  options.epochs = 5;
  options.norm_epochs = 3;
  options.range_epochs = 4;
  options.learning_rate = 0.01;
  options.settings.batch_size = 32;
  NullSink sink;
  const Result whole = Fit(start, set.View(), set.View(), options, {}, pool, sink);
  options.checkpoint = folder.Path() / "checkpoint.bin";
  Stop stop;
  EXPECT_ANY_THROW(Fit(start, set.View(), set.View(), options, {}, pool, stop));
  const Result resumed = Fit(start, set.View(), set.View(), options, {}, pool, sink);
  EXPECT_EQ(resumed.best.parameters, whole.best.parameters);
  EXPECT_EQ(resumed.history.back().train_loss, whole.history.back().train_loss);
}

// x -> w x -> codes -> u: the end of the range moves by the formula of the paper, hi times the
// step's gradient over sqrt(n hi); scale = max / hi.
TEST(RangesTest, LearnedStepsHaveThePapersGradient) {
  for (const float min : {-1.0f, 0.0f}) {
    Graph graph = graph::MakeGraph("codes", {2});
    graph::Append(graph, "first", graph::Linear{2, false, {}}, {graph.output});
    graph.parameters["first.weight"] = {{2, 2}, std::vector<float>{1, 0, 0, 1}};
    graph::FakeQuantize op{4, false, false, true};
    graph::Append(graph, "codes", op, {graph.output});
    graph.parameters["codes.range"] = {{2}, std::vector<float>{min, 1.4f}};
    graph::Append(graph, "second", graph::Linear{2, false, {}}, {graph.output});
    graph.parameters["second.weight"] = {{2, 2}, std::vector<float>{0.3f, -0.7f, 0.2f, 0.9f}};
    graph::Verify(graph);
    std::vector<std::vector<float>> rows = {
        {0.5f, -0.507f}, {-3.0f, 0.2f}, {2.5f, 1.1f}, {0.02f, 1.38f}};
    std::vector<const float*> samples;
    for (const auto& row : rows) samples.push_back(row.data());
    const std::vector<int32_t> labels = {0, 1, 1, 0};
    ThreadPool pool(1);
    Network network(graph, 4);
    Network::Batch batch{samples, labels};
    network.Train(batch, CrossEntropy{}, pool);
    const double hi = min < 0 ? 7 : 15;
    const double lo = min < 0 ? -8 : 0;
    const double scale = 1.4f / hi;
    double expected = 0;
    for (size_t n = 0; n < 4; ++n) {
      double v[2];
      double slope[2];
      for (size_t i = 0; i < 2; ++i) {
        const double u = rows[n][i] / scale;
        const double code = std::clamp(std::floor(u + 0.5), lo, hi);
        v[i] = code * scale;
        slope[i] = code == std::floor(u + 0.5) ? code - u : code;
      }
      const double z0 = 0.3f * v[0] - 0.7f * v[1];
      const double z1 = 0.2f * v[0] + 0.9f * v[1];
      const double p1 = 1 / (1 + std::exp(z0 - z1));
      const double g1 = (p1 - labels[n]) / 4;  // gradient of z1; z0's is its negative
      expected += g1 * ((0.2f - 0.3f) * slope[0] + (0.9f + 0.7f) * slope[1]);
    }
    expected *= hi / std::sqrt(2 * hi);
    const auto names = network.ParameterNames();
    ASSERT_EQ(names.at(1).name, "codes.range");
    EXPECT_EQ(network.Gradients()[4], 0.0f);
    EXPECT_NEAR(network.Gradients()[5], expected, 1e-6);
    EXPECT_TRUE(network.StateNames().empty());
    // The range is centred, and stays on its side of zero however far a step goes.
    EXPECT_EQ(network.Parameters()[4], min < 0 ? -1.4f : 0.0f);
    network.Parameters()[5] = 0.9f;
    network.KeepStepsPositive();
    EXPECT_EQ(network.Parameters()[4], min < 0 ? -0.9f : 0.0f);
    network.Parameters()[5] = -0.3f;
    network.KeepStepsPositive();
    EXPECT_GT(network.Parameters()[5], 0.0f);
    EXPECT_EQ(network.Parameters()[4], min < 0 ? -network.Parameters()[5] : 0.0f);
  }
}

// Of the input too, in front of which nothing else is trained; and the batches do not move it.
TEST(RangesTest, LearnedStepsOfTheInput) {
  ThreadPool pool(1);
  Network network(MakeGraph(-1, 2, true), 32);
  const Samples samples(-3, 6);
  Network::Batch batch{samples.pointers, samples.labels};
  batch.ranges_move = true;
  network.Train(batch, CrossEntropy{}, pool);
  EXPECT_EQ(network.Parameters()[0], -2.0f);
  EXPECT_EQ(network.Parameters()[1], 2.0f);
  EXPECT_NE(network.Gradients()[1], 0.0f);
}

// Training with steps lowers the loss and leaves them positive.
TEST(RangesTest, StepsLearn) {
  const Set set(200);
  ThreadPool pool(1);
  Graph graph = MakeClassifier();
  for (graph::Node& node : graph.nodes) {
    if (auto* range = std::get_if<graph::FakeQuantize>(&node.op)) *range = {4, false, false, true};
    if (auto* conv = std::get_if<graph::Conv2d>(&node.op)) {
      conv->weight_quantizer =
          graph::WeightQuantizer{4, false, true, graph::Rounding::kLearnedStep};
      graph.parameters[node.name + ".step"] = {{4}, std::vector<float>(4, 0.05f)};
    }
  }
  graph::Verify(graph);
  const Graph start = Calibrate(graph, set.View(), pool);
  Options options;
  options.epochs = 6;
  options.norm_epochs = 2;
  options.learning_rate = 0.01;
  options.settings.batch_size = 32;
  NullSink sink;
  const Result result = Fit(start, set.View(), set.View(), options, {}, pool, sink);
  EXPECT_LT(result.history.back().train_loss, 0.8 * result.history.front().train_loss);
  for (const float step : result.best.parameters.at("n1.step").Floats()) EXPECT_GT(step, 0.0f);
  EXPECT_NE(result.best.parameters.at("n1.step"), start.parameters.at("n1.step"));
  for (const char* range : {"codes0.range", "codes1.range", "codes2.range"}) {
    const std::vector<float>& limits = result.best.parameters.at(range).Floats();
    EXPECT_GT(limits[1], 0.0f);
    EXPECT_TRUE(limits[0] == 0.0f || limits[0] == -limits[1]) << range;
    EXPECT_NE(result.best.parameters.at(range), start.parameters.at(range));
  }
}

}  // namespace
}  // namespace platypus::train
