#include "platypus/exec/interpreter.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "platypus/base/error.h"
#include "platypus/exec/kernels.h"
#include "platypus/graph/quantization.h"

namespace platypus::exec {
namespace {

Dims DimsOf(const Shape& shape) {
  Check(shape.size() == 1 || shape.size() == 3, "tensor of rank {}", shape.size());
  return shape.size() == 1 ? Dims{shape[0], 1, 1} : Dims{shape[0], shape[1], shape[2]};
}

// The values of all tensors of one block of samples.
struct Values {
  std::vector<std::vector<float>> floats;
  std::vector<std::vector<int32_t>> integers;
};

using Step = std::function<void(Values&)>;

// Weights as the kernels want them: floats rounded if a quantizer says so, or integers.
std::vector<float> FloatWeights(const Array& weight,
                                const std::optional<graph::WeightQuantizer>& quantizer) {
  std::vector<float> values = weight.Floats();
  if (!quantizer) return values;
  const auto channels = static_cast<size_t>(weight.shape[0]);
  const size_t row = values.size() / channels;
  for (size_t c = 0; c < channels; ++c) {
    const std::span<float> span(values.data() + c * row, row);
    const graph::Codes codes = graph::WeightCodes(*quantizer, graph::MaxAbs(span));
    for (float& value : span) {
      value = static_cast<float>(graph::QuantizeWeight(value, codes)) * codes.scale;
    }
  }
  return values;
}

std::vector<int32_t> IntegerWeights(const Array& weight) {
  return {weight.Int8s().begin(), weight.Int8s().end()};
}

}  // namespace

struct Interpreter::Plan {
  graph::Graph graph;
  std::vector<Step> steps;

  bool IsFloat(graph::TensorId id) const { return graph.At(id).dtype == DType::kFloat32; }
  Dims DimsAt(graph::TensorId id) const { return DimsOf(graph.At(id).shape); }

