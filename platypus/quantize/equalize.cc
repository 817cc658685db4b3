#include "platypus/quantize/equalize.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "platypus/graph/quantization.h"

namespace platypus::quantize {
namespace {

using graph::Node;

bool HasWeights(const graph::Op& op) {
  return std::holds_alternative<graph::Conv2d>(op) || std::holds_alternative<graph::Linear>(op);
}

// f(s x) = s f(x) for every factor s > 0 of a channel, and channels stay in their order.
bool KeepsFactors(const graph::Op& op) {
  return std::visit(
      graph::Overloaded{
          [](const graph::Identity&) { return true; }, [](const graph::Relu&) { return true; },
          [](const graph::LeakyRelu&) { return true; }, [](const graph::MaxPool&) { return true; },
          [](const graph::AvgPool&) { return true; },
          [](const graph::AdaptiveAvgPool&) { return true; },
          [](const graph::Flatten&) { return true; }, [](const graph::Dropout&) { return true; },
          [](const auto&) { return false; }},
      op);
}

struct Pair {
  const Node* first;
  const Node* second;
};

// The layer that alone reads what `first` makes.
std::optional<Pair> FindPair(const graph::Graph& g, const Node& first) {
  for (graph::TensorId at = first.output; at != g.output;) {
    const std::vector<const Node*> readers = graph::Consumers(g, at);
    if (readers.size() != 1) return std::nullopt;
    if (HasWeights(readers[0]->op)) return Pair{&first, readers[0]};
    if (!KeepsFactors(readers[0]->op)) return std::nullopt;
    at = readers[0]->output;
  }
  return std::nullopt;
}

// body(weight) for every weight of `second` that reads channel c of the `channels` before it.
template <typename Body>
void ForReaders(graph::Graph& g, const Node& second, size_t channels, size_t c, Body body) {
  Array& weight = g.Parameter(second, "weight");
  std::vector<float>& values = weight.Floats();
  const auto outputs = static_cast<size_t>(weight.shape[0]);
  const size_t row = values.size() / outputs;
  const auto* conv = std::get_if<graph::Conv2d>(&second.op);
  const auto groups = static_cast<size_t>(conv != nullptr ? conv->groups : 1);
  const size_t in_group = channels / groups;
  const size_t run = row / in_group;  // weights of an output that read one channel
  const size_t group = c / in_group;
  for (size_t o = group * (outputs / groups); o < (group + 1) * (outputs / groups); ++o) {
    for (size_t i = 0; i < run; ++i) body(values[o * row + (c % in_group) * run + i]);
  }
}

// Returns the largest |log s|.
double EqualizePair(graph::Graph& g, const Pair& pair) {
  Array& weight = g.Parameter(*pair.first, "weight");
  const auto channels = static_cast<size_t>(weight.shape[0]);
  const size_t row = weight.Floats().size() / channels;
  double furthest = 0;
  for (size_t c = 0; c < channels; ++c) {
    const std::span<float> of_channel(weight.Floats().data() + c * row, row);
    const double r1 = graph::MaxAbs(of_channel);
    double r2 = 0;
    ForReaders(g, *pair.second, channels, c,
               [&](float& w) { r2 = std::max<double>(r2, std::abs(w)); });
    if (!(r1 > 0) || !(r2 > 0)) continue;
    const double s = std::sqrt(r1 * r2) / r2;
    furthest = std::max(furthest, std::abs(std::log(s)));
    for (float& w : of_channel) w = static_cast<float>(w / s);
    if (g.HasParameter(*pair.first, "bias")) {
      float& bias = g.Parameter(*pair.first, "bias").Floats()[c];
      bias = static_cast<float>(bias / s);
    }
    ForReaders(g, *pair.second, channels, c, [&](float& w) { w = static_cast<float>(w * s); });
  }
  return furthest;
}

}  // namespace

graph::Graph Equalize(const graph::Graph& folded) {
  constexpr int kMostRounds = 100;
  constexpr double kNear = 1e-3;
  graph::Graph g = folded;
  std::vector<Pair> pairs;
  for (const Node& node : g.nodes) {
    if (!HasWeights(node.op)) continue;
    if (const std::optional<Pair> pair = FindPair(g, node)) pairs.push_back(*pair);
  }
  double furthest = 1;
  for (int round = 0; round < kMostRounds && furthest > kNear; ++round) {
    furthest = 0;
    for (const Pair& pair : pairs) furthest = std::max(furthest, EqualizePair(g, pair));
  }
  return g;
}

}  // namespace platypus::quantize
