#include <algorithm>
#include <cmath>

#include "platypus/train/train.h"

namespace platypus::train {

std::vector<float> MixTargets(std::span<const float> logits, std::span<const int32_t> labels,
                              double label_smoothing, double share) {
  std::vector<float> targets(logits.size());
  const size_t classes = labels.empty() ? 0 : logits.size() / labels.size();
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::span<const float> z = logits.subspan(i * classes, classes);
    const double top = *std::max_element(z.begin(), z.end());
    double sum = 0;
    for (const float value : z) sum += std::exp(value - top);
    for (size_t k = 0; k < classes; ++k) {
      const double label = (static_cast<size_t>(labels[i]) == k ? 1.0 - label_smoothing : 0.0) +
                           label_smoothing / static_cast<double>(classes);
      const double probability = std::exp(z[k] - top) / sum;
      targets[i * classes + k] = static_cast<float>((1.0 - share) * label + share * probability);
    }
  }
  return targets;
}

std::vector<float> MixTargets(std::span<const float> outputs, std::span<const float> targets,
                              double share) {
  std::vector<float> mixed(targets.begin(), targets.end());
  for (size_t i = 0; i < mixed.size(); ++i)
    mixed[i] = static_cast<float>((1.0 - share) * targets[i] + share * outputs[i]);
  return mixed;
}

}  // namespace platypus::train
