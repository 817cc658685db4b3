#include "platypus/train/network.h"

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "platypus/base/error.h"
#include "platypus/graph/quantization.h"
#include "platypus/train/convolution.h"
#include "platypus/train/kernels.h"
#include "platypus/train/pool_kernels.h"

namespace platypus::train {
namespace {

using graph::Node;
using graph::TensorId;

struct Dims {
  int64_t c = 1, h = 1, w = 1;
  int64_t Plane() const { return h * w; }
  int64_t Floats() const { return c * h * w * kLanes; }
};

Dims DimsOf(const Shape& shape) {
  return shape.size() == 1 ? Dims{shape[0], 1, 1} : Dims{shape.at(0), shape.at(1), shape.at(2)};
}

// A batch norm over the channels of a stored tensor.
struct Norm {
  size_t gamma = 0, beta = 0;     // into the parameters
  size_t mean = 0, variance = 0;  // into the state
  float epsilon = 0, momentum = 0;
  std::vector<double> sums,
      squares;  // [block][channel]: of the forward pass, then of the backward pass
  std::vector<double> batch_mean, batch_variance;
  std::vector<float> mean_g, slope;  // backward: what NormGradient subtracts
};

// A FakeQuantize behind a stored tensor.
struct Range {
  graph::FakeQuantize op;
  size_t state = 0;              // {min, max}
  std::vector<float> low, high;  // [block]
};

// A tensor that is kept. What stands between it and its readers (batch norm, ReLU, rounding) is
// computed anew where it is read: that costs less than the memory traffic of keeping it.
struct Stored {
  Dims dims;
  int norm = -1;
  bool relu = false;
  int range = -1;
  bool needs_gradient = true;
  size_t offset = 0;  // floats into a block's arena
  size_t gradient = 0;
  std::vector<Pointwise> points;  // [channel]

