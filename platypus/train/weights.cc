#include <algorithm>
#include <cmath>

#include "platypus/train/engine.h"

// The weights of a step: rounded and packed; and gradients of rounded weights taken back.
//
// Behind a batch norm that is folded at conversion the weights W of a channel become k W, k = gamma
// / sqrt(running variance + epsilon), and those are what is rounded: the layer computes with e =
// Q(k W) / k, so that with running statistics the batch norm gives what the folded layer will give.
namespace platypus::train {
namespace {

// to = change_of(channel)(from) for all weights.
template <typename ChangeOf>
void Map(const graph::WeightLayout& layout, const float* from, float* to, ChangeOf change_of) {
  for (size_t c = 0; c < layout.channels; ++c) {
    const auto change = change_of(c);
    layout.ForRuns(c, [&](size_t first) {
      for (size_t i = first; i < first + layout.length; ++i) to[i] = change(from[i]);
    });
  }
}

double Dot(const graph::WeightLayout& layout, size_t channel, const float* a, const float* b) {
  double sum = 0;
  layout.ForRuns(channel, [&](size_t first) {
    for (size_t i = first; i < first + layout.length; ++i) sum += double{a[i]} * double{b[i]};
  });
  return sum;
}

}  // namespace

WeightRounding Network::Impl::RoundingOf(const graph::WeightQuantizer& quantizer) const {
  return training ? TrainingRounding(quantizer.rounding, epoch, epochs)
                  : HardRounding(quantizer.rounding);
}

// k; 0 where the batch norm hides what the channel computes.
float Network::Impl::FactorOf(const RoundedArray& a, size_t channel) const {
  constexpr float kNothing = 1e-20f;  // gradients are divided by k
  const auto n = static_cast<size_t>(a.norm);
  const float k = plan.parameters[plan.norms[n].gamma + channel] / norms[n].deviation[channel];
  return std::abs(k) < kNothing ? 0.0f : k;
}

WeightArray Network::Impl::ArrayOf(const RoundedArray& a) const {
  const std::vector<float>& source = a.norm < 0 ? plan.parameters : folded;
  return {a.quantizer, a.layout, std::span(source).subspan(a.weight, a.layout.Size()),
          std::span(plan.parameters).subspan(a.steps, a.Steps())};
}

void Network::Impl::Round(const RoundedArray& a) {
  const float* weight = plan.parameters.data() + a.weight;
  float* to = effective.data() + a.weight;
  if (a.norm >= 0) {
    Map(a.layout, weight, folded.data() + a.weight,
        [&](size_t c) { return [k = FactorOf(a, c)](float w) { return w * k; }; });
  }
  RoundWeights(RoundingOf(a.quantizer), ArrayOf(a), {to, a.layout.Size()});
  if (a.norm < 0) return;
  for (size_t c = 0; c < a.layout.channels; ++c) {
    const float k = FactorOf(a, c);
    a.layout.ForRuns(c, [&](size_t first) {
      for (size_t i = first; i < first + a.layout.length; ++i) {
        to[i] = k == 0.0f ? weight[i] : to[i] / k;
      }
    });
  }
}

void Network::Impl::PackWeights(const LayerKind& layer) {
  const auto rounded = [&](const auto& l) {
    for (const RoundedArray& array : l.rounded) Round(array);
    return (l.rounded.empty() ? plan.parameters : effective).data();
  };
  if (const auto* local = std::get_if<LocalLayer>(&layer)) {
    const float* row = rounded(*local);
    std::visit(
        [&](const auto& kernel) {
          kernel.Pack(row + local->parameters, packed.data() + local->packed);
        },
        local->kernel);
  } else if (const auto* l = std::get_if<ConvolutionLayer>(&layer)) {
    const float* row = rounded(*l);
    l->convolution.Pack({row + l->weight, l->Weights()},
                        std::span(packed).subspan(l->packed, 2 * l->Weights()));
  }
}

// With G the gradient of e: that of k W is G / k (times what rounding gives), that of W is k times
// that, and k's is the sum of (gradient of k W) W - (G / k) e over the channel.
void Network::Impl::BackwardRounding(const RoundedArray& a) {
  const size_t size = a.layout.Size();
  float* gradient = gradients.data() + a.weight;
  const auto round_back = [&] {
    RoundGradients(RoundingOf(a.quantizer), ArrayOf(a), {gradient, size},
                   std::span(gradients).subspan(a.steps, a.Steps()));
  };
  if (a.norm < 0) return round_back();
  const float* weight = plan.parameters.data() + a.weight;
  const float* rounded = effective.data() + a.weight;
  NormState& norm = norms[static_cast<size_t>(a.norm)];
  const auto or_one = [](float k) { return k == 0.0f ? 1.0f : k; };
  Map(a.layout, gradient, gradient,
      [&](size_t c) { return [k = or_one(FactorOf(a, c))](float g) { return g / k; }; });
  for (size_t c = 0; c < a.layout.channels; ++c) {
    norm.folding[c] = -Dot(a.layout, c, gradient, rounded);
  }
  round_back();
  float* gamma = gradients.data() + plan.norms[static_cast<size_t>(a.norm)].gamma;
  for (size_t c = 0; c < a.layout.channels; ++c) {
    if (FactorOf(a, c) == 0.0f) continue;
    norm.folding[c] += Dot(a.layout, c, gradient, weight);
    gamma[c] += static_cast<float>(norm.folding[c] / double{norm.deviation[c]});
  }
  Map(a.layout, gradient, gradient,
      [&](size_t c) { return [k = or_one(FactorOf(a, c))](float g) { return g * k; }; });
}

// From gradients of rounded weights to those of the weights.
void Network::Impl::BackwardRounding(ThreadPool& pool) {
  const auto back = [&](int64_t i, int) {
    const LayerKind& layer = plan.layers[static_cast<size_t>(i)];
    if (const auto* l = std::get_if<ConvolutionLayer>(&layer)) {
      for (const RoundedArray& array : l->rounded) BackwardRounding(array);
    } else if (const auto* local = std::get_if<LocalLayer>(&layer)) {
      for (const RoundedArray& array : local->rounded) BackwardRounding(array);
    }
  };
  pool.Run(static_cast<int64_t>(plan.layers.size()),
           std::function<void(int64_t, int)>(std::ref(back)));
}

void Network::Impl::KeepStepsPositive() {
  const auto keep = [&](const std::vector<RoundedArray>& arrays) {
    for (const RoundedArray& a : arrays) {
      for (size_t i = 0; i < a.Steps(); ++i) {
        float& step = plan.parameters[a.steps + i];
        step = std::max(step, graph::kSmallestScale);
      }
    }
  };
  for (const LayerKind& layer : plan.layers) {
    if (const auto* l = std::get_if<ConvolutionLayer>(&layer)) keep(l->rounded);
    if (const auto* local = std::get_if<LocalLayer>(&layer)) keep(local->rounded);
  }
  for (const Range& range : plan.ranges) {
    if (!range.op.learned_step) continue;
    float* limits = Limits(range);
    if (limits[0] > 0.0f) continue;  // not calibrated
    limits[1] = std::max(limits[1], graph::kSmallestScale);
    limits[0] = limits[0] < 0.0f ? -limits[1] : 0.0f;
  }
}

}  // namespace platypus::train
