// Layers whose weights are rounded as conversion will round them when the batch norm behind has
// been folded into them, e = Q(k W) / k: loss and gradients against a reference in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <tuple>

#include "networks.h"
#include "platypus/exec/interpreter.h"
#include "platypus/graph/quantization.h"
#include "platypus/train/network.h"
#include "reference.h"

namespace platypus::train {
namespace {

using graph::Graph;
using graph::Rounding;
using graph::WeightQuantizer;

constexpr int kEpoch = 2;
constexpr int kEpochs = 6;
constexpr size_t kCount = 21;

double Logistic(double x) { return 1 / (1 + std::exp(-x)); }

struct Samples {
  std::vector<float> values;
  std::vector<const float*> pointers;
  std::vector<int32_t> labels;
  Reference::Values doubles;

  explicit Samples(const Graph& graph) {
    Random random(17, "samples");
    const auto size = static_cast<size_t>(NumElements(graph.Input().shape));
    values.resize(kCount * size);
    for (float& v : values) v = static_cast<float>(random.Uniform(-1.5, 1.5));
    for (size_t n = 0; n < kCount; ++n) {
      pointers.push_back(values.data() + n * size);
      doubles.emplace_back(pointers.back(), pointers.back() + size);
      labels.push_back(static_cast<int32_t>(random.Below(3)));
    }
  }
};

// Layers of rounded weights, each with a batch norm: convolutions in groups and transposed, and
// linear. The first batch norm has a channel that is turned around and one that is switched off.
Graph MakeNetwork(const WeightQuantizer& quantizer) {
  Maker m({2, 6, 1});
  const auto layer = [&](graph::Op op) {
    std::visit(
        [&](auto& o) {
          if constexpr (requires { o.weight_quantizer; }) o.weight_quantizer = quantizer;
        },
        op);
    const Shape in = m.graph.Output().shape;
    m.Add(op);
    for (const graph::Role& role : graph::Roles(op, in)) {
      const bool step = role.name.starts_with("step");
      m.Parameter(role.name.c_str(), role.shape, step ? 0.06 : -0.6, step ? 0.1 : 0.6);
    }
  };
  graph::Conv2d conv = Conv(4, {3, 1}, {}, {1, 0, 1, 0}, 2);
  layer(conv);
  m.Norm();
  std::vector<float>& gains = m.graph.Parameter(m.graph.nodes.back(), "weight").Floats();
  gains[1] = -gains[1];
  gains[3] = 0.0f;
  m.Add(graph::Sigmoid{});
  graph::ConvTranspose2d transposed;
  transposed.out_channels = 4;
  transposed.kernel = {3, 1};
  transposed.stride = {2, 1};
  transposed.groups = 2;
  layer(transposed);
  m.Norm();
  m.Add(graph::Tanh{});
  graph::Recurrent recurrent;
  recurrent.cell = graph::Recurrent::Cell::kGru;
  recurrent.hidden = 3;
  layer(recurrent);
  graph::Linear linear{5, true, {}};
  layer(linear);
  m.Norm();
  m.Add(graph::Tanh{});
  linear.out_features = 3;
  layer(linear);
  graph::Verify(m.graph);
  return m.graph;
}

// The reference's weights become what the engine computes with, for parameters given in double.
// Rounding is differentiated as training does it: what it adds to a weight counts as a constant
// (the codes' ends where they cut off), but for the sum of sigmoids, which is its own derivative.
class Rounded {
 public:
  Rounded(const Graph& graph, Rounding kind) : graph_(graph), kind_(kind) {
    for (const auto& [name, array] : graph.parameters) {
      values[name].assign(array.Floats().begin(), array.Floats().end());
    }
    start_ = values;
    for (const graph::Node& node : graph.nodes) {
      for (const std::string& role : WeightRoles(node)) Measure(node, role);
    }
  }