  bool IsPlain() const { return norm < 0 && !relu && range < 0; }
};

struct ConvolutionLayer {
  int in, out;
  Convolution convolution;
  size_t weight, bias;  // into the parameters
  bool has_bias;
  size_t packed;
  std::optional<graph::WeightQuantizer> quantizer;
};
struct PoolLayer {
  int in, out;
  bool is_max;
  Windows windows;
};
struct JoinLayer {  // sum of two, or concatenation along an axis; one input: a copy
  std::vector<int> ins;
  int out;
  bool is_sum;
  int64_t outer;  // repetitions of the inputs' slabs
};
// Barriers: something has to be known about the whole batch before anybody reads on.
struct NormLayer {
  int stored;
};
struct RangeLayer {
  int stored;
};
using LayerKind = std::variant<ConvolutionLayer, PoolLayer, JoinLayer, NormLayer, RangeLayer>;

// Smallest offsets such that intervals alive at the same time do not overlap (first fit, by start).
struct Interval {
  int first, last;
  size_t size;
  size_t* offset;
};
size_t Place(std::vector<Interval> intervals) {
  std::sort(intervals.begin(), intervals.end(),
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

struct Network::Impl {
  graph::Graph graph;
  int64_t blocks = 0;
  bool frozen_norms =
      false;  // a graph with FakeQuantize trains on the statistics that it will run with
  std::vector<Stored> stored;
  std::vector<LayerKind> layers;
  std::vector<Norm> norms;
  std::vector<Range> ranges;
  int output = 0;

  std::vector<float> parameters, gradients, state, packed, effective;
  std::vector<std::pair<std::string, size_t>> parameter_names, state_names;  // graph name -> offset
  std::vector<float> partial;                                                // [block][parameter]
  size_t arena_floats = 0, gradient_floats = 0, scratch_floats = 0;
  hwy::AlignedFreeUniquePtr<float[]> arena, gradient_arena, scratch;
  std::vector<float> masks;    // [block][lane]
  std::vector<double> losses;  // [block]
  std::vector<int64_t> correct;
  std::vector<char> finite;

  // ---- compiling --------------------------------------------------------------------------
  struct View {
    int stored = -1;
    bool flat = false;  // the same memory seen as [F]
  };
  std::map<TensorId, View> views;

  size_t AddArray(const std::string& name, std::vector<float>& row,
                  std::vector<std::pair<std::string, size_t>>& names) {
    const std::vector<float>& values = graph.parameters.at(name).Floats();
    names.emplace_back(name, row.size());
    row.insert(row.end(), values.begin(), values.end());
    return names.back().second;
  }
  size_t Parameter(const Node& node, const char* role) {
    return AddArray(fmt::format("{}.{}", node.name, role), parameters, parameter_names);
  }
  size_t StateArray(const Node& node, const char* role) {
    return AddArray(fmt::format("{}.{}", node.name, role), state, state_names);
  }

  int AddStored(const Shape& shape) {
    stored.emplace_back();
    stored.back().dims = DimsOf(shape);
    return static_cast<int>(stored.size()) - 1;
  }

  // The stored tensor behind `tensor` to which a pointwise step can still be added, or a copy of
  // it.
  int Extendable(TensorId tensor, bool ok) {
    const View view = views.at(tensor);
    if (ok && graph::Consumers(graph, tensor).size() == 1 && tensor != graph.output)
      return view.stored;
    const int copy = AddStored(graph.At(tensor).shape);
    layers.emplace_back(JoinLayer{{view.stored}, copy, false, 1});
    return copy;
  }

  void Compile(const Node& node) {
    const TensorId in_id = node.inputs[0];
    const View in = views.at(in_id);
    const Shape& in_shape = graph.At(in_id).shape;
    const Shape& out_shape = graph.At(node.output).shape;
    const auto reject = [&](const auto&) {
      Check(false, "training: {} at node {} is no float operator", graph::Name(node.op), node.name);
    };
    std::visit(
        graph::Overloaded{
            [&](const graph::Identity&) { views[node.output] = in; },
            [&](const graph::Flatten&) {
              views[node.output] = {in.stored, true};
            },
            [&](const graph::BatchNorm& op) {
              const Stored& s = stored[static_cast<size_t>(in.stored)];
              const int at = Extendable(in_id, s.IsPlain() && !in.flat);
              Norm norm;
              norm.gamma = Parameter(node, "weight");
              norm.beta = Parameter(node, "bias");
              norm.mean = StateArray(node, "running_mean");
              norm.variance = StateArray(node, "running_var");
              norm.epsilon = op.epsilon;
              norm.momentum = op.momentum;
              norms.push_back(std::move(norm));
              stored[static_cast<size_t>(at)].norm = static_cast<int>(norms.size()) - 1;
              layers.emplace_back(NormLayer{at});
              views[node.output] = {at, false};
            },
            [&](const graph::Relu&) {
              const Stored& s = stored[static_cast<size_t>(in.stored)];
              const int at = Extendable(in_id, !s.relu && s.range < 0);
              stored[static_cast<size_t>(at)].relu = true;
              views[node.output] = {at, in.flat && at == in.stored};
            },
            [&](const graph::FakeQuantize& op) {
              const Stored& s = stored[static_cast<size_t>(in.stored)];
              const int at = Extendable(in_id, s.range < 0);
              ranges.push_back({op, StateArray(node, "range"), {}, {}});
              stored[static_cast<size_t>(at)].range = static_cast<int>(ranges.size()) - 1;
              layers.emplace_back(RangeLayer{at});
              views[node.output] = {at, in.flat && at == in.stored};
            },
            [&](const graph::Conv2d& op) {
              AddConvolution(node, op, in.stored, in_shape, out_shape);
            },
            [&](const graph::Linear& op) {
              graph::Conv2d conv;
              conv.out_channels = op.out_features;
              conv.has_bias = op.has_bias;
              conv.weight_quantizer = op.weight_quantizer;
              AddConvolution(node, conv, in.stored, in_shape, out_shape);
            },
            [&](const graph::MaxPool& op) {
              AddPool(node, in.stored, true,
                      Slide(op.kernel, op.stride, op.dilation, op.padding, in_shape, out_shape));
            },
            [&](const graph::AvgPool& op) {
              Windows windows = Slide(op.kernel, op.stride, {}, op.padding, in_shape, out_shape);
              windows.fixed_area = static_cast<float>(op.kernel.h * op.kernel.w);
              AddPool(node, in.stored, false, std::move(windows));
            },
            [&](const graph::AdaptiveAvgPool&) {
              AddPool(node, in.stored, false, Adaptive(in_shape, out_shape));
            },
            [&](const graph::Add&) {
              const int out = AddStored(out_shape);
              layers.emplace_back(
                  JoinLayer{{in.stored, views.at(node.inputs[1]).stored}, out, true, 1});
              views[node.output] = {out, false};
            },
            [&](const graph::Concat& op) {
              const int out = AddStored(out_shape);
              JoinLayer join{{}, out, false, 1};
              for (const TensorId id : node.inputs) join.ins.push_back(views.at(id).stored);
              for (int a = 0; a < op.axis; ++a) join.outer *= out_shape[static_cast<size_t>(a)];
              layers.emplace_back(std::move(join));
              views[node.output] = {out, false};
            },
            [&](const graph::QuantizeInput& op) { reject(op); },
            [&](const graph::SumPool& op) { reject(op); },
            [&](const graph::Requantize& op) { reject(op); },
            [&](const graph::AddRequantize& op) { reject(op); },
            [&](const graph::Dequantize& op) { reject(op); }},
        node.op);
  }

  void AddConvolution(const Node& node, const graph::Conv2d& op, int in, const Shape& in_shape,
                      const Shape& out_shape) {
    const Dims i = DimsOf(in_shape);
    const Dims o = DimsOf(out_shape);
    const int out = AddStored(out_shape);
    ConvolutionLayer layer{in,
                           out,
                           Convolution(op, {i.c, i.h, i.w}, {o.c, o.h, o.w}),
                           Parameter(node, "weight"),
                           0,
                           op.has_bias,
                           packed.size(),
                           op.weight_quantizer};
    if (op.has_bias) layer.bias = Parameter(node, "bias");
    packed.resize(packed.size() + static_cast<size_t>(layer.convolution.PackedSize()));
    layers.emplace_back(std::move(layer));
    views[node.output] = {out, false};
  }

  void AddPool(const Node& node, int in, bool is_max, Windows windows) {
    const int out = AddStored(graph.At(node.output).shape);
    layers.emplace_back(PoolLayer{in, out, is_max, std::move(windows)});
    views[node.output] = {out, false};
  }

  static Windows Slide(graph::Size2 kernel, graph::Size2 stride, graph::Size2 dilation,
                       const graph::Padding2& padding, const Shape& in, const Shape& out) {
    const auto axis = [](int64_t n, int64_t outs, int k, int s, int d, int before) {
      std::vector<Windows::Range> ranges;
      for (int64_t o = 0; o < outs; ++o) {
        int64_t first = o * s - before;
        const int64_t last = std::min(n, first + int64_t{d} * (k - 1) + 1);
        while (first < 0) first += d;
        ranges.push_back({first, last});
      }
      return ranges;
    };
    Windows windows;
    windows.rows = axis(in[1], out[1], kernel.h, stride.h, dilation.h, padding.top);
    windows.columns = axis(in[2], out[2], kernel.w, stride.w, dilation.w, padding.left);
    windows.row_step = dilation.h;
    windows.column_step = dilation.w;
    windows.width = in[2];
    windows.in_plane = in[1] * in[2];
    return windows;
  }

  static Windows Adaptive(const Shape& in, const Shape& out) {
    const auto axis = [](int64_t n, int64_t outs) {
      std::vector<Windows::Range> ranges;
      for (int64_t o = 0; o < outs; ++o)
        ranges.push_back({o * n / outs, ((o + 1) * n + outs - 1) / outs});
      return ranges;
    };
    Windows windows;
    windows.rows = axis(in[1], out[1]);
    windows.columns = axis(in[2], out[2]);
    windows.width = in[2];
    windows.in_plane = in[1] * in[2];
    return windows;
  }

  void PlanMemory() {
    std::vector<Interval> intervals;
    size_t forward = 0;
    const int count = static_cast<int>(layers.size());
    // Gradients live from the last reader's backward pass to the writer's; time runs backwards.
    std::vector<int> last(stored.size(), count);
    for (int i = 0; i < count; ++i) {
      const int time = count - 1 - i;
      std::visit(
          graph::Overloaded{[&](const JoinLayer& l) { last[static_cast<size_t>(l.out)] = time; },
                            [&](const NormLayer&) {}, [&](const RangeLayer&) {},
                            [&](const auto& l) { last[static_cast<size_t>(l.out)] = time; }},
          layers[static_cast<size_t>(i)]);
    }
    std::vector<int> last_reader(stored.size(), -1);
    for (int i = 0; i < count; ++i) {
      std::visit(
          graph::Overloaded{[&](const JoinLayer& l) {
                              for (const int in : l.ins) last_reader[static_cast<size_t>(in)] = i;
                            },
                            [&](const NormLayer&) {}, [&](const RangeLayer&) {},
                            [&](const auto& l) { last_reader[static_cast<size_t>(l.in)] = i; }},
          layers[static_cast<size_t>(i)]);
    }
    for (size_t s = 0; s < stored.size(); ++s) {
      stored[s].offset = forward;
      forward += static_cast<size_t>(stored[s].dims.Floats());
      const int first = last_reader[s] < 0 ? 0 : count - 1 - last_reader[s];
      if (stored[s].needs_gradient) {
        intervals.push_back(
            {first, last[s], static_cast<size_t>(stored[s].dims.Floats()), &stored[s].gradient});
      }
    }
    arena_floats = forward;
    gradient_floats = Place(std::move(intervals));
    for (const LayerKind& layer : layers) {
      size_t need = 0;
      if (const auto* l = std::get_if<ConvolutionLayer>(&layer)) {
        const Convolution& c = l->convolution;
        need = static_cast<size_t>(
            (c.Input().Plane() * c.InChannels() + c.Gradient().Plane() * c.OutChannels()) * kLanes);
        need += static_cast<size_t>(stored[static_cast<size_t>(l->in)].dims.Floats());
      } else if (const auto* p = std::get_if<PoolLayer>(&layer)) {
        need = static_cast<size_t>(stored[static_cast<size_t>(p->in)].dims.Floats());
      } else if (const auto* j = std::get_if<JoinLayer>(&layer)) {
        for (const int in : j->ins)
          need += static_cast<size_t>(stored[static_cast<size_t>(in)].dims.Floats());
      }
      scratch_floats = std::max(scratch_floats, need);
    }
    scratch_floats = std::max(
        scratch_floats, static_cast<size_t>(stored[static_cast<size_t>(output)].dims.Floats()));
  }

  void Allocate(int threads) {
    const auto n = static_cast<size_t>(blocks);
    if (!arena) {
      arena = hwy::AllocateAligned<float>(n * arena_floats);
      gradient_arena = hwy::AllocateAligned<float>(n * std::max<size_t>(1, gradient_floats));
      std::fill(arena.get(), arena.get() + n * arena_floats, 0.0f);
      std::fill(gradient_arena.get(), gradient_arena.get() + n * gradient_floats, 0.0f);
    }
    if (scratch_threads < threads) {
      scratch = hwy::AllocateAligned<float>(static_cast<size_t>(threads) * scratch_floats);
      scratch_threads = threads;
    }
  }
  int scratch_threads = 0;

  // ---- running ----------------------------------------------------------------------------
  float* Data(int s, int64_t block) {
    return arena.get() + static_cast<size_t>(block) * arena_floats +
           stored[static_cast<size_t>(s)].offset;
  }
  float* Gradient(int s, int64_t block) {
    return gradient_arena.get() + static_cast<size_t>(block) * gradient_floats +
           stored[static_cast<size_t>(s)].gradient;
  }
  const float* Mask(int64_t block) const { return masks.data() + block * kLanes; }

  // The values that readers of a stored tensor see.
  const float* Fetch(int s, int64_t block, float* to) {
    const Stored& t = stored[static_cast<size_t>(s)];
    const float* from = Data(s, block);
    if (t.IsPlain()) return from;
    const int64_t plane = t.dims.Plane() * kLanes;
    for (int64_t c = 0; c < t.dims.c; ++c) {
      Apply(t.points[static_cast<size_t>(c)], from + c * plane, plane, to + c * plane);
    }
    return to;
  }

  // The same inside a border of zeros; `channels` planes of border.rows x border.columns.
  const float* FetchBordered(int s, int64_t block, const Convolution::Border& border,
                             int64_t channels, float* to) {
    if (border.Empty()) return Fetch(s, block, to);
    const Stored& t = stored[static_cast<size_t>(s)];
    return Enclose(Data(s, block), t.IsPlain() ? nullptr : t.points.data(), border, channels, to);
  }

  static const float* Enclose(const float* from, const Pointwise* points,
                              const Convolution::Border& border, int64_t channels, float* to) {
    const int64_t row = border.columns * kLanes;
    float* at = to;
    const auto zeros = [&](int64_t cells) {
      std::fill(at, at + cells * kLanes, 0.0f);
      at += cells * kLanes;
    };
    for (int64_t c = 0; c < channels; ++c) {
      zeros(border.top * border.Width());
      for (int64_t r = 0; r < border.rows; ++r, from += row) {
        zeros(border.left);
        if (points != nullptr) {
          Apply(points[c], from, row, at);
        } else {
          std::copy(from, from + row, at);
        }
        at += row;
        zeros(border.right);
      }
      zeros(border.bottom * border.Width());
    }
    return to;
  }

  void Forward(const LayerKind& layer, int64_t block, float* temporary) {
    std::visit(
        graph::Overloaded{[&](const ConvolutionLayer& l) {
                            const float* x = FetchBordered(l.in, block, l.convolution.Input(),
                                                           l.convolution.InChannels(), temporary);
                            l.convolution.Forward(x, std::span(packed).subspan(l.packed),
                                                  l.has_bias ? parameters.data() + l.bias : nullptr,
                                                  Data(l.out, block));
                          },
                          [&](const PoolLayer& l) {
                            const Dims& out = stored[static_cast<size_t>(l.out)].dims;
                            const float* x = Fetch(l.in, block, temporary);
                            float* y = Data(l.out, block);
                            for (int64_t c = 0; c < out.c; ++c) {
                              (l.is_max ? MaxPoolForward : AveragePoolForward)(
                                  l.windows, x + c * l.windows.in_plane * kLanes,
                                  y + c * out.Plane() * kLanes);
                            }
                          },
                          [&](const JoinLayer& l) { ForwardJoin(l, block, temporary); },
                          [](const NormLayer&) {}, [](const RangeLayer&) {}},
        layer);
  }

  void ForwardJoin(const JoinLayer& l, int64_t block, float* temporary) {
    std::vector<const float*>& sources = join_sources[static_cast<size_t>(block)];
    sources.clear();
    for (const int in : l.ins) {
      sources.push_back(Fetch(in, block, temporary));
      temporary += stored[static_cast<size_t>(in)].dims.Floats();
    }
    float* y = Data(l.out, block);
    if (l.is_sum) {
      const int64_t count = stored[static_cast<size_t>(l.out)].dims.Floats();
      for (int64_t i = 0; i < count; ++i) y[i] = sources[0][i] + sources[1][i];
      return;
    }
    for (int64_t o = 0; o < l.outer; ++o) {
      for (size_t k = 0; k < l.ins.size(); ++k) {
        const int64_t slab = stored[static_cast<size_t>(l.ins[k])].dims.Floats() / l.outer;
        y = std::copy(sources[k] + o * slab, sources[k] + (o + 1) * slab, y);
      }
    }
  }
  std::vector<std::vector<const float*>> join_sources;

  // Statistics of one block for the barrier behind it.
  void Measure(const NormLayer& l, int64_t block) {
    const Stored& t = stored[static_cast<size_t>(l.stored)];
    Norm& norm = norms[static_cast<size_t>(t.norm)];
    const int64_t positions = t.dims.Plane();
    const double count = static_cast<double>(positions) * Lanes(block);
    const float* y = Data(l.stored, block);
    for (int64_t c = 0; c < t.dims.c; ++c) {
      const size_t at = static_cast<size_t>(block * t.dims.c + c);
      const float* plane = y + c * positions * kLanes;
      norm.sums[at] = count > 0 ? Sum(plane, positions, Mask(block)) : 0.0;
      norm.squares[at] = count > 0 ? SumSquares(plane, static_cast<float>(norm.sums[at] / count),
                                                positions, Mask(block))
                                   : 0.0;
    }
  }

  void Measure(const RangeLayer& l, int64_t block) {
    const Stored& t = stored[static_cast<size_t>(l.stored)];
    Range& range = ranges[static_cast<size_t>(t.range)];
    const auto b = static_cast<size_t>(block);
    range.low[b] = std::numeric_limits<float>::infinity();
    range.high[b] = -range.low[b];
    if (Lanes(block) == 0) return;
    const int64_t plane = t.dims.Plane();
    for (int64_t c = 0; c < t.dims.c; ++c) {
      MinMax(t.points[static_cast<size_t>(c)], Data(l.stored, block) + c * plane * kLanes, plane,
             Mask(block), &range.low[b], &range.high[b]);
    }
  }

  int64_t Lanes(int64_t block) const {
    return std::clamp<int64_t>(count - block * kLanes, 0, kLanes);
  }
  int64_t count = 0;

  // Blocks' means and squares combined in block order (Chan, Golub, LeVeque 1983).
  void Reduce(const NormLayer& l) {
    Stored& t = stored[static_cast<size_t>(l.stored)];
    Norm& norm = norms[static_cast<size_t>(t.norm)];
    const auto positions = static_cast<double>(t.dims.Plane());
    for (int64_t c = 0; c < t.dims.c; ++c) {
      double n = 0, mean = 0, squares = 0;
      for (int64_t b = 0; b < blocks; ++b) {
        const double m = positions * static_cast<double>(Lanes(b));
        if (m == 0) continue;
        const auto at = static_cast<size_t>(b * t.dims.c + c);
        const double delta = norm.sums[at] / m - mean;
        squares += norm.squares[at] + delta * delta * n * m / (n + m);
        mean += delta * m / (n + m);
        n += m;
      }
      const auto at = static_cast<size_t>(c);
      norm.batch_mean[at] = mean;
      norm.batch_variance[at] = squares / n;
      float& running_mean = state[norm.mean + at];
      float& running_variance = state[norm.variance + at];
      const double unbiased = n > 1 ? squares / (n - 1) : squares;
      running_mean =
          static_cast<float>((1.0 - norm.momentum) * running_mean + norm.momentum * mean);
      running_variance =
          static_cast<float>((1.0 - norm.momentum) * running_variance + norm.momentum * unbiased);
    }
    RefreshNorm(t, norm.batch_mean, norm.batch_variance);
  }

  void RefreshNorm(Stored& t, std::span<const double> mean, std::span<const double> variance) {
    const Norm& norm = norms[static_cast<size_t>(t.norm)];
    for (size_t c = 0; c < t.points.size(); ++c) {
      const double gain =
          parameters[norm.gamma + c] / std::sqrt(variance[c] + double{norm.epsilon});
      t.points[c].affine = true;
      t.points[c].gain = static_cast<float>(gain);
      t.points[c].shift = static_cast<float>(parameters[norm.beta + c] - mean[c] * gain);
    }
  }

  void Reduce(const RangeLayer& l) {
    Stored& t = stored[static_cast<size_t>(l.stored)];
    Range& range = ranges[static_cast<size_t>(t.range)];
    const auto used = static_cast<std::ptrdiff_t>(UsedBlocks());
    const float low = *std::min_element(range.low.begin(), range.low.begin() + used);
    const float high = *std::max_element(range.high.begin(), range.high.begin() + used);
    float& min = state[range.state];
    float& max = state[range.state + 1];
    constexpr float kFactor = 0.01f;
    if (min > max) {
      min = low;
      max = high;
    } else {
      min += kFactor * (low - min);
      max += kFactor * (high - max);
    }
    RefreshRange(t);
  }

  void RefreshRange(Stored& t) {
    const Range& range = ranges[static_cast<size_t>(t.range)];
    const float min = state[range.state];
    const float max = state[range.state + 1];
    const graph::Codes codes =
        min > max ? graph::Codes{} : graph::ActivationCodes(range.op, min, max);
    for (Pointwise& p : t.points) {
      p.quantize = min <= max;
      p.scale = codes.scale;
      p.inverse_scale = 1.0f / codes.scale;
      p.lo = static_cast<float>(codes.lo);
      p.hi = static_cast<float>(codes.hi);
    }
  }

  // Everything that does not depend on the batch: pointwise steps from running values, rounded and
  // packed weights.
  void Prepare() {
    for (Stored& t : stored) {
      if (t.IsPlain()) continue;
      t.points.assign(static_cast<size_t>(t.dims.c), Pointwise{});
      for (Pointwise& p : t.points) p.relu = t.relu;
      if (t.norm >= 0) {
        const Norm& norm = norms[static_cast<size_t>(t.norm)];
        const auto row = [&](size_t offset) {
          return std::vector<double>(
              state.begin() + static_cast<std::ptrdiff_t>(offset),
              state.begin() + static_cast<std::ptrdiff_t>(offset) + t.dims.c);
        };
        RefreshNorm(t, row(norm.mean), row(norm.variance));
      }
      if (t.range >= 0) RefreshRange(t);
    }
    for (const LayerKind& layer : layers) {
      const auto* l = std::get_if<ConvolutionLayer>(&layer);
      if (l == nullptr) continue;
      const Convolution& c = l->convolution;
      const auto size = static_cast<size_t>(c.PackedSize() / 2);
      std::span<const float> weight(parameters.data() + l->weight, size);
      if (l->quantizer) {
        RoundWeights(weight, static_cast<size_t>(c.OutChannels()), *l->quantizer);
        weight = {effective.data(), size};
      }
      c.Pack(weight, std::span(packed).subspan(l->packed, 2 * size));
    }
  }

  void RoundWeights(std::span<const float> weight, size_t channels,
                    const graph::WeightQuantizer& quantizer) {
    effective.resize(std::max(effective.size(), weight.size()));
    const size_t row = weight.size() / channels;
    for (size_t c = 0; c < channels; ++c) {
      const std::span<const float> source = weight.subspan(c * row, row);
      const graph::Codes codes = graph::WeightCodes(quantizer, graph::MaxAbs(source));
      for (size_t i = 0; i < row; ++i) {
        effective[c * row + i] =
            static_cast<float>(graph::QuantizeWeight(source[i], codes)) * codes.scale;
      }
    }
  }

  // The samples of a block, turned from [lane][element] to [element][lane].
  void Load(const Batch& batch, int64_t block) {
    float* to = Data(0, block);
    const int64_t elements = stored[0].dims.Floats() / kLanes;
    const int64_t lanes = Lanes(block);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float* from =
          lane < lanes ? batch.samples[static_cast<size_t>(block * kLanes + lane)] : nullptr;
      for (int64_t e = 0; e < elements; ++e)
        to[e * kLanes + lane] = from != nullptr ? from[e] : 0.0f;
    }
  }

  void SetCount(const Batch& batch) {
    count = static_cast<int64_t>(batch.samples.size());
    Check(count >= 1 && count <= blocks * kLanes, "a step of {} samples", count);
    for (int64_t b = 0; b < blocks; ++b) {
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        masks[static_cast<size_t>(b * kLanes + lane)] = lane < Lanes(b) ? 1.0f : 0.0f;
      }
    }
  }

  int64_t UsedBlocks() const { return (count + kLanes - 1) / kLanes; }

  // step(block, scratch) for every block that has samples, on the thread that it belongs to.
  template <typename Step>
  void ForBlocks(ThreadPool& pool, Step step) {
    const int64_t used = UsedBlocks();
    const int threads = pool.Threads();
    pool.RunOnEach([&](int thread) {
      float* temporary = scratch.get() + static_cast<size_t>(thread) * scratch_floats;
      for (int64_t b = used * thread / threads; b < used * (thread + 1) / threads; ++b)
        step(b, temporary);
    });
  }

  bool IsBarrier(const LayerKind& layer, bool observe) const {
    return (std::holds_alternative<NormLayer>(layer) && !frozen_norms) ||
           (std::holds_alternative<RangeLayer>(layer) && observe);
  }

  void ForwardAll(const Batch& batch, bool observe, ThreadPool& pool) {
    size_t first = 0;
    for (size_t i = 0; i <= layers.size(); ++i) {
      const bool end = i == layers.size();
      if (!end && !IsBarrier(layers[i], observe)) continue;
      ForBlocks(pool, [&](int64_t block, float* temporary) {
        if (first == 0) Load(batch, block);
        for (size_t k = first; k < i; ++k) Forward(layers[k], block, temporary);
        if (end) return;
        if (const auto* norm = std::get_if<NormLayer>(&layers[i])) Measure(*norm, block);
        if (const auto* range = std::get_if<RangeLayer>(&layers[i])) Measure(*range, block);
      });
      if (end) break;
      if (const auto* norm = std::get_if<NormLayer>(&layers[i])) Reduce(*norm);
      if (const auto* range = std::get_if<RangeLayer>(&layers[i])) Reduce(*range);
      first = i + 1;
    }
  }

  // Softmax cross-entropy of one block; the gradient of the mean over the batch goes to the
  // output's buffer.
  void Loss(const Batch& batch, float smoothing, int64_t block, float* temporary) {
    const Dims& dims = stored[static_cast<size_t>(output)].dims;
    const float* z = Fetch(output, block, temporary);
    float* g = Gradient(output, block);
    std::fill(g, g + dims.Floats(), 0.0f);
    const int64_t classes = dims.Floats() / kLanes;
    const auto b = static_cast<size_t>(block);
    losses[b] = 0;
    correct[b] = 0;
    finite[b] = 1;
    for (int64_t lane = 0; lane < Lanes(block); ++lane) {
      const auto at = [&](int64_t k) { return static_cast<size_t>(k * kLanes + lane); };
      const int32_t label = batch.labels[static_cast<size_t>(block * kLanes + lane)];
      int64_t best = 0;
      for (int64_t k = 1; k < classes; ++k) best = z[at(k)] > z[at(best)] ? k : best;
      const double top = z[at(best)];
      double sum = 0;
      for (int64_t k = 0; k < classes; ++k) sum += std::exp(z[at(k)] - top);
      const double log_sum = top + std::log(sum);
      double loss = 0;
      for (int64_t k = 0; k < classes; ++k) {
        const double target =
            (k == label ? 1.0 - smoothing : 0.0) + smoothing / static_cast<double>(classes);
        loss -= target * (z[at(k)] - log_sum);
        g[at(k)] = static_cast<float>((std::exp(z[at(k)] - log_sum) - target) /
                                      static_cast<double>(count));
      }
      losses[b] += loss;
      correct[b] += best == label ? 1 : 0;
      if (!std::isfinite(loss)) finite[b] = 0;
    }
  }

  // First half of the way back through what stands behind a stored tensor: cut-off values, then the
  // sums that a batch norm needs of the whole batch.
  void BackwardPoints(int s, int64_t block) {
    Stored& t = stored[static_cast<size_t>(s)];
    if (t.IsPlain() || !t.needs_gradient) return;
    const int64_t plane = t.dims.Plane();
    for (int64_t c = 0; c < t.dims.c; ++c) {
      const float* y = Data(s, block) + c * plane * kLanes;
      float* g = Gradient(s, block) + c * plane * kLanes;
      const Pointwise& p = t.points[static_cast<size_t>(c)];
      if (t.norm < 0) {
        MaskGradient(p, y, plane * kLanes, g);
        continue;
      }
      Norm& norm = norms[static_cast<size_t>(t.norm)];
      const auto at = static_cast<size_t>(block * t.dims.c + c);
      MaskAndSum(p, y, Mean(norm, c), plane, Mask(block), g, &norm.sums[at], &norm.squares[at]);
    }
  }

  float Mean(const Norm& norm, int64_t c) const {
    const auto at = static_cast<size_t>(c);
    return frozen_norms ? state[norm.mean + at] : static_cast<float>(norm.batch_mean[at]);
  }

  // Gradients of a batch norm's own parameters, and what its input's gradient needs.
  void ReduceNormGradient(int s) {
    const Stored& t = stored[static_cast<size_t>(s)];
    Norm& norm = norms[static_cast<size_t>(t.norm)];
    const double n = static_cast<double>(t.dims.Plane()) * static_cast<double>(count);
    for (int64_t c = 0; c < t.dims.c; ++c) {
      const auto at = static_cast<size_t>(c);
      double sum = 0, product = 0;
      for (int64_t b = 0; b < UsedBlocks(); ++b) {
        sum += norm.sums[static_cast<size_t>(b * t.dims.c + c)];
        product += norm.squares[static_cast<size_t>(b * t.dims.c + c)];
      }
      const double variance = frozen_norms ? state[norm.variance + at] : norm.batch_variance[at];
      const double inverse = 1.0 / std::sqrt(variance + double{norm.epsilon});
      gradients[norm.gamma + at] = static_cast<float>(product * inverse);
      gradients[norm.beta + at] = static_cast<float>(sum);
      norm.mean_g[at] = frozen_norms ? 0.0f : static_cast<float>(sum / n);
      norm.slope[at] = frozen_norms ? 0.0f : static_cast<float>(product * inverse * inverse / n);
    }
  }

  void BackwardNorm(int s, int64_t block) {
    const Stored& t = stored[static_cast<size_t>(s)];
    if (s == 0) return;  // nobody asks for the gradient of the recordings
    const Norm& norm = norms[static_cast<size_t>(t.norm)];
    const int64_t plane = t.dims.Plane();
    for (int64_t c = 0; c < t.dims.c; ++c) {
      const auto at = static_cast<size_t>(c);
      NormGradient(t.points[at].gain, norm.mean_g[at], Mean(norm, c), norm.slope[at],
                   Data(s, block) + c * plane * kLanes, plane, Mask(block),
                   Gradient(s, block) + c * plane * kLanes);
    }
  }

  // Where the gradient of an input goes: its own buffer the first time in a step, else `temporary`,
  // to be added.
  float* Target(int s, bool add, int64_t block, float* temporary) {
    return add ? temporary : Gradient(s, block);
  }
  void Accumulate(int s, bool add, int64_t block, const float* temporary) {
    if (!add) return;
    float* g = Gradient(s, block);
    const int64_t n = stored[static_cast<size_t>(s)].dims.Floats();
    for (int64_t i = 0; i < n; ++i) g[i] += temporary[i];
  }

  void Backward(size_t index, int64_t block, float* temporary) {
    std::visit(
        graph::Overloaded{
            [&](const ConvolutionLayer& l) {
              const Convolution& c = l.convolution;
              const float* x = FetchBordered(l.in, block, c.Input(), c.InChannels(), temporary);
              const float* dy = Gradient(l.out, block);
              float* own = partial.data() + static_cast<size_t>(block) * parameters.size();
              const auto size = static_cast<size_t>(c.PackedSize() / 2);
              std::fill(own + l.weight, own + l.weight + size, 0.0f);
              c.BackwardWeight(x, dy, own + l.weight);
              if (l.has_bias) {
                const int64_t plane = stored[static_cast<size_t>(l.out)].dims.Plane();
                for (int64_t o = 0; o < c.OutChannels(); ++o) {
                  own[l.bias + static_cast<size_t>(o)] =
                      static_cast<float>(Sum(dy + o * plane * kLanes, plane, Mask(block)));
                }
              }
              if (!stored[static_cast<size_t>(l.in)].needs_gradient) return;
              float* room = temporary + c.Input().Plane() * c.InChannels() * kLanes;
              const float* enclosed =
                  c.Gradient().Empty() ? dy
                                       : Enclose(dy, nullptr, c.Gradient(), c.OutChannels(), room);
              room += c.Gradient().Plane() * c.OutChannels() * kLanes;
              const bool add = adds[index][0] != 0;
              float* dx = Target(l.in, add, block, room);
              c.BackwardInput(enclosed, std::span(packed).subspan(l.packed), dx);
              Accumulate(l.in, add, block, dx);
            },
            [&](const PoolLayer& l) {
              if (!stored[static_cast<size_t>(l.in)].needs_gradient) return;
              const Dims& out = stored[static_cast<size_t>(l.out)].dims;
              float* dx = Gradient(l.in, block);
              if (adds[index][0] == 0)
                std::fill(dx, dx + stored[static_cast<size_t>(l.in)].dims.Floats(), 0.0f);
              const float* x = l.is_max ? Fetch(l.in, block, temporary) : nullptr;
              for (int64_t c = 0; c < out.c; ++c) {
                const int64_t in_at = c * l.windows.in_plane * kLanes;
                const int64_t out_at = c * out.Plane() * kLanes;
                if (l.is_max) {
                  MaxPoolBackward(l.windows, x + in_at, Data(l.out, block) + out_at,
                                  Gradient(l.out, block) + out_at, dx + in_at);
                } else {
                  AveragePoolBackward(l.windows, Gradient(l.out, block) + out_at, dx + in_at);
                }
              }
            },
            [&](const JoinLayer& l) { BackwardJoin(l, adds[index], block); },
            [](const NormLayer&) {}, [](const RangeLayer&) {}},
        layers[index]);
  }

  void BackwardJoin(const JoinLayer& l, const std::vector<char>& add, int64_t block) {
    const float* dy = Gradient(l.out, block);
    int64_t before = 0;  // of a slab row: what the inputs before this one take
    const int64_t row = stored[static_cast<size_t>(l.out)].dims.Floats() / l.outer;
    for (size_t k = 0; k < l.ins.size(); ++k) {
      const Stored& in = stored[static_cast<size_t>(l.ins[k])];
      const int64_t slab = in.dims.Floats() / l.outer;
      if (in.needs_gradient) {
        float* dx = Gradient(l.ins[k], block);
        for (int64_t o = 0; o < l.outer; ++o) {
          const float* from = dy + (l.is_sum ? 0 : o * row + before);
          for (int64_t i = 0; i < slab; ++i) {
            dx[o * slab + i] = add[k] != 0 ? dx[o * slab + i] + from[i] : from[i];
          }
        }
      }
      before += slab;
    }
  }

  // adds[layer][input]: another reader has written the input's gradient before, in this step.
  std::vector<std::vector<char>> adds;
  // A run of layers, last to first, that needs no sums over the batch in between.
  struct Part {
    int normalized = -1;      // stored tensor whose batch norm begins the part
    std::vector<size_t> run;  // layers
    std::vector<int>
        before;        // stored tensor to take through its points before each layer (-1: none)
    int measure = -1;  // stored tensor whose points end the part, for the sums
  };
  std::vector<Part> parts;

  void PlanBackward() {
    std::vector<char> written(stored.size(), 0);
    written[static_cast<size_t>(output)] = 1;
    adds.resize(layers.size());
    parts.emplace_back();
    const auto barrier = [&](int s) {
      const Stored& t = stored[static_cast<size_t>(s)];
      if (t.norm < 0 || !t.needs_gradient) return false;
      parts.back().measure = s;
      parts.emplace_back();
      parts.back().normalized = s;
      return true;
    };
    for (size_t i = layers.size(); i-- > 0;) {
      int out = -1;
      const auto visit = [&](int in) {
        adds[i].push_back(written[static_cast<size_t>(in)]);
        written[static_cast<size_t>(in)] = 1;
      };
      std::visit(graph::Overloaded{[&](const JoinLayer& l) {
                                     for (const int in : l.ins) visit(in);
                                     out = l.out;
                                   },
                                   [](const NormLayer&) {}, [](const RangeLayer&) {},
                                   [&](const auto& l) {
                                     visit(l.in);
                                     out = l.out;
                                   }},
                 layers[i]);
      if (out < 0) continue;
      const bool done = barrier(out);
      parts.back().run.push_back(i);
      parts.back().before.push_back(done ? -1 : out);
    }
    barrier(0);
  }

  void BackwardAll(const Batch& batch, float smoothing, ThreadPool& pool) {
    for (size_t k = 0; k < parts.size(); ++k) {
      const Part& part = parts[k];
      ForBlocks(pool, [&](int64_t block, float* temporary) {
        if (k == 0) Loss(batch, smoothing, block, temporary);
        if (part.normalized >= 0) BackwardNorm(part.normalized, block);
        for (size_t i = 0; i < part.run.size(); ++i) {
          if (part.before[i] >= 0) BackwardPoints(part.before[i], block);
          Backward(part.run[i], block, temporary);
        }
        if (part.measure >= 0) BackwardPoints(part.measure, block);
      });
      if (part.measure >= 0) ReduceNormGradient(part.measure);
    }
    ReduceWeights(pool);
  }
  // Sums of the blocks' weight gradients in block order; a range of parameters belongs to each
  // thread.
  void ReduceWeights(ThreadPool& pool) {
    const int threads = pool.Threads();
    const int64_t used = UsedBlocks();
    const size_t all = parameters.size();
    pool.RunOnEach([&](int thread) {
      for (const LayerKind& layer : layers) {
        const auto* l = std::get_if<ConvolutionLayer>(&layer);
        if (l == nullptr) continue;
        const size_t size = static_cast<size_t>(l->convolution.PackedSize() / 2) +
                            (l->has_bias ? static_cast<size_t>(l->convolution.OutChannels()) : 0);
        const size_t begin =
            l->weight + size * static_cast<size_t>(thread) / static_cast<size_t>(threads);
        const size_t end =
            l->weight + size * static_cast<size_t>(thread + 1) / static_cast<size_t>(threads);
        for (size_t p = begin; p < end; ++p) gradients[p] = partial[p];
        for (int64_t b = 1; b < used; ++b) {
          const float* from = partial.data() + static_cast<size_t>(b) * all;
          for (size_t p = begin; p < end; ++p) gradients[p] += from[p];
        }
      }
    });
  }
};

Network::Network(const graph::Graph& graph, int64_t batch) : impl_(std::make_unique<Impl>()) {
  Impl& impl = *impl_;
  impl.graph = graph;
  impl.blocks = (batch + kLanes - 1) / kLanes;
  impl.AddStored(graph.Input().shape);
  impl.views[graph.input] = {0, false};
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<graph::FakeQuantize>(node.op)) impl.frozen_norms = true;
  }
  for (const Node& node : graph.nodes) impl.Compile(node);
  impl.output = impl.views.at(graph.output).stored;
  impl.stored[0].needs_gradient = impl.stored[0].norm >= 0;
  impl.gradients.assign(impl.parameters.size(), 0.0f);
  const auto blocks = static_cast<size_t>(impl.blocks);
  impl.partial.assign(blocks * impl.parameters.size(), 0.0f);
  impl.masks.assign(blocks * kLanes, 0.0f);
  impl.losses.assign(blocks, 0.0);
  impl.correct.assign(blocks, 0);
  impl.finite.assign(blocks, 1);
  impl.join_sources.resize(blocks);
  for (const Stored& t : impl.stored) {
    const auto channels = static_cast<size_t>(t.dims.c);
    if (t.norm >= 0) {
      Norm& norm = impl.norms[static_cast<size_t>(t.norm)];
      norm.sums.assign(blocks * channels, 0.0);
      norm.squares = norm.sums;
      norm.batch_mean.assign(channels, 0.0);
      norm.batch_variance.assign(channels, 1.0);
      norm.mean_g.assign(channels, 0.0f);
      norm.slope.assign(channels, 0.0f);
    }
    if (t.range >= 0) {
      impl.ranges[static_cast<size_t>(t.range)].low.assign(blocks, 0.0f);
      impl.ranges[static_cast<size_t>(t.range)].high.assign(blocks, 0.0f);
    }
  }
  impl.PlanMemory();
  impl.PlanBackward();
}

