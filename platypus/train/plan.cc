#include "platypus/train/plan.h"

#include <algorithm>
#include <map>
#include <optional>

#include "platypus/base/error.h"

namespace platypus::train {
namespace {

using graph::Node;
using graph::TensorId;

Dims DimsOf(const Shape& shape) {
  return shape.size() == 1 ? Dims{shape[0], 1, 1} : Dims{shape.at(0), shape.at(1), shape.at(2)};
}

Windows Slide(graph::Size2 kernel, graph::Size2 stride, graph::Size2 dilation,
              const graph::Padding2& padding, const Shape& in, const Shape& out, float area) {
  const auto axis = [](int64_t n, int64_t outs, int k, int s, int d, int before) {
    std::vector<Windows::Range> ranges;
    for (int64_t o = 0; o < outs; ++o) {
      int64_t first = o * s - before;
      const int64_t last = std::min(n, first + int64_t{d} * (k - 1) + 1);
      while (first < 0) first += d;
      ranges.push_back({first, last, d});
    }
    return ranges;
  };
  return {axis(in[1], out[1], kernel.h, stride.h, dilation.h, padding.top),
          axis(in[2], out[2], kernel.w, stride.w, dilation.w, padding.left), in[1], in[2], area};
}

Windows Adaptive(const Shape& in, const Shape& out) {
  const auto axis = [](int64_t n, int64_t outs) {
    std::vector<Windows::Range> ranges;
    for (int64_t o = 0; o < outs; ++o) {
      ranges.push_back({o * n / outs, ((o + 1) * n + outs - 1) / outs});
    }
    return ranges;
  };
  return {axis(in[1], out[1]), axis(in[2], out[2]), in[1], in[2]};
}

class Compiler {
 public:
  explicit Compiler(const graph::Graph& graph) : graph_(graph) {}

  Plan Run() {
    AddStored("input", graph_.Input().shape);
    views_[graph_.input] = {0, false, false};
    for (const Node& node : graph_.nodes) Compile(node);
    FoldNorms();
    plan_.output = views_.at(graph_.output).stored;
    plan_.stored[0].needs_gradient = plan_.IsTrainedBehind(0) || plan_.output == 0;
    return std::move(plan_);
  }

 private:
  // What a tensor of the graph is made of.
  struct View {
    int stored = -1;
    bool flat = false;    // the same memory seen as [F]
    bool shared = false;  // other tensors show the same memory to other readers
  };

  size_t AddArray(const Node& node, const std::string& role, std::vector<float>& row,
                  Plan::Names& names) {
    const std::vector<float>& values = graph_.Parameter(node, role).Floats();
    names.emplace_back(fmt::format("{}.{}", node.name, role), row.size());
    row.insert(row.end(), values.begin(), values.end());
    return names.back().second;
  }
  size_t Parameter(const Node& node, const std::string& role) {
    return AddArray(node, role, plan_.parameters, plan_.parameter_names);
  }
  size_t State(const Node& node, const std::string& role) {
    return AddArray(node, role, plan_.state, plan_.state_names);
  }

  // `name` by value: it may be that of a stored tensor, which moves when another one comes.
  int AddStored(std::string name, const Shape& shape) {
    plan_.stored.emplace_back();
    plan_.stored.back().name = std::move(name);
    plan_.stored.back().dims = DimsOf(shape);
    return static_cast<int>(plan_.stored.size()) - 1;
  }
  Stored& At(int stored) { return plan_.stored[static_cast<size_t>(stored)]; }

  // The same memory under another tensor of the graph.
  void Alias(const Node& node, const View& in, bool flat) {
    const bool shared = in.shared || graph::Consumers(graph_, node.inputs[0]).size() > 1;
    views_[node.output] = {in.stored, flat, shared};
  }

