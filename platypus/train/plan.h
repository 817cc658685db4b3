#ifndef PLATYPUS_TRAIN_PLAN_H_
#define PLATYPUS_TRAIN_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "platypus/graph/graph.h"
#include "platypus/graph/quantization.h"
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
  // Its statistics stay: of the input of a fake-quantised graph, whose training changes nothing
  // that comes by there.
  bool frozen = false;
};

// A FakeQuantize behind a stored tensor.
struct Range {
  graph::FakeQuantize op;
  size_t values = 0;  // {min, max}: into the parameters if learned, else into the state
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

// Weights that are rounded.
struct RoundedArray {
  graph::WeightQuantizer quantizer;
  graph::WeightLayout layout;
  size_t weight = 0;  // into the parameters
  size_t steps = 0;   // where they are learned
  int norm = -1;      // will be folded into them, so that they are rounded as they are then

  size_t Steps() const {
    const bool learned = quantizer.rounding == graph::Rounding::kLearnedStep;
    return learned ? graph::CodeRows(quantizer, layout.channels) : 0;
  }
};

struct ConvolutionLayer {
  int in, out;
  Convolution convolution;
  size_t weight, bias;  // into the parameters
  bool has_bias;
  size_t packed;
  std::vector<RoundedArray> rounded;

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
  std::vector<RoundedArray> rounded;

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
  // Stored tensor behind which something is trained, or a batch norm has to know its gradient.
  int measure = -1;
};

struct Plan {
  using Names = std::vector<std::pair<std::string, size_t>>;  // the graph's name, offset

  std::vector<Stored> stored;  // 0 is the input
  std::vector<LayerKind> layers;
  std::vector<Norm> norms;
  std::vector<Range> ranges;
  int output = 0;

  std::vector<float> parameters, state;  // the graph's values
  Names parameter_names, state_names;
  size_t packed_floats = 0;

  std::vector<BackwardPart> parts;
  std::vector<std::pair<size_t, size_t>> summed;  // parameters [first, last) summed over blocks
  std::vector<std::vector<char>> adds;  // [layer][input]: another reader writes its gradient before

  // Whether the gradient of a stored tensor trains something behind it.
  bool IsTrainedBehind(int s) const {
    const Stored& t = stored[static_cast<size_t>(s)];
    return t.norm >= 0 || (t.range >= 0 && ranges[static_cast<size_t>(t.range)].op.learned_step);
  }

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
