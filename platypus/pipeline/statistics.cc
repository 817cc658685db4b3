#include "platypus/pipeline/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace platypus::pipeline {

Statistics StatisticsOf(std::span<const float> values, size_t first, size_t stride) {
  Statistics s;
  if (first >= values.size()) return s;
  const auto count = static_cast<double>((values.size() - first + stride - 1) / stride);
  s.minimum = s.maximum = values[first];
  for (size_t i = first; i < values.size(); i += stride) {
    s.minimum = std::min(s.minimum, double{values[i]});
    s.maximum = std::max(s.maximum, double{values[i]});
    s.mean += values[i] / count;
  }
  double squares = 0;
  for (size_t i = first; i < values.size(); i += stride)
    squares += (values[i] - s.mean) * (values[i] - s.mean);
  s.deviation = std::sqrt(squares / count);
  return s;
}

SplitStatistics StatisticsOf(const SampleSet& set, const Goal& goal) {
  SplitStatistics split;
  split.features = StatisticsOf(std::span(set.inputs.data(), set.inputs.size()));
  for (size_t c = 0; c < goal.classes.size(); ++c) {
    split.classes.emplace_back(
        goal.classes[c], std::count(set.labels.begin(), set.labels.end(), static_cast<int32_t>(c)));
  }
  for (size_t t = 0; t < goal.targets.size(); ++t)
    split.targets.emplace_back(goal.targets[t], StatisticsOf(set.targets, t, goal.targets.size()));
  return split;
}

std::string ClassCounts(const SplitStatistics& split) {
  std::string text;
  for (size_t c = 0; c < split.classes.size(); ++c) {
    const auto& [name, count] = split.classes[c];
    text += fmt::format("{}{}({}): {}", c == 0 ? "" : ";\t", name, c, count);
  }
  return text;
}

}  // namespace platypus::pipeline