  // The view of `tensor` to whose memory a pointwise step can still be added, or of a copy.
  View Extendable(TensorId tensor, bool ok) {
    const View view = views_.at(tensor);
    if (ok && !view.shared && graph::Consumers(graph_, tensor).size() == 1 &&
        tensor != graph_.output) {
      return view;
    }
    const int copy = AddStored(graph_.At(tensor).name, graph_.At(tensor).shape);
    plan_.layers.emplace_back(JoinLayer{{view.stored}, copy, JoinLayer::Kind::kSum, 1});
    return {copy, false, false};
  }

  // The tensor itself, or a copy where what stands behind it counts other channels than `shape`:
  // convolutions and pools take their input through those steps channel by channel.
  int Image(const View& view, const Shape& shape) {
    const Dims dims = DimsOf(shape);
    if (At(view.stored).IsPlain() || At(view.stored).dims.c == dims.c) return view.stored;
    const int copy = AddStored(At(view.stored).name, shape);
    plan_.layers.emplace_back(JoinLayer{{view.stored}, copy, JoinLayer::Kind::kSum, 1});
    return copy;
  }

  void AddNorm(const Node& node, const graph::BatchNorm& op, const View& in) {
    const View view = Extendable(node.inputs[0], At(in.stored).IsPlain() && !in.flat);
    At(view.stored).norm = static_cast<int>(plan_.norms.size());
    plan_.norms.push_back({Parameter(node, "weight"), Parameter(node, "bias"),
                           State(node, "running_mean"), State(node, "running_var"), op.epsilon,
                           op.momentum});
    plan_.layers.emplace_back(NormLayer{view.stored});
    views_[node.output] = view;
  }

  // Batch norms behind layers with rounded weights; and whether those of the input move.
  void FoldNorms() {
    const auto fold = [&](int out, std::vector<RoundedArray>& arrays) {
      for (RoundedArray& array : arrays) array.norm = At(out).norm;
    };
    for (LayerKind& layer : plan_.layers) {
      if (auto* conv = std::get_if<ConvolutionLayer>(&layer)) fold(conv->out, conv->rounded);
      auto* local = std::get_if<LocalLayer>(&layer);
      if (local != nullptr && std::holds_alternative<TransposedConvolution>(local->kernel)) {
        fold(local->out, local->rounded);
      }
    }
    if (At(0).norm >= 0 && !plan_.ranges.empty()) {
      plan_.norms[static_cast<size_t>(At(0).norm)].frozen = true;
    }
  }

  // The node's weights that are rounded; `roles` begin at `offset` of the parameters. Learned steps
  // follow.
  std::vector<RoundedArray> AddRounded(const Node& node, const std::vector<graph::Role>& roles,
                                       size_t offset) {
    std::vector<RoundedArray> arrays;
    const std::optional<graph::WeightQuantizer> quantizer = graph::QuantizerOf(node.op);
    if (!quantizer) return arrays;
    for (const graph::Role& role : roles) {
      if (role.name.starts_with("weight")) {
        arrays.push_back({*quantizer, graph::LayoutOf(node.op, role.shape), offset});
        if (arrays.back().Steps() > 0) {
          arrays.back().steps = Parameter(node, graph::StepRole(role.name));
        }
      }
      offset += static_cast<size_t>(NumElements(role.shape));
    }
    return arrays;
  }

  void AddConvolution(const Node& node, const graph::Conv2d& op, int in, const Shape& in_shape,
                      const Shape& out_shape) {
    const Dims i = DimsOf(in_shape);
    const Dims o = DimsOf(out_shape);
    const int out = AddStored(node.name, out_shape);
    ConvolutionLayer layer{in,
                           out,
                           Convolution(op, {i.c, i.h, i.w}, {o.c, o.h, o.w}),
                           Parameter(node, "weight"),
                           0,
                           op.has_bias,
                           plan_.packed_floats,
                           {}};
    if (op.has_bias) layer.bias = Parameter(node, "bias");
    layer.rounded = AddRounded(node, graph::Roles(node.op, in_shape), layer.weight);
    plan_.packed_floats += 2 * layer.Weights();
    plan_.layers.emplace_back(std::move(layer));
    views_[node.output] = {out, false, false};
  }