  // Into the parameters of a reference.
  void Apply(Reference& reference) const {
    reference.parameters = values;
    for (const graph::Node& node : graph_.nodes) {
      for (const std::string& role : WeightRoles(node)) {
        const std::string name = node.name + "." + role;
        std::vector<double>& weights = reference.parameters.at(name);
        for (size_t i = 0; i < weights.size(); ++i) weights[i] = Effective(node, role, i);
      }
    }
  }

  std::map<std::string, std::vector<double>> values;

 private:
  std::vector<std::string> WeightRoles(const graph::Node& node) const {
    std::vector<std::string> roles;
    if (!graph::QuantizerOf(node.op)) return roles;
    for (const graph::Role& role : graph::Roles(node.op, graph_.At(node.inputs[0]).shape)) {
      if (role.name.starts_with("weight")) roles.push_back(role.name);
    }
    return roles;
  }

  size_t Channel(const graph::Node& node, const std::string& role, size_t i) const {
    const Shape& shape = graph_.Parameter(node, role).shape;
    const size_t per_first = static_cast<size_t>(NumElements(shape) / shape[0]);
    const auto* conv = std::get_if<graph::ConvTranspose2d>(&node.op);
    if (conv == nullptr) return i / per_first;
    const auto taps = static_cast<size_t>(shape[2] * shape[3]);
    const auto outs = static_cast<size_t>(shape[1]);
    const auto ins = static_cast<size_t>(shape[0] / conv->groups);
    return i / per_first / ins * outs + i / taps % outs;
  }

  double Factor(const graph::Node& node, size_t channel,
                const std::map<std::string, std::vector<double>>& from) const {
    const auto readers = graph::Consumers(graph_, node.output);
    if (readers.size() != 1) return 1;
    const auto* norm = std::get_if<graph::BatchNorm>(&readers[0]->op);
    if (norm == nullptr) return 1;
    const std::string& name = readers[0]->name;
    return from.at(name + ".weight")[channel] /
           std::sqrt(start_.at(name + ".running_var")[channel] + double{norm->epsilon});
  }

  void Measure(const graph::Node& node, const std::string& role) {
    const WeightQuantizer quantizer = *graph::QuantizerOf(node.op);
    const std::string name = node.name + "." + role;
    const std::vector<double>& weights = start_.at(name);
    std::vector<double>& scales = scales_[name];
    scales.assign(weights.size(), 0.0);
    for (size_t i = 0; i < weights.size(); ++i) {
      if (kind_ == Rounding::kLearnedStep) {
        const size_t c = quantizer.per_channel ? Channel(node, role, i) : 0;
        scales[i] = start_.at(node.name + ".step" + role.substr(6))[c];
        continue;
      }
      double largest = 0;
      double sum = 0;
      int count = 0;
      for (size_t k = 0; k < weights.size(); ++k) {
        const size_t channel = Channel(node, role, k);
        if (quantizer.per_channel && channel != Channel(node, role, i)) continue;
        const double magnitude = std::abs(weights[k] * Factor(node, channel, start_));
        largest = std::max(largest, magnitude);
        sum += magnitude;
        ++count;
      }
      if (kind_ == Rounding::kTernary) largest = 1.4 * sum / count;
      scales[i] = largest == 0 ? 1 : std::exp2(std::ceil(std::log2(largest / Top())));
    }
  }

  double Top() const { return kind_ == Rounding::kTernary ? 1 : 7; }

  double Rounds(double u) const {
    const double t = std::pow(500.0, kEpoch / (kEpochs - 1.0));
    if (kind_ == Rounding::kSoftSigmoid) {
      u = std::floor(u) + Logistic(t * (u - std::floor(u) - 0.5));
    } else if (kind_ == Rounding::kTernary) {
      u = Logistic(t * (u - 0.5)) + Logistic(t * (u + 0.5)) - 1;
    } else {
      u = std::nearbyint(u);
    }
    return std::clamp(u, -Top(), Top());
  }

