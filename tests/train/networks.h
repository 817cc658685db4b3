#ifndef PLATYPUS_TESTS_TRAIN_NETWORKS_H_
#define PLATYPUS_TESTS_TRAIN_NETWORKS_H_

#include <string>
#include <utility>
#include <vector>

#include "platypus/base/random.h"
#include "platypus/graph/graph.h"

// Small networks, one for each operator and for what is easily got wrong around it.
namespace platypus::train {

inline Array RandomArray(const Shape& shape, Random& random, double low, double high) {
  std::vector<float> values(static_cast<size_t>(NumElements(shape)));
  for (float& value : values) value = static_cast<float>(random.Uniform(low, high));
  return {shape, std::move(values)};
}

struct Maker {
  graph::Graph graph;
  Random random{7, "gradient test"};
  int count = 0;

  explicit Maker(const Shape& input) : graph(graph::MakeGraph("test", input)) {}
  graph::TensorId Add(const graph::Op& op, std::vector<graph::TensorId> inputs = {}) {
    if (inputs.empty()) inputs = {graph.output};
    return graph::Append(graph, "n" + std::to_string(count++), op, std::move(inputs));
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
  graph::Graph Classifier(int classes) {
    if (graph.Output().shape.size() == 3) Add(graph::Flatten{});
    Linear(classes);
    graph::Verify(graph);
    return graph;
  }
};

struct Case {
  std::string name;
  graph::Graph graph;
};

inline graph::Conv2d Conv(int out, graph::Size2 kernel, graph::Size2 stride = {},
                          graph::Padding2 padding = {}, int groups = 1, graph::Size2 dilation = {},
                          bool bias = true) {
  return {out, kernel, stride, dilation, padding, groups, bias, {}};
}

inline std::vector<Case> Cases() {
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
  add("identity_of_shared", {3, 6, 1}, [](Maker& m) {
    m.Norm();
    const auto trunk = m.graph.output;
    const auto same = m.Add(graph::Identity{}, {trunk});
    const auto cut = m.Add(graph::Relu{}, {same});
    m.Add(Conv(3, {1, 1}), {trunk});
    m.Parameter("weight", {3, 3, 1, 1}, -0.5, 0.5);
    m.Parameter("bias", {3}, -0.5, 0.5);
    m.Add(graph::Add{}, {m.graph.output, cut});
  });
  add("norm_of_shared", {2, 7, 1}, [](Maker& m) {
    m.Conv(Conv(4, {3, 1}));
    const auto trunk = m.graph.output;
    m.Norm();
    const auto left = m.Add(graph::Relu{});
    m.Add(graph::MaxPool{{3, 1}, {1, 1}, {1, 1}, {1, 0, 1, 0}}, {trunk});
    m.Add(graph::Add{}, {left, m.graph.output});
  });
  add("branch_to_nowhere", {2, 6, 1}, [](Maker& m) {
    m.Conv(Conv(3, {3, 1}));
    const auto trunk = m.graph.output;
    m.Conv(Conv(2, {1, 1}));
    m.Norm();
    m.Add(graph::Relu{}, {trunk});
  });
  return cases;
}

}  // namespace platypus::train

#endif  // PLATYPUS_TESTS_TRAIN_NETWORKS_H_
