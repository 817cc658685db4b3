#include <map>
#include <optional>

#include "platypus/graph/affine.h"
#include "platypus/graph/graph.h"
#include "tm_cells.h"
#include "tm_resize.h"

namespace platypus::graph {
namespace {

// How many values a mean is made of, where all count alike; of a blend the sum of its weights.
std::optional<double> PartsOf(const Op& op, const Shape& in) {
  const auto whole = [](int64_t ins, int outs, auto parts) {
    return static_cast<double>(parts(static_cast<tm_i32>(ins), static_cast<tm_i32>(outs)));
  };
  if (const auto* pool = std::get_if<AvgPool>(&op)) return pool->kernel.h * pool->kernel.w;
  if (const auto* pool = std::get_if<AdaptiveAvgPool>(&op)) {
    return whole(in[1], pool->output.h, tm_cell_parts) *
           whole(in[2], pool->output.w, tm_cell_parts);
  }
  const auto* resize = std::get_if<Resize>(&op);
  if (resize == nullptr || resize->mode == Resize::Mode::kNearest) return std::nullopt;
  const auto parts = [](tm_i32 ins, tm_i32 outs) { return tm_stretch_of(ins, outs).parts; };
  return whole(in[1], resize->output.h, parts) * whole(in[2], resize->output.w, parts);
}

// The factor to codes of `scale`; halves, which other programs round otherwise, are no result of
// one that is no power of two.
Factor FactorWithoutHalves(double unit, double scale) {
  Factor factor = MakeNearestFactor(unit / scale);
  constexpr int kMore = kFactorBits - 1;
  if (factor.multiplier == 1 && factor.shift + kMore <= 30)
    factor = {(1 << kMore) + 1, factor.shift + kMore};
  return factor;
}

}  // namespace

bool IsLimit(const Op& op) {
  return std::holds_alternative<Relu>(op) || std::holds_alternative<Clamp>(op) ||
         std::holds_alternative<Identity>(op);
}

bool OnlyMoves(const Op& op) {
  return std::visit(
      Overloaded{[](const MaxPool&) { return true; }, [](const Flatten&) { return true; },
                 [](const Reshape&) { return true; }, [](const Transpose&) { return true; },
                 [](const Slice&) { return true; },
                 [](const Resize& resize) { return resize.mode == Resize::Mode::kNearest; },
                 [](const auto&) { return false; }},
      op);
}

Graph WithExactSums(Graph graph) {
  std::map<TensorId, Codes> codes;
  for (const Node& node : graph.nodes) {
    if (node.inputs.empty()) continue;
    const auto* fake = std::get_if<FakeQuantize>(&node.op);
    if (fake == nullptr) {
      const auto found = codes.find(node.inputs[0]);
      if (found != codes.end() && (OnlyMoves(node.op) || IsLimit(node.op)))
        codes[node.output] = found->second;
      continue;
    }
    std::vector<float>& range = graph.Parameter(node, "range").Floats();
    if (range[0] > range[1]) continue;
    const Codes observed = ActivationCodes(*fake, range[0], range[1]);
    const Node* layer = Producer(graph, node.inputs[0]);
    while (layer != nullptr && IsLimit(layer->op)) layer = Producer(graph, layer->inputs[0]);
    const auto in = layer == nullptr ? codes.end() : codes.find(layer->inputs[0]);
    if (in != codes.end() && !fake->power_of_two_scale) {
      if (const auto parts = PartsOf(layer->op, graph.At(layer->inputs[0]).shape)) {
        const double unit = in->second.scale / *parts;
        const double scale = unit / FactorWithoutHalves(unit, observed.scale).Value();
        for (float& end : range) end = static_cast<float>(end * scale / observed.scale);
      }
    }
    codes[node.output] = ActivationCodes(*fake, range[0], range[1]);
  }
  return graph;
}

}  // namespace platypus::graph
