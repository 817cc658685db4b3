#ifndef PLATYPUS_TESTS_QUANTIZE_NETWORKS_H_
#define PLATYPUS_TESTS_QUANTIZE_NETWORKS_H_

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"
#include "platypus/graph/graph.h"

// Small networks with random parameters.
namespace platypus::quantize {

using graph::Graph;

struct Maker {
  Graph g;
  Random random;
  int count = 0;
  Maker(const Shape& input, uint64_t seed) : g(graph::MakeGraph("t", input)), random(seed, "net") {}

  graph::TensorId Add(graph::Op op, std::vector<graph::TensorId> inputs = {}) {
    if (inputs.empty()) inputs = {g.output};
    return graph::Append(g, "n" + std::to_string(count++), std::move(op), inputs);
  }
  void Fill(const char* role, const Shape& shape, double low, double high) {
    std::vector<float> values(static_cast<size_t>(NumElements(shape)));
    for (float& v : values) v = static_cast<float>(random.Uniform(low, high));
    g.parameters[g.nodes.back().name + "." + role] = {shape, values};
  }
  void Norm() {
    const int64_t c = g.Output().shape[0];
    Add(graph::BatchNorm{});
    Fill("weight", {c}, 0.5, 1.5);
    Fill("bias", {c}, -0.5, 0.5);
    Fill("running_mean", {c}, -1, 1);
    Fill("running_var", {c}, 0.5, 2);
  }
  graph::TensorId Conv(int out, int k, int stride, int groups = 1) {
    const int64_t in = g.Output().shape[0];
    Add(graph::Conv2d{out, {k, 1}, {stride, 1}, {}, {k / 2, 0, k / 2, 0}, groups, true, {}});
    const double limit = 1.5 / std::sqrt(static_cast<double>(in / groups * k));
    Fill("weight", {out, in / groups, k, 1}, -limit, limit);
    Fill("bias", {out}, -0.3, 0.3);
    return g.output;
  }
  void Depthwise(int k) {
    Conv(static_cast<int>(g.Output().shape[0]), k, 1, static_cast<int>(g.Output().shape[0]));
  }
  void Linear(int out) {
    const int64_t in = g.Output().shape[0];
    Add(graph::Linear{out, true, {}});
    const double limit = 1.5 / std::sqrt(static_cast<double>(in));
    Fill("weight", {out, in}, -limit, limit);
    Fill("bias", {out}, -0.3, 0.3);
  }
};

inline Graph RandomNetwork(uint64_t seed) {
  Maker m({1 + static_cast<int64_t>(seed % 3), 32, 1}, seed);
  if (seed % 4 != 3) m.Norm();
  m.Conv(4, 5, 1);
  if (seed % 2 == 0) m.Norm();
  if (seed % 5 != 0) m.Add(graph::Relu{});
  if (seed % 3 == 0) m.Add(graph::MaxPool{{3, 1}, {2, 1}, {}, {1, 0, 1, 0}});
  m.Conv(4, 3, 1, seed % 2 == 0 ? 4 : 1);
  const auto trunk = m.Add(graph::Relu{});
  if (seed % 4 == 1) {
    m.Conv(4, 3, 1);
    m.Add(graph::Add{}, {trunk, m.g.output});
    if (seed % 8 == 1) m.Add(graph::Relu{});
  } else if (seed % 4 == 2) {
    m.Conv(3, 1, 1);
    m.Add(graph::Concat{0}, {trunk, m.g.output});
  }
  if (seed % 3 == 1) {
    m.Add(graph::AdaptiveAvgPool{{seed % 2 == 0 ? 1 : 4, 1}});
  } else if (seed % 3 == 2) {
    m.Add(graph::AvgPool{{3, 1}, {3, 1}, {}});
  }
  m.Add(graph::Flatten{});
  m.Linear(3);
  return m.g;
}

// Sets every range to what random inputs produce.
inline Graph Calibrate(Graph g, const std::vector<float>& inputs, int64_t count) {
  for (const graph::Node& node : g.nodes) {
    if (!std::holds_alternative<graph::FakeQuantize>(node.op)) continue;
    // Ranges before this node are set already; the node itself still passes through.
    const exec::Interpreter interpreter(g);
    float low = 1e30f;
    float high = -1e30f;
    const auto size = static_cast<size_t>(NumElements(g.Input().shape));
    for (int64_t i = 0; i < count; ++i) {
      const auto tensors =
          interpreter.RunAll(std::span(inputs).subspan(static_cast<size_t>(i) * size, size));
      for (const float v : tensors[static_cast<size_t>(node.inputs[0])]) {
        low = std::min(low, v);
        high = std::max(high, v);
      }
    }
    g.Parameter(node, "range").Floats() = {low, high};
  }
  return g;
}

inline std::vector<float> RandomInputs(const Graph& network, int64_t count, uint64_t seed) {
  Random random(seed, "inputs");
  std::vector<float> inputs(static_cast<size_t>(count * NumElements(network.Input().shape)));
  for (float& v : inputs) v = static_cast<float>(random.Uniform(-2, 2));
  return inputs;
}

}  // namespace platypus::quantize

#endif  // PLATYPUS_TESTS_QUANTIZE_NETWORKS_H_
