#ifndef PLATYPUS_PIPELINE_QUANTIZATION_INSIGHT_H_
#define PLATYPUS_PIPELINE_QUANTIZATION_INSIGHT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/config/config.h"
#include "platypus/graph/graph.h"
#include "platypus/pipeline/goal.h"
#include "platypus/quantize/quantize.h"

// What quantisation does to each layer: material of the report, of run.log and of `platypus
// quantize --analyze`. Lists are bounded.
namespace platypus::pipeline {

struct SampleSet;

struct Histogram {
  double low = 0, high = 0;  // smallest and largest value
  std::vector<int64_t> counts;
};

// A layer of the float network (with its batch norm and limit), or "input".
struct QuantizedLayer {
  std::string name;
  std::string type;
  std::string why_float;  // empty: it computes with integers

  int64_t weights = 0;  // 0: it has none
  int weight_bits = 0;  // 32 = float
  Histogram weight_values;
  double weight_range = 0;  // largest magnitude that has a code; of several channels the largest
  // Share of the weights that have the outermost codes.
  double weights_at_ends = 0;

  int activation_bits = 0;         // 32 = float; 0: its results are never codes
  Histogram values;                // of the float network, on some samples
  double low = 0, high = 0;        // values of the outermost codes
  double at_low = 0, at_high = 0;  // share of the integer network's codes there

  std::optional<double> signal_to_noise;  // dB, in the whole integer network
  std::optional<double> metric_alone;     // of the float network with only this layer's codes

  int64_t octets_at_8 = 0, octets_at_4 = 0, octets_at_2 = 0;  // of packed weights
};

struct QuantizationInsight {
  std::string metric;       // "accuracy", "r2", "smape", "mse"
  double float_metric = 0;  // on the samples below
  double integer_metric = 0;
  int64_t samples = 0;  // of the validation split
  std::vector<QuantizedLayer> layers;
};

struct QuantizedNetwork {
  const graph::Graph& reference;  // float, batch norms folded: what `integer` was converted from
  const graph::Graph& integer;
  const quantize::Settings& settings;
  const config::Training& training;  // says why layers are float
  const Goal& goal;
};

// Runs up to 512 samples through both networks, and for each layer with weights through the float
// one with only that layer quantised; 32 of them tensor by tensor.
QuantizationInsight AnalyzeQuantization(const QuantizedNetwork& network, const SampleSet& samples,
                                        ThreadPool& pool);

// A line for each layer.
std::string TableOf(const QuantizationInsight& insight);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_QUANTIZATION_INSIGHT_H_
