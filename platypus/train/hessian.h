#ifndef PLATYPUS_TRAIN_HESSIAN_H_
#define PLATYPUS_TRAIN_HESSIAN_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platypus/base/parallel.h"
#include "platypus/base/progress.h"
#include "platypus/graph/graph.h"
#include "platypus/train/train.h"

namespace platypus::train {

struct TraceEstimate {
  double trace = 0;
  double error = 0;  // standard deviation of the estimate
};

struct TraceOptions {
  int probes = 32;
  uint64_t seed = 42;
  std::string stage = "sensitivity";  // of progress events
};

// Trace of the Hessian of the mean loss over the set, of each block of parameters by itself
// (blocks[b]: their names in the graph). Hutchinson's estimator: the mean of v H v over vectors v
// of random signs, with H v = (gradient(w + e v) - gradient(w - e v)) / 2e; one v serves all
// blocks, whose cross terms are 0 on average. e is a hundredth of a block's root mean square, which
// smooths kinks of ReLU. Batch norms use their running statistics. `graph`: float, not
// fake-quantised. The set is one step: a few hundred samples.
std::vector<TraceEstimate> HessianTraces(const graph::Graph& graph, const LabelledSet& set,
                                         const Loss& loss,
                                         std::span<const std::vector<std::string>> blocks,
                                         const TraceOptions& options, ThreadPool& pool,
                                         ProgressSink& sink);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_HESSIAN_H_
