#include "platypus/quantize/bit_choice.h"

#include <algorithm>
#include <cmath>

#include "platypus/graph/quantization.h"

namespace platypus::quantize {
namespace {

using graph::Node;

// Weights of one output channel each. A transposed convolution has its inputs on the first axis,
// [C][out / groups][kernel].
std::vector<std::vector<float>> Rows(const Node& node, const Array& weight) {
  const std::vector<float>& values = weight.Floats();
  const auto* transposed = std::get_if<graph::ConvTranspose2d>(&node.op);
  const auto inputs = static_cast<size_t>(weight.shape[0]);
  const size_t inner = values.size() / inputs;
  if (transposed == nullptr) {
    std::vector<std::vector<float>> rows;
    for (size_t c = 0; c < inputs; ++c) {
      const auto first = values.begin() + static_cast<std::ptrdiff_t>(c * inner);
      rows.emplace_back(first, first + static_cast<std::ptrdiff_t>(inner));
    }
    return rows;
  }
  const auto of_group = static_cast<size_t>(weight.shape[1]);
  const auto groups = static_cast<size_t>(transposed->groups);
  const size_t kernel = inner / of_group;
  std::vector<std::vector<float>> rows(groups * of_group);
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t group = i / inner / (inputs / groups);
    rows[group * of_group + i % inner / kernel].push_back(values[i]);
  }
  return rows;
}

struct Partial {
  int64_t cost = 0;
  double loss = 0;
  size_t before = 0;  // index of the partial sum that it goes on from
  size_t choice = 0;
};

}  // namespace

double RoundingError(const graph::Graph& graph, const Node& node,
                     const graph::WeightQuantizer& quantizer) {
  double error = 0;
  for (const std::string& name : WeightNames(graph, node)) {
    const Array& weight = graph.parameters.at(name);
    const graph::WeightLayout all{1, 1, 1, weight.Floats().size(), weight.Floats().size()};
    const float shared = graph::Magnitude(quantizer, all, 0, weight.Floats());
    for (const std::vector<float>& row : Rows(node, weight)) {
      const graph::WeightLayout own{1, 1, 1, row.size(), row.size()};
      const graph::Codes codes = graph::WeightCodes(
          quantizer, quantizer.per_channel ? graph::Magnitude(quantizer, own, 0, row) : shared);
      for (const float w : row) {
        const double rounded = double{codes.scale} * graph::QuantizeWeight(quantizer, w, codes);
        error += (rounded - w) * (rounded - w);
      }
    }
  }
  return error;
}

std::vector<std::string> WeightNames(const graph::Graph& graph, const Node& node) {
  std::vector<std::string> names;
  for (const graph::Role& role : graph::Roles(node.op, graph.At(node.inputs[0]).shape)) {
    if (role.name.starts_with("weight") && role.shape.size() > 1)
      names.push_back(node.name + "." + role.name);
  }
  return names;
}

int64_t CountWeights(const graph::Graph& graph, const Node& node) {
  int64_t count = 0;
  for (const std::string& name : WeightNames(graph, node))
    count += NumElements(graph.parameters.at(name).shape);
  return count;
}

int64_t PackedOctets(const graph::Graph& graph, const Node& node, int bits) {
  int64_t octets = 0;
  for (const std::string& name : WeightNames(graph, node)) {
    const Array& weight = graph.parameters.at(name);
    const int64_t count = NumElements(weight.shape);
    const auto rows = static_cast<int64_t>(Rows(node, weight).size());
    const int64_t row = count / rows;
    if (bits >= 8) {
      octets += count * bits / 8;
    } else {
      const int64_t elements = rows / 4 * row + rows % 4 * ((row + 3) / 4);
      octets += elements * bits / 2;
    }
  }
  return octets;
}

std::optional<std::vector<size_t>> ChooseWithinBudget(
    std::span<const std::vector<BitChoice>> layers, int64_t budget) {
  std::vector<int64_t> least_behind(layers.size() + 1, 0);  // cost of the cheapest choices
  for (size_t l = layers.size(); l-- > 0;) {
    const auto cheapest = std::ranges::min_element(layers[l], {}, &BitChoice::cost);
    least_behind[l] = least_behind[l + 1] + cheapest->cost;
  }
  if (least_behind[0] > budget) return std::nullopt;
  std::vector<std::vector<Partial>> sums = {{Partial{}}};
  for (size_t l = 0; l < layers.size(); ++l) {
    std::vector<Partial> next;
    for (size_t s = 0; s < sums[l].size(); ++s) {
      for (size_t k = 0; k < layers[l].size(); ++k) {
        const int64_t cost = sums[l][s].cost + layers[l][k].cost;
        if (cost + least_behind[l + 1] <= budget)
          next.push_back({cost, sums[l][s].loss + layers[l][k].loss, s, k});
      }
    }
    std::ranges::stable_sort(next, [](const Partial& a, const Partial& b) {
      return a.cost != b.cost ? a.cost < b.cost : a.loss < b.loss;
    });
    std::vector<Partial>& kept = sums.emplace_back();
    for (const Partial& sum : next) {
      if (kept.empty() || sum.loss < kept.back().loss) kept.push_back(sum);
    }
  }
  std::vector<size_t> chosen(layers.size());
  size_t at = sums.back().size() - 1;  // losses fall along a row
  for (size_t l = layers.size(); l-- > 0;) {
    chosen[l] = sums[l + 1][at].choice;
    at = sums[l + 1][at].before;
  }
  return chosen;
}

}  // namespace platypus::quantize
