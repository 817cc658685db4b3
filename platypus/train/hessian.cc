#include "platypus/train/hessian.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "platypus/train/gathered.h"

namespace platypus::train {
namespace {

using graph::Node;
using graph::TensorId;

// gain[c] * x + shift[c] with running statistics, as the depthwise 1x1 convolution that computes
// it: a training step would take the batch's statistics.
TensorId AppendFixedNorm(graph::Graph& out, const graph::Graph& source, const Node& node,
                         TensorId input) {
  const Shape shape = out.At(input).shape;
  const bool flat = shape.size() == 1;
  if (flat)
    input = graph::Append(out, node.name + ".up", graph::Reshape{{shape[0], 1, 1}}, {input});
  const auto channels = static_cast<size_t>(shape[0]);
  std::vector<float> gain = source.Parameter(node, "weight").Floats();
  std::vector<float> shift = source.Parameter(node, "bias").Floats();
  const auto& mean = source.Parameter(node, "running_mean").Floats();
  const auto& variance = source.Parameter(node, "running_var").Floats();
  const float epsilon = std::get<graph::BatchNorm>(node.op).epsilon;
  for (size_t c = 0; c < channels; ++c) {
    gain[c] /= std::sqrt(variance[c] + epsilon);
    shift[c] -= mean[c] * gain[c];
  }
  graph::Conv2d scaling;
  scaling.out_channels = static_cast<int>(channels);
  scaling.groups = scaling.out_channels;
  TensorId result = graph::Append(out, node.name, scaling, {input});
  out.parameters[node.name + ".weight"] = {{shape[0], 1, 1, 1}, std::move(gain)};
  out.parameters[node.name + ".bias"] = {{shape[0]}, std::move(shift)};
  if (flat) result = graph::Append(out, node.name + ".down", graph::Flatten{}, {result});
  return result;
}

graph::Graph WithFixedNorms(const graph::Graph& source) {
  graph::Graph out = graph::MakeGraph(source.name, source.Input().shape);
  std::map<TensorId, TensorId> renamed = {{source.input, out.input}};
  for (const Node& node : source.nodes) {
    std::vector<TensorId> inputs;
    for (const TensorId id : node.inputs) inputs.push_back(renamed.at(id));
    if (std::holds_alternative<graph::BatchNorm>(node.op)) {
      renamed[node.output] = AppendFixedNorm(out, source, node, inputs[0]);
      continue;
    }
    // Nothing is dropped of what is looked at.
    const bool drops = std::holds_alternative<graph::Dropout>(node.op);
    renamed[node.output] =
        graph::Append(out, node.name, drops ? graph::Op(graph::Identity{}) : node.op, inputs);
    for (const graph::Role& role : graph::Roles(node.op, source.At(node.inputs[0]).shape)) {
      const std::string name = node.name + "." + role.name;
      if (const auto found = source.parameters.find(name); found != source.parameters.end())
        out.parameters.insert(*found);
    }
  }
  out.output = renamed.at(source.output);
  return out;
}

struct Range {
  size_t first = 0, size = 0;
};

// Where the parameters of each block stand in the network's row.
std::vector<std::vector<Range>> Find(const Network& network,
                                     std::span<const std::vector<std::string>> blocks) {
  std::map<std::string, Range> places;
  size_t at = 0;
  for (const NamedShape& named : network.ParameterNames()) {
    const auto size = static_cast<size_t>(NumElements(named.shape));
    places[named.name] = {at, size};
    at += size;
  }
  std::vector<std::vector<Range>> ranges;
  for (const std::vector<std::string>& block : blocks) {
    ranges.emplace_back();
    for (const std::string& name : block) {
      const auto found = places.find(name);
      Check(found != places.end(), "no parameter {}", name);
      ranges.back().push_back(found->second);
    }
  }
  return ranges;
}

double StepOf(std::span<const float> weights, const std::vector<Range>& block) {
  double squares = 0;
  size_t count = 0;
  for (const Range& range : block) {
    for (const float w : weights.subspan(range.first, range.size)) squares += double{w} * w;
    count += range.size;
  }
  const double size = std::sqrt(squares / static_cast<double>(std::max<size_t>(1, count)));
  return size > 0 ? 0.01 * size : 0.01;
}

}  // namespace

std::vector<TraceEstimate> HessianTraces(const graph::Graph& graph, const LabelledSet& set,
                                         const Loss& loss,
                                         std::span<const std::vector<std::string>> blocks,
                                         const TraceOptions& options, ThreadPool& pool,
                                         ProgressSink& sink) {
  CheckShape(graph, set);
  Network network(WithFixedNorms(graph), set.Count());
  Gathered gathered;
  std::vector<int64_t> all(static_cast<size_t>(set.Count()));
  std::iota(all.begin(), all.end(), int64_t{0});
  const Network::Batch batch = gathered.Take(set, all);
  const std::vector<std::vector<Range>> places = Find(network, blocks);
  const std::span<float> weights = network.Parameters();
  const std::vector<float> start(weights.begin(), weights.end());
  std::vector<double> steps;
  for (const std::vector<Range>& block : places) steps.push_back(StepOf(start, block));
  std::vector<float> signs(weights.size(), 0.0f);
  std::vector<float> forward(weights.size());
  const auto gradients_at = [&](float direction) -> std::span<const float> {
    std::copy(start.begin(), start.end(), weights.begin());
    for (size_t b = 0; b < places.size(); ++b) {
      const auto step = direction * static_cast<float>(steps[b]);
      for (const Range& range : places[b]) {
        for (size_t i = range.first; i < range.first + range.size; ++i)
          weights[i] += step * signs[i];
      }
    }
    network.Train(batch, loss, pool);
    return network.Gradients();
  };
  Random random(options.seed, "hessian");
  std::vector<double> sum(places.size(), 0.0);
  std::vector<double> squares(places.size(), 0.0);
  for (int probe = 0; probe < options.probes; ++probe) {
    for (float& sign : signs) sign = random.Below(2) == 0 ? -1.0f : 1.0f;
    std::ranges::copy(gradients_at(1), forward.begin());
    const std::span<const float> backward = gradients_at(-1);
    for (size_t b = 0; b < places.size(); ++b) {
      double product = 0;
      for (const Range& range : places[b]) {
        for (size_t i = range.first; i < range.first + range.size; ++i)
          product += signs[i] * (double{forward[i]} - backward[i]);
      }
      product /= 2 * steps[b];
      sum[b] += product;
      squares[b] += product * product;
    }
    sink.OnProgress({options.stage, "", probe + 1, options.probes, "probes", {}});
  }
  std::vector<TraceEstimate> traces;
  const double n = options.probes;
  for (size_t b = 0; b < places.size(); ++b) {
    const double mean = sum[b] / n;
    const double variance = std::max(0.0, squares[b] / n - mean * mean);
    traces.push_back({mean, n > 1 ? std::sqrt(variance / (n - 1)) : std::abs(mean)});
  }
  return traces;
}

}  // namespace platypus::train
