#include "platypus/train/network.h"

#include <algorithm>

#include "platypus/base/error.h"
#include "platypus/graph/quantization.h"
#include "platypus/train/engine.h"

namespace platypus::train {
namespace {

// The range that is learned: {0, m} or {-m, m} around what was observed.
void Centre(float* limits) {
  if (limits[0] > limits[1]) return;  // nothing yet
  limits[1] = std::max(limits[1], -limits[0]);
  limits[0] = limits[0] < 0.0f ? -limits[1] : 0.0f;
}

}  // namespace

Network::Impl::Impl(const graph::Graph& source, int64_t batch)
    : graph(source), plan(MakePlan(source)), blocks((batch + kLanes - 1) / kLanes) {
  const auto n = static_cast<size_t>(blocks);
  gradients.assign(plan.parameters.size(), 0.0f);
  partial.assign(n * plan.parameters.size(), 0.0f);
  packed.assign(plan.packed_floats, 0.0f);
  folded.assign(plan.parameters.size(), 0.0f);
  effective.assign(plan.parameters.size(), 0.0f);
  masks.assign(n * kLanes, 0.0f);
  results.resize(n);
  norms.resize(plan.norms.size());
  ranges.resize(plan.ranges.size());
  points.resize(plan.stored.size());
  for (size_t s = 0; s < plan.stored.size(); ++s) {
    const Stored& t = plan.stored[s];
    const auto channels = static_cast<size_t>(t.dims.c);
    if (!t.IsPlain()) points[s].assign(channels, Pointwise{});
    if (t.norm >= 0) {
      NormState& norm = NormOf(t);
      norm.sums.assign(n * channels, 0.0);
      norm.squares.assign(n * channels, 0.0);
      norm.mean.assign(channels, 0.0);
      norm.variance.assign(channels, 1.0);
      norm.gradient.assign(channels, {});
      norm.deviation.assign(channels, 1.0f);
      norm.folding.assign(channels, 0.0);
    }
    if (t.range >= 0) {
      RangeState& range = ranges[static_cast<size_t>(t.range)];
      range.low.assign(n, 0.0f);
      range.high.assign(n, 0.0f);
      range.slopes.assign(n, 0.0);
      if (RangeOf(t).op.learned_step) Centre(Limits(RangeOf(t)));
    }
  }
}

void Network::Impl::Allocate(int64_t slots, int threads) {
  const auto room = [](size_t floats) {
    hwy::AlignedFreeUniquePtr<float[]> memory =
        hwy::AllocateAligned<float>(std::max<size_t>(1, floats));
    Check(static_cast<bool>(memory), "no memory for {} numbers", floats);
    std::fill(memory.get(), memory.get() + floats, 0.0f);
    return memory;
  };
  if (slots > arena_slots) {
    arena = room(static_cast<size_t>(slots) * plan.arena_floats);
    arena_slots = slots;
  }
  if (training && !gradient_arena)
    gradient_arena = room(static_cast<size_t>(blocks) * plan.gradient_floats);
  if (threads > scratch_threads) {
    scratch = room(static_cast<size_t>(threads) * plan.scratch_floats);
    scratch_threads = threads;
  }
}

void Network::Impl::SetCount(const Batch& batch) {
  count = static_cast<int64_t>(batch.samples.size());
  Check(count >= 1 && count <= blocks * kLanes, "a step of {} samples", count);
  for (int64_t b = 0; b < blocks; ++b) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      masks[static_cast<size_t>(b * kLanes + lane)] = lane < Lanes(b) ? 1.0f : 0.0f;
    }
  }
}

// Everything that does not depend on the batch: pointwise steps from running values, rounded and
// packed weights.
void Network::Impl::Prepare(ThreadPool& pool) {
  for (const Stored& t : plan.stored) {
    if (t.IsPlain()) continue;
    for (Pointwise& p : points[static_cast<size_t>(&t - plan.stored.data())]) {
      p = Pointwise{};
      p.relu = t.relu;
    }
    if (t.norm >= 0) {
      const Norm& norm = plan.norms[static_cast<size_t>(t.norm)];
      NormState& now = NormOf(t);
      now.running = true;
      for (size_t c = 0; c < now.mean.size(); ++c) {
        now.mean[c] = plan.state[norm.mean + c];
        now.variance[c] = plan.state[norm.variance + c];
        now.deviation[c] = std::sqrt(plan.state[norm.variance + c] + norm.epsilon);
      }
      RefreshNorm(t);
    }
    if (t.range >= 0) RefreshRange(t);
  }
  const auto pack = [&](int64_t i, int) { PackWeights(plan.layers[static_cast<size_t>(i)]); };
  pool.Run(static_cast<int64_t>(plan.layers.size()),
           std::function<void(int64_t, int)>(std::ref(pack)));
}

void Network::Impl::RefreshNorm(const Stored& t) {
  const Norm& norm = plan.norms[static_cast<size_t>(t.norm)];
  const NormState& now = NormOf(t);
  std::vector<Pointwise>& steps = points[static_cast<size_t>(&t - plan.stored.data())];
  for (size_t c = 0; c < steps.size(); ++c) {
    const double gain =
        plan.parameters[norm.gamma + c] / std::sqrt(now.variance[c] + double{norm.epsilon});
    steps[c].gain = static_cast<float>(gain);
    steps[c].shift = static_cast<float>(plan.parameters[norm.beta + c] - now.mean[c] * gain);
  }
}

