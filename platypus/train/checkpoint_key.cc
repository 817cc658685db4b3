#include <iterator>

#include "platypus/base/error.h"
#include "platypus/base/hash.h"
#include "platypus/train/checkpoint.h"
#include "platypus/train/kernels.h"

namespace platypus::train {
namespace {

std::string Quantizer(const std::optional<graph::WeightQuantizer>& quantizer) {
  return quantizer ? fmt::format("w{} {} {} {}", quantizer->bits, quantizer->power_of_two_scale,
                                 quantizer->per_channel, static_cast<int>(quantizer->rounding))
                   : "float";
}

std::string Fields(const graph::Padding2& p) {
  return fmt::format("{} {} {} {}", p.top, p.left, p.bottom, p.right);
}

std::string Fields(const graph::Size2& s) { return fmt::format("{} {}", s.h, s.w); }

// Every field of an operator.
std::string Fields(const graph::Op& op) {
  const auto nothing = [](const auto&) { return std::string(); };
  return std::visit(
      graph::Overloaded{
          [&](const graph::Identity& o) { return nothing(o); },
          [](const graph::BatchNorm& o) { return fmt::format("{} {}", o.epsilon, o.momentum); },
          [](const graph::Conv2d& o) {
            return fmt::format("{} {} {} {} {} {} {} {}", o.out_channels, Fields(o.kernel),
                               Fields(o.stride), Fields(o.dilation), o.groups, o.has_bias,
                               Fields(o.padding), Quantizer(o.weight_quantizer));
          },
          [](const graph::ConvTranspose2d& o) {
            return fmt::format("{} {} {} {} {} {} {} {}", o.out_channels, Fields(o.kernel),
                               Fields(o.stride), Fields(o.dilation), o.groups, o.has_bias,
                               Fields(o.padding), Fields(o.extra)) +
                   Quantizer(o.weight_quantizer);
          },
          [](const graph::Linear& o) {
            return fmt::format("{} {} {}", o.out_features, o.has_bias,
                               Quantizer(o.weight_quantizer));
          },
          [&](const graph::Relu& o) { return nothing(o); },
          [](const graph::Clamp& o) { return fmt::format("{} {}", o.low, o.high); },
          [](const graph::LeakyRelu& o) { return fmt::format("{}", o.slope); },
          [&](const graph::Sigmoid& o) { return nothing(o); },
          [&](const graph::Tanh& o) { return nothing(o); },
          [&](const graph::Gelu& o) { return nothing(o); },
          [&](const graph::Softmax& o) { return nothing(o); },
          [&](const graph::LogSoftmax& o) { return nothing(o); },
          [](const graph::MaxPool& o) {
            return fmt::format("{} {} {} {}", Fields(o.kernel), Fields(o.stride),
                               Fields(o.dilation), Fields(o.padding));
          },
          [](const graph::AvgPool& o) {
            return fmt::format("{} {} {}", Fields(o.kernel), Fields(o.stride), Fields(o.padding));
          },
          [](const graph::AdaptiveAvgPool& o) { return Fields(o.output); },
          [&](const graph::Flatten& o) { return nothing(o); },
          [](const graph::Reshape& o) { return ToString(o.shape); },
          [](const graph::Transpose& o) {
            return fmt::format("{} {} {}", o.order[0], o.order[1], o.order[2]);
          },
          [](const graph::Pad& o) { return fmt::format("{} {}", Fields(o.padding), o.value); },
          [](const graph::Slice& o) {
            return fmt::format("{} {} {} {}", o.axis, o.begin, o.end, o.step);
          },
          [](const graph::Resize& o) {
            return fmt::format("{} {}", Fields(o.output), static_cast<int>(o.mode));
          },
          [](const graph::Dropout& o) { return fmt::format("{}", o.probability); },
          [](const graph::LayerNorm& o) { return fmt::format("{}", o.epsilon); },
          [](const graph::Recurrent& o) {
            return fmt::format("{} {} {} {} {}", static_cast<int>(o.cell), o.hidden, o.layers,
                               o.last_step_only, Quantizer(o.weight_quantizer));
          },
          [&](const graph::Add& o) { return nothing(o); },
          [&](const graph::Mul& o) { return nothing(o); },
          [&](const graph::Scale& o) { return nothing(o); },
          [](const graph::Concat& o) { return fmt::format("{}", o.axis); },
          [](const graph::FakeQuantize& o) {
            return fmt::format("{} {} {} {}", o.bits, o.power_of_two_scale, o.affine,
                               o.learned_step);
          },
          // Not trained.
          [&](const graph::QuantizeInput& o) { return nothing(o); },
          [&](const graph::SumPool& o) { return nothing(o); },
          [&](const graph::Requantize& o) { return nothing(o); },
          [&](const graph::AddRequantize& o) { return nothing(o); },
          [&](const graph::Lookup& o) { return nothing(o); },
          [&](const graph::IntegerSoftmax& o) { return nothing(o); },
          [&](const graph::IntegerLayerNorm& o) { return nothing(o); },
          [&](const graph::IntegerRecurrent& o) { return nothing(o); },
          [&](const graph::MulRequantize& o) { return nothing(o); },
          [&](const graph::Dequantize& o) { return nothing(o); }},
      op);
}

}  // namespace

std::string CheckpointKey(const graph::Graph& graph, const LabelledSet& train,
                          const LabelledSet& val, const Options& options) {
  const config::Training& s = options.settings;
  Sha256 hash;
  hash.Update(graph::ToText(graph));
  for (const graph::Node& node : graph.nodes) {
    std::string text =
        fmt::format("\n{} {} {}", node.output, graph::Name(node.op), Fields(node.op));
    for (const graph::TensorId in : node.inputs) text += fmt::format(" <{}", in);
    hash.Update(text);
  }
  for (const auto& [name, array] : graph.parameters) {
    const auto& values = array.Floats();
    hash.Update(name);
    hash.Update({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  }
  for (const LabelledSet* set : {&train, &val}) {
    hash.Update({reinterpret_cast<const char*>(set->inputs.data()), set->inputs.size_bytes()});
    hash.Update({reinterpret_cast<const char*>(set->labels.data()), set->labels.size_bytes()});
    hash.Update({reinterpret_cast<const char*>(set->targets.data()), set->targets.size_bytes()});
  }
  std::string text;
  const auto add = [&](const auto&... values) {
    (fmt::format_to(std::back_inserter(text), " {}", values), ...);
  };
  add(options.epochs, options.learning_rate, options.seed, options.stage, options.judge_start,
      options.loss.index(), options.norm_epochs, options.range_epochs);
  add(s.batch_size, s.optimizer, s.momentum, s.weight_decay, s.label_smoothing, s.lambda_reg);
  add(s.lr_scheduler, s.lr_warmup_epochs, s.lr_warmup_method, s.lr_warmup_decay, s.lr_step_size);
  add(s.lr_gamma, s.lr_min, s.clip_grad_norm.value_or(0), s.clip_grad_value.value_or(-1),
      s.class_balanced_sampling);
  add(s.model_ema, s.model_ema_steps, s.model_ema_decay, TargetName());
  for (const int milestone : s.lr_milestones) add(milestone);
  hash.Update(text);
  return hash.Finish();
}

}  // namespace platypus::train
