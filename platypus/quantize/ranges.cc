#include <cmath>
#include <vector>

#include "platypus/graph/quantization.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {

graph::Graph ChooseRanges(graph::Graph calibrated, const LossOf& loss) {
  // Rare extremes may make a range hundreds of times too wide, and the first steps change nothing:
  // go on while the loss stays near the best one.
  constexpr int kOctaves = 12;
  constexpr double kNear = 1.01;
  double best = loss(calibrated);
  for (const graph::Node& node : calibrated.nodes) {
    const auto* op = std::get_if<graph::FakeQuantize>(&node.op);
    if (op == nullptr) continue;
    std::vector<float>& range = calibrated.Parameter(node, "range").Floats();
    const std::vector<float> widest = range;
    if (widest[0] > widest[1] || (widest[0] == 0.0f && widest[1] == 0.0f)) continue;
    const int steps = op->power_of_two_scale ? 1 : 4;  // an octave
    std::vector<float> chosen = widest;
    for (int k = 1; k <= kOctaves * steps; ++k) {
      const auto factor = static_cast<float>(std::exp2(-static_cast<double>(k) / steps));
      for (size_t end = 0; end < range.size(); ++end) range[end] = widest[end] * factor;
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
