#include <algorithm>
#include <numeric>

#include "platypus/base/error.h"
#include "platypus/train/gathered.h"

// Passes over a set that change no weight.
namespace platypus::train {
namespace {

// Calls visit(first sample, batch) for the set's samples in order.
template <typename Visit>
void ForBatches(const LabelledSet& set, Visit visit) {
  Gathered gathered;
  std::vector<int64_t> indices;
  for (int64_t start = 0; start < set.Count(); start += kPredictBatch) {
    indices.resize(static_cast<size_t>(std::min(kPredictBatch, set.Count() - start)));
    std::iota(indices.begin(), indices.end(), start);
    visit(start, gathered.Take(set, indices));
  }
}

}  // namespace

Network::Batch Gathered::Take(const LabelledSet& set, std::span<const int64_t> indices) {
  const int64_t elements = NumElements(set.shape);
  const int64_t outputs = static_cast<int64_t>(set.targets.size()) / set.Count();
  samples.clear();
  labels.clear();
  rows.clear();
  for (const int64_t i : indices) {
    samples.push_back(set.inputs.data() + i * elements);
    if (!set.labels.empty()) labels.push_back(set.labels[static_cast<size_t>(i)]);
    if (outputs > 0) rows.push_back(set.targets.data() + i * outputs);
  }
  return {samples, labels, rows};
}

void CheckShape(const graph::Graph& graph, const LabelledSet& set) {
  const int64_t elements = NumElements(graph.Input().shape);
  Check(NumElements(set.shape) == elements &&
            static_cast<int64_t>(set.inputs.size()) == elements * set.Count(),
        "{} values in {} samples of {} for a network with input {}", set.inputs.size(), set.Count(),
        ToString(set.shape), ToString(graph.Input().shape));
}

std::vector<float> PredictWith(Network& network, const LabelledSet& set, ThreadPool& pool) {
  const int64_t classes = network.Outputs();
  std::vector<float> logits(static_cast<size_t>(set.Count() * classes));
  ForBatches(set, [&](int64_t start, const Network::Batch& batch) {
    network.Predict(batch, std::span(logits).subspan(static_cast<size_t>(start * classes)), pool);
  });
  return logits;
}

std::vector<float> Predict(const graph::Graph& graph, const LabelledSet& set, ThreadPool& pool) {
  CheckShape(graph, set);
  Network network(graph, kPredictBatch);
  return PredictWith(network, set, pool);
}

graph::Graph Calibrate(const graph::Graph& graph, const LabelledSet& set, ThreadPool& pool) {
  CheckShape(graph, set);
  Network network(graph, kPredictBatch);
  ForBatches(set, [&](int64_t, const Network::Batch& batch) { network.Observe(batch, pool); });
  graph::Graph calibrated = graph;
  network.Save(calibrated);
  return calibrated;
}

}  // namespace platypus::train