void Network::Impl::RefreshRange(const Stored& t) {
  const Range& range = RangeOf(t);
  const float min = Limits(range)[0];
  const float max = Limits(range)[1];
  const graph::Codes codes =
      min > max ? graph::Codes{} : graph::ActivationCodes(range.op, min, max);
  for (Pointwise& p : points[static_cast<size_t>(&t - plan.stored.data())]) {
    p.quantize = min <= max;
    p.scale = codes.scale;
    p.inverse_scale = 1.0f / codes.scale;
    p.lo = static_cast<float>(codes.lo - codes.zero_point);
    p.hi = static_cast<float>(codes.hi - codes.zero_point);
  }
}

// The values that readers of a stored tensor see.
const float* Network::Impl::Fetch(int s, int64_t slot, float* to) {
  const Stored& t = At(s);
  const float* from = Data(s, slot);
  if (t.IsPlain()) return from;
  const int64_t plane = t.dims.Plane() * kLanes;
  for (int64_t c = 0; c < t.dims.c; ++c) {
    Apply(PointsOf(s)[static_cast<size_t>(c)], from + c * plane, {1, plane, plane}, to + c * plane);
  }
  return to;
}

// The same inside the border of zeros that a convolution reads.
const float* Network::Impl::FetchBordered(const ConvolutionLayer& layer, int64_t slot, float* to) {
  const Convolution& conv = layer.convolution;
  if (conv.Input().Empty()) return Fetch(layer.in, slot, to);
  const float* from = Data(layer.in, slot);
  if (At(layer.in).IsPlain()) return conv.Input().Enclose(from, conv.InChannels(), to);
  const int64_t plane = At(layer.in).dims.Plane() * kLanes;
  conv.Input().Enclose(conv.InChannels(), to, [&](int64_t c, const Rows& rows, float* at) {
    Apply(PointsOf(layer.in)[static_cast<size_t>(c)], from + c * plane, rows, at);
  });
  return to;
}

Network::Outcome Network::Impl::Total() const {
  Outcome outcome;
  outcome.weight = weight;
  for (int64_t b = 0; b < UsedBlocks(); ++b) {
    const BlockLoss& block = results[static_cast<size_t>(b)];
    outcome.loss += block.sum;
    outcome.correct += block.correct;
    outcome.finite = outcome.finite && block.finite;
  }
  return outcome;
}

Network::Network(const graph::Graph& graph, int64_t batch)
    : impl_(std::make_unique<Impl>(graph, batch)) {}

Network::~Network() = default;

Network::Outcome Network::Train(const Batch& batch, const Loss& loss, ThreadPool& pool) {
  Impl& impl = *impl_;
  impl.training = true;
  impl.draw = batch.draw;
  impl.epoch = batch.epoch;
  impl.epochs = batch.epochs;
  impl.norms_move = batch.norms_move;
  impl.ranges_move = batch.ranges_move;
  impl.Allocate(impl.blocks, pool.Threads());
  impl.SetCount(batch);
  impl.Prepare(pool);
  impl.weight = TotalWeight(loss, batch.targets.empty() ? batch.labels : std::span<const int32_t>(),
                            impl.count);
  impl.TrainAll(batch, loss, pool);
  impl.BackwardRounding(pool);
  return impl.Total();
}

void Network::KeepStepsPositive() { impl_->KeepStepsPositive(); }

void Network::Observe(const Batch& batch, ThreadPool& pool) {
  Impl& impl = *impl_;
  impl.training = impl.norms_move = impl.ranges_move = false;
  impl.Allocate(impl.blocks, pool.Threads());
  impl.SetCount(batch);
  impl.Prepare(pool);
  impl.ForwardAll(
      batch, true, [](int64_t, float*) {}, pool);
}

void Network::Predict(const Batch& batch, std::span<float> logits, ThreadPool& pool) {
  impl_->training = impl_->norms_move = impl_->ranges_move = false;
  // The blocks of a thread share one slot.
  impl_->Allocate(pool.Threads(), pool.Threads());
  impl_->SetCount(batch);
  impl_->Prepare(pool);
  impl_->PredictAll(batch, logits, pool);
}

std::string Network::FirstNotFinite() const {
  for (size_t s = 0; s < impl_->plan.stored.size(); ++s) {
    const auto floats = impl_->plan.stored[s].dims.Floats();
    for (int64_t block = 0; block < impl_->UsedBlocks(); ++block) {
      const float* values = impl_->Data(static_cast<int>(s), block);
      for (int64_t i = 0; i < floats; ++i) {
        if (!std::isfinite(values[i])) return impl_->plan.stored[s].name;
      }
    }
  }
  return "";
}

std::span<float> Network::Parameters() { return impl_->plan.parameters; }
std::span<float> Network::Gradients() { return impl_->gradients; }
std::span<float> Network::State() { return impl_->plan.state; }

namespace {

std::vector<NamedShape> WithShapes(const Plan::Names& names, const graph::Graph& graph) {
  std::vector<NamedShape> result;
  for (const auto& [name, offset] : names)
    result.push_back({name, graph.parameters.at(name).shape});
  return result;
}

}  // namespace

std::vector<NamedShape> Network::ParameterNames() const {
  return WithShapes(impl_->plan.parameter_names, impl_->graph);
}
std::vector<NamedShape> Network::StateNames() const {
  return WithShapes(impl_->plan.state_names, impl_->graph);
}

void Network::Save(graph::Graph& graph) const {
  const auto save = [&](const Plan::Names& names, const std::vector<float>& row) {
    for (const auto& [name, offset] : names) {
      std::vector<float>& values = graph.parameters.at(name).Floats();
      std::copy_n(row.begin() + static_cast<std::ptrdiff_t>(offset), values.size(), values.begin());
    }
  };
  save(impl_->plan.parameter_names, impl_->plan.parameters);
  save(impl_->plan.state_names, impl_->plan.state);
}

int64_t Network::Outputs() const { return NumElements(impl_->graph.Output().shape); }

}  // namespace platypus::train
