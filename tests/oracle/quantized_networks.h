#ifndef TESTS_ORACLE_QUANTIZED_NETWORKS_H_
#define TESTS_ORACLE_QUANTIZED_NETWORKS_H_

#include <algorithm>
#include <cmath>
#include <map>

#include "platypus/exec/interpreter.h"
#include "platypus/quantize/quantize.h"
#include "tests/oracle/run_onnx.h"

// Networks with ranges, without training.
namespace platypus {

// Batch norms as training would leave them: other than the initial ones, no channel near nothing.
inline void RandomiseNorms(graph::Graph& graph, uint64_t seed) {
  Random random(seed, "norms");
  for (const graph::Node& node : graph.nodes) {
    if (!std::holds_alternative<graph::BatchNorm>(node.op)) continue;
    const std::map<std::string, std::pair<double, double>> ranges = {{"weight", {0.5, 1.5}},
                                                                     {"bias", {-0.5, 0.5}},
                                                                     {"running_mean", {-0.5, 0.5}},
                                                                     {"running_var", {0.4, 2.0}}};
    for (const auto& [role, range] : ranges) {
      for (float& v : graph.Parameter(node, role).Floats())
        v = static_cast<float>(random.Uniform(range.first, range.second));
    }
  }
}

// The values that a tensor of a float graph takes.
inline std::vector<float> ValuesOf(graph::Graph graph, graph::TensorId tensor,
                                   const std::vector<float>& samples, ThreadPool& pool) {
  graph.output = tensor;
  const size_t nodes = static_cast<size_t>(
      std::ranges::find(graph.nodes, tensor, &graph::Node::output) - graph.nodes.begin());
  if (nodes == graph.nodes.size()) return samples;  // the input
  graph.nodes.resize(nodes + 1);
  graph.tensors.resize(static_cast<size_t>(tensor) + 1);
  return exec::Interpreter(graph).Run(
      samples, static_cast<int64_t>(samples.size()) / NumElements(graph.Input().shape), pool);
}

// The fake-quantised graph of a float one, every range as far as the samples reach.
inline graph::Graph FakeQuantized(const graph::Graph& trained, const quantize::Settings& settings,
                                  const std::vector<float>& samples, ThreadPool& pool) {
  graph::Graph graph = quantize::PrepareForTraining(trained, settings);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const graph::Node& node = graph.nodes[n];
    if (!std::holds_alternative<graph::FakeQuantize>(node.op)) continue;
    const std::vector<float> values = ValuesOf(graph, node.inputs[0], samples, pool);
    const auto [low, high] = std::ranges::minmax(values);
    graph.Parameter(node, "range").Floats() = {low, high};
  }
  return graph;
}

// How often codes differ by how much.
class Histogram {
 public:
  // Outputs in steps of `step`.
  void Add(const std::vector<float>& ours, const std::vector<float>& theirs, double step) {
    ASSERT_EQ(ours.size(), theirs.size());
    for (size_t i = 0; i < ours.size(); ++i)
      ++counts_[std::lround((double{theirs[i]} - double{ours[i]}) / step)];
    total_ += static_cast<int64_t>(ours.size());
  }
  int64_t Total() const { return total_; }
  int64_t Differing() const { return total_ - (counts_.contains(0) ? counts_.at(0) : 0); }
  int64_t Largest() const {
    int64_t largest = 0;
    for (const auto& [steps, count] : counts_) largest = std::max(largest, std::abs(steps));
    return largest;
  }
  std::string Text() const {
    std::string text;
    for (const auto& [steps, count] : counts_)
      text += fmt::format("{}{:+d}: {}", text.empty() ? "" : ", ", steps, count);
    return fmt::format("{} ({:.4f} % of {} differ)", text,
                       100.0 * static_cast<double>(Differing()) / static_cast<double>(total_),
                       total_);
  }

 private:
  std::map<int64_t, int64_t> counts_;
  int64_t total_ = 0;
};

}  // namespace platypus

#endif  // TESTS_ORACLE_QUANTIZED_NETWORKS_H_
