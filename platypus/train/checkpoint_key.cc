#include <iterator>

#include "platypus/base/error.h"
#include "platypus/base/hash.h"
#include "platypus/train/checkpoint.h"
#include "platypus/train/kernels.h"

namespace platypus::train {
namespace {

std::string Quantizer(const std::optional<graph::WeightQuantizer>& quantizer) {
  return quantizer ? fmt::format("w{} {}", quantizer->bits, quantizer->power_of_two_scale)
                   : "float";
}

std::string Fields(const graph::Padding2& p) {
  return fmt::format("{} {} {} {}", p.top, p.left, p.bottom, p.right);
}

// Everything of an operator that its shapes do not tell.
std::string Fields(const graph::Op& op) {
  return std::visit(
      graph::Overloaded{
          [](const graph::BatchNorm& o) { return fmt::format("{} {}", o.epsilon, o.momentum); },
          [](const graph::Conv2d& o) {
            return fmt::format("{} {} {} {} {} {} {} {} {} {}", o.kernel.h, o.kernel.w, o.stride.h,
                               o.stride.w, o.dilation.h, o.dilation.w, o.groups, o.has_bias,
                               Fields(o.padding), Quantizer(o.weight_quantizer));
          },
          [](const graph::Linear& o) {
            return fmt::format("{} {}", o.has_bias, Quantizer(o.weight_quantizer));
          },
          [](const graph::MaxPool& o) {
            return fmt::format("{} {} {} {} {} {} {}", o.kernel.h, o.kernel.w, o.stride.h,
                               o.stride.w, o.dilation.h, o.dilation.w, Fields(o.padding));
          },
          [](const graph::AvgPool& o) {
            return fmt::format("{} {} {} {} {}", o.kernel.h, o.kernel.w, o.stride.h, o.stride.w,
                               Fields(o.padding));
          },
          [](const graph::FakeQuantize& o) {
            return fmt::format("{} {}", o.bits, o.power_of_two_scale);
          },
          [](const graph::Concat& o) { return fmt::format("{}", o.axis); },
          [](const auto&) { return std::string(); }},
      op);
}

}  // namespace

std::string CheckpointKey(const graph::Graph& graph, const LabelledSet& train,
                          const LabelledSet& val, const Options& options) {
  const config::Training& s = options.settings;
  Sha256 hash;
  hash.Update(graph::ToText(graph));
  for (const graph::Node& node : graph.nodes) {
    std::string text = fmt::format("\n{} {}", node.output, Fields(node.op));
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
  }
  hash.Update({reinterpret_cast<const char*>(options.targets.data()),
               options.targets.size() * sizeof(float)});
  std::string text;
  const auto add = [&](const auto&... values) {
    (fmt::format_to(std::back_inserter(text), " {}", values), ...);
  };
  add(options.epochs, options.learning_rate, options.seed, options.stage, options.judge_start);
  add(s.batch_size, s.optimizer, s.momentum, s.weight_decay, s.label_smoothing);
  add(s.lr_scheduler, s.lr_warmup_epochs, s.lr_warmup_method, s.lr_warmup_decay, s.lr_step_size);
  add(s.lr_gamma, s.lr_min, s.clip_grad_norm.value_or(0), s.clip_grad_value.value_or(-1), s.class_balanced_sampling);
  add(s.model_ema, s.model_ema_steps, s.model_ema_decay, TargetName());
  for (const int milestone : s.lr_milestones) add(milestone);
  hash.Update(text);
  return hash.Finish();
}

}  // namespace platypus::train