  Step Compile(const graph::Node& node) const;
  Step CompileConvolution(const graph::Node& node, const graph::Conv2d& op) const;
  Step CompileConcat(const graph::Node& node, const graph::Concat& op) const;
  Values Allocate() const;
  void RunBlock(Values& values) const {
    for (const Step& step : steps) step(values);
  }
};

Step Interpreter::Plan::CompileConvolution(const graph::Node& node, const graph::Conv2d& op) const {
  const size_t in = static_cast<size_t>(node.inputs[0]);
  const size_t out = static_cast<size_t>(node.output);
  const Dims in_dims = DimsAt(node.inputs[0]);
  const Dims out_dims = DimsAt(node.output);
  const Array& weight = graph.Parameter(node, "weight");
  if (IsFloat(node.inputs[0])) {
    std::vector<float> bias;
    if (op.has_bias) bias = graph.Parameter(node, "bias").Floats();
    return [=, weights = FloatWeights(weight, op.weight_quantizer)](Values& v) {
      Convolve(op, weights.data(), bias.empty() ? nullptr : bias.data(), v.floats[in].data(),
               in_dims, v.floats[out].data(), out_dims);
    };
  }
  return [=, weights = IntegerWeights(weight)](Values& v) {
    Convolve(op, weights.data(), v.integers[in].data(), in_dims, v.integers[out].data(), out_dims);
  };
}

Step Interpreter::Plan::CompileConcat(const graph::Node& node, const graph::Concat& op) const {
  // Along axis a the result is `outer` repetitions of one slab from each input.
  const Shape& shape = graph.At(node.output).shape;
  int64_t outer = 1;
  for (int axis = 0; axis < op.axis; ++axis) outer *= shape[static_cast<size_t>(axis)];
  std::vector<int64_t> slabs;
  for (const graph::TensorId id : node.inputs) {
    slabs.push_back(NumElements(graph.At(id).shape) / outer * kLanes);
  }
  const auto join = [outer, slabs, inputs = node.inputs, out = node.output](auto& tensors) {
    auto* target = tensors[static_cast<size_t>(out)].data();
    for (int64_t o = 0; o < outer; ++o) {
      for (size_t i = 0; i < inputs.size(); ++i) {
        const auto* source = tensors[static_cast<size_t>(inputs[i])].data() + o * slabs[i];
        target = std::copy(source, source + slabs[i], target);
      }
    }
  };
  if (IsFloat(node.output)) return [join](Values& v) { join(v.floats); };
  return [join](Values& v) { join(v.integers); };
}

Step Interpreter::Plan::Compile(const graph::Node& node) const {
  const size_t in = static_cast<size_t>(node.inputs[0]);
  const size_t out = static_cast<size_t>(node.output);
  const Dims in_dims = DimsAt(node.inputs[0]);
  const Dims out_dims = DimsAt(node.output);
  const bool is_float = IsFloat(node.inputs[0]);
  const auto copy = [=](const auto&) -> Step {
    if (is_float) return [=](Values& v) { v.floats[out] = v.floats[in]; };
    return [=](Values& v) { v.integers[out] = v.integers[in]; };
  };
  const auto need_float = [&] {
    Check(is_float, "interpreter: {} on integers at node {}", graph::Name(node.op), node.name);
  };
  return std::visit(
      graph::Overloaded{
          [&](const graph::Identity& op) { return copy(op); },
          [&](const graph::Flatten& op) { return copy(op); },
          [&](const graph::BatchNorm& op) -> Step {
            need_float();
            std::vector<float> gain = graph.Parameter(node, "weight").Floats();
            std::vector<float> shift = graph.Parameter(node, "bias").Floats();
            const std::vector<float>& mean = graph.Parameter(node, "running_mean").Floats();
            const std::vector<float>& variance = graph.Parameter(node, "running_var").Floats();
            for (size_t c = 0; c < gain.size(); ++c) {
              gain[c] /= std::sqrt(variance[c] + op.epsilon);
              shift[c] -= mean[c] * gain[c];
            }
            return [=](Values& v) {
              Affine(gain.data(), shift.data(), v.floats[in].data(), in_dims, v.floats[out].data());
            };
          },
          [&](const graph::Conv2d& op) { return CompileConvolution(node, op); },
          [&](const graph::Linear& op) {
            graph::Conv2d conv;
            conv.out_channels = op.out_features;
            conv.has_bias = op.has_bias;
            conv.weight_quantizer = op.weight_quantizer;
            return CompileConvolution(node, conv);
          },
          [&](const graph::Relu&) -> Step {
            need_float();
            return [=](Values& v) { Relu(v.floats[in].data(), in_dims, v.floats[out].data()); };
          },
          [&](const graph::MaxPool& op) -> Step {
            if (is_float) {
              return [=](Values& v) {
                Pool(op, v.floats[in].data(), in_dims, v.floats[out].data(), out_dims);
              };
            }
            return [=](Values& v) {
              Pool(op, v.integers[in].data(), in_dims, v.integers[out].data(), out_dims);
            };
          },
          [&](const graph::AvgPool& op) -> Step {
            need_float();
            return [=](Values& v) {
              Pool(op, v.floats[in].data(), in_dims, v.floats[out].data(), out_dims);
            };
          },
          [&](const graph::AdaptiveAvgPool& op) -> Step {
            need_float();
            return [=](Values& v) {
              Pool(op, v.floats[in].data(), in_dims, v.floats[out].data(), out_dims);
            };
          },
          [&](const graph::SumPool& op) -> Step {
            return [=](Values& v) {
              Pool(op, v.integers[in].data(), in_dims, v.integers[out].data(), out_dims);
            };
          },
          [&](const graph::Add&) -> Step {
            need_float();
            const size_t other = static_cast<size_t>(node.inputs[1]);
            return [=](Values& v) {
              Add(v.floats[in].data(), v.floats[other].data(), in_dims, v.floats[out].data());
            };
          },
          [&](const graph::Concat& op) { return CompileConcat(node, op); },
          [&](const graph::FakeQuantize& op) -> Step {
            need_float();
            const std::vector<float>& range = graph.Parameter(node, "range").Floats();
            if (range[0] > range[1]) return copy(op);
            const graph::Codes codes = graph::ActivationCodes(op, range[0], range[1]);
            return [=](Values& v) {
              FakeQuantize(codes.scale, codes.lo, codes.hi, v.floats[in].data(), in_dims,
                           v.floats[out].data());
            };
          },
          [&](const graph::QuantizeInput& op) -> Step {
            need_float();
            return [=, offset = graph.Parameter(node, "offset").Floats(),
                    multiplier = graph.Parameter(node, "multiplier").Int32s(),
                    shift = graph.Parameter(node, "shift").Int32s()](Values& v) {
              Quantize(op, offset.data(), multiplier.data(), shift.data(), v.floats[in].data(),
                       in_dims, v.integers[out].data());
            };
          },
          [&](const graph::Requantize& op) -> Step {
            const bool shared = graph.Parameter(node, "shift").shape == Shape{1};
            return [=, offset = graph.Parameter(node, "offset").Int32s(),
                    multiplier = graph.Parameter(node, "multiplier").Int32s(),
                    shift = graph.Parameter(node, "shift").Int32s()](Values& v) {
              Requantize(op, offset.data(), multiplier.data(), shift.data(), shared,
                         v.integers[in].data(), in_dims, v.integers[out].data());
            };
          },
          [&](const graph::AddRequantize& op) -> Step {
            const size_t other = static_cast<size_t>(node.inputs[1]);
            return [=](Values& v) {
              AddRequantize(op, v.integers[in].data(), v.integers[other].data(), in_dims,
                            v.integers[out].data());
            };
          },
          [&](const graph::Dequantize& op) -> Step {
            return [=](Values& v) {
              Dequantize(op.scale, v.integers[in].data(), in_dims, v.floats[out].data());
            };
          }},
      node.op);
}

Values Interpreter::Plan::Allocate() const {
  Values values;
  values.floats.resize(graph.tensors.size());
  values.integers.resize(graph.tensors.size());
  for (size_t id = 0; id < graph.tensors.size(); ++id) {
    const auto size = static_cast<size_t>(NumElements(graph.tensors[id].shape)) * kLanes;
    if (graph.tensors[id].dtype == DType::kFloat32) {
      values.floats[id].resize(size);
    } else {
      values.integers[id].resize(size);
    }
  }
  return values;
}

Interpreter::Interpreter(const graph::Graph& graph) : plan_(std::make_unique<Plan>()) {
  plan_->graph = graph;
  for (const graph::Node& node : plan_->graph.nodes) plan_->steps.push_back(plan_->Compile(node));
}

Interpreter::~Interpreter() = default;
Interpreter::Interpreter(Interpreter&&) noexcept = default;

namespace {

// Sample-major [lane][element] to block [element][lane]; lanes past `count` become zero.
void Gather(std::span<const float> samples, int64_t count, std::vector<float>& block) {
  const auto elements = static_cast<int64_t>(block.size()) / kLanes;
  std::fill(block.begin(), block.end(), 0.0f);
  for (int64_t lane = 0; lane < count; ++lane) {
    for (int64_t e = 0; e < elements; ++e) {
      block[static_cast<size_t>(e * kLanes + lane)] =
          samples[static_cast<size_t>(lane * elements + e)];
    }
  }
}

template <typename T>
void Scatter(const std::vector<T>& block, int64_t lane, std::span<float> sample) {
  for (size_t e = 0; e < sample.size(); ++e) {
    sample[e] = static_cast<float>(block[e * kLanes + static_cast<size_t>(lane)]);
  }
}

}  // namespace

std::vector<float> Interpreter::Run(std::span<const float> inputs, int64_t count,
                                    ThreadPool& pool) const {
  const graph::Graph& graph = plan_->graph;
  const int64_t in_size = NumElements(graph.Input().shape);
  const int64_t out_size = NumElements(graph.Output().shape);
  Check(static_cast<int64_t>(inputs.size()) == count * in_size,
        "interpreter: {} values for {} samples of {}", inputs.size(), count, in_size);
  std::vector<float> outputs(static_cast<size_t>(count * out_size));
  const int64_t blocks = (count + kLanes - 1) / kLanes;
  // A task is a run of blocks, so that its buffers are made once.
  constexpr int64_t kBlocksPerTask = 8;
  pool.Run((blocks + kBlocksPerTask - 1) / kBlocksPerTask, [&](int64_t task) {
    Values values = plan_->Allocate();
    const int64_t last = std::min(blocks, (task + 1) * kBlocksPerTask);
    for (int64_t b = task * kBlocksPerTask; b < last; ++b) {
      const int64_t lanes = std::min<int64_t>(kLanes, count - b * kLanes);
      Gather(inputs.subspan(static_cast<size_t>(b * kLanes * in_size),
                            static_cast<size_t>(lanes * in_size)),
             lanes, values.floats[static_cast<size_t>(graph.input)]);
      plan_->RunBlock(values);
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const std::span<float> sample(outputs.data() + (b * kLanes + lane) * out_size,
                                      static_cast<size_t>(out_size));
        const auto id = static_cast<size_t>(graph.output);
        if (plan_->IsFloat(graph.output)) {
          Scatter(values.floats[id], lane, sample);
        } else {
          Scatter(values.integers[id], lane, sample);
        }
      }
    }
  });
  return outputs;
}

std::vector<std::vector<float>> Interpreter::RunAll(std::span<const float> input) const {
  const graph::Graph& graph = plan_->graph;
  Values values = plan_->Allocate();
  Check(static_cast<int64_t>(input.size()) == NumElements(graph.Input().shape),
        "interpreter: {} values for one sample", input.size());
  Gather(input, 1, values.floats[static_cast<size_t>(graph.input)]);
  plan_->RunBlock(values);
  std::vector<std::vector<float>> result(graph.tensors.size());
  for (size_t id = 0; id < result.size(); ++id) {
    result[id].resize(static_cast<size_t>(NumElements(graph.tensors[id].shape)));
    if (graph.tensors[id].dtype == DType::kFloat32) {
      Scatter(values.floats[id], 0, result[id]);
    } else {
      Scatter(values.integers[id], 0, result[id]);
    }
  }
  return result;
}

}  // namespace platypus::exec
