// What becomes of batch norms and of learned steps between training and conversion.
#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"
#include "platypus/graph/quantization.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {
namespace {

using graph::Graph;

struct Maker {
  Graph g = graph::MakeGraph("t", {2, 16, 1});
  Random random{3, "net"};

  void Add(const char* name, graph::Op op) {
    const Shape in = g.Output().shape;
    graph::Append(g, name, std::move(op), {g.output});
    for (const graph::Role& role : graph::Roles(g.nodes.back().op, in)) {
      std::vector<float> values(static_cast<size_t>(NumElements(role.shape)));
      const bool positive = role.name == "running_var" || role.shape.size() == 1;
      for (float& v : values) {
        v = static_cast<float>(random.Uniform(positive ? 0.3 : -0.6, positive ? 1.2 : 0.6));
      }
      g.parameters[std::string(name) + "." + role.name] = {role.shape, std::move(values)};
    }
  }
};

// Batch norms on the input, behind a convolution, behind a pool, behind a linear layer.
Graph MakeNetwork() {
  Maker m;
  m.Add("norm", graph::BatchNorm{});
  m.Add("conv", graph::Conv2d{4, {3, 1}, {}, {}, {1, 0, 1, 0}, 1, true, {}});
  m.Add("nothing", graph::Identity{});
  m.Add("conv.norm", graph::BatchNorm{});
  m.Add("relu", graph::Relu{});
  m.Add("dropout", graph::Dropout{});
  m.Add("pool", graph::MaxPool{{2, 1}, {2, 1}, {}, {}});
  m.Add("pool.norm", graph::BatchNorm{});
  m.Add("flatten", graph::Flatten{});
  m.Add("linear", graph::Linear{5, true, {}});
  m.Add("linear.norm", graph::BatchNorm{});
  m.Add("out", graph::Linear{3, true, {}});
  graph::Verify(m.g);
  return m.g;
}

std::vector<float> MakeInputs(int count) {
  Random random(4, "inputs");
  std::vector<float> inputs(static_cast<size_t>(count) * 32);
  for (float& v : inputs) v = static_cast<float>(random.Uniform(-2, 2));
  return inputs;
}

// Ranges from what comes by, one after the other.
Graph Observe(Graph g, const std::vector<float>& inputs) {
  for (const graph::Node& node : g.nodes) {
    if (!std::holds_alternative<graph::FakeQuantize>(node.op)) continue;
    const exec::Interpreter interpreter(g);
    float low = 1e30f;
    float high = -1e30f;
    for (size_t i = 0; i < inputs.size(); i += 32) {
      const auto tensors = interpreter.RunAll(std::span(inputs).subspan(i, 32));
      for (const float v : tensors[static_cast<size_t>(node.inputs[0])]) {
        low = std::min(low, v);
        high = std::max(high, v);
      }
    }
    g.Parameter(node, "range").Floats() = {low, high};
  }
  return g;
}

std::vector<std::string> Listing(const Graph& g) {
  std::vector<std::string> names;
  for (const graph::Node& node : g.nodes) {
    names.push_back(node.name + " " + graph::Name(node.op));
  }
  return names;
}

TEST(PrepareTest, BatchNormsStayBehindTheirLayers) {
  const Graph trained = MakeNetwork();
  const Graph prepared = PrepareForTraining(trained, {});
  const std::vector<std::string> expected = {"norm BatchNorm",
                                             "norm.quantize FakeQuantize",
                                             "conv Conv2d",
                                             "conv.norm BatchNorm",
                                             "relu Relu",
                                             "relu.quantize FakeQuantize",
                                             "pool MaxPool",
                                             "pool.norm Conv2d",
                                             "pool.norm.quantize FakeQuantize",
                                             "flatten Flatten",
                                             "linear Linear",
                                             "linear.norm BatchNorm",
                                             "linear.quantize FakeQuantize",
                                             "out Linear",
                                             "out.quantize FakeQuantize"};
  EXPECT_EQ(Listing(prepared), expected);
  for (const char* name : {"conv.weight", "conv.norm.weight", "linear.norm.running_mean"}) {
    EXPECT_EQ(prepared.parameters.at(name), trained.parameters.at(name)) << name;
  }
}

// Their statistics are part of what is converted; tensors find their counterparts.
TEST(PrepareTest, ConversionFoldsBatchNorms) {
  const Graph trained = MakeNetwork();
  const std::vector<float> inputs = MakeInputs(40);
  ThreadPool pool(1);
  for (const config::WeightRounding rounding :
       {config::WeightRounding::kNearest, config::WeightRounding::kLearnedStep}) {
    for (const bool per_channel : {true, false}) {
      Settings settings;
      settings.rounding = rounding;
      settings.per_channel = per_channel;
      const Graph fake = Observe(PrepareForTraining(trained, settings), inputs);
      const Graph integer = Convert(fake, settings);
      for (const graph::Node& node : integer.nodes) {
        EXPECT_FALSE(std::holds_alternative<graph::BatchNorm>(node.op)) << node.name;
      }
      const std::vector<float> wanted = exec::Interpreter(fake).Run(inputs, 40, pool);
      const std::vector<float> found = exec::Interpreter(integer).Run(inputs, 40, pool);
      const double scale = OutputScale(integer);
      double error = 0;
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_NEAR(found[i] * scale, wanted[i], 6 * scale);
        error += std::abs(found[i] - wanted[i] / scale);
      }
      EXPECT_LT(error / static_cast<double>(found.size()), 1.0);
      std::vector<std::string> matched;
      for (const Match& match : MatchLayers(graph::FoldBatchNorm(trained), integer)) {
        matched.push_back(integer.At(match.integer).name);
      }
      EXPECT_EQ(matched.size(), 7u) << testing::PrintToString(matched);
    }
  }
}

