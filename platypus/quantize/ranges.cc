#include <algorithm>
#include <cmath>
#include <vector>

#include "platypus/graph/quantization.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {

graph::Graph ChooseRanges(graph::Graph calibrated, const LossOf& loss, double least_gain) {
  // Rare extremes may make a range hundreds of times too wide, and the first steps change nothing:
  // go on while the loss stays near the best one.
  constexpr int kOctaves = 12;
  constexpr double kNear = 1.01;
  constexpr int kQuarters = 4;  // of an octave: the steps of free scales
  constexpr float kRoom = 4;    // of fine codes
  double best = loss(calibrated);
  for (const graph::Node& node : calibrated.nodes) {
    const auto* op = std::get_if<graph::FakeQuantize>(&node.op);
    if (op == nullptr) continue;
    std::vector<float>& range = calibrated.Parameter(node, "range").Floats();
    const std::vector<float> widest = range;
    if (widest[0] > widest[1] || (widest[0] == 0.0f && widest[1] == 0.0f)) continue;
    if (op->bits > 8) {
      for (float& end : range) end *= kRoom;
      continue;
    }
    std::vector<float> chosen = widest;
    int narrowed = 0;  // by so many quarters
    // Whether narrower ones may be better still.
    const auto attempt = [&](int quarters) {
      const auto factor = static_cast<float>(std::exp2(-static_cast<double>(quarters) / kQuarters));
      for (size_t end = 0; end < range.size(); ++end) range[end] = widest[end] * factor;
      const double found = loss(calibrated);
      const bool near = found <= kNear * best;
      if (found < (1 - least_gain) * best) {
        best = found;
        chosen = range;
        narrowed = quarters;
      }
      return near;
    };
    for (int octaves = 1; octaves <= kOctaves && attempt(kQuarters * octaves);) ++octaves;
    if (!op->power_of_two_scale) {
      const int centre = narrowed;
      for (int q = std::max(1, centre - kQuarters + 1); q < centre + kQuarters; ++q) attempt(q);
    }
    range = chosen;
  }
  return calibrated;
}

}  // namespace platypus::quantize
