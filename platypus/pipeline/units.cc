#include "platypus/pipeline/units.h"

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"

namespace platypus::pipeline {
namespace {

template <typename Function>
std::vector<float> ByChannel(const Units& units, std::span<const float> values, Function f) {
  std::vector<float> result(values.begin(), values.end());
  const size_t channels = units.mean.size();
  const auto per_channel = static_cast<size_t>(units.per_channel);
  for (size_t i = 0; i < result.size(); ++i) {
    const size_t c = i / per_channel % channels;
    result[i] = f(result[i], units.mean[c], units.deviation[c]);
  }
  return result;
}

}  // namespace

std::vector<float> Units::ToTraining(std::span<const float> values) const {
  return ByChannel(*this, values,
                   [](float v, float mean, float deviation) { return (v - mean) / deviation; });
}

std::vector<float> Units::ToReal(std::span<const float> values) const {
  return ByChannel(*this, values,
                   [](float v, float mean, float deviation) { return v * deviation + mean; });
}

Units MeasureUnits(std::span<const float> targets, const Shape& shape, bool common_deviation) {
  const auto channels = static_cast<size_t>(shape.at(0));
  Units units;
  units.mean.resize(channels);
  units.deviation.resize(channels);
  units.per_channel = NumElements(shape) / shape[0];
  const auto per_channel = static_cast<size_t>(units.per_channel);
  Check(!targets.empty() && targets.size() % (channels * per_channel) == 0,
        "{} targets for outputs of {}", targets.size(), ToString(shape));
  const auto count = static_cast<double>(targets.size() / channels);
  std::vector<double> mean(channels, 0);
  std::vector<double> variance(channels, 0);
  for (size_t i = 0; i < targets.size(); ++i) mean[i / per_channel % channels] += targets[i];
  for (double& value : mean) value /= count;
  for (size_t i = 0; i < targets.size(); ++i) {
    const size_t c = i / per_channel % channels;
    variance[c] += (targets[i] - mean[c]) * (targets[i] - mean[c]) / count;
  }
  if (common_deviation) {
    double sum = 0;
    for (const double v : variance) sum += v;
    std::fill(variance.begin(), variance.end(), sum / static_cast<double>(channels));
  }
  for (size_t c = 0; c < channels; ++c) {
    units.mean[c] = static_cast<float>(mean[c]);
    const auto deviation = static_cast<float>(std::sqrt(variance[c]));
    // What rounding alone makes of a constant channel is no deviation.
    units.deviation[c] = deviation > 1e-6f * std::abs(units.mean[c]) ? deviation : 1.0f;
  }
  return units;
}

graph::Graph WithUnits(graph::Graph graph, const Units& units) {
  const auto channels = static_cast<int64_t>(units.mean.size());
  const graph::BatchNorm norm{0.0f};
  const std::string name = "units";
  graph::Append(graph, name, norm, {graph.output});
  const Shape shape = {channels};
  graph.parameters[name + ".weight"] = {shape, units.deviation};
  graph.parameters[name + ".bias"] = {shape, units.mean};
  graph.parameters[name + ".running_mean"] = {shape, std::vector<float>(units.mean.size(), 0.0f)};
  graph.parameters[name + ".running_var"] = {shape, std::vector<float>(units.mean.size(), 1.0f)};
  return graph;
}

}  // namespace platypus::pipeline
