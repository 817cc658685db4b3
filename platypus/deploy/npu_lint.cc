#include "platypus/deploy/npu_lint.h"

#include <algorithm>

#include "platypus/base/error.h"

namespace platypus::deploy {
namespace {

using graph::Graph;
using graph::Node;
using graph::Size2;

// The published limits, in their newer form: a kernel that is 1 wide may be of any height.
constexpr int64_t kChannels = 4;       // channels come in groups of
constexpr int kFirstKernelWidth = 8;   // of a convolution of one channel
constexpr int kKernel = 7;             // of both sides, where neither is 1
constexpr int kPoolKernel = 4;         // of the shorter side of a maximum
constexpr int64_t kPoolArea = 2;       // a global average needs more values than
constexpr int64_t kLinearInputs = 16;  // at least, with weights of 8 bits
constexpr int64_t kLinearInputsOfFewBits = 8;

class Lint {
 public:
  Lint(const Graph& graph, int weight_bits) : graph_(graph), weight_bits_(weight_bits) {}

  std::vector<NpuPlacement> Run() {
    std::vector<NpuPlacement> placements;
    for (const Node& node : graph_.nodes) {
      node_ = &node;
      now_ = {node.name, "", "", graph::CountMacs(graph_, node), {}};
      std::visit([&](const auto& op) { Look(op); }, node.op);
      if (!now_.type.empty()) placements.push_back(std::move(now_));
    }
    return placements;
  }

 private:
  const Shape& In() const { return graph_.At(node_->inputs[0]).shape; }
  const Shape& Out() const { return graph_.At(node_->output).shape; }

  // What the accelerator calls the layer, and what it is in words.
  void Is(const char* type, std::string what) {
    now_.type = type;
    now_.what = std::move(what);
  }

  void Find(const char* type, std::string problem, std::string advice = "") {
    now_.problems.push_back({node_->name, type, std::move(problem), std::move(advice)});
  }

  std::string Convolution(const char* kind, Size2 kernel, Size2 stride) const {
    return fmt::format("{} of {} to {} channels, kernel {}x{}, stride {}x{}", kind, In()[0],
                       Out()[0], kernel.h, kernel.w, stride.h, stride.w);
  }

  void RequireGroups(const char* type, const char* what, int64_t channels) {
    if (channels % kChannels == 0) return;
    const int64_t above = (channels / kChannels + 1) * kChannels;
    const int64_t below = above - kChannels;
    Find(type, fmt::format("{} {}channels, which is no multiple of {}", channels, what, kChannels),
         below > 0 ? fmt::format("{} or {}", below, above) : fmt::format("{}", above));
  }

  void RequireStride(const char* type, Size2 stride) {
    if (stride == Size2{1, 1} || stride == Size2{2, 1} || stride == Size2{2, 2}) return;
    Find(type, fmt::format("stride {}x{}", stride.h, stride.w), "1x1, 2x1 or 2x2");
  }

  // One side may be of any length where the other one is 1.
  void RequireKernel(const char* type, Size2 kernel) {
    if (kernel.h == 1 || kernel.w == 1 || std::max(kernel.h, kernel.w) <= kKernel) return;
    Find(type, fmt::format("kernel {}x{}", kernel.h, kernel.w),
         fmt::format("at most {} on both sides, or one side of 1", kKernel));
  }

  void Look(const graph::Conv2d& op) {
    const int64_t in = In()[0];
    const bool point = op.kernel == Size2{1, 1} && op.stride == Size2{1, 1};
    if (in == 1) {
      Is("FCONV", Convolution("first convolution", op.kernel, op.stride));
      RequireGroups("FCONV", "output ", op.out_channels);
      RequireStride("FCONV", op.stride);
      if (op.kernel.w > kFirstKernelWidth) {
        Find("FCONV", fmt::format("kernel {}x{}", op.kernel.h, op.kernel.w),
             fmt::format("at most {} wide", kFirstKernelWidth));
      }
    } else if (op.groups == in && op.out_channels == in) {
      Is("DWCONV", Convolution("depthwise convolution", op.kernel, op.stride));
      RequireGroups("DWCONV", "", in);
      RequireStride("DWCONV", op.stride);
      RequireKernel("DWCONV", op.kernel);
    } else if (op.groups != 1) {
      Is("Conv2d", Convolution("grouped convolution", op.kernel, op.stride));
      Find("Conv2d", fmt::format("{} groups of {} channels", op.groups, in),
           fmt::format("1 or {} groups", in));
    } else if (point) {
      Is("PWCONV", Convolution("pointwise convolution", op.kernel, op.stride));
      RequireGroups("PWCONV", "input ", in);
      RequireGroups("PWCONV", "output ", op.out_channels);
    } else {  // input channels are padded
      Is("GCONV", Convolution("convolution", op.kernel, op.stride));
      RequireGroups("GCONV", "output ", op.out_channels);
      RequireStride("GCONV", op.stride);
      RequireKernel("GCONV", op.kernel);
    }
  }

  void Look(const graph::ConvTranspose2d& op) {
    Is("TCONV", Convolution("transposed convolution", op.kernel, op.stride));
    RequireGroups("TCONV", "input ", In()[0]);
    RequireGroups("TCONV", "output ", op.out_channels);
  }

  void Look(const graph::Linear& op) {
    Is("FC", fmt::format("linear layer of {} inputs and {} outputs", In()[0], op.out_features));
    const int64_t least = weight_bits_ < 8 ? kLinearInputsOfFewBits : kLinearInputs;
    if (In()[0] >= least) return;
    Find("FC", fmt::format("{} inputs", In()[0]),
         fmt::format("at least {} with weights of {} bits", least, weight_bits_));
  }

