#include <algorithm>

#include "platypus/graph/quantization.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {

graph::Graph ChooseRanges(graph::Graph calibrated, const LossOf& loss) {
  // Rare extremes may make a range hundreds of times too wide, and the first halvings change
  // nothing: go on while the loss stays near the best one.
  constexpr int kMostHalvings = 12;
  constexpr double kNear = 1.01;
  double best = loss(calibrated);
  for (const graph::Node& node : calibrated.nodes) {
    if (!std::holds_alternative<graph::FakeQuantize>(node.op)) continue;
    std::vector<float>& range = calibrated.Parameter(node, "range").Floats();
    if (range[0] == 0.0f && range[1] == 0.0f) continue;  // nothing but zeros came by
    std::vector<float> chosen = range;
    for (int i = 0; i < kMostHalvings; ++i) {
      for (float& end : range) end /= 2;
      const double found = loss(calibrated);
      if (!(found <= kNear * best)) break;
      if (found < best) {
        best = found;
        chosen = range;
      }
    }
    range = chosen;
  }
  return calibrated;
}

}  // namespace platypus::quantize
