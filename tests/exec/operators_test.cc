// Every float operator against its formula, or a loop over one sample that says the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"

namespace platypus::exec {
namespace {

using graph::Graph;

std::vector<float> Randoms(Random& random, int64_t count, double low = -2.0, double high = 2.0) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = static_cast<float>(random.Uniform(low, high));
  return values;
}

// One operator with random parameters.
Graph OneNode(const Shape& input, const graph::Op& op, uint64_t seed = 1) {
  Random random(seed, "parameters");
  Graph g = graph::MakeGraph("t", input);
  graph::Append(g, "x", op, {0});
  for (const graph::Role& role : graph::Roles(op, input)) {
    g.parameters["x." + role.name] = {role.shape,
                                      Randoms(random, NumElements(role.shape), -0.8, 0.8)};
  }
  graph::Verify(g);
  return g;
}

std::vector<float> Outputs(const Graph& g, const std::vector<float>& x) {
  ThreadPool pool(1);
  const auto count = static_cast<int64_t>(x.size()) / NumElements(g.Input().shape);
  return Interpreter(g).Run(x, count, pool);
}

void ExpectNear(const std::vector<float>& found, const std::vector<float>& expected,
                double tolerance = 1e-5) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i], expected[i], tolerance * std::max(1.0f, std::abs(expected[i]))) << i;
  }
}