  void AddPool(const Node& node, int in, bool is_max, Windows windows) {
    const int out = AddStored(node.name, graph_.At(node.output).shape);
    plan_.layers.emplace_back(PoolLayer{in, out, is_max, std::move(windows)});
    views_[node.output] = {out, false, false};
  }

  // The parameters stand in the order of graph::Roles, which the kernels expect.
  template <typename Kernel>
  void AddLocal(const Node& node, int in, Kernel kernel) {
    const int out = AddStored(node.name, graph_.At(node.output).shape);
    const size_t first = plan_.parameters.size();
    const std::vector<graph::Role> roles = graph::Roles(node.op, graph_.At(node.inputs[0]).shape);
    for (const graph::Role& role : roles) {
      if (!role.name.starts_with("step")) Parameter(node, role.name);
    }
    Check(plan_.parameters.size() - first == kernel.Parameters(), "node {}: parameters", node.name);
    LocalLayer layer{in, out, std::move(kernel), first, plan_.packed_floats, 0, {}};
    layer.rounded = AddRounded(node, roles, first);
    plan_.packed_floats += std::visit([](const auto& k) { return k.Packed(); }, layer.kernel);
    plan_.layers.emplace_back(std::move(layer));
    views_[node.output] = {out, false, false};
  }
  template <typename Op>
  void AddElementwise(const Node& node, int in, const Op& op) {
    AddLocal(node, in, Elementwise<Op>(op, NumElements(graph_.At(node.output).shape)));
  }

  void AddSoftmax(const Node& node, int in, bool logarithm) {
    const Dims dims = DimsOf(graph_.At(node.output).shape);
    AddLocal(node, in, SoftmaxLayer(dims.c, dims.Plane(), logarithm));
  }

  void AddJoin(const Node& node, JoinLayer::Kind kind, int64_t outer) {
    const int out = AddStored(node.name, graph_.At(node.output).shape);
    JoinLayer join{{}, out, kind, outer};
    for (const TensorId id : node.inputs) join.ins.push_back(views_.at(id).stored);
    plan_.layers.emplace_back(std::move(join));
    views_[node.output] = {out, false, false};
  }

