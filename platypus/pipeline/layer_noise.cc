#include "platypus/pipeline/layer_noise.h"

#include <algorithm>
#include <cmath>

#include "platypus/exec/interpreter.h"
#include "platypus/quantize/quantize.h"

namespace platypus::pipeline {

void MeasureNoise(const graph::Graph& reference, const graph::Graph& integer,
                  const SampleSet& samples, std::vector<LayerSummary>& layers, ThreadPool& pool) {
  constexpr int64_t kMostSamples = 32;
  const std::vector<quantize::Match> matches = quantize::MatchLayers(reference, integer);
  const exec::Interpreter floats(reference);
  const exec::Interpreter integers(integer);
  const int64_t count = std::min(kMostSamples, samples.Count());
  const auto width = static_cast<size_t>(NumElements(samples.shape));
  struct Power {
    double signal = 0;
    double noise = 0;
  };
  std::vector<std::vector<Power>> of_samples(static_cast<size_t>(count),
                                             std::vector<Power>(matches.size()));
  pool.Run(count, [&](int64_t k) {
    const auto s = static_cast<size_t>(k * samples.Count() / count);
    const std::span<const float> input(samples.inputs.data() + s * width, width);
    const std::vector<std::vector<float>> wanted = floats.RunAll(input);
    const std::vector<std::vector<float>> given = integers.RunAll(input);
    for (size_t m = 0; m < matches.size(); ++m) {
      const std::vector<float>& x = wanted[static_cast<size_t>(matches[m].reference)];
      const std::vector<float>& q = given[static_cast<size_t>(matches[m].integer)];
      Power& power = of_samples[static_cast<size_t>(k)][m];
      for (size_t i = 0; i < x.size(); ++i) {
        power.signal += double{x[i]} * x[i];
        power.noise +=
            std::pow(double{x[i]} - matches[m].scale * (q[i] - matches[m].zero_point), 2);
      }
    }
  });
  for (size_t m = 0; m < matches.size(); ++m) {
    Power sum;
    for (const std::vector<Power>& powers : of_samples) {
      sum.signal += powers[m].signal;
      sum.noise += powers[m].noise;
    }
    if (!(sum.noise > 0) || !(sum.signal > 0)) continue;
    const double ratio = 10 * std::log10(sum.signal / sum.noise);
    for (const size_t node : matches[m].nodes) {
      if (node < layers.size()) layers[node].signal_to_noise = ratio;
    }
  }
}

}  // namespace platypus::pipeline
