#include "platypus/exec/compile.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "platypus/base/error.h"
#include "platypus/exec/convolution.h"
#include "platypus/exec/kernels.h"
#include "platypus/graph/quantization.h"

namespace platypus::exec {
namespace {

Dims DimsOf(const Shape& shape) {
  Check(shape.size() == 1 || shape.size() == 3, "tensor of rank {}", shape.size());
  return shape.size() == 1 ? Dims{shape[0], 1, 1} : Dims{shape[0], shape[1], shape[2]};
}

// Float weights as the kernels want them: rounded if a quantizer says so, Q(W k) / k where a batch
// norm waits to be folded into the layer.
std::vector<float> FloatWeights(const graph::Graph& graph, const graph::Node& node,
                                const std::string& role) {
  const Array& weight = graph.Parameter(node, role);
  std::vector<float> values = weight.Floats();
  const std::optional<graph::WeightQuantizer> quantizer = graph::QuantizerOf(node.op);
  if (!quantizer) return values;
  const graph::WeightLayout layout = graph::LayoutOf(node.op, weight.shape);
  std::vector<float> factors(layout.channels, 1.0f);
  if (const graph::Node* norm = graph::FoldingNorm(graph, node)) {
    factors = graph::FoldingFactors(graph, *norm);
  }
  std::vector<float> folded = values;
  graph::ScaleChannels(layout, factors, folded);
  const std::vector<graph::Codes> codes = graph::ChannelCodes(graph, node, role, folded);
  for (size_t c = 0; c < layout.channels; ++c) {
    if (factors[c] == 0.0f) continue;  // the batch norm hides what the channel computes
    layout.ForRuns(c, [&](size_t first) {
      for (size_t i = first; i < first + layout.length; ++i) {
        const int32_t code = graph::QuantizeWeight(*quantizer, folded[i], codes[c]);
        values[i] = static_cast<float>(code) * codes[c].scale / factors[c];
      }
    });
  }
  return values;
}

class Compilation {
 public:
  Compilation(const graph::Graph& graph, const graph::Node& node)
      : graph_(graph),
        node_(node),
        in_(static_cast<size_t>(node.inputs[0])),
        out_(static_cast<size_t>(node.output)),
        in_dims_(DimsOf(graph.At(node.inputs[0]).shape)),
        out_dims_(DimsOf(graph.At(node.output).shape)),
        is_float_(graph.At(node.inputs[0]).dtype == DType::kFloat32) {}

  Step Run() const;

 private:
  // kernel(input, output) on floats, on integers, on whatever the input is.
  template <typename Kernel>
  Step OnFloats(Kernel kernel) const {
    Check(is_float_, "interpreter: {} on integers at node {}", graph::Name(node_.op), node_.name);
    return [kernel, in = in_, out = out_](Values& v) { kernel(v.floats[in], v.floats[out]); };
  }
  template <typename Kernel>
  Step OnIntegers(Kernel kernel) const {
    Check(!is_float_, "interpreter: {} on floats at node {}", graph::Name(node_.op), node_.name);
    return [kernel, in = in_, out = out_](Values& v) { kernel(v.integers[in], v.integers[out]); };
  }
  template <typename Kernel>
  Step OnEither(Kernel kernel) const {
    return is_float_ ? OnFloats(kernel) : OnIntegers(kernel);
  }
  Step Copy() const {
    return OnEither(
        [size = in_dims_.Count() * kLanes](const auto* x, auto* y) { std::copy(x, x + size, y); });
  }

  // kernel(first input, second input, output) of as many elements each.
  template <typename Kernel>
  Step OnFloatPair(Kernel kernel) const {
    Check(is_float_, "interpreter: {} on integers at node {}", graph::Name(node_.op), node_.name);
    return [kernel, a = in_, b = static_cast<size_t>(node_.inputs[1]), out = out_](Values& v) {
      kernel(v.floats[a], v.floats[b], v.floats[out]);
    };
  }

  template <typename Kernel>
  Step OnIntegerPair(Kernel kernel) const {
    Check(!is_float_, "interpreter: {} on floats at node {}", graph::Name(node_.op), node_.name);
    return [kernel, a = in_, b = static_cast<size_t>(node_.inputs[1]), out = out_](Values& v) {
      kernel(v.integers[a], v.integers[b], v.integers[out]);
    };
  }

