#include "platypus/quantize/post_training.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "platypus/base/error.h"
#include "platypus/exec/interpreter.h"
#include "platypus/quantize/equalize.h"
#include "platypus/quantize/observers.h"

namespace platypus::quantize {
namespace {

using graph::Node;
using graph::TensorId;

bool HasBias(const graph::Op& op) {
  return std::visit(graph::Overloaded{[](const graph::Conv2d& o) { return o.has_bias; },
                                      [](const graph::ConvTranspose2d& o) { return o.has_bias; },
                                      [](const graph::Linear& o) { return o.has_bias; },
                                      [](const auto&) { return false; }},
                    op);
}

// A bias of zeros where there is none.
void GiveBias(graph::Graph& g, Node& node) {
  const int64_t channels = g.At(node.output).shape[0];
  const auto give = [&](bool& has_bias) {
    if (has_bias) return;
    has_bias = true;
    g.parameters[node.name + ".bias"] = {{channels},
                                         std::vector<float>(static_cast<size_t>(channels), 0.0f)};
  };
  std::visit(graph::Overloaded{[&](graph::Conv2d& op) { give(op.has_bias); },
                               [&](graph::ConvTranspose2d& op) { give(op.has_bias); },
                               [&](graph::Linear& op) { give(op.has_bias); }, [](auto&) {}},
             node.op);
}

// body(values of `tensors`, [tensor][sample][element]) for every batch.
template <typename Body>
void ForBatches(const graph::Graph& g, const Samples& samples, std::span<const TensorId> tensors,
                ThreadPool& pool, Body body) {
  const exec::Interpreter interpreter(g);
  const int64_t width = NumElements(g.Input().shape);
  const int64_t count = static_cast<int64_t>(samples.inputs.size()) / width;
  Check(samples.batch_size > 0, "batches of {} samples", samples.batch_size);
  for (int64_t at = 0; at < count; at += samples.batch_size) {
    const int64_t size = std::min(samples.batch_size, count - at);
    const auto batch =
        samples.inputs.subspan(static_cast<size_t>(at * width), static_cast<size_t>(size * width));
    body(interpreter.Run(batch, size, tensors, pool));
  }
}

// Means of the channels of each tensor over samples and places.
std::vector<std::vector<double>> ChannelMeans(const graph::Graph& g,
                                              std::span<const TensorId> tensors,
                                              const Samples& samples, ThreadPool& pool) {
  std::vector<std::vector<double>> means;
  for (const TensorId id : tensors) means.emplace_back(static_cast<size_t>(g.At(id).shape[0]), 0.0);
  ForBatches(g, samples, tensors, pool, [&](const std::vector<std::vector<float>>& values) {
    for (size_t t = 0; t < means.size(); ++t) {
      const size_t channels = means[t].size();
      const size_t plane = static_cast<size_t>(NumElements(g.At(tensors[t]).shape)) / channels;
      for (size_t i = 0; i < values[t].size(); ++i) means[t][i / plane % channels] += values[t][i];
    }
  });
  const auto count = static_cast<double>(samples.inputs.size()) /
                     static_cast<double>(NumElements(g.Input().shape));
  for (size_t t = 0; t < means.size(); ++t) {
    const auto plane = static_cast<double>(NumElements(g.At(tensors[t]).shape)) /
                       static_cast<double>(means[t].size());
    for (double& mean : means[t]) mean /= count * plane;
  }
  return means;
}

// The graph up to its node n.
graph::Graph Beginning(const graph::Graph& g, size_t n) {
  graph::Graph beginning = g;
  beginning.nodes.resize(n + 1);
  beginning.output = beginning.nodes[n].output;
  return beginning;
}

}  // namespace

graph::Graph ObserveRanges(const graph::Graph& prepared, const Samples& samples,
                           config::RangeObserver observer, ThreadPool& pool) {
  graph::Graph open = prepared;
  std::vector<TensorId> tensors;
  std::vector<const Node*> nodes;
  for (const Node& node : prepared.nodes) {
    if (!std::holds_alternative<graph::FakeQuantize>(node.op)) continue;
    open.Parameter(node, "range").Floats() = {1.0f, -1.0f};
    tensors.push_back(node.inputs[0]);
    nodes.push_back(&node);
  }
  std::vector<Observer> observers(nodes.size(), MakeObserver(observer));
  ForBatches(open, samples, tensors, pool, [&](const std::vector<std::vector<float>>& values) {
    pool.Run(static_cast<int64_t>(nodes.size()), [&](int64_t n) {
      const auto i = static_cast<size_t>(n);
      std::visit([&](auto& o) { o.Observe(values[i]); }, observers[i]);
    });
  });
  std::vector<Range> chosen(nodes.size());
  pool.Run(static_cast<int64_t>(nodes.size()), [&](int64_t n) {
    const auto i = static_cast<size_t>(n);
    const auto& op = std::get<graph::FakeQuantize>(nodes[i]->op);
    chosen[i] = std::visit([&](const auto& o) { return o.Choose(op); }, observers[i]);
  });
  for (size_t i = 0; i < nodes.size(); ++i)
    open.Parameter(*nodes[i], "range").Floats() = {chosen[i].min, chosen[i].max};
  return open;
}

graph::Graph Calibrate(const graph::Graph& trained, const Settings& settings,
                       config::RangeObserver observer, const Samples& samples, const LossOf& loss,
                       ThreadPool& pool) {
  graph::Graph calibrated =
      ObserveRanges(PrepareForTraining(trained, settings), samples, observer, pool);
  if (observer != config::RangeObserver::kLoss) return calibrated;
  // Larger values than those of the samples will come: a narrower range must be worth it. Of few
  // bits the weights will not stay as they are, and every gain counts.
  const double least_gain = settings.FewestWeightBits() > 4 ? 0.01 : 0;
  return ChooseRanges(std::move(calibrated), loss, least_gain);
}

graph::Graph CorrectBiases(graph::Graph quantized, const graph::Graph& reference,
                           const Samples& samples, ThreadPool& pool) {
  std::vector<size_t> layers;     // of `quantized`
  std::vector<TensorId> outputs;  // of the same layers in `reference`
  for (size_t n = 0; n < quantized.nodes.size(); ++n) {
    Node& node = quantized.nodes[n];
    const auto original = std::ranges::find(reference.nodes, node.name, &Node::name);
    if (original == reference.nodes.end()) continue;
    GiveBias(quantized, node);
    if (!HasBias(node.op)) continue;
    layers.push_back(n);
    outputs.push_back(original->output);
  }
  const std::vector<std::vector<double>> wanted = ChannelMeans(reference, outputs, samples, pool);
  for (size_t k = 0; k < layers.size(); ++k) {
    const graph::Graph beginning = Beginning(quantized, layers[k]);
    const std::vector<double> found =
        ChannelMeans(beginning, std::span(&beginning.output, 1), samples, pool)[0];
    std::vector<float>& bias = quantized.Parameter(quantized.nodes[layers[k]], "bias").Floats();
    for (size_t c = 0; c < bias.size(); ++c)
      bias[c] = static_cast<float>(bias[c] - (found[c] - wanted[k][c]));
  }
  return quantized;
}

LossOf DistanceTo(const graph::Graph& reference, std::span<const float> inputs, ThreadPool& pool) {
  const int64_t count = static_cast<int64_t>(inputs.size()) / NumElements(reference.Input().shape);
  std::vector<float> wanted = exec::Interpreter(reference).Run(inputs, count, pool);
  return [inputs, count, &pool, wanted = std::move(wanted)](const graph::Graph& g) {
    const std::vector<float> found = exec::Interpreter(g).Run(inputs, count, pool);
    double sum = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      const double error = double{found[i]} - wanted[i];
      sum += error * error;
    }
    return found.empty() ? 0.0 : sum / static_cast<double>(found.size());
  };
}

PostTrained QuantizeAfterTraining(const graph::Graph& trained, const Settings& settings,
                                  const PostTraining& how, const Samples& seen, const Samples& some,
                                  const LossOf& loss, ThreadPool& pool) {
  PostTrained result;
  result.reference = graph::FoldBatchNorm(trained);
  if (how.equalization) result.reference = Equalize(result.reference);
  result.quantized = Calibrate(result.reference, settings, how.observer, seen, loss, pool);
  if (how.bias_correction)
    result.quantized = CorrectBiases(std::move(result.quantized), result.reference, some, pool);
  return result;
}

}  // namespace platypus::quantize
