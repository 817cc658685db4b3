#include <algorithm>
#include <cmath>

#include "platypus/train/engine.h"

// The way back of a step: loss, gradients of values layer by layer, gradients of parameters.
namespace platypus::train {

// Loss of one block; the gradient of the batch's loss goes to the output's buffer.
void Network::Impl::Compare(const Batch& batch, const Loss& loss, int64_t block, float* temporary) {
  const Dims& dims = At(plan.output).dims;
  const auto first = static_cast<size_t>(block * kLanes);
  const auto lanes = static_cast<size_t>(Lanes(block));
  BlockOutput output;
  output.y = Fetch(plan.output, block, temporary);
  output.gradient = Gradient(plan.output, block);
  output.elements = dims.Floats() / kLanes;
  output.lanes = Lanes(block);
  if (!batch.labels.empty()) output.labels = batch.labels.subspan(first, lanes);
  if (!batch.targets.empty()) output.targets = batch.targets.subspan(first, lanes);
  output.scale = 1.0 / weight;
  std::fill(output.gradient, output.gradient + dims.Floats(), 0.0f);
  results[static_cast<size_t>(block)] = LossAndGradient(loss, output);
}

// What a batch norm needs to know of the whole batch before a gradient passes it, and the gradients
// of what is trained behind a stored tensor.
void Network::Impl::MeasureGradient(int s, int64_t block) {
  const Stored& t = At(s);
  const int64_t plane = t.dims.Plane();
  if (t.range >= 0 && RangeOf(t).op.learned_step) {
    double& slope = ranges[static_cast<size_t>(t.range)].slopes[static_cast<size_t>(block)];
    slope = 0;
    for (int64_t c = 0; c < t.dims.c; ++c) {
      slope +=
          StepGradient(PointsOf(s)[static_cast<size_t>(c)], Data(s, block) + c * plane * kLanes,
                       Gradient(s, block) + c * plane * kLanes, plane, Mask(block));
    }
  }
  if (t.norm < 0) return;
  NormState& norm = NormOf(t);
  for (int64_t c = 0; c < t.dims.c; ++c) {
    const auto at = static_cast<size_t>(block * t.dims.c + c);
    SumGradient(PointsOf(s)[static_cast<size_t>(c)], Data(s, block) + c * plane * kLanes,
                Gradient(s, block) + c * plane * kLanes,
                static_cast<float>(norm.mean[static_cast<size_t>(c)]), plane, Mask(block),
                &norm.sums[at], &norm.squares[at]);
  }
}

// Gradients of a batch norm's own parameters, and what its input's gradient needs:
// dL/dx = gain (g - mean(g) - (x - mean) * mean(g (x - mean)) / (variance + epsilon)), gain alone
// with running values.
void Network::Impl::ReduceNormGradient(int s) {
  const Stored& t = At(s);
  const Norm& norm = plan.norms[static_cast<size_t>(t.norm)];
  NormState& now = NormOf(t);
  const double n = static_cast<double>(t.dims.Plane()) * static_cast<double>(count);
  for (int64_t c = 0; c < t.dims.c; ++c) {
    const auto at = static_cast<size_t>(c);
    double sum = 0;
    double product = 0;
    for (int64_t b = 0; b < UsedBlocks(); ++b) {
      sum += now.sums[static_cast<size_t>(b * t.dims.c + c)];
      product += now.squares[static_cast<size_t>(b * t.dims.c + c)];
    }
    const double inverse = 1.0 / std::sqrt(now.variance[at] + double{norm.epsilon});
    gradients[norm.gamma + at] = static_cast<float>(product * inverse);
    gradients[norm.beta + at] = static_cast<float>(sum);
    now.gradient[at] = {};
    if (now.running) continue;
    const float gain = PointsOf(s)[at].gain;
    const auto mean_g = static_cast<float>(sum / n);
    const auto slope = static_cast<float>(product * inverse * inverse / n);
    now.gradient[at] = {gain * slope, gain * (slope * static_cast<float>(now.mean[at]) - mean_g)};
  }
}

// Of a learned step (Esser et al. 2020), as that of the range's end, `hi` steps away: the gradient
// of the step by sqrt(n hi), n values of a sample, and times hi, so that plain gradient descent
// moves the step as if it were the parameter.
void Network::Impl::ReduceStepGradient(int s) {
  const Stored& t = At(s);
  const Range& range = RangeOf(t);
  const Pointwise& p = PointsOf(s)[0];
  double sum = 0;
  for (int64_t b = 0; b < UsedBlocks(); ++b) {
    sum += ranges[static_cast<size_t>(t.range)].slopes[static_cast<size_t>(b)];
  }
  const double n = static_cast<double>(t.dims.Floats()) / kLanes;
  gradients[range.values] = 0.0f;
  gradients[range.values + 1] =
      p.quantize ? static_cast<float>(sum * std::sqrt(double{p.hi} / n)) : 0.0f;
}

// One channel's gradient, taken through what stands behind a stored tensor.
void Network::Impl::TakeBack(int s, int64_t c, int64_t block, const Rows& rows, float* to) {
  const Stored& t = At(s);
  const int64_t plane = c * t.dims.Plane() * kLanes;
  const auto at = static_cast<size_t>(c);
  PointGradient(PointsOf(s)[at], t.norm < 0 ? NormGradient{} : NormOf(t).gradient[at],
                Data(s, block) + plane, Gradient(s, block) + plane, Mask(block), rows, to);
}

const float* Network::Impl::OutputGradient(int s, int64_t block, float* to) {
  if (At(s).IsPlain()) return Gradient(s, block);
  const int64_t plane = At(s).dims.Plane() * kLanes;
  for (int64_t c = 0; c < At(s).dims.c; ++c) {
    TakeBack(s, c, block, {1, plane, plane}, to + c * plane);
  }
  return to;
}

// The same inside the border of zeros that a convolution reads.
const float* Network::Impl::BorderedGradient(const ConvolutionLayer& l, int64_t block, float* to) {
  const Convolution& conv = l.convolution;
  if (conv.Gradient().Empty()) return OutputGradient(l.out, block, to);
  if (At(l.out).IsPlain()) {
    return conv.Gradient().Enclose(Gradient(l.out, block), conv.OutChannels(), to);
  }
  conv.Gradient().Enclose(conv.OutChannels(), to, [&](int64_t c, const Rows& rows, float* at) {
    TakeBack(l.out, c, block, rows, at);
  });
  return to;
}

void Network::Impl::Backward(const ConvolutionLayer& l, bool add, int64_t block, float* temporary) {
  const Convolution& c = l.convolution;
  const float* x = FetchBordered(l, block, temporary);
  float* room = temporary + c.Input().Plane() * c.InChannels() * kLanes;
  const float* dy = BorderedGradient(l, block, room);
  room += c.Gradient().Plane() * c.OutChannels() * kLanes;
  float* own = partial.data() + static_cast<size_t>(block) * plan.parameters.size();
  c.BackwardWeight(x, dy, own + l.weight);
  if (l.has_bias) {
    const int64_t plane = c.Gradient().Plane();
    for (int64_t o = 0; o < c.OutChannels(); ++o) {
      own[l.bias + static_cast<size_t>(o)] =
          static_cast<float>(Sum(dy + o * plane * kLanes, plane, Mask(block)));
    }
  }
  if (!At(l.in).needs_gradient) return;
  float* g = Gradient(l.in, block);
  c.BackwardInput(dy, std::span(packed).subspan(l.packed), add ? room : g);
  if (add) Accumulate(room, static_cast<size_t>(At(l.in).dims.Floats()), g);
}

void Network::Impl::Backward(const LocalLayer& l, bool add, int64_t block, float* temporary) {
  Return back;
  back.dy = OutputGradient(l.out, block, temporary);
  const Pass pass = MakePass(l, block, block, temporary + At(l.out).dims.Floats());
  const bool wanted = At(l.in).needs_gradient;
  float* g = wanted ? Gradient(l.in, block) : nullptr;
  back.parameters =
      partial.data() + static_cast<size_t>(block) * plan.parameters.size() + l.parameters;
  back.mask = Mask(block);
  std::fill(back.parameters, back.parameters + l.Parameters(), 0.0f);
  std::visit(
      [&](const auto& kernel) {
        float* room = pass.scratch + kernel.Scratch();
        back.dx = wanted && add ? room : g;
        kernel.Backward(pass, back);
      },
      l.kernel);
  if (wanted && add) Accumulate(back.dx, static_cast<size_t>(At(l.in).dims.Floats()), g);
}

void Network::Impl::Backward(const PoolLayer& l, bool add, int64_t block, float* temporary) {
  const Stored& in = At(l.in);
  if (!in.needs_gradient) return;
  const Dims& out = At(l.out).dims;
  float* dx = Gradient(l.in, block);
  const bool overwrite = !add && !l.is_max && l.windows.Partition();
  if (!add && !overwrite) std::fill(dx, dx + in.dims.Floats(), 0.0f);
  const float* gradient = OutputGradient(l.out, block, temporary);
  const float* x = Data(l.in, block);
  for (int64_t c = 0; c < out.c; ++c) {
    const int64_t in_at = c * l.windows.InPlane() * kLanes;
    const int64_t out_at = c * out.Plane() * kLanes;
    const float* dy = gradient + out_at;
    if (l.is_max) {
      MaxPoolBackward(l.windows, StepsOf(l.in, c), x + in_at, Data(l.out, block) + out_at, dy,
                      dx + in_at);
    } else {
      AveragePoolBackward(l.windows, dy, overwrite, dx + in_at);
    }
  }
}

void Network::Impl::Backward(const JoinLayer& l, const std::vector<char>& add, int64_t block,
                             float* temporary) {
  const float* dy = OutputGradient(l.out, block, temporary);
  temporary += At(l.out).dims.Floats();
  int64_t before = 0;  // of a slab row: what the inputs before this one take
  const int64_t row = At(l.out).dims.Floats() / l.outer;
  for (size_t k = 0; k < l.ins.size(); ++k) {
    const Stored& in = At(l.ins[k]);
    const int64_t slab = in.dims.Floats() / l.outer;
    if (in.needs_gradient) {
      float* dx = Gradient(l.ins[k], block);
      const auto give = [&](const float* from, float* to) {
        if (add[k] != 0) {
          Accumulate(from, static_cast<size_t>(slab), to);
        } else {
          std::copy(from, from + slab, to);
        }
      };
      switch (l.kind) {
        case JoinLayer::Kind::kSum:
          give(dy, dx);
          break;
        case JoinLayer::Kind::kProduct:
          Multiply(dy, Fetch(l.ins[1 - k], block, temporary), slab, add[k] != 0, dx);
          break;
        case JoinLayer::Kind::kConcatenation:
          for (int64_t o = 0; o < l.outer; ++o) give(dy + o * row + before, dx + o * slab);
          break;
      }
    }
    before += slab;
  }
}

void Network::Impl::Backward(size_t index, int64_t block, float* temporary) {
  const std::vector<char>& add = plan.adds[index];
  std::visit(graph::Overloaded{
                 [&](const ConvolutionLayer& l) { Backward(l, add[0] != 0, block, temporary); },
                 [&](const PoolLayer& l) { Backward(l, add[0] != 0, block, temporary); },
                 [&](const LocalLayer& l) { Backward(l, add[0] != 0, block, temporary); },
                 [&](const JoinLayer& l) { Backward(l, add, block, temporary); },
                 [](const NormLayer&) {}, [](const RangeLayer&) {}},
             plan.layers[index]);
}

void Network::Impl::BackwardPass(const BackwardPart& part, int64_t block, float* temporary) {
  for (const size_t layer : part.run) Backward(layer, block, temporary);
  if (part.measure >= 0) MeasureGradient(part.measure, block);
}

// The part behind the one at which a pass over the blocks that begins with `part` has to stop: a
// batch norm on running values asks nothing of the whole batch.
size_t Network::Impl::Reach(size_t part) {
  const auto waits = [&](int s) { return s >= 0 && At(s).norm >= 0 && !NormOf(At(s)).running; };
  while (part + 1 < plan.parts.size() && !waits(plan.parts[part].measure)) ++part;
  return part + 1;
}

// The last part of the way forward and the first of the way back are one pass over the blocks.
void Network::Impl::TrainAll(const Batch& batch, const Loss& loss, ThreadPool& pool) {
  const auto back = [&](size_t first, size_t last, int64_t block, float* temporary) {
    for (size_t p = first; p < last; ++p) BackwardPass(plan.parts[p], block, temporary);
  };
  const auto turn = [&](int64_t block, float* temporary) {
    Compare(batch, loss, block, temporary);
    back(0, Reach(0), block, temporary);
  };
  ForwardAll(batch, false, std::ref(turn), pool);
  for (size_t first = 0; first < plan.parts.size();) {
    const size_t last = Reach(first);
    if (first > 0) {
      ForBlocks(pool, [&](int64_t block, int64_t, float* temporary) {
        back(first, last, block, temporary);
      });
    }
    for (; first < last; ++first) {
      const int s = plan.parts[first].measure;
      if (s < 0) continue;
      if (At(s).norm >= 0) ReduceNormGradient(s);
      if (At(s).range >= 0 && RangeOf(At(s)).op.learned_step) ReduceStepGradient(s);
    }
  }
  ReduceWeights(pool);
  if (!ranges_move) return;
  for (const LayerKind& layer : plan.layers) {
    if (const auto* range = std::get_if<RangeLayer>(&layer)) Follow(*range);
  }
}

// Sums of the blocks' weight gradients, in block order.
void Network::Impl::ReduceWeights(ThreadPool& pool) {
  const int64_t used = UsedBlocks();
  const size_t all = plan.parameters.size();
  const auto sum = [&](int64_t k, int) {
    const auto [begin, end] = plan.summed[static_cast<size_t>(k)];
    std::copy(partial.data() + begin, partial.data() + end, gradients.data() + begin);
    for (int64_t b = 1; b < used; ++b) {
      Accumulate(partial.data() + static_cast<size_t>(b) * all + begin, end - begin,
                 gradients.data() + begin);
    }
  };
  pool.Run(static_cast<int64_t>(plan.summed.size()),
           std::function<void(int64_t, int)>(std::ref(sum)));
}

}  // namespace platypus::train
