#include "platypus/quantize/post_training.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"

namespace platypus::quantize {
namespace {

using config::RangeObserver;

// A trained network as the zoo makes them: batch norms, ReLU, a residual sum, a pool, a head; and
// samples for it.
struct Net {
  graph::Graph g = graph::MakeGraph("net", {2, 24, 1});
  Random random;
  std::vector<float> inputs;
  ThreadPool pool{2};

  explicit Net(uint64_t seed, bool bias = false) : random(seed, "net") {
    Add("norm", graph::BatchNorm{});
    Conv("conv1", 6, bias);
    Add("norm1", graph::BatchNorm{});
    const auto trunk = Add("relu1", graph::Relu{});
    Conv("conv2", 6, bias);
    Add("relu2", graph::Relu{});
    Conv("conv3", 6, bias);
    Add("norm3", graph::BatchNorm{});
    Add("sum", graph::Add{}, {trunk, g.output});
    Add("relu3", graph::Relu{});
    Add("pool", graph::AdaptiveAvgPool{{4, 1}});
    Add("flatten", graph::Flatten{});
    Add("head", graph::Linear{3, bias, {}});
    for (int i = 0; i < 300 * 48; ++i) inputs.push_back(static_cast<float>(random.Normal()));
  }
  graph::TensorId Add(const std::string& name, graph::Op op,
                      std::vector<graph::TensorId> from = {}) {
    if (from.empty()) from = {g.output};
    const graph::TensorId id = graph::Append(g, name, std::move(op), from);
    for (const graph::Role& role : graph::Roles(g.nodes.back().op, g.At(from[0]).shape)) {
      std::vector<float> values(static_cast<size_t>(NumElements(role.shape)));
      const double fan =
          static_cast<double>(NumElements(role.shape)) / static_cast<double>(role.shape[0]);
      for (float& v : values) {
        v = static_cast<float>(random.Normal() / std::sqrt(fan));
        if (role.name == "running_var") v = 0.5f + std::abs(v);
        if (role.name == "weight" && fan == 1) v = 0.7f + 0.5f * std::abs(v);
      }
      g.parameters[name + "." + role.name] = {role.shape, values};
    }
    return id;
  }
  void Conv(const std::string& name, int out, bool bias) {
    Add(name, graph::Conv2d{out, {5, 1}, {}, {}, {2, 0, 2, 0}, 1, bias, {}});
  }
  Samples All() const { return {inputs, 32}; }
  int64_t Count() const { return static_cast<int64_t>(inputs.size()) / 48; }
  double Distance(const graph::Graph& quantized) { return DistanceTo(g, inputs, pool)(quantized); }
};

Settings Bits(int weights, int activations = 8) {
  Settings settings;
  settings.precision = {weights, activations};
  settings.rounding = config::WeightRounding::kNearest;
  return settings;
}

TEST(PostTrainingTest, RangesAreThoseOfTheValuesThatComeBy) {
  Net net(1);
  const graph::Graph prepared = PrepareForTraining(graph::FoldBatchNorm(net.g), Bits(8));
  const graph::Graph observed =
      ObserveRanges(prepared, net.All(), RangeObserver::kMinMax, net.pool);
  const exec::Interpreter open(prepared);
  int ranges = 0;
  for (const graph::Node& node : prepared.nodes) {
    if (!std::holds_alternative<graph::FakeQuantize>(node.op)) continue;
    float low = std::numeric_limits<float>::infinity();
    float high = -low;
    for (int64_t i = 0; i < net.Count(); ++i) {
      const auto all = open.RunAll(std::span(net.inputs).subspan(static_cast<size_t>(i * 48), 48));
      for (const float v : all[static_cast<size_t>(node.inputs[0])]) {
        low = std::min(low, v);
        high = std::max(high, v);
      }
    }
    EXPECT_EQ(observed.Parameter(node, "range").Floats(), (std::vector<float>{low, high}));
    ++ranges;
  }
  EXPECT_EQ(ranges, 7);  // input, three convolutions, sum, pool, head
}

TEST(PostTrainingTest, RangesDependNeitherOnThreadsNorOnWhatTheyWereBefore) {
  Net net(2);
  ThreadPool one(1);
  graph::Graph prepared = PrepareForTraining(graph::FoldBatchNorm(net.g), Bits(8));
  for (const RangeObserver observer :
       {RangeObserver::kMinMax, RangeObserver::kMovingAverage, RangeObserver::kPercentile,
        RangeObserver::kEntropy, RangeObserver::kMse}) {
    const graph::Graph observed = ObserveRanges(prepared, net.All(), observer, net.pool);
    EXPECT_EQ(observed.parameters, ObserveRanges(prepared, net.All(), observer, one).parameters);
    EXPECT_EQ(observed.parameters,
              ObserveRanges(observed, net.All(), observer, net.pool).parameters);
    EXPECT_LT(net.Distance(observed), 0.02);
  }
}

// Mean of every channel of a layer's output.
std::vector<double> Means(const graph::Graph& g, const std::string& layer, Net& net) {
  for (const graph::Node& node : g.nodes) {
    if (node.name != layer) continue;
    const auto values =
        exec::Interpreter(g).Run(net.inputs, net.Count(), std::span(&node.output, 1), net.pool)[0];
    const auto channels = static_cast<size_t>(g.At(node.output).shape[0]);
    const size_t plane = static_cast<size_t>(NumElements(g.At(node.output).shape)) / channels;
    std::vector<double> means(channels, 0.0);
    for (size_t i = 0; i < values.size(); ++i) means[i / plane % channels] += values[i];
    for (double& mean : means) mean /= static_cast<double>(values.size() / channels);
    return means;
  }
  return {};
}

TEST(PostTrainingTest, CorrectedBiasesKeepTheFloatNetworksMeans) {
  double before = 0;
  double after = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Net net(seed, seed % 2 == 0);
    const graph::Graph reference = graph::FoldBatchNorm(net.g);
    const graph::Graph rough = ObserveRanges(PrepareForTraining(reference, Bits(4)), net.All(),
                                             RangeObserver::kMinMax, net.pool);
    const graph::Graph corrected = CorrectBiases(rough, reference, net.All(), net.pool);
    double shift = 0;
    for (const char* layer : {"conv1", "conv2", "conv3", "head"}) {
      const std::vector<double> wanted = Means(reference, layer, net);
      const std::vector<double> found = Means(corrected, layer, net);
      const std::vector<double> raw = Means(rough, layer, net);
      ASSERT_EQ(wanted.size(), found.size());
      for (size_t c = 0; c < wanted.size(); ++c) {
        EXPECT_NEAR(found[c], wanted[c], 1e-4) << layer << " " << c;
        shift = std::max(shift, std::abs(raw[c] - wanted[c]));
      }
    }
    EXPECT_GT(shift, 1e-3);
    before += net.Distance(rough);
    after += net.Distance(corrected);
  }
  EXPECT_LT(after, 0.9 * before);
}

TEST(PostTrainingTest, TheWholeWayToIntegers) {
  for (const RangeObserver observer : {RangeObserver::kLoss, RangeObserver::kMse}) {
    for (const bool equalization : {false, true}) {
      Net net(7);
      const PostTrained result =
          QuantizeAfterTraining(net.g, Bits(8), {observer, true, equalization}, net.All(),
                                net.All(), DistanceTo(net.g, net.inputs, net.pool), net.pool);
      EXPECT_LT(net.Distance(result.reference), 1e-9);
      EXPECT_LT(net.Distance(result.quantized), 0.005);
      const graph::Graph integer = Convert(result.quantized, Bits(8));
      const std::vector<float> codes =
          exec::Interpreter(integer).Run(net.inputs, net.Count(), net.pool);
      const std::vector<float> wanted =
          exec::Interpreter(net.g).Run(net.inputs, net.Count(), net.pool);
      double error = 0;
      double power = 0;
      for (size_t i = 0; i < codes.size(); ++i) {
        error += std::pow(codes[i] * OutputScale(integer) - wanted[i], 2);
        power += std::pow(wanted[i], 2);
      }
      EXPECT_LT(error, 0.005 * power);
    }
  }
}

TEST(PostTrainingTest, LossChoosesNoWorseThanTheExtremes) {
  Net net(8);
  net.inputs[1000] = 60.0f;  // an outlier
  const LossOf loss = DistanceTo(net.g, net.inputs, net.pool);
  const graph::Graph extremes =
      Calibrate(net.g, Bits(8, 4), RangeObserver::kMinMax, net.All(), loss, net.pool);
  const graph::Graph chosen =
      Calibrate(net.g, Bits(8, 4), RangeObserver::kLoss, net.All(), loss, net.pool);
  EXPECT_LT(loss(chosen), loss(extremes));
}

}  // namespace
}  // namespace platypus::quantize