  double Effective(const graph::Node& node, const std::string& role, size_t i) const {
    const std::string name = node.name + "." + role;
    const size_t channel = Channel(node, role, i);
    const double k0 = Factor(node, channel, start_);
    const double k = Factor(node, channel, values);
    const double w = values.at(name)[i];
    if (k0 == 0) return w;
    const double s = scales_.at(name)[i];
    if (kind_ == Rounding::kTernary) return s * Rounds(k * w / s) / k;
    const double u = k0 * start_.at(name)[i] / s;
    if (kind_ != Rounding::kLearnedStep) return (k * w + s * (Rounds(u) - u)) / k;
    const size_t c = graph::QuantizerOf(node.op)->per_channel ? channel : 0;
    const double step = values.at(node.name + ".step" + role.substr(6))[c];
    return (std::abs(u) > Top() ? step * Rounds(u) : k * w + step * (Rounds(u) - u)) / k;
  }

  const Graph& graph_;
  Rounding kind_;
  std::map<std::string, std::vector<double>> start_;
  std::map<std::string, std::vector<double>> scales_;  // of each weight
};

// Kind of rounding, a scale for each channel, statistics that move.
class FoldedGradientTest : public testing::TestWithParam<std::tuple<Rounding, bool, bool>> {};

TEST_P(FoldedGradientTest, FollowsTheReference) {
  const auto [kind, per_channel, moves] = GetParam();
  const bool ternary = kind == Rounding::kTernary;
  const WeightQuantizer quantizer{ternary ? 2 : 4, kind != Rounding::kLearnedStep, per_channel,
                                  kind};
  const Graph graph = MakeNetwork(quantizer);
  const Samples samples(graph);
  ThreadPool pool(2);
  Network network(graph, kCount);
  Network::Batch batch{samples.pointers, samples.labels};
  batch.epoch = kEpoch;
  batch.epochs = kEpochs;
  batch.norms_move = moves;
  const Loss loss = CrossEntropy{};
  const double mean = network.Train(batch, loss, pool).loss / kCount;

  Rounded rounded(graph, kind);
  Reference reference(graph);
  reference.frozen = !moves;
  const auto loss_at = [&] {
    rounded.Apply(reference);
    return reference.LossAt(samples.doubles, {samples.labels}, loss);
  };
  EXPECT_NEAR(mean, loss_at(), 2e-5);
  size_t offset = 0;
  double largest = 0;
  for (const NamedShape& entry : network.ParameterNames()) {
    std::vector<double>& values = rounded.values.at(entry.name);
    // The paper divides the gradient of a step.
    double share = 1;
    if (const size_t at = entry.name.find(".step"); at != std::string::npos) {
      const std::string weights = entry.name.substr(0, at) + ".weight" + entry.name.substr(at + 5);
      const double n = static_cast<double>(rounded.values.at(weights).size() / values.size());
      share = 1 / std::sqrt(n * 7);
    }
    for (size_t i = 0; i < values.size(); i += 1 + values.size() / 10) {
      constexpr double kStep = 1e-6;
      const double kept = values[i];
      values[i] = kept + kStep;
      const double above = loss_at();
      values[i] = kept - kStep;
      const double below = loss_at();
      values[i] = kept;
      const double numeric = share * (above - below) / (2 * kStep);
      largest = std::max(largest, std::abs(numeric));
      EXPECT_NEAR(network.Gradients()[offset + i], numeric, 1e-5 + 3e-4 * std::abs(numeric))
          << entry.name << " " << i;
    }
    offset += values.size();
  }
  EXPECT_GT(largest, 0.01);
}

INSTANTIATE_TEST_SUITE_P(
    Roundings, FoldedGradientTest,
    testing::Combine(testing::Values(Rounding::kNearest, Rounding::kSoftSigmoid, Rounding::kTernary,
                                     Rounding::kLearnedStep),
                     testing::Bool(), testing::Bool()));

// A few steps of plain descent: on the batches' statistics, then on the running ones.
Graph Train(const Graph& graph, int moving, int frozen, int threads) {
  const Samples samples(graph);
  ThreadPool pool(threads);
  Network network(graph, kCount);
  for (int step = 0; step < moving + frozen; ++step) {
    Network::Batch batch{samples.pointers, samples.labels};
    batch.norms_move = step < moving;
    network.Train(batch, CrossEntropy{}, pool);
    for (size_t i = 0; i < network.Parameters().size(); ++i) {
      network.Parameters()[i] -= 0.05f * network.Gradients()[i];
    }
    network.KeepStepsPositive();
  }
  Graph trained = graph;
  network.Save(trained);
  return trained;
}

// With the batch norms folded the graph computes what training and evaluation saw, in the engine
// and in the interpreter.
TEST(FoldedRoundingTest, FoldingChangesNothing) {
  for (const Rounding kind :
       {Rounding::kNearest, Rounding::kSoftTanh, Rounding::kTernary, Rounding::kLearnedStep}) {
    for (const bool per_channel : {true, false}) {
      const int bits = kind == Rounding::kTernary ? 2 : 4;
      const Graph graph = Train(MakeNetwork({bits, false, per_channel, kind}), 4, 4, 2);
      const Graph folded = graph::FoldBatchNorm(graph);
      for (const graph::Node& node : folded.nodes) {
        EXPECT_FALSE(std::holds_alternative<graph::BatchNorm>(node.op)) << node.name;
      }
      const Samples samples(graph);
      ThreadPool pool(2);
      const auto predict = [&](const Graph& g) {
        Network network(g, kCount);
        std::vector<float> outputs(3 * kCount);
        network.Predict({samples.pointers, {}}, outputs, pool);
        return outputs;
      };
      const std::vector<float> expected = predict(folded);
      const std::vector<std::vector<float>> all = {
          predict(graph), exec::Interpreter(graph).Run(samples.values, kCount, pool),
          exec::Interpreter(folded).Run(samples.values, kCount, pool)};
      for (const std::vector<float>& found : all) {
        for (size_t i = 0; i < expected.size(); ++i) {
          EXPECT_NEAR(found[i], expected[i], 1e-5) << static_cast<int>(kind);
        }
      }
      // The frozen forward pass of training is the same: its loss is that of the folded outputs.
      if (kind == Rounding::kSoftTanh || kind == Rounding::kTernary) continue;
      Network network(graph, kCount);
      Network::Batch batch{samples.pointers, samples.labels};
      batch.norms_move = false;
      const double loss = network.Train(batch, CrossEntropy{}, pool).loss;
      Reference::Values outputs;
      for (size_t n = 0; n < kCount; ++n) {
        outputs.emplace_back(expected.begin() + static_cast<std::ptrdiff_t>(3 * n),
                             expected.begin() + static_cast<std::ptrdiff_t>(3 * n + 3));
      }
      EXPECT_NEAR(loss / kCount,
                  Reference(folded).LossOf(CrossEntropy{}, outputs, {samples.labels}), 1e-5);
    }
  }
}

TEST(FoldedRoundingTest, SameBitsForAnyNumberOfThreads) {
  for (const Rounding kind : {Rounding::kNearest, Rounding::kLearnedStep}) {
    const Graph graph = MakeNetwork({4, true, true, kind});
    EXPECT_EQ(Train(graph, 3, 3, 1).parameters, Train(graph, 3, 3, 2).parameters);
  }
}

// Frozen statistics stay as they are, those that move follow the batch.
TEST(FoldedRoundingTest, StatisticsMoveOrStay) {
  const Graph graph = MakeNetwork(WeightQuantizer{});
  const Graph moved = Train(graph, 1, 0, 1);
  const Graph stayed = Train(graph, 0, 3, 1);
  for (const auto& [name, array] : graph.parameters) {
    if (name.find(".running_") == std::string::npos) continue;
    EXPECT_NE(moved.parameters.at(name), array) << name;
    EXPECT_EQ(stayed.parameters.at(name), array) << name;
  }
}

}  // namespace
}  // namespace platypus::train