  const std::vector<float>& Floats(std::string_view role) const {
    return graph_.Parameter(node_, role).Floats();
  }
  const std::vector<int32_t>& Int32s(std::string_view role) const {
    return graph_.Parameter(node_, role).Int32s();
  }

  Step Convolution(const graph::Conv2d& op) const;
  Step TransposedConvolution(const graph::ConvTranspose2d& op) const;
  Step Normalization(const graph::BatchNorm& op) const;
  Step Join(const graph::Concat& op) const;
  Step Recurrence(const graph::Recurrent& op) const;
  Step Recurrence(const graph::IntegerRecurrent& op) const;
  Step ToCodes(const graph::FakeQuantize& op) const;

  const graph::Graph& graph_;
  const graph::Node& node_;
  size_t in_, out_;
  Dims in_dims_, out_dims_;
  bool is_float_;
};

Step Compilation::Convolution(const graph::Conv2d& op) const {
  if (!is_float_) {
    const std::vector<int8_t>& weight = graph_.Parameter(node_, "weight").Int8s();
    return [convolution = exec::Convolution(op, weight, in_dims_, out_dims_), in = in_,
            out = out_](Values& v) { convolution.Run(v.integers[in], v.pairs, v.integers[out]); };
  }
  return OnFloats([convolution = exec::Convolution(
                       op, FloatWeights(graph_, node_, "weight"),
                       op.has_bias ? Floats("bias") : std::vector<float>(), in_dims_, out_dims_)](
                      const float* x, float* y) { convolution.Run(x, y); });
}

Step Compilation::TransposedConvolution(const graph::ConvTranspose2d& op) const {
  if (!is_float_) {
    const std::vector<int8_t>& codes = graph_.Parameter(node_, "weight").Int8s();
    return OnIntegers(
        [op, from = in_dims_, to = out_dims_,
         weights = std::vector<int32_t>(codes.begin(), codes.end())](const int32_t* x, int32_t* y) {
          ConvolveTransposed(op, weights.data(), x, from, y, to);
        });
  }
  return OnFloats(
      [op, from = in_dims_, to = out_dims_, weights = FloatWeights(graph_, node_, "weight"),
       bias = op.has_bias ? Floats("bias") : std::vector<float>()](const float* x, float* y) {
        ConvolveTransposed(op, weights.data(), op.has_bias ? bias.data() : nullptr, x, from, y, to);
      });
}

Step Compilation::Normalization(const graph::BatchNorm& op) const {
  std::vector<float> gain = Floats("weight");
  std::vector<float> shift = Floats("bias");
  const std::vector<float>& mean = Floats("running_mean");
  const std::vector<float>& variance = Floats("running_var");
  for (size_t c = 0; c < gain.size(); ++c) {
    gain[c] /= std::sqrt(variance[c] + op.epsilon);
    shift[c] -= mean[c] * gain[c];
  }
  return OnFloats([gain, shift, dims = in_dims_](const float* x, float* y) {
    Affine(gain.data(), shift.data(), x, dims, y);
  });
}

Step Compilation::Join(const graph::Concat& op) const {
  // Along axis a the result is `outer` repetitions of one slab from each input.
  const Shape& shape = graph_.At(node_.output).shape;
  int64_t outer = 1;
  for (int axis = 0; axis < op.axis; ++axis) outer *= shape[static_cast<size_t>(axis)];
  std::vector<int64_t> slabs;
  for (const graph::TensorId id : node_.inputs) {
    slabs.push_back(NumElements(graph_.At(id).shape) / outer * kLanes);
  }
  const auto join = [outer, slabs, inputs = node_.inputs, out = out_](auto& tensors) {
    auto* target = tensors[out];
    for (int64_t o = 0; o < outer; ++o) {
      for (size_t i = 0; i < inputs.size(); ++i) {
        const auto* source = tensors[static_cast<size_t>(inputs[i])] + o * slabs[i];
        target = std::copy(source, source + slabs[i], target);
      }
    }
  };
  if (is_float_) return [join](Values& v) { join(v.floats); };
  return [join](Values& v) { join(v.integers); };
}

Step Compilation::Recurrence(const graph::Recurrent& op) const {
  std::vector<RecurrentLayer> layers;
  layers.reserve(static_cast<size_t>(op.layers));
  for (int k = 0; k < op.layers; ++k) {
    layers.push_back({FloatWeights(graph_, node_, fmt::format("weight_ih_l{}", k)),
                      FloatWeights(graph_, node_, fmt::format("weight_hh_l{}", k)),
                      Floats(fmt::format("bias_ih_l{}", k)),
                      Floats(fmt::format("bias_hh_l{}", k))});
  }
  return OnFloats(
      [op, layers, dims = in_dims_](const float* x, float* y) { Recur(op, layers, x, dims, y); });
}

Step Compilation::Recurrence(const graph::IntegerRecurrent& op) const {
  std::vector<IntegerRecurrentLayer> layers;
  for (int k = 0; k < op.layers; ++k) {
    const auto part = [&](const char* of) {
      const auto name = [&](const char* role) { return fmt::format("{}_{}_l{}", role, of, k); };
      return IntegerRecurrentLayer::Part{graph_.Parameter(node_, name("weight")).Int8s(),
                                         Int32s(name("offset")), Int32s(name("multiplier")),
                                         Int32s(name("shift"))};
    };
    layers.push_back({part("ih"), part("hh")});
  }
  return OnIntegers([op, layers, dims = in_dims_](const int32_t* x, int32_t* y) {
    Recur(op, layers, x, dims, y);
  });
}

Step Compilation::ToCodes(const graph::FakeQuantize& op) const {
  const std::vector<float>& range = Floats("range");
  if (range[0] > range[1]) return Copy();
  return OnFloats([codes = graph::ActivationCodes(op, range[0], range[1]), dims = in_dims_](
                      const float* x, float* y) {
    FakeQuantize(codes.scale, codes.lo - codes.zero_point, codes.hi - codes.zero_point, x, dims, y);
  });
}

Step Compilation::Run() const {
  const Dims from = in_dims_;
  const Dims to = out_dims_;
  return std::visit(
      graph::Overloaded{
          [&](const graph::Identity&) { return Copy(); },
          [&](const graph::BatchNorm& op) { return Normalization(op); },
          [&](const graph::Conv2d& op) { return Convolution(op); },
          [&](const graph::ConvTranspose2d& op) { return TransposedConvolution(op); },
          [&](const graph::Linear& op) {
            graph::Conv2d conv;
            conv.out_channels = op.out_features;
            conv.has_bias = op.has_bias;
            return Convolution(conv);
          },
          [&](const graph::Relu&) {
            return OnFloats([=](const float* x, float* y) { Relu(x, from, y); });
          },
          [&](const graph::Clamp& op) {
            return OnEither([=](const auto* x, auto* y) { Clamp(op, x, from, y); });
          },
          [&](const graph::LeakyRelu& op) {
            return OnFloats([=](const float* x, float* y) { LeakyRelu(op.slope, x, from, y); });
          },
          [&](const graph::Sigmoid&) {
            return OnFloats([=](const float* x, float* y) { Sigmoid(x, from, y); });
          },
          [&](const graph::Tanh&) {
            return OnFloats([=](const float* x, float* y) { Tanh(x, from, y); });
          },
          [&](const graph::Gelu&) {
            return OnFloats([=](const float* x, float* y) { Gelu(x, from, y); });
          },
          [&](const graph::Softmax&) {
            return OnFloats([=](const float* x, float* y) { Softmax(x, from, y); });
          },
          [&](const graph::LogSoftmax&) {
            return OnFloats([=](const float* x, float* y) { LogSoftmax(x, from, y); });
          },
          [&](const graph::MaxPool& op) {
            return OnEither(
                [pool = WindowPool(op, from, to)](const auto* x, auto* y) { pool.Run(x, y); });
          },
          [&](const graph::AvgPool& op) {
            return OnFloats(
                [pool = WindowPool(op, from, to)](const float* x, float* y) { pool.Run(x, y); });
          },
          [&](const graph::AdaptiveAvgPool& op) {
            return OnEither([=](const auto* x, auto* y) { Pool(op, x, from, y, to); });
          },
          [&](const graph::Flatten&) { return Copy(); },
          [&](const graph::Reshape&) { return Copy(); },
          [&](const graph::Transpose& op) {
            return OnEither([=](const auto* x, auto* y) { Transpose(op, x, from, y); });
          },
          [&](const graph::Pad& op) {
            return OnEither([=](const auto* x, auto* y) { Pad(op, x, from, y); });
          },
          [&](const graph::Slice& op) {
            return OnEither([=](const auto* x, auto* y) { Slice(op, x, from, y); });
          },
          [&](const graph::Resize& op) {
            if (op.mode == graph::Resize::Mode::kBilinear) {
              return OnEither([=](const auto* x, auto* y) { ResizeBilinear(x, from, y, to); });
            }
            return OnEither([=](const auto* x, auto* y) { ResizeNearest(x, from, y, to); });
          },
          [&](const graph::Dropout&) { return Copy(); },
          [&](const graph::LayerNorm& op) {
            return OnFloats(
                [=, weight = Floats("weight"), bias = Floats("bias")](const float* x, float* y) {
                  LayerNorm(op, weight.data(), bias.data(), x, from, y);
                });
          },
          [&](const graph::Recurrent& op) { return Recurrence(op); },
          [&](const graph::Add&) {
            return OnFloatPair(
                [=](const float* a, const float* b, float* y) { Add(a, b, from, y); });
          },
          [&](const graph::Mul&) {
            return OnFloatPair(
                [=](const float* a, const float* b, float* y) { Mul(a, b, from, y); });
          },
          [&](const graph::Scale&) {
            return OnFloats([=, factor = Floats("weight")[0]](const float* x, float* y) {
              Scale(factor, x, from, y);
            });
          },
          [&](const graph::Concat& op) { return Join(op); },
          [&](const graph::FakeQuantize& op) { return ToCodes(op); },
          [&](const graph::QuantizeInput& op) -> Step {
            const bool shared = graph_.Parameter(node_, "shift").shape == Shape{1};
            return [=, in = in_, out = out_, offset = Floats("offset"),
                    multiplier = Int32s("multiplier"), shift = Int32s("shift")](Values& v) {
              Quantize(op, offset.data(), multiplier.data(), shift.data(), shared, v.floats[in],
                       from, v.integers[out]);
            };
          },
          [&](const graph::SumPool& op) {
            return OnIntegers([pool = WindowPool(op, from, to)](const int32_t* x, int32_t* y) {
              pool.Run(x, y);
            });
          },
          [&](const graph::Requantize& op) {
            const bool shared = graph_.Parameter(node_, "shift").shape == Shape{1};
            return OnIntegers([=, offset = Int32s("offset"), multiplier = Int32s("multiplier"),
                               shift = Int32s("shift")](const int32_t* x, int32_t* y) {
              Requantize(op, offset.data(), multiplier.data(), shift.data(), shared, x, from, y);
            });
          },
          [&](const graph::AddRequantize& op) {
            return OnIntegerPair([=](const int32_t* a, const int32_t* b, int32_t* y) {
              AddRequantize(op, a, b, from, y);
            });
          },
          [&](const graph::Lookup&) {
            return OnIntegers([=, table = Int32s("table")](const int32_t* x, int32_t* y) {
              Lookup(table.data(), x, from, y);
            });
          },
          [&](const graph::IntegerSoftmax&) {
            return OnIntegers([=, table = Int32s("table")](const int32_t* x, int32_t* y) {
              IntegerSoftmax(table.data(), x, from, y);
            });
          },
          [&](const graph::IntegerLayerNorm& op) {
            return OnIntegers([=, multiplier = Int32s("multiplier"), offset = Int32s("offset")](
                                  const int32_t* x, int32_t* y) {
              IntegerLayerNorm(op, multiplier.data(), offset.data(), x, from, y);
            });
          },
          [&](const graph::IntegerRecurrent& op) { return Recurrence(op); },
          [&](const graph::MulRequantize& op) {
            return OnIntegerPair([=](const int32_t* a, const int32_t* b, int32_t* y) {
              MulRequantize(op, a, b, from, y);
            });
          },
          [&](const graph::Dequantize& op) -> Step {
            return [=, in = in_, out = out_](Values& v) {
              Dequantize(op, v.integers[in], from, v.floats[out]);
            };
          }},
      node_.op);
}

}  // namespace

Step Compile(const graph::Graph& graph, const graph::Node& node) {
  return Compilation(graph, node).Run();
}

}  // namespace platypus::exec
