#ifndef PLATYPUS_PIPELINE_EVALUATION_H_
#define PLATYPUS_PIPELINE_EVALUATION_H_

#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/graph/graph.h"
#include "platypus/pipeline/samples.h"
#include "platypus/pipeline/summary.h"

namespace platypus::pipeline {

// Outputs [sample][class] of a float or integer graph by the reference interpreter.
std::vector<float> Infer(const graph::Graph& network, const SampleSet& samples, ThreadPool& pool);

// The same in real values: integers times their scale.
std::vector<float> InferReal(const graph::Graph& network, const SampleSet& samples,
                             ThreadPool& pool);

// Metrics of real outputs on a split, and for classes the one-vs-rest curves.
void FillTest(NetworkSummary& summary, const std::vector<float>& outputs, const SampleSet& samples,
              const Goal& goal);

// For each recording of the split (in order) how many samples were predicted as each class.
std::vector<FileSummary> SummariseFiles(const std::vector<float>& outputs, const SampleSet& samples,
                                        const std::vector<data::RecordingRef>& refs, int classes);

// One entry per node of the network that is deployed.
std::vector<LayerSummary> SummariseLayers(const graph::Graph& network);

}  // namespace platypus::pipeline

#endif  // PLATYPUS_PIPELINE_EVALUATION_H_
