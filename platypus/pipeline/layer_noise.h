#ifndef PLATYPUS_PIPELINE_LAYER_NOISE_H_
#define PLATYPUS_PIPELINE_LAYER_NOISE_H_

#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/graph/graph.h"
#include "platypus/pipeline/samples.h"
#include "platypus/pipeline/summary.h"

namespace platypus::pipeline {

// Sets signal_to_noise of the layers (those of `integer`, in its order) by running some samples of
// the set through both networks. `reference`: the float network that `integer` was converted from,
// batch norms folded. A convolution or linear layer gets the figure of its rescaled result.
void MeasureNoise(const graph::Graph& reference, const graph::Graph& integer,
                  const SampleSet& samples, std::vector<LayerSummary>& layers, ThreadPool& pool);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_LAYER_NOISE_H_