TEST(OperatorTest, ElementwiseFunctions) {
  struct Case {
    graph::Op op;
    std::function<double(double)> formula;
  };
  const std::vector<Case> cases = {
      {graph::Clamp{-1.0f, 1.5f}, [](double x) { return x < -1    ? -1
                                                        : x > 1.5 ? 1.5
                                                                  : x; }},
      {graph::Clamp{}, [](double x) { return x < 0   ? 0
                                             : x > 6 ? 6
                                                     : x; }},
      {graph::LeakyRelu{0.1f}, [](double x) { return x < 0 ? 0.1 * x : x; }},
      {graph::Sigmoid{}, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {graph::Tanh{}, [](double x) { return 1 - 2 / (std::exp(2 * x) + 1); }},
      {graph::Gelu{}, [](double x) { return x * (1 + std::erf(x / std::sqrt(2.0))) / 2; }},
      {graph::Dropout{0.5f}, [](double x) { return x; }},
      {graph::Identity{}, [](double x) { return x; }},
  };
  Random random(2, "x");
  // 17 samples: more than one block. Values far out: nothing overflows.
  std::vector<float> x = Randoms(random, 17 * 12, -8, 8);
  x[0] = -200;
  x[1] = 200;
  for (const Case& c : cases) {
    SCOPED_TRACE(graph::Name(c.op));
    std::vector<float> expected;
    for (const float v : x) expected.push_back(static_cast<float>(c.formula(v)));
    ExpectNear(Outputs(OneNode({3, 4, 1}, c.op), x), expected);
  }
}

TEST(OperatorTest, SoftmaxIsOverTheChannelsOfEachPosition) {
  const std::vector<float> x = {1, 2, 3, 500, 0, 2, -1, 500};  // [2, 2, 2]
  std::vector<float> expected(8);
  for (size_t p = 0; p < 4; ++p) {
    const double first = 1 / (1 + std::exp(double{x[p + 4]} - x[p]));
    expected[p] = static_cast<float>(first);
    expected[p + 4] = static_cast<float>(1 - first);
  }
  ExpectNear(Outputs(OneNode({2, 2, 2}, graph::Softmax{}), x), expected);
  for (float& v : expected) v = std::log(v);
  ExpectNear(Outputs(OneNode({2, 2, 2}, graph::LogSoftmax{}), x), expected);
  // Differences that exp() cannot hold.
  ExpectNear(Outputs(OneNode({3}, graph::Softmax{}), {-1000, 1000, 1000}), {0, 0.5f, 0.5f});
  ExpectNear(Outputs(OneNode({2}, graph::LogSoftmax{}), {-1000, 1000}), {-2000, 0});
}

TEST(OperatorTest, LayerNormIsOverAllElements) {
  const Graph g = OneNode({2, 3, 2}, graph::LayerNorm{1e-3f});
  Random random(3, "x");
  const std::vector<float> x = Randoms(random, 2 * 12, -3, 9);
  std::vector<float> expected;
  for (size_t n = 0; n < 2; ++n) {
    double mean = 0;
    double variance = 0;
    for (size_t i = 0; i < 12; ++i) mean += x[n * 12 + i] / 12.0;
    for (size_t i = 0; i < 12; ++i) variance += std::pow(x[n * 12 + i] - mean, 2) / 12;
    for (size_t i = 0; i < 12; ++i) {
      expected.push_back(static_cast<float>((x[n * 12 + i] - mean) / std::sqrt(variance + 1e-3) *
                                                g.parameters.at("x.weight").Floats()[i] +
                                            g.parameters.at("x.bias").Floats()[i]));
    }
  }
  ExpectNear(Outputs(g, x), expected);
}

double Dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

// <conv(x), y> = <x, transposed(y)> with the same weights, for windows that reach the whole input.
TEST(OperatorTest, TransposedConvolutionIsTheAdjoint) {
  Random random(4, "adjoint");
  for (int round = 0; round < 80; ++round) {
    const auto below = [&](int n) {
      return static_cast<int>(random.Below(static_cast<uint64_t>(n)));
    };
    graph::Conv2d conv;
    conv.groups = 1 + below(2);
    conv.out_channels = conv.groups * (1 + below(3));
    conv.has_bias = false;
    conv.kernel = {1 + below(4), 1 + below(3)};
    conv.stride = {1 + below(3), 1 + below(2)};
    conv.dilation = {1 + below(2), 1 + below(2)};
    conv.padding = {below(3), below(2), below(3), below(2)};
    const Shape input = {conv.groups * (1 + below(3)), 8 + below(6), 6 + below(4)};
    const Graph forward = OneNode(input, conv);
    const Shape& output = forward.Output().shape;

    graph::ConvTranspose2d transposed;
    transposed.out_channels = static_cast<int>(input[0]);
    transposed.groups = conv.groups;
    transposed.has_bias = false;
    transposed.kernel = conv.kernel;
    transposed.stride = conv.stride;
    transposed.dilation = conv.dilation;
    transposed.padding = conv.padding;
    // What the division by the stride left over comes back as output padding.
    const Shape bare = graph::InferShape("t", transposed, {output});
    transposed.extra = {static_cast<int>(input[1] - bare[1]), static_cast<int>(input[2] - bare[2])};
    Graph backward = OneNode(output, transposed);
    backward.parameters = forward.parameters;  // [out][in / groups] there, [in][out / groups] here
    graph::Verify(backward);
    ASSERT_EQ(backward.Output().shape, input);

    const std::vector<float> x = Randoms(random, NumElements(input));
    const std::vector<float> y = Randoms(random, NumElements(output));
    EXPECT_NEAR(Dot(Outputs(forward, x), y), Dot(x, Outputs(backward, y)), 1e-3) << round;
  }
}

TEST(OperatorTest, TransposedConvolutionAddsItsBias) {
  Graph g = graph::MakeGraph("t", {1, 2, 1});
  graph::ConvTranspose2d op;
  op.out_channels = 2;
  op.kernel = {3, 1};
  op.stride = {2, 1};
  graph::Append(g, "x", op, {0});
  g.parameters["x.weight"] = {{1, 2, 3, 1}, std::vector<float>{1, 2, 3, 4, 5, 6}};
  g.parameters["x.bias"] = {{2}, std::vector<float>{100, 200}};
  EXPECT_EQ(Outputs(g, {1, 10}),
            (std::vector<float>{101, 102, 113, 120, 130, 204, 205, 246, 250, 260}));
}

TEST(OperatorTest, ElementsInOtherPlaces) {
  std::vector<float> x(24);  // [2, 3, 4]: x[c][h][w] = 100 c + 10 h + w
  size_t at = 0;
  for (int c = 0; c < 2; ++c) {
    for (int h = 0; h < 3; ++h) {
      for (int w = 0; w < 4; ++w) x[at++] = static_cast<float>(100 * c + 10 * h + w);
    }
  }
  const Shape shape = {2, 3, 4};
  EXPECT_EQ(Outputs(OneNode(shape, graph::Reshape{{4, 6, 1}}), x), x);
  EXPECT_EQ(Outputs(OneNode(shape, graph::Flatten{}), x), x);
  std::vector<float> expected;
  for (int w = 0; w < 4; ++w) {
    for (int c = 0; c < 2; ++c) {
      for (int h = 0; h < 3; ++h) expected.push_back(static_cast<float>(100 * c + 10 * h + w));
    }
  }
  EXPECT_EQ(Outputs(OneNode(shape, graph::Transpose{{2, 0, 1}}), x), expected);
  EXPECT_EQ(Outputs(OneNode(shape, graph::Slice{0, 1, 2, 1}), x),
            std::vector<float>(x.begin() + 12, x.end()));
  EXPECT_EQ(
      Outputs(OneNode(shape, graph::Slice{1, 0, 3, 2}), x),
      (std::vector<float>{0, 1, 2, 3, 20, 21, 22, 23, 100, 101, 102, 103, 120, 121, 122, 123}));
  EXPECT_EQ(Outputs(OneNode(shape, graph::Slice{2, 1, 4, 2}), x),
            (std::vector<float>{1, 3, 11, 13, 21, 23, 101, 103, 111, 113, 121, 123}));
  EXPECT_EQ(Outputs(OneNode({5}, graph::Slice{0, 1, 5, 3}), {0, 1, 2, 3, 4}),
            (std::vector<float>{1, 4}));
  EXPECT_EQ(Outputs(OneNode({2, 1, 2}, graph::Pad{{1, 0, 0, 2}, 7.0f}), {1, 2, 3, 4}),
            (std::vector<float>{7, 7, 7, 7, 1, 2, 7, 7, 7, 7, 7, 7, 3, 4, 7, 7}));
}

TEST(OperatorTest, ResizeIsTheFormula) {
  Random random(5, "resize");
  for (const auto& [in, out] : {std::pair{graph::Size2{4, 1}, graph::Size2{8, 1}},
                                {{5, 3}, {7, 4}},
                                {{14, 6}, {4, 14}},
                                {{1, 1}, {3, 2}},
                                {{9, 2}, {1, 1}}}) {
    const Shape shape = {2, in.h, in.w};
    const std::vector<float> x = Randoms(random, NumElements(shape));
    std::vector<float> nearest;
    std::vector<float> bilinear;
    for (int c = 0; c < 2; ++c) {
      const auto value = [&, in = in](double row, double column) {
        const int h = std::min(static_cast<int>(row), in.h - 1);
        const int w = std::min(static_cast<int>(column), in.w - 1);
        return double{x[static_cast<size_t>((c * in.h + h) * in.w + w)]};
      };
      for (int y = 0; y < out.h; ++y) {
        for (int z = 0; z < out.w; ++z) {
          nearest.push_back(static_cast<float>(value(y * in.h / out.h, z * in.w / out.w)));
          const double row = std::max(0.0, (y + 0.5) * in.h / out.h - 0.5);
          const double column = std::max(0.0, (z + 0.5) * in.w / out.w - 0.5);
          const double top = std::floor(row);
          const double left = std::floor(column);
          const double above =
              value(top, left) * (1 - (column - left)) + value(top, left + 1) * (column - left);
          const double below = value(top + 1, left) * (1 - (column - left)) +
                               value(top + 1, left + 1) * (column - left);
          bilinear.push_back(static_cast<float>(above * (1 - (row - top)) + below * (row - top)));
        }
      }
    }
    EXPECT_EQ(Outputs(OneNode(shape, graph::Resize{out, graph::Resize::Mode::kNearest}), x),
              nearest);
    ExpectNear(Outputs(OneNode(shape, graph::Resize{out, graph::Resize::Mode::kBilinear}), x),
               bilinear);
  }
}

TEST(OperatorTest, ProductsOfTensorsAndByOneFactor) {
  Graph g = graph::MakeGraph("t", {3});
  graph::Append(g, "s", graph::Scale{}, {0});
  g.parameters["s.weight"] = {{1}, std::vector<float>{-2}};
  graph::Append(g, "m", graph::Mul{}, {0, g.output});
  EXPECT_EQ(Outputs(g, {1, 2, -3}), (std::vector<float>{-2, -8, -18}));
}

double Logistic(double x) { return 1 / (1 + std::exp(-x)); }

// One sample, one state variable after the other.
std::vector<double> Recurrence(const Graph& g, const graph::Recurrent& op, int64_t steps,
                               std::vector<std::vector<double>> series) {
  const auto hidden = static_cast<size_t>(op.hidden);
  for (int k = 0; k < op.layers; ++k) {
    const auto parameter = [&](const char* role, size_t i) {
      return double{g.parameters.at(fmt::format("x.{}_l{}", role, k)).Floats()[i]};
    };
    std::vector<double> h(hidden, 0.0);
    std::vector<double> c(hidden, 0.0);
    std::vector<std::vector<double>> states;
    for (int64_t t = 0; t < steps; ++t) {
      const std::vector<double>& x = series[static_cast<size_t>(t)];
      const auto from_input = [&](size_t gate, size_t i) {
        const size_t row = gate * hidden + i;
        double sum = parameter("bias_ih", row);
        for (size_t j = 0; j < x.size(); ++j)
          sum += parameter("weight_ih", row * x.size() + j) * x[j];
        return sum;
      };
      const auto from_state = [&](size_t gate, size_t i) {
        const size_t row = gate * hidden + i;
        double sum = parameter("bias_hh", row);
        for (size_t j = 0; j < hidden; ++j) sum += parameter("weight_hh", row * hidden + j) * h[j];
        return sum;
      };
      const auto gate = [&](size_t n, size_t i) { return from_input(n, i) + from_state(n, i); };
      std::vector<double> next(hidden);
      for (size_t i = 0; i < hidden; ++i) {
        if (op.cell == graph::Recurrent::Cell::kRnn) {
          next[i] = std::tanh(gate(0, i));
        } else if (op.cell == graph::Recurrent::Cell::kGru) {
          const double z = Logistic(gate(1, i));
          const double n = std::tanh(from_input(2, i) + Logistic(gate(0, i)) * from_state(2, i));
          next[i] = (1 - z) * n + z * h[i];
        } else {
          c[i] = Logistic(gate(1, i)) * c[i] + Logistic(gate(0, i)) * std::tanh(gate(2, i));
          next[i] = Logistic(gate(3, i)) * std::tanh(c[i]);
        }
      }
      h = next;
      states.push_back(h);
    }
    series = states;
  }
  std::vector<double> all;  // [hidden][steps]
  for (size_t i = 0; i < hidden; ++i) {
    for (const std::vector<double>& state : series) all.push_back(state[i]);
  }
  return op.last_step_only ? series.back() : all;
}

TEST(OperatorTest, RecurrentCellsStepByStep) {
  constexpr int64_t kValues = 3;
  constexpr int64_t kSteps = 7;
  constexpr int64_t kSamples = 18;  // state is of one sample alone, across blocks too
  for (const auto cell : {graph::Recurrent::Cell::kRnn, graph::Recurrent::Cell::kGru,
                          graph::Recurrent::Cell::kLstm}) {
    for (const int layers : {1, 3}) {
      for (const bool last : {true, false}) {
        const graph::Recurrent op{cell, 4, layers, last};
        SCOPED_TRACE(fmt::format("{} of {} layers", graph::Name(op), layers));
        const Graph g = OneNode({kValues, kSteps, 1}, op);
        Random random(6, "series");
        const std::vector<float> x = Randoms(random, kSamples * kValues * kSteps);
        std::vector<float> expected;
        for (int64_t n = 0; n < kSamples; ++n) {
          std::vector<std::vector<double>> series(kSteps, std::vector<double>(kValues));
          for (int64_t v = 0; v < kValues; ++v) {
            for (int64_t t = 0; t < kSteps; ++t) {
              series[static_cast<size_t>(t)][static_cast<size_t>(v)] =
                  x[static_cast<size_t>((n * kValues + v) * kSteps + t)];
            }
          }
          for (const double value : Recurrence(g, op, kSteps, series)) {
            expected.push_back(static_cast<float>(value));
          }
        }
        ExpectNear(Outputs(g, x), expected);
      }
    }
  }
}

// Quantise with scale 1, then one operator on the codes.
std::vector<float> RunOnCodes(const Shape& input, const graph::Op& op,
                              const std::vector<float>& x) {
  Graph g = graph::MakeGraph("t", input);
  graph::Append(g, "q", graph::QuantizeInput{-128, 127}, {0});
  const auto size = static_cast<size_t>(input[0]);
  g.parameters["q.offset"] = {{input[0]}, std::vector<float>(size, 0.0f)};
  g.parameters["q.multiplier"] = {{input[0]}, std::vector<int32_t>(size, 1)};
  g.parameters["q.shift"] = {{input[0]}, std::vector<int32_t>(size, 0)};
  graph::Append(g, "x", op, {g.output});
  EXPECT_EQ(g.Output().dtype, DType::kInt8);
  return Outputs(g, x);
}

TEST(OperatorTest, CodesMoveAsFloatsDo) {
  const std::vector<float> x = {-9, 8, 7, -6, 5, 4};
  EXPECT_EQ(RunOnCodes({2, 3, 1}, graph::Reshape{{3, 1, 2}}, x), x);
  EXPECT_EQ(RunOnCodes({2, 3, 1}, graph::Dropout{}, x), x);
  EXPECT_EQ(RunOnCodes({2, 3, 1}, graph::Transpose{{1, 0, 2}}, x),
            (std::vector<float>{-9, -6, 8, 5, 7, 4}));
  EXPECT_EQ(RunOnCodes({2, 3, 1}, graph::Slice{1, 0, 3, 2}, x), (std::vector<float>{-9, 7, -6, 4}));
  EXPECT_EQ(RunOnCodes({2, 3, 1}, graph::Pad{{1, 0, 0, 0}, -3.0f}, x),
            (std::vector<float>{-3, -9, 8, 7, -3, -6, 5, 4}));
  EXPECT_EQ(RunOnCodes({2, 3, 1}, graph::Clamp{-7.0f, 1e30f}, x),
            (std::vector<float>{-7, 8, 7, -6, 5, 4}));
  EXPECT_EQ(RunOnCodes({2, 3, 1}, graph::Resize{{2, 1}, graph::Resize::Mode::kNearest}, x),
            (std::vector<float>{-9, 8, -6, 5}));
  EXPECT_THROW(RunOnCodes({2, 3, 1}, graph::Sigmoid{}, x), Error);
  EXPECT_THROW(RunOnCodes({2, 3, 1}, graph::Softmax{}, x), Error);
}

}  // namespace
}  // namespace platypus::exec