  void Look(const graph::MaxPool& op) {
    Is("MAXPOOL",
       fmt::format("maximum of {} channels over {}x{} values", In()[0], op.kernel.h, op.kernel.w));
    RequireGroups("MAXPOOL", "", In()[0]);
    if (std::min(op.kernel.h, op.kernel.w) <= kPoolKernel) return;
    Find("MAXPOOL", fmt::format("kernel {}x{}", op.kernel.h, op.kernel.w),
         fmt::format("at most {} on one side", kPoolKernel));
  }

  // Averages over windows become depthwise convolutions.
  void Look(const graph::AvgPool& op) {
    Is("DWCONV",
       fmt::format("average of {} channels over {}x{} values", In()[0], op.kernel.h, op.kernel.w));
    RequireGroups("DWCONV", "", In()[0]);
    RequireStride("DWCONV", op.stride);
    RequireKernel("DWCONV", op.kernel);
  }

  void Look(const graph::AdaptiveAvgPool& op) {
    const Shape& in = In();
    const bool whole = op.output == Size2{1, 1};
    Is(whole ? "AVGPOOL" : "DWCONV",
       fmt::format("average of {} channels from {}x{} to {}x{} values", in[0], in[1], in[2],
                   op.output.h, op.output.w));
    if (whole) {
      RequireGroups("AVGPOOL", "", in[0]);
      if (in[1] * in[2] <= kPoolArea) {
        Find("AVGPOOL", fmt::format("an average of {} values", in[1] * in[2]),
             fmt::format("more than {}", kPoolArea));
      }
    } else if (in[1] % op.output.h != 0 || in[2] % op.output.w != 0) {
      Find("AdaptiveAvgPool",
           fmt::format("{}x{} values to {}x{}: windows of unequal length", in[1], in[2],
                       op.output.h, op.output.w),
           "an output that divides the input");
    } else {
      const Size2 window = {static_cast<int>(in[1]) / op.output.h,
                            static_cast<int>(in[2]) / op.output.w};
      RequireGroups("DWCONV", "", in[0]);
      RequireStride("DWCONV", window);
      RequireKernel("DWCONV", window);
    }
  }

  // Only the sum behind a pointwise convolution is the accelerator's (PWCONVRES).
  void Look(const graph::Add&) {
    const auto is_point = [&](graph::TensorId tensor) {
      const Node* node = graph::Producer(graph_, tensor);
      while (node != nullptr && std::holds_alternative<graph::BatchNorm>(node->op))
        node = graph::Producer(graph_, node->inputs[0]);
      const auto* conv = node == nullptr ? nullptr : std::get_if<graph::Conv2d>(&node->op);
      return conv != nullptr && conv->kernel == Size2{1, 1} && conv->stride == Size2{1, 1};
    };
    Is("PWCONVRES", "sum with what a pointwise convolution gives");
    if (std::ranges::none_of(node_->inputs, is_point)) {
      Find("Add", "a sum that no 1x1 convolution stands before",
           "end one branch in a 1x1 convolution");
    }
  }

  // Part of the layer before them, of the input's scaling, or no computation at all.
  void Look(const graph::Identity&) {}
  void Look(const graph::BatchNorm&) {}
  void Look(const graph::Relu&) {}
  void Look(const graph::Flatten&) {}
  void Look(const graph::Reshape&) {}
  void Look(const graph::Dropout&) {}
  void Look(const graph::FakeQuantize&) {}
  void Look(const graph::QuantizeInput&) {}
  void Look(const graph::Requantize&) {}
  void Look(const graph::Dequantize&) {}

  // Everything else is left to the processor.
  template <typename Op>
  void Look(const Op& op) {
    const char* name = graph::Name(graph::Op(op));
    Is(name, fmt::format("{} of {} values", name, NumElements(In())));
    Find(graph::Name(graph::Op(op)), "an operator that the accelerator does not have");
  }

  const Graph& graph_;
  int weight_bits_;
  const Node* node_ = nullptr;
  NpuPlacement now_;
};

}  // namespace

std::vector<NpuPlacement> PlaceOnNpu(const Graph& graph, int weight_bits) {
  return Lint(graph, weight_bits).Run();
}

std::string Explain(const NpuPlacement& placement) {
  if (placement.Runs())
    return fmt::format("runs on the NPU as {}: {}", placement.type, placement.what);
  std::string text = fmt::format("stays on the processor: {}", placement.what);
  for (const NpuFinding& problem : placement.problems) {
    text += "; " + problem.problem;
    if (!problem.advice.empty()) text += fmt::format(" (to change: {})", problem.advice);
  }
  return text;
}

double ShareOnNpu(const std::vector<NpuPlacement>& placements) {
  int64_t all = 0;
  int64_t there = 0;
  for (const NpuPlacement& placement : placements) {
    all += placement.macs;
    there += placement.Runs() ? placement.macs : 0;
  }
  return all == 0 ? 1 : static_cast<double>(there) / static_cast<double>(all);
}

std::vector<NpuFinding> LintForNpu(const Graph& graph, int weight_bits) {
  std::vector<NpuFinding> findings;
  for (const NpuPlacement& placement : PlaceOnNpu(graph, weight_bits))
    findings.insert(findings.end(), placement.problems.begin(), placement.problems.end());
  return findings;
}

}  // namespace platypus::deploy
