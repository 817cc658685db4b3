#include "platypus/quantize/equalize.h"

#include <gtest/gtest.h>

#include <cmath>

#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"

namespace platypus::quantize {
namespace {

struct Maker {
  graph::Graph g;
  Random random;
  Maker(const Shape& input, uint64_t seed) : g(graph::MakeGraph("t", input)), random(seed, "net") {}

  graph::TensorId Add(const char* name, graph::Op op, std::vector<graph::TensorId> inputs = {}) {
    if (inputs.empty()) inputs = {g.output};
    const graph::TensorId id = graph::Append(g, name, std::move(op), inputs);
    for (const graph::Role& role : graph::Roles(g.nodes.back().op, g.At(inputs[0]).shape)) {
      std::vector<float> values(static_cast<size_t>(NumElements(role.shape)));
      // Channels of very different size.
      const size_t row = values.size() / static_cast<size_t>(role.shape[0]);
      for (size_t i = 0; i < values.size(); ++i) {
        const double size = std::exp2(static_cast<double>(i / row % 5) * 1.5 - 3.0);
        values[i] = static_cast<float>(random.Normal() * size);
      }
      g.parameters[std::string(name) + "." + role.name] = {role.shape, values};
    }
    return id;
  }
  graph::Conv2d Conv(int out, int k, int groups = 1) {
    return {out, {k, 1}, {}, {}, {k / 2, 0, k / 2, 0}, groups, true, {}};
  }
};

void ExpectSameFunction(const graph::Graph& a, const graph::Graph& b) {
  Random random(9, "inputs");
  ThreadPool pool(1);
  std::vector<float> inputs(static_cast<size_t>(20 * NumElements(a.Input().shape)));
  for (float& v : inputs) v = static_cast<float>(random.Normal());
  const std::vector<float> x = exec::Interpreter(a).Run(inputs, 20, pool);
  const std::vector<float> y = exec::Interpreter(b).Run(inputs, 20, pool);
  float largest = 0;
  for (const float v : x) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], 1e-5f * largest);
}

// Largest weight of an output channel, and of those that read an input channel; `run` weights of a
// row read it.
double OutputRange(const graph::Graph& g, const std::string& layer, size_t channel) {
  const Array& w = g.parameters.at(layer + ".weight");
  const size_t row = w.Floats().size() / static_cast<size_t>(w.shape[0]);
  double largest = 0;
  for (size_t i = 0; i < row; ++i)
    largest = std::max<double>(largest, std::abs(w.Floats()[channel * row + i]));
  return largest;
}
double InputRange(const graph::Graph& g, const std::string& layer, size_t channel, size_t run) {
  const Array& w = g.parameters.at(layer + ".weight");
  const size_t row = w.Floats().size() / static_cast<size_t>(w.shape[0]);
  double largest = 0;
  for (size_t i = 0; i < w.Floats().size(); ++i) {
    if (i % row / run == channel) largest = std::max<double>(largest, std::abs(w.Floats()[i]));
  }
  return largest;
}

TEST(EqualizeTest, ConvolutionsOnBothSidesOfARelu) {
  Maker m({2, 16, 1}, 1);
  m.Add("a", m.Conv(6, 5));
  m.Add("relu", graph::Relu{});
  m.Add("pool", graph::MaxPool{{2, 1}, {2, 1}, {}, {}});
  m.Add("b", m.Conv(4, 3));
  m.Add("flatten", graph::Flatten{});
  m.Add("c", graph::Linear{3, true, {}});
  const graph::Graph equal = Equalize(m.g);
  ExpectSameFunction(m.g, equal);
  for (size_t c = 0; c < 6; ++c) {
    EXPECT_NEAR(OutputRange(equal, "a", c) / InputRange(equal, "b", c, 3), 1.0, 2e-3) << c;
  }
  for (size_t c = 0; c < 4; ++c) {
    EXPECT_NEAR(OutputRange(equal, "b", c) / InputRange(equal, "c", c, 8), 1.0, 2e-3) << c;
  }
  // They were far from it.
  double furthest = 1;
  for (size_t c = 0; c < 6; ++c)
    furthest = std::max(furthest, OutputRange(m.g, "a", c) / InputRange(m.g, "b", c, 3));
  EXPECT_GT(furthest, 2.0);
}

TEST(EqualizeTest, DepthwiseBetweenPointwise) {
  Maker m({3, 12, 1}, 2);
  m.Add("wide", m.Conv(8, 1));
  m.Add("relu1", graph::Relu{});
  m.Add("depthwise", m.Conv(8, 3, 8));
  m.Add("relu2", graph::Relu{});
  m.Add("narrow", m.Conv(4, 1));
  const graph::Graph equal = Equalize(m.g);
  ExpectSameFunction(m.g, equal);
  for (size_t c = 0; c < 8; ++c) {
    const double middle = OutputRange(equal, "depthwise", c);
    EXPECT_NEAR(OutputRange(equal, "wide", c) / middle, 1.0, 1e-2) << c;
    EXPECT_NEAR(InputRange(equal, "narrow", c, 1) / middle, 1.0, 1e-2) << c;
  }
}

TEST(EqualizeTest, FactorsStopAtWhatDoesNotKeepThem) {
  Maker m({2, 12, 1}, 3);
  m.Add("a", m.Conv(4, 3));
  m.Add("six", graph::Clamp{0.0f, 6.0f});
  const auto trunk = m.Add("b", m.Conv(4, 3));
  m.Add("relu", graph::Relu{});
  m.Add("c", m.Conv(4, 3));
  m.Add("sum", graph::Add{}, {trunk, m.g.output});
  m.Add("tanh", graph::Tanh{});
  m.Add("d", m.Conv(2, 1));
  const graph::Graph equal = Equalize(m.g);
  EXPECT_EQ(equal.parameters, m.g.parameters);
}

TEST(EqualizeTest, DeadChannelsStay) {
  Maker m({2, 8, 1}, 4);
  m.Add("a", m.Conv(3, 1));
  m.Add("b", m.Conv(2, 1));
  std::vector<float>& first = m.g.parameters.at("a.weight").Floats();
  first[2] = first[3] = 0.0f;  // channel 1 is its bias alone
  const graph::Graph equal = Equalize(m.g);
  ExpectSameFunction(m.g, equal);
  EXPECT_EQ(equal.parameters.at("a.bias").Floats()[1], m.g.parameters.at("a.bias").Floats()[1]);
}

}  // namespace
}  // namespace platypus::quantize
