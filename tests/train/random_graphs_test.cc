// Random graphs: shapes, one training step along a random direction, prediction.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "networks.h"
#include "platypus/base/error.h"
#include "platypus/exec/interpreter.h"
#include "platypus/train/network.h"
#include "reference.h"

namespace platypus::train {
namespace {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed, "graphs") {}
  int Below(int n) { return static_cast<int>(random_.Below(static_cast<uint64_t>(n))); }
  int Between(int low, int high) { return low + Below(high - low + 1); }
  bool Once(int in) { return Below(in) == 0; }
  double Uniform(double low, double high) { return random_.Uniform(low, high); }
  graph::Size2 Size(int low, int high) { return {Between(low, high), Between(low, high)}; }
  graph::Padding2 Padding(int high) {
    return {Below(high + 1), Below(high + 1), Below(high + 1), Below(high + 1)};
  }
  template <typename T>
  T Of(const std::vector<T>& items) {
    return items[static_cast<size_t>(Below(static_cast<int>(items.size())))];
  }

 private:
  Random random_;
};

int Divisor(Dice& dice, int64_t n) {
  std::vector<int> divisors;
  for (int d = 1; d <= n; ++d) {
    if (n % d == 0) divisors.push_back(d);
  }
  return dice.Of(divisors);
}

