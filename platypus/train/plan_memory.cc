#include <algorithm>

#include "platypus/train/plan.h"

namespace platypus::train {
namespace {

// What a layer reads and writes; barriers do neither. visit_in(stored), visit_out(stored).
template <typename In, typename Out>
void VisitTensors(const LayerKind& layer, In visit_in, Out visit_out) {
  std::visit(graph::Overloaded{[&](const JoinLayer& l) {
                                 for (const int in : l.ins) visit_in(in);
                                 visit_out(l.out);
                               },
                               [](const NormLayer&) {}, [](const RangeLayer&) {},
                               [&](const auto& l) {
                                 visit_in(l.in);
                                 visit_out(l.out);
                               }},
             layer);
}

// Smallest offsets such that intervals alive at the same time do not overlap (first fit, by start).
struct Interval {
  int first, last;
  size_t size;
  size_t* offset;
};
size_t Place(std::vector<Interval> intervals) {
  std::stable_sort(intervals.begin(), intervals.end(),
                   [](const Interval& a, const Interval& b) { return a.first < b.first; });
  size_t total = 0;
  for (size_t i = 0; i < intervals.size(); ++i) {
    std::vector<std::pair<size_t, size_t>> taken;
    for (size_t j = 0; j < i; ++j) {
      if (intervals[j].last >= intervals[i].first) {
        taken.emplace_back(*intervals[j].offset, *intervals[j].offset + intervals[j].size);
      }
    }
    std::sort(taken.begin(), taken.end());
    size_t at = 0;
    for (const auto& [begin, end] : taken) {
      if (begin >= at + intervals[i].size) break;
      at = std::max(at, end);
    }
    *intervals[i].offset = at;
    total = std::max(total, at + intervals[i].size);
  }
  return total;
}

}  // namespace

void PlanBackward(Plan& plan) {
  std::vector<char> written(plan.stored.size(), 0);
  written[static_cast<size_t>(plan.output)] = 1;
  plan.adds.resize(plan.layers.size());
  plan.parts.emplace_back();
  const auto barrier = [&](int s) {
    const Stored& t = plan.stored[static_cast<size_t>(s)];
    if (!plan.IsTrainedBehind(s) || !t.needs_gradient || written[static_cast<size_t>(s)] == 0) {
      return;
    }
    plan.parts.back().measure = s;
    plan.parts.emplace_back();
  };
  for (size_t i = plan.layers.size(); i-- > 0;) {
    int out = -1;
    VisitTensors(
        plan.layers[i], [](int) {}, [&](int s) { out = s; });
    if (out < 0 || written[static_cast<size_t>(out)] == 0) continue;  // nothing comes back to it
    VisitTensors(
        plan.layers[i],
        [&](int in) {
          plan.adds[i].push_back(written[static_cast<size_t>(in)]);
          written[static_cast<size_t>(in)] = 1;
        },
        [](int) {});
    barrier(out);
    plan.parts.back().run.push_back(i);
  }
  barrier(0);
  // Weights and bias of a layer stand side by side, layers in order; batch norms' parameters in
  // between are summed elsewhere.
  // Pieces small enough that a layer's are shared by the threads.
  constexpr size_t kPiece = 1024;
  const auto sum_up = [&](size_t first, size_t count) {
    for (const size_t end = first + count; first < end; first += kPiece) {
      plan.summed.emplace_back(first, std::min(end, first + kPiece));
    }
  };
  for (const LayerKind& layer : plan.layers) {
    if (const auto* l = std::get_if<ConvolutionLayer>(&layer)) {
      const size_t bias = l->has_bias ? static_cast<size_t>(l->convolution.OutChannels()) : 0;
      sum_up(l->weight, l->Weights() + bias);
    } else if (const auto* local = std::get_if<LocalLayer>(&layer)) {
      sum_up(local->parameters, local->Parameters());
    }
  }
}

void PlanMemory(Plan& plan) {
  const int count = static_cast<int>(plan.layers.size());
  // Gradients live from the last reader's way back to the writer's; time runs backwards.
  std::vector<int> last(plan.stored.size(), count);
  std::vector<int> last_reader(plan.stored.size(), -1);
  const auto floats = [&](int s) {
    return static_cast<size_t>(plan.stored[static_cast<size_t>(s)].dims.Floats());
  };
  for (int i = 0; i < count; ++i) {
    size_t inputs = 0;
    size_t output = 0;
    LayerKind& layer = plan.layers[static_cast<size_t>(i)];
    VisitTensors(
        layer,
        [&](int in) {
          last_reader[static_cast<size_t>(in)] = i;
          inputs = std::max(inputs, floats(in));
        },
        [&](int out) {
          last[static_cast<size_t>(out)] = count - 1 - i;
          output = floats(out);
        });
    if (const auto* l = std::get_if<ConvolutionLayer>(&layer)) {
      const Convolution& c = l->convolution;
      inputs += static_cast<size_t>(
          (c.Input().Plane() * c.InChannels() + c.Gradient().Plane() * c.OutChannels()) * kLanes);
    }
    if (auto* l = std::get_if<LocalLayer>(&layer)) {
      l->kept = plan.arena_floats;
      std::visit(
          [&](const auto& kernel) {
            plan.arena_floats += kernel.Kept();
            inputs += kernel.Scratch() + inputs;  // and a gradient that is added to another
          },
          l->kernel);
    }
    plan.scratch_floats = std::max(plan.scratch_floats, inputs + output);
  }
  plan.scratch_floats = std::max(plan.scratch_floats, floats(plan.output));
  std::vector<Interval> intervals;
  for (size_t s = 0; s < plan.stored.size(); ++s) {
    Stored& t = plan.stored[s];
    const auto size = static_cast<size_t>(t.dims.Floats());
    t.offset = plan.arena_floats;
    plan.arena_floats += size;
    const int first = last_reader[s] < 0 ? 0 : count - 1 - last_reader[s];
    if (t.needs_gradient) {
      intervals.push_back(
          {static_cast<int>(s) == plan.output ? 0 : first, last[s], size, &t.gradient});
    }
  }
  plan.gradient_floats = Place(std::move(intervals));
}

}  // namespace platypus::train