  void Compile(const Node& node) {
    const View in = views_.at(node.inputs[0]);
    const Shape& in_shape = graph_.At(node.inputs[0]).shape;
    const Shape& out_shape = graph_.At(node.output).shape;
    const auto reject = [&](const auto&) {
      Check(false, "training: {} at node {} is no float operator", graph::Name(node.op), node.name);
    };
    std::visit(graph::Overloaded{
                   [&](const graph::Identity&) { Alias(node, in, in.flat); },
                   [&](const graph::Flatten&) { Alias(node, in, true); },
                   [&](const graph::BatchNorm& op) { AddNorm(node, op, in); },
                   [&](const graph::Relu&) {
                     const Stored& s = At(in.stored);
                     const View view = Extendable(node.inputs[0], !s.relu && s.range < 0);
                     At(view.stored).relu = true;
                     views_[node.output] = view;
                   },
                   [&](const graph::FakeQuantize& op) {
                     const View view = Extendable(node.inputs[0], At(in.stored).range < 0);
                     At(view.stored).range = static_cast<int>(plan_.ranges.size());
                     plan_.ranges.push_back(
                         {op, op.learned_step ? Parameter(node, "range") : State(node, "range")});
                     plan_.layers.emplace_back(RangeLayer{view.stored});
                     views_[node.output] = view;
                   },
                   [&](const graph::Conv2d& op) {
                     AddConvolution(node, op, Image(in, in_shape), in_shape, out_shape);
                   },
                   [&](const graph::Linear& op) {
                     graph::Conv2d conv;
                     conv.out_channels = op.out_features;
                     conv.has_bias = op.has_bias;
                     AddConvolution(node, conv, in.stored, in_shape, out_shape);
                   },
                   [&](const graph::MaxPool& op) {
                     AddPool(node, Image(in, in_shape), true,
                             Slide(op.kernel, op.stride, op.dilation, op.padding, in_shape,
                                   out_shape, 0.0f));
                   },
                   [&](const graph::AvgPool& op) {
                     AddPool(node, Image(in, in_shape), false,
                             Slide(op.kernel, op.stride, {}, op.padding, in_shape, out_shape,
                                   static_cast<float>(op.kernel.h * op.kernel.w)));
                   },
                   [&](const graph::AdaptiveAvgPool&) {
                     AddPool(node, Image(in, in_shape), false, Adaptive(in_shape, out_shape));
                   },
                   [&](const graph::ConvTranspose2d& op) {
                     AddLocal(node, in.stored, TransposedConvolution(op, in_shape, out_shape));
                   },
                   [&](const graph::Clamp& op) { AddElementwise(node, in.stored, op); },
                   [&](const graph::LeakyRelu& op) { AddElementwise(node, in.stored, op); },
                   [&](const graph::Sigmoid& op) { AddElementwise(node, in.stored, op); },
                   [&](const graph::Tanh& op) { AddElementwise(node, in.stored, op); },
                   [&](const graph::Gelu& op) { AddElementwise(node, in.stored, op); },
                   [&](const graph::Softmax&) { AddSoftmax(node, in.stored, false); },
                   [&](const graph::LogSoftmax&) { AddSoftmax(node, in.stored, true); },
                   [&](const graph::Reshape&) { Alias(node, in, true); },
                   [&](const graph::Transpose& op) {
                     AddLocal(node, in.stored, MakeMap(op, in_shape, out_shape));
                   },
                   [&](const graph::Pad& op) {
                     AddLocal(node, in.stored, MakeMap(op, in_shape, out_shape));
                   },
                   [&](const graph::Slice& op) {
                     AddLocal(node, in.stored, MakeMap(op, in_shape, out_shape));
                   },
                   [&](const graph::Resize& op) {
                     AddLocal(node, in.stored, MakeMap(op, in_shape, out_shape));
                   },
                   [&](const graph::Dropout& op) {
                     AddLocal(node, in.stored, DropoutLayer(op.probability, NumElements(in_shape)));
                   },
                   [&](const graph::LayerNorm& op) {
                     AddLocal(node, in.stored, LayerNormLayer(op.epsilon, NumElements(in_shape)));
                   },
                   [&](const graph::Recurrent& op) {
                     AddLocal(node, in.stored, RecurrentLayer(op, in_shape));
                   },
                   [&](const graph::Mul&) { AddJoin(node, JoinLayer::Kind::kProduct, 1); },
                   [&](const graph::Scale&) {
                     AddLocal(node, in.stored, ScaleLayer(NumElements(in_shape)));
                   },
                   [&](const graph::Add&) { AddJoin(node, JoinLayer::Kind::kSum, 1); },
                   [&](const graph::Concat& op) {
                     int64_t outer = 1;
                     for (int a = 0; a < op.axis; ++a) outer *= out_shape[static_cast<size_t>(a)];
                     AddJoin(node, JoinLayer::Kind::kConcatenation, outer);
                   },
                   [&](const graph::QuantizeInput& op) { reject(op); },
                   [&](const graph::SumPool& op) { reject(op); },
                   [&](const graph::Requantize& op) { reject(op); },
                   [&](const graph::AddRequantize& op) { reject(op); },
                   [&](const graph::Lookup& op) { reject(op); },
                   [&](const graph::IntegerSoftmax& op) { reject(op); },
                   [&](const graph::IntegerLayerNorm& op) { reject(op); },
                   [&](const graph::IntegerRecurrent& op) { reject(op); },
                   [&](const graph::MulRequantize& op) { reject(op); },
                   [&](const graph::Dequantize& op) { reject(op); }},
               node.op);
  }

  const graph::Graph& graph_;
  Plan plan_;
  std::map<TensorId, View> views_;
};

}  // namespace

Plan MakePlan(const graph::Graph& graph) {
  Plan plan = Compiler(graph).Run();
  PlanBackward(plan);
  PlanMemory(plan);
  return plan;
}

}  // namespace platypus::train