// Any operator that takes a tensor of this shape, though not always with these numbers.
graph::Op RandomOp(Dice& dice, const Shape& in) {
  switch (dice.Below(in.size() == 1 ? 15 : 27)) {
    case 0:
      return graph::Identity{};
    case 1:
      return graph::BatchNorm{};
    case 2:
      return graph::Relu{};
    case 3:
      return graph::Clamp{-0.8f, 0.9f};
    case 4:
      return graph::LeakyRelu{0.1f};
    case 5:
      return graph::Sigmoid{};
    case 6:
      return graph::Tanh{};
    case 7:
      return graph::Gelu{};
    case 8:
      return graph::Softmax{};
    case 9:
      return graph::LogSoftmax{};
    case 10:
      return graph::LayerNorm{1e-2f};
    case 11:
      return graph::Scale{};
    case 12: {
      const int axis = dice.Below(static_cast<int>(in.size()));
      const int64_t n = in[static_cast<size_t>(axis)];
      const int begin = dice.Below(static_cast<int>(n));
      return graph::Slice{axis, begin, dice.Between(begin + 1, static_cast<int>(n)),
                          dice.Between(1, 3)};
    }
    case 13: {
      const int64_t n = NumElements(in);
      const int c = Divisor(dice, n);
      const int h = Divisor(dice, n / c);
      return graph::Reshape{{c, h, n / c / h}};
    }
    case 14:
      if (in.size() == 3) return graph::Flatten{};
      return graph::Linear{dice.Between(1, 9), !dice.Once(3), {}};
    case 15:
    case 16:
    case 17: {
      const int groups = dice.Once(2) ? 1 : Divisor(dice, in[0]);
      return graph::Conv2d{groups * dice.Between(1, 3),
                           dice.Size(1, 3),
                           dice.Size(1, 3),
                           dice.Size(1, 2),
                           dice.Padding(2),
                           groups,
                           !dice.Once(3),
                           {}};
    }
    case 18:
    case 19: {
      const int groups = dice.Once(2) ? 1 : Divisor(dice, in[0]);
      return graph::ConvTranspose2d{groups * dice.Between(1, 3),
                                    dice.Size(1, 3),
                                    dice.Size(1, 3),
                                    dice.Size(1, 2),
                                    dice.Padding(1),
                                    dice.Size(0, 1),
                                    groups,
                                    !dice.Once(3)};
    }
    case 20:
      return graph::MaxPool{dice.Size(1, 3), dice.Size(1, 2), dice.Size(1, 2), dice.Padding(1)};
    case 21:
      return graph::AvgPool{dice.Size(1, 3), dice.Size(1, 2), dice.Padding(1)};
    case 22:
      return graph::AdaptiveAvgPool{dice.Size(1, 4)};
    case 23: {
      std::vector<std::array<int, 3>> orders = {
          {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
      return graph::Transpose{dice.Of(orders)};
    }
    case 24:
      return graph::Pad{dice.Padding(2), static_cast<float>(dice.Uniform(-1, 1))};
    case 25:
      return graph::Resize{dice.Size(1, 9), dice.Once(2) ? graph::Resize::Mode::kNearest
                                                         : graph::Resize::Mode::kBilinear};
    default:
      return graph::Recurrent{static_cast<graph::Recurrent::Cell>(dice.Below(3)),
                              dice.Between(1, 5), dice.Between(1, 2), dice.Once(2)};
  }
}

graph::Graph RandomGraph(Dice& dice) {
  Maker maker(dice.Once(4) ? Shape{dice.Between(1, 12)}
                           : Shape{dice.Between(1, 4), dice.Between(1, 10),
                                   dice.Once(2) ? 1 : dice.Between(2, 5)});
  graph::Graph& g = maker.graph;
  std::vector<graph::TensorId> tensors = {g.input};
  const int operators = dice.Between(2, 12);
  while (static_cast<int>(g.nodes.size()) < operators) {
    const graph::TensorId in = dice.Once(4) ? dice.Of(tensors) : tensors.back();
    if (dice.Once(5)) {  // of two or three
      graph::Op op = graph::Concat{dice.Below(static_cast<int>(g.At(in).shape.size()))};
      if (!dice.Once(3)) op = dice.Once(2) ? graph::Op{graph::Add{}} : graph::Op{graph::Mul{}};
      std::vector<graph::TensorId> inputs = {in, dice.Of(tensors)};
      try {
        graph::InferShape("", op, {g.At(in).shape, g.At(inputs[1]).shape});
      } catch (const Error&) {
        inputs[1] = in;
      }
      tensors.push_back(maker.Layer(op, inputs));
      continue;
    }
    const graph::Op op = RandomOp(dice, g.At(in).shape);
    try {
      if (NumElements(graph::InferShape("", op, {g.At(in).shape})) > 400) continue;
    } catch (const Error&) {
      continue;  // a window that does not fit and the like
    }
    tensors.push_back(maker.Layer(op, {in}));
  }
  const bool trained = std::ranges::any_of(
      g.nodes, [&](const graph::Node& node) { return !TrainedRoles(g, node).empty(); });
  if (!trained) maker.Layer(graph::Scale{});
  graph::Verify(g);
  return g;
}

// (L(p + h d) - L(p - h d)) / 2h; nothing if there is a kink in between.
std::optional<double> Slope(const graph::Graph& graph, const Reference::Values& samples,
                            const Reference::Wanted& wanted, const Loss& loss,
                            const std::map<std::string, std::vector<double>>& direction) {
  Reference reference(graph);
  const auto at = [&](double step) {
    reference.parameters = Reference(graph).parameters;
    for (const auto& [name, d] : direction) {
      std::vector<double>& values = reference.parameters.at(name);
      for (size_t i = 0; i < d.size(); ++i) values[i] += step * d[i];
    }
    return reference.LossAt(samples, wanted, loss);
  };
  at(0);
  const uint64_t here = reference.decisions;
  for (const double step : {1e-5, 1e-6, 1e-7}) {
    const double above = at(step);
    bool smooth = reference.decisions == here;
    const double below = at(-step);
    smooth = smooth && reference.decisions == here;
    if (smooth) return (above - below) / (2 * step);
  }
  return std::nullopt;
}

TEST(RandomGraphsTest, LearnAsTheReferenceAndPredictAsTheInterpreter) {
  constexpr uint64_t kGraphs = 200;
  constexpr size_t kCount = 5;
  int compared = 0;
  ThreadPool pool(1);
  for (uint64_t seed = 0; seed < kGraphs; ++seed) {
    Dice dice(seed);
    const graph::Graph graph = RandomGraph(dice);
    SCOPED_TRACE(testing::Message() << "seed " << seed << "\n" << graph::ToText(graph));
    const auto elements = static_cast<size_t>(NumElements(graph.Input().shape));
    const auto outputs = static_cast<size_t>(NumElements(graph.Output().shape));
    std::vector<float> values, targets;
    std::vector<const float*> samples, wanted_rows;
    Reference::Values doubles;
    Reference::Wanted wanted;
    for (size_t i = 0; i < kCount * elements; ++i) {
      values.push_back(static_cast<float>(dice.Uniform(-1.5, 1.5)));
    }
    for (size_t i = 0; i < kCount * outputs; ++i) {
      targets.push_back(static_cast<float>(dice.Uniform(-1, 1)));
    }
    for (size_t n = 0; n < kCount; ++n) {
      samples.push_back(values.data() + n * elements);
      wanted_rows.push_back(targets.data() + n * outputs);
      doubles.emplace_back(samples[n], samples[n] + elements);
      wanted.labels.push_back(dice.Below(static_cast<int>(outputs)));
      wanted.targets.emplace_back(wanted_rows[n], wanted_rows[n] + outputs);
    }
    Loss loss = CrossEntropy{0.1f};
    if (!dice.Once(3)) loss = dice.Once(2) ? Loss{MeanSquaredError{}} : Loss{Huber{0.5f}};
    Network::Batch batch{samples, wanted.labels};
    if (std::holds_alternative<CrossEntropy>(loss)) {
      wanted.targets.clear();
    } else {
      batch.targets = wanted_rows;
    }

    Network network(graph, kCount);
    const Network::Outcome outcome = network.Train(batch, loss, pool);
    const double mean = outcome.loss / outcome.weight;
    const double expected = Reference(graph).LossAt(doubles, wanted, loss);
    EXPECT_NEAR(mean, expected, 1e-5 + 1e-4 * std::abs(expected));

    std::map<std::string, std::vector<double>> direction;
    double along = 0;
    double squares = 0;
    size_t offset = 0;
    for (const graph::Node& node : graph.nodes) {
      for (const std::string& role : TrainedRoles(graph, node)) {
        const std::string name = node.name + "." + role;
        for (size_t i = 0; i < graph.parameters.at(name).Floats().size(); ++i, ++offset) {
          const double g = network.Gradients()[offset];
          ASSERT_TRUE(std::isfinite(g)) << name;
          direction[name].push_back(dice.Uniform(-1, 1));
          along += direction[name].back() * g;
          squares += g * g;
        }
      }
    }
    ASSERT_EQ(offset, network.Gradients().size());
    // The sum's terms cancel each other: what is small is the error against the gradient's length.
    if (const auto numeric = Slope(graph, doubles, wanted, loss, direction)) {
      EXPECT_NEAR(along, *numeric, 1e-5 + 1e-3 * std::sqrt(squares));
      ++compared;
    }

    graph::Graph after = graph;
    network.Save(after);
    std::vector<float> y(kCount * outputs);
    network.Predict(batch, y, pool);
    const std::vector<float> judged = exec::Interpreter(after).Run(values, kCount, pool);
    float largest = 1;
    for (const float v : judged) largest = std::max(largest, std::abs(v));
    for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], judged[i], 1e-4f * largest) << i;
  }
  EXPECT_GE(compared, 190) << "too many kinks";
}

}  // namespace
}  // namespace platypus::train
