#ifndef PLATYPUS_TESTS_TRAIN_NETWORKS_H_
#define PLATYPUS_TESTS_TRAIN_NETWORKS_H_

#include <string>
#include <utility>
#include <variant>
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
  // Adds a node with whatever parameters it has.
  graph::TensorId Layer(const graph::Op& op, std::vector<graph::TensorId> inputs = {}) {
    if (inputs.empty()) inputs = {graph.output};
    const Shape in = graph.At(inputs[0]).shape;
    const graph::TensorId out = Add(op, std::move(inputs));
    for (const graph::Role& role : graph::Roles(op, in)) {
      const bool factor = role.shape.size() == 1 || std::holds_alternative<graph::LayerNorm>(op);
      if (role.name == "running_var" || (role.name == "weight" && factor)) {
        Parameter(role.name.c_str(), role.shape, 0.5, 1.5);
      } else {
        Parameter(role.name.c_str(), role.shape, -0.6, 0.6);
      }
    }
    return out;
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

// Roles of what is trained, in the order in which the engine keeps them.
inline std::vector<std::string> TrainedRoles(const graph::Graph& graph, const graph::Node& node) {
  std::vector<std::string> names;
  for (const graph::Role& role : graph::Roles(node.op, graph.At(node.inputs[0]).shape)) {
    if (!role.name.starts_with("running_") && role.name != "range") names.push_back(role.name);
  }
  return names;
}

struct Case {
  std::string name;
  graph::Graph graph;
};

inline graph::Conv2d Conv(int out, graph::Size2 kernel, graph::Size2 stride = {},
                          graph::Padding2 padding = {}, int groups = 1, graph::Size2 dilation = {},
                          bool bias = true) {
  return {out, kernel, stride, dilation, padding, groups, bias, {}};
}

// Layers that work on each sample by itself, each on a width of 1 and on images, as the network's
// first layer (nobody asks for its input's gradient), behind a batch norm and a ReLU that are not
// stored, and as one of two readers of a tensor (one gradient is added to the other).
inline void AddLocalCases(std::vector<Case>& cases) {
  const auto add = [&](const std::string& name, const Shape& input, auto build) {
    Maker maker(input);
    build(maker);
    cases.push_back({name, maker.Classifier(3)});
  };
  const auto conv_norm_relu = [](Maker& m, int channels) {
    const bool wide = m.graph.Output().shape[2] > 1;
    m.Conv(Conv(channels, {3, wide ? 3 : 1}, {}, {1, wide ? 1 : 0, 1, wide ? 1 : 0}));
    m.Norm();
    m.Add(graph::Relu{});
  };
  const auto everywhere = [&](const std::string& name, const Shape& input, const graph::Op& op) {
    add(name + "_first", input, [&](Maker& m) { m.Layer(op); });
    add(name + "_behind_norm", input, [&](Maker& m) {
      conv_norm_relu(m, static_cast<int>(input[0]));
      m.Layer(op);
      m.Add(graph::Flatten{});
      m.Linear(4);
      m.Add(graph::Relu{});
    });
    add(name + "_shared", input, [&](Maker& m) {
      m.Conv(Conv(static_cast<int>(input[0]), {1, 1}));
      const auto trunk = m.graph.output;
      m.Layer(op);
      if (m.graph.Output().shape.size() == 3) m.Add(graph::Flatten{});
      m.Linear(4);
      const auto left = m.graph.output;
      m.Layer(op, {trunk});
      if (m.graph.Output().shape.size() == 3) m.Add(graph::Flatten{});
      m.Linear(4);
      const auto middle = m.Add(graph::Add{}, {left, m.graph.output});
      m.Add(graph::Flatten{}, {trunk});
      m.Linear(4);
      m.Add(graph::Mul{}, {middle, m.graph.output});
    });
  };
  const Shape series = {3, 7, 1};
  const Shape image = {2, 5, 4};
  const std::pair<const char*, graph::Op> pointwise[] = {
      {"clamp", graph::Clamp{-0.4f, 0.7f}},
      {"leaky_relu", graph::LeakyRelu{0.2f}},
      {"sigmoid", graph::Sigmoid{}},
      {"tanh", graph::Tanh{}},
      {"gelu", graph::Gelu{}},
      {"softmax", graph::Softmax{}},
      {"log_softmax", graph::LogSoftmax{}},
      {"dropout_of_nothing", graph::Dropout{0.0f}},
      {"layer_norm", graph::LayerNorm{}},
      {"scale", graph::Scale{}}};
  for (const auto& [name, op] : pointwise) {
    everywhere(name, series, op);
    everywhere(std::string(name) + "_2d", image, op);
    add(std::string(name) + "_flat", series, [&op = op](Maker& m) {
      m.Add(graph::Flatten{});
      m.Linear(5);
      m.Norm();
      m.Layer(op);
      m.Linear(4);
      m.Layer(op);
    });
  }

  everywhere("transpose", series, graph::Transpose{{1, 0, 2}});
  everywhere("transpose_201", image, graph::Transpose{{2, 0, 1}});
  everywhere("transpose_120", image, graph::Transpose{{1, 2, 0}});
  everywhere("pad", series, graph::Pad{{2, 0, 1, 0}, 0.0f});
  everywhere("pad_value", image, graph::Pad{{1, 2, 0, 3}, -0.75f});
  everywhere("slice_channels", image, graph::Slice{0, 1, 2, 1});
  everywhere("slice_rows", series, graph::Slice{1, 1, 7, 2});
  everywhere("slice_rows_uneven", image, graph::Slice{1, 0, 5, 3});
  everywhere("slice_columns", image, graph::Slice{2, 1, 4, 2});
  add("slice_flat", series, [](Maker& m) {
    m.Add(graph::Flatten{});
    m.Linear(7);
    m.Add(graph::Slice{0, 1, 6, 2});
  });
  for (const auto mode : {graph::Resize::Mode::kNearest, graph::Resize::Mode::kBilinear}) {
    const std::string name =
        mode == graph::Resize::Mode::kNearest ? "resize_nearest" : "resize_bilinear";
    everywhere(name + "_up", series, graph::Resize{{11, 1}, mode});
    everywhere(name + "_down", series, graph::Resize{{3, 1}, mode});
    everywhere(name + "_up_down", image, graph::Resize{{8, 3}, mode});
    everywhere(name + "_down_up", image, graph::Resize{{2, 7}, mode});
    everywhere(name + "_same", image, graph::Resize{{5, 4}, mode});
    everywhere(name + "_wider", {2, 4, 1}, graph::Resize{{1, 3}, mode});
  }
  everywhere("reshape", series, graph::Reshape{{7, 3, 1}});
  everywhere("reshape_flat", image, graph::Reshape{{40}});
  // What stands behind the tensor counts its channels otherwise than its readers do.
  add("reshape_into_padded_conv", {4, 6, 1}, [&](Maker& m) {
    conv_norm_relu(m, 4);
    m.Add(graph::Reshape{{3, 8, 1}});
    m.Conv(Conv(3, {3, 1}, {}, {1, 0, 1, 0}));
    m.Norm();
    m.Add(graph::Relu{});
    m.Add(graph::Reshape{{8, 3, 1}});
    m.Norm();
    m.Add(graph::Reshape{{6, 2, 2}});
    m.Conv(Conv(2, {2, 2}, {}, {1, 1, 0, 0}));
  });
  add("reshape_of_features", {4, 3, 1}, [](Maker& m) {
    m.Add(graph::Flatten{});
    m.Linear(12);
    m.Norm();
    m.Add(graph::Relu{});
    m.Add(graph::Reshape{{2, 3, 2}});
    m.Conv(Conv(3, {2, 2}, {}, {1, 1, 1, 1}));
    m.Add(graph::MaxPool{{2, 2}, {1, 1}, {1, 1}, {}});
  });
  add("reshape_into_pool", {4, 6, 1}, [&](Maker& m) {
    conv_norm_relu(m, 4);
    m.Add(graph::Reshape{{2, 3, 4}});
    m.Add(graph::AvgPool{{2, 2}, {1, 2}, {1, 1, 1, 1}});
    m.Norm();
    m.Add(graph::Reshape{{4, 6, 1}});
    m.Add(graph::Softmax{});
    m.Add(graph::Reshape{{3, 4, 2}});
    m.Add(graph::Transpose{{2, 1, 0}});
  });

  for (const auto& [name, cell] : {std::pair{"rnn", graph::Recurrent::Cell::kRnn},
                                   std::pair{"gru", graph::Recurrent::Cell::kGru},
                                   std::pair{"lstm", graph::Recurrent::Cell::kLstm}}) {
    for (int layers = 1; layers <= 3; ++layers) {
      for (const bool last : {false, true}) {
        const std::string text =
            name + std::to_string(layers) + (last ? "_last_step" : "_sequence");
        everywhere(text, {3, 6, 1}, graph::Recurrent{cell, 4, layers, last});
      }
    }
    const std::string text = name;
    everywhere(text + "_narrow", {7, 4, 1}, graph::Recurrent{cell, 2, 2, true});
    everywhere(text + "_one_step", {3, 1, 1}, graph::Recurrent{cell, 2, 2, false});
    everywhere(text + "_one_value", {1, 5, 1}, graph::Recurrent{cell, 1, 1, true});
    everywhere(text + "_many", {5, 3, 1}, graph::Recurrent{cell, 9, 1, true});
    add(text + "_after_" + text, {2, 5, 1}, [cell = cell](Maker& m) {
      m.Layer(graph::Recurrent{cell, 3, 1, false});
      m.Norm();
      m.Layer(graph::Recurrent{cell, 3, 1, true});
    });
  }

  everywhere("spread_stride1", {4, 7, 1},
             graph::ConvTranspose2d{5, {3, 1}, {}, {}, {}, {0, 0}, 1, true});
  everywhere("spread_stride2", series,
             graph::ConvTranspose2d{4, {3, 1}, {2, 1}, {}, {1, 0, 1, 0}, {1, 0}, 1, true});
  everywhere("spread_stride3", series,
             graph::ConvTranspose2d{2, {5, 1}, {3, 1}, {}, {2, 0, 1, 0}, {2, 0}, 1, false});
  everywhere("spread_gaps", series,
             graph::ConvTranspose2d{2, {2, 1}, {3, 1}, {}, {}, {1, 0}, 1, true});
  everywhere("spread_2d", image,
             graph::ConvTranspose2d{3, {3, 2}, {2, 3}, {}, {1, 0, 0, 1}, {0, 2}, 1, true});
  everywhere("spread_dilated", image,
             graph::ConvTranspose2d{3, {3, 2}, {2, 1}, {2, 3}, {1, 1, 2, 0}, {1, 2}, 1, true});
  everywhere("spread_groups", {4, 5, 2},
             graph::ConvTranspose2d{6, {2, 3}, {2, 2}, {}, {0, 1, 0, 1}, {0, 1}, 2, true});
  everywhere("spread_depthwise", {4, 6, 1},
             graph::ConvTranspose2d{4, {4, 1}, {2, 1}, {}, {1, 0, 1, 0}, {0, 0}, 4, false});
  everywhere("spread_wider", {4, 3, 1},
             graph::ConvTranspose2d{4, {1, 3}, {1, 2}, {}, {0, 1, 0, 0}, {0, 1}, 1, true});
  everywhere("spread_cut", {3, 9, 1},
             graph::ConvTranspose2d{2, {3, 1}, {2, 1}, {}, {4, 0, 5, 0}, {0, 0}, 1, true});

  add("product_with_itself", series, [&](Maker& m) {
    conv_norm_relu(m, 3);
    m.Add(graph::Mul{}, {m.graph.output, m.graph.output});
  });
  add("product_of_input", series, [](Maker& m) {
    m.Add(graph::Mul{}, {m.graph.output, m.graph.output});
  });
  add("product_of_branches", image, [&](Maker& m) {
    m.Conv(Conv(3, {1, 1}));
    const auto trunk = m.graph.output;
    conv_norm_relu(m, 3);
    const auto left = m.graph.output;
    m.Add(graph::Sigmoid{}, {trunk});
    m.Conv(Conv(3, {1, 1}));
    m.Norm();
    m.Add(graph::Mul{}, {left, m.graph.output});
    m.Norm();
    m.Add(graph::Mul{}, {m.graph.output, trunk});
  });
  add("product_with_input", series, [](Maker& m) {
    const auto input = m.graph.output;
    m.Conv(Conv(3, {1, 1}));
    m.Add(graph::Mul{}, {input, m.graph.output});
    m.Add(graph::Mul{}, {m.graph.output, input});
  });
  add("sum_and_concatenation_with_itself", series, [&](Maker& m) {
    conv_norm_relu(m, 3);
    m.Add(graph::Add{}, {m.graph.output, m.graph.output});
    m.Add(graph::Concat{1}, {m.graph.output, m.graph.output, m.graph.output});
  });
  add("norm_and_relu_of_local_layers", image, [](Maker& m) {
    m.Layer(graph::Scale{});
    m.Norm();
    m.Add(graph::Relu{});
    m.Layer(graph::LayerNorm{});
    m.Norm();
    m.Add(graph::Resize{{7, 3}, graph::Resize::Mode::kBilinear});
    m.Norm();
    m.Add(graph::Relu{});
    m.Add(graph::Gelu{});
    m.Add(graph::Relu{});
    m.Norm();
  });
}

inline std::vector<Case> MakeCases() {
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
  AddLocalCases(cases);
  return cases;
}

inline const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = MakeCases();
  return cases;
}

}  // namespace platypus::train

#endif  // PLATYPUS_TESTS_TRAIN_NETWORKS_H_
