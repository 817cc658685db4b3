#include <algorithm>
#include <limits>

#include "platypus/train/engine.h"

// The way forward of a step: layers block by block, with a stop wherever the whole batch has to be
// known.
namespace platypus::train {

// The samples of a block, turned from [lane][element] to [element][lane].
void Network::Impl::Load(const Batch& batch, int64_t block, int64_t slot) {
  float* to = Data(0, slot);
  const int64_t elements = At(0).dims.Floats() / kLanes;
  const int64_t lanes = Lanes(block);
  for (int64_t lane = 0; lane < lanes; ++lane) {
    const float* from = batch.samples[static_cast<size_t>(block * kLanes + lane)];
    for (int64_t e = 0; e < elements; ++e) to[e * kLanes + lane] = from[e];
  }
  for (int64_t lane = lanes; lane < kLanes; ++lane) {
    for (int64_t e = 0; e < elements; ++e) to[e * kLanes + lane] = 0.0f;
  }
}

// A local layer's view of one block: what it reads, then room for itself, stand in `temporary`.
Pass Network::Impl::MakePass(const LocalLayer& l, int64_t block, int64_t slot, float* temporary) {
  Pass pass;
  pass.x = Fetch(l.in, slot, temporary);
  pass.scratch = temporary + At(l.in).dims.Floats();
  pass.y = Data(l.out, slot);
  pass.kept = arena.get() + static_cast<size_t>(slot) * plan.arena_floats + l.kept;
  pass.parameters = plan.parameters.data() + l.parameters;
  pass.packed = packed.data() + l.packed;
  pass.training = training;
  pass.draw =
      draw + static_cast<uint64_t>(block) * 0x9E3779B97F4A7C15u + static_cast<uint64_t>(l.out);
  return pass;
}

void Network::Impl::Forward(const LayerKind& layer, int64_t block, int64_t slot, float* temporary) {
  std::visit(
      graph::Overloaded{
          [&](const ConvolutionLayer& l) {
            const float* x = FetchBordered(l, slot, temporary);
            l.convolution.Forward(x, std::span(packed).subspan(l.packed),
                                  l.has_bias ? plan.parameters.data() + l.bias : nullptr,
                                  Data(l.out, slot));
          },
          [&](const PoolLayer& l) {
            const Dims& out = At(l.out).dims;
            const float* x = Data(l.in, slot);
            float* y = Data(l.out, slot);
            for (int64_t c = 0; c < out.c; ++c) {
              (l.is_max ? MaxPoolForward : AveragePoolForward)(l.windows, StepsOf(l.in, c),
                                                               x + c * l.windows.InPlane() * kLanes,
                                                               y + c * out.Plane() * kLanes);
            }
          },
          [&](const LocalLayer& l) {
            const Pass pass = MakePass(l, block, slot, temporary);
            std::visit([&](const auto& k) { k.Forward(pass); }, l.kernel);
          },
          [&](const JoinLayer& l) { ForwardJoin(l, slot, temporary); }, [](const NormLayer&) {},
          [&](const RangeLayer& l) {
            if (ranges_move && !RangeOf(At(l.stored)).op.learned_step) Measure(l, block);
          }},
      layer);
}

void Network::Impl::ForwardJoin(const JoinLayer& l, int64_t slot, float* temporary) {
  float* y = Data(l.out, slot);
  const int64_t row = At(l.out).dims.Floats() / l.outer;
  int64_t before = 0;  // of a slab row: what the inputs before this one take
  for (size_t k = 0; k < l.ins.size(); ++k) {
    const int64_t slab = At(l.ins[k]).dims.Floats() / l.outer;
    if (l.kind == JoinLayer::Kind::kSum && k > 0) {
      const int64_t plane = At(l.ins[k]).dims.Plane() * kLanes;
      for (int64_t c = 0; c < At(l.ins[k]).dims.c; ++c) {
        AddApplied(StepsOf(l.ins[k], c), Data(l.ins[k], slot) + c * plane, plane, y + c * plane);
      }
      continue;
    }
    const float* x = Fetch(l.ins[k], slot, temporary);
    if (l.kind == JoinLayer::Kind::kProduct && k > 0) {
      for (int64_t i = 0; i < slab; ++i) y[i] *= x[i];
      continue;
    }
    for (int64_t o = 0; o < l.outer; ++o) {
      std::copy(x + o * slab, x + (o + 1) * slab, y + o * row + before);
    }
    before += slab;
  }
}

// Statistics of one block for the barrier behind it.
void Network::Impl::Measure(const NormLayer& l, int64_t block) {
  const Stored& t = At(l.stored);
  NormState& norm = NormOf(t);
  const int64_t positions = t.dims.Plane();
  const double n = static_cast<double>(positions) * static_cast<double>(Lanes(block));
  // Squares are taken around the mean of the first positions, so that no digits cancel.
  const int64_t first = std::min<int64_t>(positions, 64);
  const double firsts = static_cast<double>(first) * static_cast<double>(Lanes(block));
  const float* y = Data(l.stored, block);
  for (int64_t c = 0; c < t.dims.c; ++c) {
    const auto at = static_cast<size_t>(block * t.dims.c + c);
    const float* plane = y + c * positions * kLanes;
    const auto centre = static_cast<float>(Sum(plane, first, Mask(block)) / firsts);
    Moments(plane, centre, positions, Mask(block), &norm.sums[at], &norm.squares[at]);
    const double off = norm.sums[at] / n - double{centre};
    norm.squares[at] = std::max(0.0, norm.squares[at] - n * off * off);
  }
}

void Network::Impl::Measure(const RangeLayer& l, int64_t block) {
  const Stored& t = At(l.stored);
  RangeState& range = ranges[static_cast<size_t>(t.range)];
  const auto b = static_cast<size_t>(block);
  range.low[b] = std::numeric_limits<float>::infinity();
  range.high[b] = -range.low[b];
  const int64_t plane = t.dims.Plane();
  for (int64_t c = 0; c < t.dims.c; ++c) {
    MinMax(PointsOf(l.stored)[static_cast<size_t>(c)], Data(l.stored, block) + c * plane * kLanes,
           plane, Mask(block), &range.low[b], &range.high[b]);
  }
}

// Blocks' means and squares combined in block order (Chan, Golub, LeVeque 1983).
void Network::Impl::Reduce(const NormLayer& l) {
  const Stored& t = At(l.stored);
  const Norm& norm = plan.norms[static_cast<size_t>(t.norm)];
  NormState& now = NormOf(t);
  const auto positions = static_cast<double>(t.dims.Plane());
  // One value has no variance: the running statistics stay and normalise it.
  if (positions * static_cast<double>(count) < 2) return;
  now.running = false;
  const size_t channels = now.mean.size();
  std::ranges::fill(now.mean, 0.0);
  std::ranges::fill(now.variance, 0.0);  // squares at first
  double n = 0;
  for (int64_t b = 0; b < UsedBlocks(); ++b) {
    const double m = positions * static_cast<double>(Lanes(b));
    const double share = m / (n + m);
    const double* sums = now.sums.data() + static_cast<size_t>(b) * channels;
    const double* squares = now.squares.data() + static_cast<size_t>(b) * channels;
    for (size_t c = 0; c < channels; ++c) {
      const double delta = sums[c] / m - now.mean[c];
      now.variance[c] += squares[c] + delta * delta * n * share;
      now.mean[c] += delta * share;
    }
    n += m;
  }
  const double keep = 1.0 - norm.momentum;
  for (size_t c = 0; c < channels; ++c) {
    float& running_mean = plan.state[norm.mean + c];
    float& running_variance = plan.state[norm.variance + c];
    running_mean = static_cast<float>(keep * running_mean + norm.momentum * now.mean[c]);
    running_variance =
        static_cast<float>(keep * running_variance + norm.momentum * now.variance[c] / (n - 1));
    now.variance[c] /= n;
  }
  RefreshNorm(t);
}

std::pair<float, float> Network::Impl::Extremes(const RangeState& range, int64_t blocks) {
  return {*std::min_element(range.low.begin(), range.low.begin() + blocks),
          *std::max_element(range.high.begin(), range.high.begin() + blocks)};
}

// Calibration: the range holds all that came by.
void Network::Impl::Reduce(const RangeLayer& l) {
  const Stored& t = At(l.stored);
  const auto [low, high] = Extremes(ranges[static_cast<size_t>(t.range)], UsedBlocks());
  float* limits = Limits(RangeOf(t));
  const bool unset = limits[0] > limits[1];
  limits[0] = unset ? low : std::min(limits[0], low);
  limits[1] = unset ? high : std::max(limits[1], high);
  RefreshRange(t);
}

// The batch that moves a range is itself rounded by the range as it was: nobody has to wait.
void Network::Impl::Follow(const RangeLayer& l) {
  constexpr float kShare = 0.01f;
  const Stored& t = At(l.stored);
  if (RangeOf(t).op.learned_step) return;
  const auto [low, high] = Extremes(ranges[static_cast<size_t>(t.range)], UsedBlocks());
  float* limits = Limits(RangeOf(t));
  if (limits[0] > limits[1]) {
    limits[0] = low;
    limits[1] = high;
  } else {
    limits[0] += kShare * (low - limits[0]);
    limits[1] += kShare * (high - limits[1]);
  }
}

void Network::Impl::ForwardAll(const Batch& batch, bool observe, const BlockStep& then,
                               ThreadPool& pool) {
  const auto is_barrier = [&](const LayerKind& layer) {
    const auto* norm = std::get_if<NormLayer>(&layer);
    if (norm != nullptr)
      return norms_move && !plan.norms[static_cast<size_t>(At(norm->stored).norm)].frozen;
    return std::holds_alternative<RangeLayer>(layer) && observe;
  };
  size_t first = 0;
  for (size_t i = 0; i <= plan.layers.size(); ++i) {
    const bool end = i == plan.layers.size();
    if (!end && !is_barrier(plan.layers[i])) continue;
    ForBlocks(pool, [&](int64_t block, int64_t, float* temporary) {
      if (first == 0) Load(batch, block, block);
      for (size_t k = first; k < i; ++k) Forward(plan.layers[k], block, block, temporary);
      if (end) return then(block, temporary);
      if (const auto* norm = std::get_if<NormLayer>(&plan.layers[i])) Measure(*norm, block);
      if (const auto* range = std::get_if<RangeLayer>(&plan.layers[i])) Measure(*range, block);
    });
    if (end) break;
    if (const auto* norm = std::get_if<NormLayer>(&plan.layers[i])) Reduce(*norm);
    if (const auto* range = std::get_if<RangeLayer>(&plan.layers[i])) Reduce(*range);
    first = i + 1;
  }
}

void Network::Impl::PredictAll(const Batch& batch, std::span<float> logits, ThreadPool& pool) {
  const int64_t classes = At(plan.output).dims.Floats() / kLanes;
  ForBlocks(pool, [&](int64_t block, int64_t slot, float* temporary) {
    Load(batch, block, slot);
    for (const LayerKind& layer : plan.layers) Forward(layer, block, slot, temporary);
    const float* z = Fetch(plan.output, slot, temporary);
    for (int64_t lane = 0; lane < Lanes(block); ++lane) {
      float* to = logits.data() + (block * kLanes + lane) * classes;
      for (int64_t k = 0; k < classes; ++k) to[k] = z[k * kLanes + lane];
    }
  });
}

}  // namespace platypus::train