Network::~Network() = default;

Network::Outcome Network::Train(const Batch& batch, float label_smoothing, bool observe,
                                ThreadPool& pool) {
  Impl& impl = *impl_;
  impl.Allocate(pool.Threads());
  impl.SetCount(batch);
  impl.Prepare();
  impl.ForwardAll(batch, observe, pool);
  impl.BackwardAll(batch, label_smoothing, pool);
  Outcome outcome;
  for (int64_t b = 0; b < impl.UsedBlocks(); ++b) {
    const auto at = static_cast<size_t>(b);
    outcome.loss += impl.losses[at];
    outcome.correct += impl.correct[at];
    outcome.finite = outcome.finite && impl.finite[at] != 0;
  }
  return outcome;
}

void Network::Observe(const Batch& batch, ThreadPool& pool) {
  impl_->Allocate(pool.Threads());
  impl_->SetCount(batch);
  impl_->Prepare();
  impl_->ForwardAll(batch, true, pool);
}

void Network::Predict(const Batch& batch, std::span<float> logits, ThreadPool& pool) {
  Impl& impl = *impl_;
  impl.Allocate(pool.Threads());
  impl.SetCount(batch);
  impl.Prepare();
  const int64_t classes = Classes();
  impl.ForBlocks(pool, [&](int64_t block, float* temporary) {
    impl.Load(batch, block);
    for (const LayerKind& layer : impl.layers) impl.Forward(layer, block, temporary);
    const float* z = impl.Fetch(impl.output, block, temporary);
    for (int64_t lane = 0; lane < impl.Lanes(block); ++lane) {
      float* to = logits.data() + (block * kLanes + lane) * classes;
      for (int64_t k = 0; k < classes; ++k) to[k] = z[k * kLanes + lane];
    }
  });
}

std::span<float> Network::Parameters() { return impl_->parameters; }
std::span<const float> Network::Gradients() const { return impl_->gradients; }
std::span<float> Network::State() { return impl_->state; }

void Network::Save(graph::Graph& graph) const {
  const auto save = [&](const auto& names, const std::vector<float>& row) {
    for (const auto& [name, offset] : names) {
      std::vector<float>& values = graph.parameters.at(name).Floats();
      std::copy_n(row.begin() + static_cast<std::ptrdiff_t>(offset), values.size(), values.begin());
    }
  };
  save(impl_->parameter_names, impl_->parameters);
  save(impl_->state_names, impl_->state);
}

int64_t Network::Classes() const { return NumElements(impl_->graph.Output().shape); }

}  // namespace platypus::train