// The codes of a learned step are the step's, not those of the largest weight.
TEST(PrepareTest, ConversionReadsLearnedSteps) {
  Settings settings;
  settings.rounding = config::WeightRounding::kLearnedStep;
  settings.precision.weight_bits = 4;
  Graph fake = Observe(PrepareForTraining(MakeNetwork(), settings), MakeInputs(40));
  const std::vector<float> steps = {0.02f, 0.05f, 0.1f, 0.3f};
  fake.parameters.at("conv.step").Floats() = steps;
  const std::vector<float> folded =
      graph::FoldBatchNorm(fake).parameters.at("conv.weight").Floats();
  const std::vector<int8_t> codes = Convert(fake, settings).parameters.at("conv.weight").Int8s();
  for (size_t i = 0; i < codes.size(); ++i) {
    const double step = steps[i / 6];
    EXPECT_EQ(codes[i], std::clamp(std::nearbyint(folded[i] / step), -7.0, 7.0)) << i;
  }
}

TEST(PrepareTest, LearnedStepsBeginAtTheFoldedWeights) {
  Settings settings;
  settings.rounding = config::WeightRounding::kLearnedStep;
  settings.precision.weight_bits = 4;
  const Graph trained = MakeNetwork();
  const Graph prepared = PrepareForTraining(trained, settings);
  const std::vector<float> weights =
      graph::FoldBatchNorm(trained).parameters.at("conv.weight").Floats();
  for (size_t c = 0; c < 4; ++c) {
    double sum = 0;
    for (size_t i = 0; i < 6; ++i) sum += std::abs(weights[6 * c + i]);
    EXPECT_NEAR(prepared.parameters.at("conv.step").Floats()[c], 2 * sum / 6 / std::sqrt(7.0),
                1e-6);
  }
  for (const graph::Node& node : prepared.nodes) {
    if (const auto* range = std::get_if<graph::FakeQuantize>(&node.op)) {
      EXPECT_TRUE(range->learned_step) << node.name;
    }
  }
}

}  // namespace
}  // namespace platypus::quantize
