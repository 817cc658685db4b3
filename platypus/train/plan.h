#ifndef PLATYPUS_TRAIN_PLAN_H_
#define PLATYPUS_TRAIN_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "platypus/graph/graph.h"
#include "platypus/train/convolution.h"
#include "platypus/train/kernels.h"
#include "platypus/train/local_layer.h"
#include "platypus/train/pool_kernels.h"

// A graph compiled for training: which layers run in which order on which memory. Numbers are
// indices into the plan's vectors; offsets count floats.
namespace platypus::train {

struct Dims {
  int64_t c = 1, h = 1, w = 1;
  int64_t Plane() const { return h * w; }
  int64_t Floats() const { return c * h * w * kLanes; }
};

// A batch norm over the channels of a stored tensor.
struct Norm {
  size_t gamma = 0, beta = 0;     // into the parameters
  size_t mean = 0, variance = 0;  // into the state
  float epsilon = 0, momentum = 0;
};

// A FakeQuantize behind a stored tensor.
struct Range {
  graph::FakeQuantize op;
  size_t state = 0;  // {min, max}
};

// A tensor that is kept. What stands between it and its readers (batch norm, ReLU, rounding) is
// computed anew where it is read: that costs less than the memory traffic of keeping it.
struct Stored {
  std::string name;  // of the node that writes it, or "input"
  Dims dims;
  int norm = -1;
  bool relu = false;
  int range = -1;
  bool needs_gradient = true;
  size_t offset = 0;    // into a block's arena of values
  size_t gradient = 0;  // into a block's arena of gradients

  bool IsPlain() const { return norm < 0 && !relu && range < 0; }
};

struct ConvolutionLayer {
  int in, out;
  Convolution convolution;
  size_t weight, bias;  // into the parameters
  bool has_bias;
  size_t packed;
  std::optional<graph::WeightQuantizer> quantizer;

  size_t Weights() const { return static_cast<size_t>(convolution.PackedSize() / 2); }
};
struct PoolLayer {
  int in, out;
  bool is_max;
  Windows windows;
};
// A layer that works on each block by itself.
struct LocalLayer {
  int in, out;
  LocalKernel kernel;
  size_t parameters = 0;
  size_t packed = 0;
  size_t kept = 0;  // offset into a block's arena of values

  size_t Parameters() const {
    return std::visit([](const auto& k) { return static_cast<size_t>(k.Parameters()); }, kernel);
  }
};
// Sum or product of the inputs, or their concatenation along an axis; one input: a copy.
struct JoinLayer {
  enum class Kind { kSum, kProduct, kConcatenation };
  std::vector<int> ins;
  int out;
  Kind kind;
  int64_t outer;  // repetitions of the inputs' slabs
};
// Barriers: something has to be known about the whole batch before anybody reads on.
struct NormLayer {
  int stored;
};
struct RangeLayer {
  int stored;
};
using LayerKind =
    std::variant<ConvolutionLayer, PoolLayer, LocalLayer, JoinLayer, NormLayer, RangeLayer>;

// A run of layers, last to first, that needs no sums over the batch in between.
struct BackwardPart {
  std::vector<size_t> run;  // layers
  int measure = -1;         // stored tensor whose gradient the batch norm behind it has to know
};

struct Plan {
  using Names = std::vector<std::pair<std::string, size_t>>;  // the graph's name, offset

  std::vector<Stored> stored;  // 0 is the input
  std::vector<LayerKind> layers;
  std::vector<Norm> norms;
  std::vector<Range> ranges;
  int output = 0;
  bool frozen_norms =
      false;  // a graph with FakeQuantize trains on the statistics that it will run with

  std::vector<float> parameters, state;  // the graph's values
  Names parameter_names, state_names;
  size_t packed_floats = 0;

  std::vector<BackwardPart> parts;
  std::vector<std::pair<size_t, size_t>> summed;  // parameters [first, last) summed over blocks
  std::vector<std::vector<char>> adds;  // [layer][input]: another reader writes its gradient before

  size_t arena_floats = 0;     // of a block: values
  size_t gradient_floats = 0;  // of a block: gradients, memory shared over their lifetimes
  size_t scratch_floats = 0;   // of a thread
};

// Error (internal) for operators of integer graphs.
Plan MakePlan(const graph::Graph& graph);

// The second half of MakePlan: order of the way back, then places in memory.
void PlanBackward(Plan& plan);
void PlanMemory(Plan& plan);

}  // namespace platypus::train

#endif  // PLATYPUS_TRAIN_PLAN_H_
