// The interpreter against definitions written out plainly.
#include "platypus/exec/interpreter.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>

#include "platypus/base/random.h"

namespace platypus::exec {
namespace {

using graph::Graph;

std::vector<int8_t> RandomCodes(Random& random, size_t count) {
  std::vector<int8_t> codes(count);
  for (int8_t& c : codes) c = static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127);
  return codes;
}

// Quantise with scale 1, convolve, requantise; all by hand in 64 bits.
TEST(InterpreterTest, IntegerConvolutionIsTheDefinition) {
  Random random(1, "conv");
  ThreadPool pool(2);
  for (int round = 0; round < 60; ++round) {
    const int groups = round % 3 == 0 ? 2 : 1;
    const int64_t channels = groups * (1 + static_cast<int64_t>(random.Below(3)));
    const int outs = groups * (1 + static_cast<int>(random.Below(5)));
    const int64_t h = 4 + static_cast<int64_t>(random.Below(8));
    const int64_t w = round % 2 == 0 ? 1 : 1 + static_cast<int64_t>(random.Below(5));
    graph::Conv2d op;
    op.out_channels = outs;
    op.groups = groups;
    op.has_bias = false;
    op.kernel = {1 + static_cast<int>(random.Below(4)),
                 w > 1 ? 1 + static_cast<int>(random.Below(2)) : 1};
    op.stride = {1 + static_cast<int>(random.Below(3)), 1};
    op.padding = {static_cast<int>(random.Below(3)), 0, static_cast<int>(random.Below(3)), 0};
    Graph g = graph::MakeGraph("t", {channels, h, w});
    graph::Append(g, "q", graph::QuantizeInput{-128, 127}, {0});
    const auto size = static_cast<size_t>(channels);
    g.parameters["q.offset"] = {{channels}, std::vector<float>(size, 0.5f)};
    g.parameters["q.multiplier"] = {{channels}, std::vector<int32_t>(size, 1)};
    g.parameters["q.shift"] = {{channels}, std::vector<int32_t>(size, 0)};
    graph::Append(g, "c", op, {g.output});
    const Shape shape = {outs, channels / groups, op.kernel.h, op.kernel.w};
    const std::vector<int8_t> weight = RandomCodes(random, static_cast<size_t>(NumElements(shape)));
    g.parameters["c.weight"] = {shape, weight};
    graph::Requantize rounder{round % 2 == 0 ? 0 : -128, round % 2 == 0 ? 255 : 127};
    rounder.to_nearest = round % 3 == 0;
    if (rounder.to_nearest) rounder.zero_point = static_cast<int32_t>(random.Below(20)) - 10;
    graph::Append(g, "r", rounder, {g.output});
    std::vector<int32_t> offset, multiplier, shift;
    for (int c = 0; c < outs; ++c) {
      offset.push_back(static_cast<int32_t>(random.Below(4000)) - 2000);
      multiplier.push_back(round % 4 == 0 ? 1 : 1 + static_cast<int32_t>(random.Below(200)));
      shift.push_back(static_cast<int32_t>(random.Below(14)));
    }
    g.parameters["r.offset"] = {{outs}, offset};
    g.parameters["r.multiplier"] = {{outs}, multiplier};
    g.parameters["r.shift"] = {{outs}, shift};
    graph::Verify(g);
    for (const int64_t count : {1, 15, 16, 17, 33}) {
      std::vector<float> x(static_cast<size_t>(count * NumElements(g.Input().shape)));
      for (float& v : x) v = static_cast<float>(static_cast<int>(random.Below(256)) - 128);
      const std::vector<float> found = Interpreter(g).Run(x, count, pool);
      const Shape& out = g.Output().shape;
      const auto& lo = std::get<graph::Requantize>(g.nodes[2].op);
      size_t at = 0;
      for (int64_t n = 0; n < count; ++n) {
        for (int64_t o = 0; o < out[0]; ++o) {
          for (int64_t y = 0; y < out[1]; ++y) {
            for (int64_t z = 0; z < out[2]; ++z, ++at) {
              int64_t sum = 0;
              const int64_t per = channels / groups;
              for (int64_t i = 0; i < per; ++i) {
                const int64_t c = o / (outs / groups) * per + i;
                for (int r = 0; r < op.kernel.h; ++r) {
                  for (int k = 0; k < op.kernel.w; ++k) {
                    const int64_t row = y * op.stride.h - op.padding.top + r;
                    const int64_t column = z + k;
                    if (row < 0 || row >= h || column >= w) continue;
                    sum +=
                        static_cast<int64_t>(
                            x[static_cast<size_t>(((n * channels + c) * h + row) * w + column)]) *
                        weight[static_cast<size_t>(((o * per + i) * op.kernel.h + r) * op.kernel.w +
                                                   k)];
                  }
                }
              }
              const auto c = static_cast<size_t>(o);
              const double real =
                  static_cast<double>((sum + offset[c]) * multiplier[c]) / std::pow(2.0, shift[c]);
              // Nothing is cut off by a shift of 0.
              const bool ones = std::ranges::all_of(multiplier, [](int m) { return m == 1; });
              const double nearest = ones ? std::nearbyint(real) : std::floor(real + 0.5);
              const double exact = lo.to_nearest ? nearest + lo.zero_point : std::floor(real);
              EXPECT_EQ(found[at], std::min<double>(std::max<double>(exact, lo.lo), lo.hi))
                  << round;
            }
          }
        }
      }
    }
  }
}

TEST(InterpreterTest, PoolsAndSums) {
  ThreadPool pool(1);
  Graph g = graph::MakeGraph("t", {1, 4, 2});
  graph::Append(g, "p", graph::AvgPool{{3, 2}, {2, 2}, {1, 1, 1, 1}}, {0});
  const std::vector<float> x = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(Interpreter(g).Run(x, 1, pool), (std::vector<float>{4.0f / 6, 1, 15.0f / 6, 3}));
  Graph m = graph::MakeGraph("t", {1, 4, 2});
  graph::Append(m, "p", graph::MaxPool{{2, 1}, {2, 1}, {}, {1, 0, 1, 0}}, {0});
  EXPECT_EQ(Interpreter(m).Run(x, 1, pool), (std::vector<float>{1, 2, 5, 6, 7, 8}));
  Graph a = graph::MakeGraph("t", {1, 5, 1});
  graph::Append(a, "p", graph::AdaptiveAvgPool{{2, 1}}, {0});
  EXPECT_EQ(Interpreter(a).Run(std::vector<float>{1, 2, 3, 4, 5}, 1, pool),
            (std::vector<float>{2, 4}));
}

TEST(InterpreterTest, EveryTensorOfOneSample) {
  Graph g = graph::MakeGraph("t", {2, 1, 1});
  graph::Append(g, "r", graph::Relu{}, {0});
  graph::Append(g, "f", graph::Flatten{}, {g.output});
  const auto tensors = Interpreter(g).RunAll(std::vector<float>{-1, 2});
  EXPECT_EQ(tensors[0], (std::vector<float>{-1, 2}));
  EXPECT_EQ(tensors[2], (std::vector<float>{0, 2}));
}

// A convolution between codes of `lo` to `hi` and their sums.
Graph CodesAndSums(int32_t lo, int32_t hi, int64_t channels, int outs, uint64_t seed) {
  Random random(seed, "codes");
  Graph g = graph::MakeGraph("t", {channels, 6, 1});
  graph::Append(g, "q", graph::QuantizeInput{lo, hi}, {0});
  const auto size = static_cast<size_t>(channels);
  g.parameters["q.offset"] = {{channels}, std::vector<float>(size, 0.0f)};
  g.parameters["q.multiplier"] = {{channels}, std::vector<int32_t>(size, 1)};
  g.parameters["q.shift"] = {{channels}, std::vector<int32_t>(size, 0)};
  graph::Conv2d op;
  op.out_channels = outs;
  op.has_bias = false;
  op.kernel = {3, 1};
  op.padding = {1, 0, 1, 0};
  graph::Append(g, "c", op, {g.output});
  const Shape shape = {outs, channels, 3, 1};
  g.parameters["c.weight"] = {shape, RandomCodes(random, static_cast<size_t>(NumElements(shape)))};
  return g;
}

// Codes of at most 16 bits are multiplied in pairs, others one by one.
TEST(InterpreterTest, CodesOfAnyWidth) {
  ThreadPool pool(1);
  const int32_t largest = 100000;
  for (const int64_t channels : {1, 2, 5}) {
    const Graph g = CodesAndSums(-largest, largest, channels, 6, 3);
    const std::vector<int8_t>& weight = g.parameters.at("c.weight").Int8s();
    for (const int32_t code : {127, -32768, 32767, 32768, -32769, largest, -largest}) {
      // Only the last channel of the fourth sample has it.
      std::vector<float> x(static_cast<size_t>(5 * channels * 6), 1.0f);
      for (int64_t t = 0; t < 6; ++t)
        x[static_cast<size_t>((3 * channels + channels - 1) * 6 + t)] = static_cast<float>(code);
      const std::vector<float> found = Interpreter(g).Run(x, 5, pool);
      for (int64_t n = 0; n < 5; ++n) {
        for (int64_t o = 0; o < 6; ++o) {
          for (int64_t y = 0; y < 6; ++y) {
            int64_t sum = 0;
            for (int64_t c = 0; c < channels; ++c) {
              for (int64_t k = std::max<int64_t>(0, 1 - y); k < std::min<int64_t>(3, 7 - y); ++k) {
                sum += static_cast<int64_t>(
                           x[static_cast<size_t>((n * channels + c) * 6 + y + k - 1)]) *
                       weight[static_cast<size_t>((o * channels + c) * 3 + k)];
              }
            }
            EXPECT_EQ(found[static_cast<size_t>((n * 6 + o) * 6 + y)], static_cast<float>(sum));
          }
        }
      }
    }
  }
}

// Two branches of unlike sizes that meet again: memory is used by several tensors, one after the
// other.
Graph Branches() {
  Random random(4, "branches");
  Graph g = graph::MakeGraph("t", {3, 16, 1});
  const auto conv = [&](const std::string& name, int outs, int kernel, graph::TensorId from) {
    graph::Conv2d op;
    op.out_channels = outs;
    op.kernel = {kernel, 1};
    op.padding = {kernel / 2, 0, kernel / 2, 0};
    const int64_t channels = g.At(from).shape[0];
    graph::Append(g, name, op, {from});
    for (const graph::Role& role : graph::Roles(op, {channels, 16, 1})) {
      std::vector<float> values(static_cast<size_t>(NumElements(role.shape)));
      for (float& v : values) v = static_cast<float>(random.Uniform(-1, 1));
      g.parameters[name + "." + role.name] = {role.shape, values};
    }
    return g.output;
  };
  const graph::TensorId a = conv("a", 4, 3, 0);
  const graph::TensorId b = conv("b", 9, 5, a);
  graph::Append(g, "relu", graph::Relu{}, {b});
  const graph::TensorId c = conv("c", 4, 1, g.output);
  graph::Append(g, "sum", graph::Add{}, {c, a});
  const graph::TensorId sum = g.output;
  graph::Append(g, "pool", graph::MaxPool{{3, 1}, {1, 1}, {}, {1, 0, 1, 0}}, {sum});
  graph::Append(g, "mean", graph::AvgPool{{3, 1}, {1, 1}, {1, 0, 1, 0}}, {sum});
  graph::Append(g, "join", graph::Concat{0}, {g.nodes[5].output, g.output});
  graph::Verify(g);
  return g;
}

std::vector<float> Noise(int64_t count) {
  Random random(5, "noise");
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = static_cast<float>(random.Uniform(-3, 3));
  return values;
}

TEST(InterpreterTest, ManySamplesGiveWhatOneByOneGives) {
  const Graph g = Branches();
  const int64_t width = NumElements(g.Input().shape);
  const std::vector<float> x = Noise(40 * width);
  const Interpreter interpreter(g);
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const std::vector<float> all = interpreter.Run(x, 40, pool);
    const auto outputs = static_cast<int64_t>(all.size()) / 40;
    for (int64_t n = 0; n < 40; ++n) {
      const auto one = interpreter.RunAll(
          std::span(x).subspan(static_cast<size_t>(n * width), static_cast<size_t>(width)));
      EXPECT_EQ(one[static_cast<size_t>(g.output)],
                std::vector<float>(all.begin() + n * outputs, all.begin() + (n + 1) * outputs));
    }
  }
}

// All instruction sets of this machine.
TEST(InterpreterTest, InstructionSetsGiveTheSameBits) {
  ThreadPool pool(1);
  for (const Graph& g : {Branches(), CodesAndSums(-128, 127, 5, 6, 1)}) {
    const std::vector<float> x = Noise(20 * NumElements(g.Input().shape));
    const std::vector<float> expected = Interpreter(g).Run(x, 20, pool);
    for (int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
      hwy::SetSupportedTargetsForTest(left & -left);
      EXPECT_EQ(Interpreter(g).Run(x, 20, pool), expected) << hwy::TargetName(left & -left);
      hwy::SetSupportedTargetsForTest(0);
    }
  }
}

}  // namespace
}  // namespace platypus::exec
