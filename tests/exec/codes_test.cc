// Functions of codes against double arithmetic on the real values that the codes stand for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "platypus/base/error.h"
#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"
#include "tm_cells.h"
#include "tm_gates.h"

namespace platypus::exec {
namespace {

using graph::Graph;

int Between(Random& random, int low, int high) {
  return low + static_cast<int>(random.Below(static_cast<uint64_t>(high - low + 1)));
}

// Codes that stand for themselves.
void AddCodes(Graph& g, int32_t lo, int32_t hi) {
  const int64_t channels = g.Input().shape[0];
  const auto size = static_cast<size_t>(channels);
  graph::Append(g, "codes", graph::QuantizeInput{lo, hi}, {g.input});
  g.parameters["codes.offset"] = {{channels}, std::vector<float>(size, 0.0f)};
  g.parameters["codes.multiplier"] = {{channels}, std::vector<int32_t>(size, 1)};
  g.parameters["codes.shift"] = {{channels}, std::vector<int32_t>(size, 0)};
}

std::vector<float> RandomCodes(Random& random, int64_t count, int32_t lo, int32_t hi) {
  std::vector<float> codes(static_cast<size_t>(count));
  for (float& code : codes) code = static_cast<float>(Between(random, lo, hi));
  return codes;
}

std::vector<float> Outputs(const Graph& g, const std::vector<float>& x) {
  ThreadPool pool(1);
  graph::Verify(g);
  return Interpreter(g).Run(x, static_cast<int64_t>(x.size()) / NumElements(g.Input().shape), pool);
}

TEST(GatesTest, FollowTheFunctionsWithinTenThousandths) {
  double tanh_error = 0;
  double sigmoid_error = 0;
  for (int x = -2 * 65535; x <= 2 * 65535; ++x) {
    const double value = x / 4096.0;
    tanh_error = std::max(tanh_error, std::abs(tm_tanh_q15(x) / 32768.0 - std::tanh(value)));
    sigmoid_error =
        std::max(sigmoid_error, std::abs(tm_sigmoid_q15(x) / 32768.0 - 1 / (1 + std::exp(-value))));
    ASSERT_EQ(tm_tanh_q15(-x), -tm_tanh_q15(x));
    ASSERT_LE(std::abs(tm_tanh_q15(x)), 32767);
    ASSERT_GE(tm_sigmoid_q15(x), 0);
    ASSERT_LE(tm_sigmoid_q15(x), 32768);
  }
  EXPECT_LT(tanh_error, 1.3e-4);
  EXPECT_LT(sigmoid_error, 8e-5);
}

TEST(CellsTest, PartsAreTheLeastCommonMultiple) {
  EXPECT_EQ(tm_cell_parts(12, 4), 3);
  EXPECT_EQ(tm_cell_parts(7, 3), 3);  // cells overlap
  EXPECT_EQ(tm_cell_parts(5, 3), 6);  // lengths 2, 3, 2
  EXPECT_EQ(tm_cell_parts(3, 5), 2);  // lengths 1 and 2
}

TEST(LookupTest, IsItsTableForEveryCode) {
  Random random(1, "lookup");
  for (const bool is_signed : {false, true}) {
    Graph g = graph::MakeGraph("t", {256});
    AddCodes(g, is_signed ? -128 : 0, is_signed ? 127 : 255);
    std::vector<int32_t> table(256);
    for (int32_t& entry : table) entry = Between(random, -32768, 32767);
    graph::Append(g, "f", graph::Lookup{-32768, 32767}, {g.output});
    g.parameters["f.table"] = {{256}, table};
    std::vector<float> x;
    for (int code = 0; code < 256; ++code)
      x.push_back(static_cast<float>(code - (is_signed ? 128 : 0)));
    const std::vector<float> found = Outputs(g, x);
    for (size_t i = 0; i < x.size(); ++i) {
      const int code = static_cast<int>(x[i]);
      EXPECT_EQ(found[i],
                static_cast<float>(table[static_cast<size_t>(code < 0 ? code + 256 : code)]));
    }
  }
}

TEST(IntegerSoftmaxTest, IsWithinAStepOfTheFormula) {
  Random random(2, "softmax");
  double worst = 0;
  for (int round = 0; round < 200; ++round) {
    const int64_t channels = Between(random, 1, 40);
    const Shape shape = {channels, Between(random, 1, 3), Between(random, 1, 3)};
    const bool is_signed = round % 2 == 0;
    const double scale = std::ldexp(1.0, -Between(random, 0, 7));
    Graph g = graph::MakeGraph("t", shape);
    AddCodes(g, is_signed ? -128 : 0, is_signed ? 127 : 255);
    graph::Append(g, "s", graph::IntegerSoftmax{}, {g.output});
    std::vector<int32_t> table(256);
    for (int d = 0; d < 256; ++d) {
      table[static_cast<size_t>(d)] =
          static_cast<int32_t>(std::nearbyint(32768 * std::exp(-scale * d)));
    }
    g.parameters["s.table"] = {{256}, table};
    const std::vector<float> x =
        RandomCodes(random, NumElements(shape), is_signed ? -128 : 0, is_signed ? 127 : 255);
    const std::vector<float> found = Outputs(g, x);
    const int64_t positions = shape[1] * shape[2];
    for (int64_t p = 0; p < positions; ++p) {
      double sum = 0;
      for (int64_t c = 0; c < channels; ++c) {
        sum += std::exp(scale * (x[static_cast<size_t>(c * positions + p)] - 255));
      }
      for (int64_t c = 0; c < channels; ++c) {
        const auto at = static_cast<size_t>(c * positions + p);
        const double exact = std::min(255.0, 256 * std::exp(scale * (x[at] - 255)) / sum);
        worst = std::max(worst, std::abs(found[at] - exact));
      }
    }
  }
  EXPECT_LT(worst, 0.6);
}

TEST(MulRequantizeTest, IsTheRoundedProduct) {
  Random random(3, "mul");
  for (int round = 0; round < 100; ++round) {
    graph::MulRequantize op{Between(random, -10, 10),
                            Between(random, 0, 200),
                            Between(random, 1, 16000),
                            Between(random, 0, 24),
                            -128,
                            127,
                            0};
    op.offset = Between(random, -3, 3) * (1 << op.shift);
    Graph g = graph::MakeGraph("t", {40});
    AddCodes(g, -128, 127);
    const graph::TensorId x = g.output;
    graph::Append(g, "m", op, {x, x});
    const std::vector<float> codes = RandomCodes(random, 40, -128, 127);
    const std::vector<float> found = Outputs(g, codes);
    for (size_t i = 0; i < codes.size(); ++i) {
      const double product =
          (codes[i] - op.zero_point0) * (double{codes[i]} - op.zero_point1) * op.multiplier +
          op.offset;
      const double code =
          std::floor(product / std::pow(2.0, op.shift) + (op.shift > 0 ? 0.5 : 0.0));
      EXPECT_EQ(found[i], std::clamp(code, -128.0, 127.0)) << round;
    }
  }
}

// Cells of all sizes: P times the mean, exactly.
TEST(CellsTest, SumsAreExactMultiplesOfTheMean) {
  Random random(4, "cells");
  for (int round = 0; round < 60; ++round) {
    const Shape shape = {Between(random, 1, 3), Between(random, 1, 19), Between(random, 1, 7)};
    const graph::Size2 output = {Between(random, 1, 9), Between(random, 1, 5)};
    Graph g = graph::MakeGraph("t", shape);
    AddCodes(g, 0, 255);
    graph::Append(g, "p", graph::AdaptiveAvgPool{output}, {g.output});
    const std::vector<float> x = RandomCodes(random, NumElements(shape), 0, 255);
    const std::vector<float> found = Outputs(g, x);
    size_t at = 0;
    const double parts = static_cast<double>(tm_cell_parts(static_cast<int>(shape[1]), output.h) *
                                             tm_cell_parts(static_cast<int>(shape[2]), output.w));
    for (int64_t c = 0; c < shape[0]; ++c) {
      for (int y = 0; y < output.h; ++y) {
        for (int z = 0; z < output.w; ++z, ++at) {
          const auto range = [](int i, int64_t n, int o) {
            return std::pair(i * n / o,
                             static_cast<int64_t>(std::ceil((i + 1) * static_cast<double>(n) / o)));
          };
          const auto [top, bottom] = range(y, shape[1], output.h);
          const auto [left, right] = range(z, shape[2], output.w);
          double sum = 0;
          for (int64_t h = top; h < bottom; ++h) {
            for (int64_t w = left; w < right; ++w) {
              sum += x[static_cast<size_t>((c * shape[1] + h) * shape[2] + w)];
            }
          }
          const double area = static_cast<double>((bottom - top) * (right - left));
          EXPECT_EQ(found[at] * area, parts * sum) << round;
        }
      }
    }
  }
}

// The scatter form: every input adds to the outputs that its taps reach.
TEST(ConvTransposeTest, IntegerSumsAreTheScatteredOnes) {
  Random random(5, "spread");
  for (int round = 0; round < 60; ++round) {
    graph::ConvTranspose2d op;
    op.groups = Between(random, 1, 2);
    op.out_channels = op.groups * Between(random, 1, 3);
    op.kernel = {Between(random, 1, 5), Between(random, 1, 3)};
    op.stride = {Between(random, 1, 4), Between(random, 1, 3)};
    op.dilation = {Between(random, 1, 3), Between(random, 1, 2)};
    op.padding = {Between(random, 0, op.kernel.h - 1), 0, 0, Between(random, 0, op.kernel.w - 1)};
    op.extra.h = Between(random, 0, op.stride.h - 1);
    op.has_bias = false;
    const Shape in = {op.groups * Between(random, 1, 3), Between(random, 2, 6),
                      Between(random, 2, 4)};
    const int64_t ins = in[0] / op.groups;
    const int64_t outs = op.out_channels / op.groups;
    Graph g = graph::MakeGraph("t", in);
    AddCodes(g, -128, 127);
    graph::Append(g, "c", op, {g.output});
    const Shape weight_shape = {in[0], outs, op.kernel.h, op.kernel.w};
    std::vector<int8_t> weight(static_cast<size_t>(NumElements(weight_shape)));
    for (int8_t& w : weight) w = static_cast<int8_t>(Between(random, -127, 127));
    g.parameters["c.weight"] = {weight_shape, weight};
    const std::vector<float> x = RandomCodes(random, NumElements(in), -128, 127);
    const std::vector<float> found = Outputs(g, x);
    const Shape out = g.Output().shape;
    std::vector<float> expected(found.size(), 0.0f);
    for (int64_t c = 0; c < in[0]; ++c) {
      for (int64_t o = 0; o < outs; ++o) {
        for (int64_t h = 0; h < in[1]; ++h) {
          for (int64_t w = 0; w < in[2]; ++w) {
            for (int64_t r = 0; r < op.kernel.h; ++r) {
              for (int64_t k = 0; k < op.kernel.w; ++k) {
                const int64_t y = h * op.stride.h + r * op.dilation.h - op.padding.top;
                const int64_t z = w * op.stride.w + k * op.dilation.w - op.padding.left;
                if (y < 0 || y >= out[1] || z < 0 || z >= out[2]) continue;
                expected[static_cast<size_t>(((c / ins * outs + o) * out[1] + y) * out[2] + z)] +=
                    x[static_cast<size_t>((c * in[1] + h) * in[2] + w)] *
                    static_cast<float>(weight[static_cast<size_t>(
                        ((c * outs + o) * op.kernel.h + r) * op.kernel.w + k)]);
              }
            }
          }
        }
      }
    }
    EXPECT_EQ(found, expected) << round;
  }
}

// What the fixed-point arithmetic adds to the rounding of the result: below half a step.
TEST(IntegerLayerNormTest, IsWithinAStepOfTheFormula) {
  Random random(6, "layer norm");
  double worst = 0;
  for (int round = 0; round < 300; ++round) {
    const int64_t n = round % 10 == 0 ? 4096 : Between(random, 1, 200);
    const bool is_signed = round % 2 == 0;
    const int32_t lo = is_signed ? -128 : 0;
    const double scale = std::ldexp(1.0, -Between(random, 2, 10));
    const double epsilon = 1e-5;
    graph::IntegerLayerNorm op;
    const double real = epsilon * static_cast<double>(n * n) / (scale * scale);
    op.epsilon = std::clamp<int64_t>(std::llrint(real), 1, int64_t{1} << 46);
    op.fraction = 15;
    while (std::sqrt(static_cast<double>(n)) * std::ldexp(1.001, op.fraction) >= 65535)
      --op.fraction;
    op.shift = 7 + op.fraction;
    std::vector<int32_t> multiplier;
    std::vector<int32_t> offset;
    for (int64_t e = 0; e < n; ++e) {
      multiplier.push_back(Between(random, -5120, 5120));  // gains up to 40
      offset.push_back(Between(random, -20, 20) * (1 << op.shift) + (1 << (op.shift - 1)));
    }
    Graph g = graph::MakeGraph("t", {n});
    AddCodes(g, lo, lo + 255);
    graph::Append(g, "n", op, {g.output});
    g.parameters["n.multiplier"] = {{n}, multiplier};
    g.parameters["n.offset"] = {{n}, offset};
    // Wide and narrow distributions, some with nothing but one value that differs.
    const int spread = Between(random, 0, 127);
    std::vector<float> x =
        RandomCodes(random, n, lo + 128 - spread, lo + 128 + spread / (round % 3 + 1));
    if (round % 7 == 0) std::fill(x.begin() + 1, x.end(), x[0] - static_cast<float>(x[0] > 0));
    const std::vector<float> found = Outputs(g, x);
    double sum = 0;
    double squares = 0;
    for (const float v : x) sum += v;
    for (const float v : x)
      squares += (v - sum / static_cast<double>(n)) * (v - sum / static_cast<double>(n));
    const double deviation =
        std::sqrt(squares / static_cast<double>(n) + op.epsilon / static_cast<double>(n * n));
    for (size_t e = 0; e < x.size(); ++e) {
      const double normal = (x[e] - sum / static_cast<double>(n)) / deviation;
      const double exact = (normal * std::ldexp(multiplier[e], op.fraction) + offset[e]) /
                               std::ldexp(1.0, op.shift) -
                           0.5;
      worst = std::max(worst, std::abs(found[e] - std::clamp(exact, -128.0, 127.0)));
    }
  }
  EXPECT_LT(worst, 0.6);
}

using Cell = graph::Recurrent::Cell;

struct Row {
  std::vector<double> weights;
  double bias = 0;
  double At(const std::vector<double>& x) const {
    double sum = bias;
    for (size_t i = 0; i < x.size(); ++i) sum += weights[i] * x[i];
    return sum;
  }
};

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One layer in doubles, with the real values of the integer parameters and its state.
std::vector<double> Advance(Cell cell, const std::vector<Row>& w, const std::vector<Row>& u,
                            const std::vector<double>& x, const std::vector<double>& h,
                            std::vector<double>& c) {
  const size_t size = h.size();
  std::vector<double> next(size);
  for (size_t i = 0; i < size; ++i) {
    const auto a = [&](size_t k) { return w[k * size + i].At(x); };
    const auto b = [&](size_t k) { return u[k * size + i].At(h); };
    if (cell == Cell::kRnn) {
      next[i] = std::tanh(a(0) + b(0));
    } else if (cell == Cell::kGru) {
      const double z = Sigmoid(a(1) + b(1));
      next[i] = (1 - z) * std::tanh(a(2) + Sigmoid(a(0) + b(0)) * b(2)) + z * c[i];
      c[i] = next[i];
    } else {
      c[i] = Sigmoid(a(1) + b(1)) * c[i] + Sigmoid(a(0) + b(0)) * std::tanh(a(2) + b(2));
      next[i] = Sigmoid(a(3) + b(3)) * std::tanh(c[i]);
    }
  }
  return next;
}

// One step of random cells: the fixed-point arithmetic is off by a small part of a code. Then many
// steps, where only the state's rounding to codes may add up.
TEST(IntegerRecurrentTest, FollowsTheFormula) {
  Random random(7, "cells");
  for (const Cell cell : {Cell::kRnn, Cell::kGru, Cell::kLstm}) {
    double worst_of_one = 0;
    double worst_of_many = 0;
    for (int round = 0; round < 60; ++round) {
      const int steps = round % 2 == 0 ? 1 : 24;
      const int64_t inputs = Between(random, 1, 5);
      graph::IntegerRecurrent op;
      op.cell = cell;
      op.hidden = Between(random, 1, 8);
      op.lo = -32768;
      op.hi = 32767;
      op.last_step_only = round % 4 < 2;
      Graph g = graph::MakeGraph("t", {inputs, steps, 1});
      AddCodes(g, -128, 127);
      graph::Append(g, "r", op, {g.output});
      const double in_scale = 1.0 / 64;
      const auto rows = static_cast<size_t>(op.Float().Gates() * op.hidden);
      const auto make = [&](const char* of, int64_t columns, double code_scale) {
        std::vector<Row> real(rows);
        std::vector<int8_t> weight;
        std::vector<int32_t> offset, multiplier, shift;
        for (Row& row : real) {
          const double scale =
              random.Uniform(0.5, 1.5) / 127 / std::sqrt(static_cast<double>(columns));
          for (int64_t i = 0; i < columns; ++i) {
            weight.push_back(static_cast<int8_t>(Between(random, -127, 127)));
            row.weights.push_back(weight.back() * scale);
          }
          // multiplier 2^-shift = scale code_scale 2^12
          int exponent = 0;
          const double fraction = std::frexp(scale * code_scale * 4096, &exponent);
          multiplier.push_back(static_cast<int32_t>(std::nearbyint(fraction * 32768)));
          shift.push_back(15 - exponent);
          const double bias = random.Uniform(-0.3, 0.3);
          offset.push_back(static_cast<int32_t>(std::nearbyint(
              bias / (scale * code_scale) + std::ldexp(0.5, shift.back()) / multiplier.back())));
          row.bias = bias;
        }
        const auto size = static_cast<int64_t>(rows);
        const auto name = [&](const char* role) { return fmt::format("r.{}_{}_l0", role, of); };
        g.parameters[name("weight")] = {{size, columns}, weight};
        g.parameters[name("offset")] = {{size}, offset};
        g.parameters[name("multiplier")] = {{size}, multiplier};
        g.parameters[name("shift")] = {{size}, shift};
        return real;
      };
      const std::vector<Row> w = make("ih", inputs, in_scale);
      const std::vector<Row> u = make("hh", op.hidden, 1.0 / 128);
      const std::vector<float> x = RandomCodes(random, inputs * steps, -128, 127);
      const std::vector<float> found = Outputs(g, x);
      std::vector<double> h(static_cast<size_t>(op.hidden), 0.0);
      std::vector<double> c = h;
      for (int t = 0; t < steps; ++t) {
        std::vector<double> now;
        for (int64_t v = 0; v < inputs; ++v) {
          now.push_back(in_scale * x[static_cast<size_t>(v * steps + t)]);
        }
        h = Advance(cell, w, u, now, h, c);
        if (op.last_step_only && t + 1 < steps) continue;
        for (size_t i = 0; i < h.size(); ++i) {
          const size_t at =
              op.last_step_only ? i : i * static_cast<size_t>(steps) + static_cast<size_t>(t);
          double& worst = steps == 1 ? worst_of_one : worst_of_many;
          worst = std::max(worst, std::abs(found[at] / 32768 - h[i]));
        }
      }
    }
    EXPECT_LT(worst_of_one, 1.0 / 2048) << static_cast<int>(cell);
    EXPECT_LT(worst_of_many, 1.0 / 64) << static_cast<int>(cell);
    std::printf("cell %d: one step %.6f, 24 steps %.6f\n", static_cast<int>(cell), worst_of_one,
                worst_of_many);
  }
}

}  // namespace
}  // namespace platypus::exec
