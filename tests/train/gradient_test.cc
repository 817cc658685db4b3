// Gradients of every float operator against central differences of the loss, and forward passes
// against the reference interpreter, which shares no code with the engine.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"
#include "platypus/train/network.h"

namespace platypus::train {
namespace {

using graph::Graph;

Array RandomArray(const Shape& shape, Random& random, double low, double high) {
  std::vector<float> values(static_cast<size_t>(NumElements(shape)));
  for (float& value : values) value = static_cast<float>(random.Uniform(low, high));
  return {shape, std::move(values)};
}

struct Maker {
  Graph graph;
  Random random{7, "gradient test"};
  int count = 0;

  explicit Maker(const Shape& input) : graph(graph::MakeGraph("test", input)) {}
  graph::TensorId Add(graph::Op op, std::vector<graph::TensorId> inputs = {}) {
    if (inputs.empty()) inputs = {graph.output};
    return graph::Append(graph, "n" + std::to_string(count++), std::move(op), std::move(inputs));
  }
  void Parameter(const char* role, const Shape& shape, double low, double high) {
    graph.parameters[graph.nodes.back().name + "." + role] = RandomArray(shape, random, low, high);
  }
  void Conv(graph::Conv2d op) {
    const int64_t in = graph.Output().shape[0];
    Add(op);
    Parameter("weight", {op.out_channels, in / op.groups, op.kernel.h, op.kernel.w}, -0.6, 0.6);
    if (op.has_bias) Parameter("bias", {op.out_channels}, -0.5, 0.5);
  }
  void Linear(int outputs) {
    const int64_t in = graph.Output().shape[0];
    Add(graph::Linear{outputs, true, {}});
    Parameter("weight", {outputs, in}, -0.5, 0.5);
    Parameter("bias", {outputs}, -0.5, 0.5);
  }
  void Norm() {
    const int64_t channels = graph.Output().shape[0];
    Add(graph::BatchNorm{});
    Parameter("weight", {channels}, 0.5, 1.5);
    Parameter("bias", {channels}, -0.5, 0.5);
    Parameter("running_mean", {channels}, -0.3, 0.3);
    Parameter("running_var", {channels}, 0.5, 1.5);
  }
  Graph Classifier(int classes) {
    if (graph.Output().shape.size() == 3) Add(graph::Flatten{});
    Linear(classes);
    graph::Verify(graph);
    return graph;
  }
};

struct Case {
  std::string name;
  Graph graph;
};

graph::Conv2d Conv(int out, graph::Size2 kernel, graph::Size2 stride = {},
                   graph::Padding2 padding = {}, int groups = 1, graph::Size2 dilation = {},
                   bool bias = true) {
  return {out, kernel, stride, dilation, padding, groups, bias, {}};
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  const auto add = [&](const char* name, const Shape& input, auto build) {
    Maker maker(input);
    build(maker);
    cases.push_back({name, maker.Classifier(3)});
  };
  add("linear", {5, 1, 1}, [](Maker&) {});
  add("conv_k5", {2, 13, 1}, [](Maker& m) { m.Conv(Conv(5, {5, 1}, {}, {2, 0, 2, 0})); });
  add("conv_deep", {3, 9, 1}, [](Maker& m) {
    m.Conv(Conv(4, {3, 1}, {}, {1, 0, 1, 0}));
    m.Add(graph::Relu{});
    m.Conv(Conv(6, {3, 1}, {}, {1, 0, 1, 0}));
  });
  add("conv_stride2", {2, 11, 1}, [](Maker& m) {
    m.Conv(Conv(4, {5, 1}, {2, 1}, {2, 0, 2, 0}));
    m.Conv(Conv(3, {3, 1}, {2, 1}, {1, 0, 1, 0}));
  });
  add("conv_stride7_dilation", {1, 40, 1}, [](Maker& m) {
    m.Conv(Conv(2, {3, 1}, {1, 1}, {2, 0, 2, 0}, 1, {2, 1}));
    m.Conv(Conv(3, {11, 1}, {7, 1}, {5, 0, 5, 0}));
  });
  add("conv_2d", {2, 7, 6}, [](Maker& m) {
    m.Conv(Conv(3, {3, 2}, {1, 2}, {1, 1, 1, 0}));
    m.Conv(Conv(4, {2, 3}, {2, 1}, {0, 1, 1, 1}, 1, {1, 1}, false));
  });
  add("depthwise", {6, 10, 1}, [](Maker& m) {
    m.Conv(Conv(6, {3, 1}, {}, {1, 0, 1, 0}));
    m.Conv(Conv(6, {3, 1}, {2, 1}, {1, 0, 1, 0}, 6));
    m.Conv(Conv(8, {1, 1}));
  });
  add("groups", {4, 8, 1}, [](Maker& m) { m.Conv(Conv(6, {3, 1}, {}, {}, 2)); });
  add("norm_input", {3, 6, 1}, [](Maker& m) { m.Norm(); });
  add("conv_norm_relu", {2, 8, 1}, [](Maker& m) {
    m.Norm();
    m.Conv(Conv(4, {3, 1}, {}, {1, 0, 1, 0}));
    m.Norm();
    m.Add(graph::Relu{});
    m.Conv(Conv(5, {3, 1}, {}, {1, 0, 1, 0}));
    m.Norm();
    m.Add(graph::Relu{});
  });
  add("max_pool", {3, 9, 1}, [](Maker& m) {
    m.Conv(Conv(3, {3, 1}, {}, {1, 0, 1, 0}));
    m.Add(graph::MaxPool{{3, 1}, {2, 1}, {1, 1}, {1, 0, 1, 0}});
  });
  add("avg_pool_padded", {2, 9, 4}, [](Maker& m) {
    m.Conv(Conv(3, {1, 1}));
    m.Add(graph::AvgPool{{3, 2}, {2, 2}, {1, 1, 1, 1}});
  });
  add("adaptive_uneven", {2, 11, 1}, [](Maker& m) {
    m.Conv(Conv(3, {1, 1}));
    m.Add(graph::AdaptiveAvgPool{{4, 1}});
  });
  add("residual", {3, 6, 1}, [](Maker& m) {
    m.Conv(Conv(4, {1, 1}));
    const auto trunk = m.graph.output;
    m.Conv(Conv(4, {3, 1}, {}, {1, 0, 1, 0}));
    const auto branch = m.Add(graph::Relu{});
    m.Add(graph::Add{}, {trunk, branch});
    m.Add(graph::Relu{});
  });
  add("concat", {2, 6, 1}, [](Maker& m) {
    m.Norm();
    const auto trunk = m.graph.output;
    m.Conv(Conv(3, {3, 1}, {}, {1, 0, 1, 0}));
    const auto left = m.graph.output;
    m.Conv(Conv(3, {1, 1}));
    const auto right = m.Add(graph::Relu{});
    m.Add(graph::Concat{1}, {left, right});
    const auto joined = m.graph.output;
    graph::Conv2d wide = Conv(3, {1, 1});
    m.Add(wide, {trunk});
    m.Parameter("weight", {3, 2, 1, 1}, -0.5, 0.5);
    m.Parameter("bias", {3}, -0.5, 0.5);
    m.Add(graph::Concat{1}, {joined, m.graph.output});
  });
  add("linear_norm", {4, 2, 1}, [](Maker& m) {
    m.Add(graph::Flatten{});
    m.Linear(6);
    m.Norm();
    m.Add(graph::Relu{});
  });
  return cases;
}

class GradientTest : public testing::TestWithParam<size_t> {};

TEST_P(GradientTest, AgreesWithCentralDifferences) {
  const Graph graph = Cases()[GetParam()].graph;
  constexpr int64_t kCount = 19;  // not a multiple of the 16 lanes
  Random random(11, "data");
  const auto elements = static_cast<size_t>(NumElements(graph.Input().shape));
  std::vector<float> data(kCount * elements);
  for (float& value : data) value = static_cast<float>(random.Uniform(-1.5, 1.5));
  std::vector<const float*> samples;
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < kCount; ++i) {
    samples.push_back(data.data() + static_cast<size_t>(i) * elements);
    labels.push_back(static_cast<int32_t>(random.Below(3)));
  }
  ThreadPool pool(2);
  Network network(graph, kCount);
  const auto loss = [&] {
    return network.Train({samples, labels}, 0.1f, false, pool).loss / kCount;
  };
  loss();
  const std::vector<float> gradients(network.Gradients().begin(), network.Gradients().end());
  const std::span<float> parameters = network.Parameters();
  double worst = 0;
  for (size_t i = 0; i < parameters.size(); i += 1 + parameters.size() / 60) {
    const float kept = parameters[i];
    constexpr float kStep = 1e-3f;
    parameters[i] = kept + kStep;
    const double above = loss();
    parameters[i] = kept - kStep;
    const double below = loss();
    parameters[i] = kept;
    const double numeric = (above - below) / (2.0 * kStep);
    EXPECT_NEAR(gradients[i], numeric, 2e-3 + 0.03 * std::abs(numeric)) << "parameter " << i;
    worst = std::max(worst, std::abs(gradients[i] - numeric));
  }
  EXPECT_GT(*std::max_element(gradients.begin(), gradients.end()), 1e-4f) << "all gradients vanish";
}

TEST_P(GradientTest, PredictsWhatTheInterpreterComputes) {
  const Graph graph = Cases()[GetParam()].graph;
  constexpr int64_t kCount = 35;
  Random random(13, "data");
  const auto elements = static_cast<size_t>(NumElements(graph.Input().shape));
  std::vector<float> data(kCount * elements);
  for (float& value : data) value = static_cast<float>(random.Uniform(-1.5, 1.5));
  std::vector<const float*> samples;
  for (int64_t i = 0; i < kCount; ++i)
    samples.push_back(data.data() + static_cast<size_t>(i) * elements);
  ThreadPool pool(2);
  Network network(graph, kCount);
  std::vector<float> logits(kCount * 3);
  network.Predict({samples, {}}, logits, pool);
  const std::vector<float> expected = exec::Interpreter(graph).Run(data, kCount, pool);
  for (size_t i = 0; i < logits.size(); ++i)
    EXPECT_NEAR(logits[i], expected[i], 2e-5 * std::max(1.0f, std::abs(expected[i])));
}

INSTANTIATE_TEST_SUITE_P(Operators, GradientTest, testing::Range(size_t{0}, Cases().size()),
                         [](const auto& info) { return Cases()[info.param].name; });

}  // namespace
}  // namespace platypus::train
