// Random graphs: shapes, one training step along a random direction, prediction.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "platypus/exec/interpreter.h"
#include "platypus/train/network.h"
#include "random_graphs.h"
#include "reference.h"

namespace platypus::train {
namespace {

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
