// Forecasts of integer cells against those of the float ones that they were made from.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "platypus/base/random.h"
#include "platypus/exec/interpreter.h"
#include "platypus/quantize/quantize.h"

namespace platypus::quantize {
namespace {

using graph::Graph;
using Cell = graph::Recurrent::Cell;

constexpr int64_t kSteps = 32;

// Windows of a series of two periods and noise, and the value behind each.
struct Series {
  std::vector<float> windows, next;
  int64_t Count() const { return static_cast<int64_t>(next.size()); }
};

Series MakeSeries(uint64_t seed, int64_t count) {
  Random random(seed, "series");
  std::vector<float> values;
  for (int64_t t = 0; t < count + kSteps; ++t) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(t);
    values.push_back(static_cast<float>(2 + std::sin(angle / 24) + 0.4 * std::sin(angle / 7.3) +
                                        0.05 * random.Normal()));
  }
  Series series;
  for (int64_t i = 0; i < count; ++i) {
    series.windows.insert(series.windows.end(), values.begin() + i, values.begin() + i + kSteps);
    series.next.push_back(values[static_cast<size_t>(i + kSteps)]);
  }
  return series;
}

// Weights a, the least squares of |X a - y| with a little ridge, by Gaussian elimination.
std::vector<double> LeastSquares(const std::vector<std::vector<double>>& rows,
                                 const std::vector<float>& y) {
  const size_t n = rows[0].size();
  std::vector<std::vector<double>> m(n, std::vector<double>(n + 1, 0.0));
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = 0; k < n; ++k) m[i][k] += rows[r][i] * rows[r][k];
      m[i][n] += rows[r][i] * y[r];
    }
  }
  for (size_t i = 0; i < n; ++i) m[i][i] += 0.1;
  for (size_t i = 0; i < n; ++i) {
    for (size_t r = 0; r < n; ++r) {
      if (r == i) continue;
      const double factor = m[r][i] / m[i][i];
      for (size_t k = i; k <= n; ++k) m[r][k] -= factor * m[i][k];
    }
  }
  std::vector<double> a;
  for (size_t i = 0; i < n; ++i) a.push_back(m[i][n] / m[i][i]);
  return a;
}

// Random cells, and a linear layer that reads the forecast from their last state.
Graph Forecaster(Cell cell, int hidden, const Series& series, uint64_t seed) {
  Random random(seed, "cells");
  Graph g = graph::MakeGraph("forecaster", {1, kSteps, 1});
  const graph::Recurrent op{cell, hidden, 1, true};
  graph::Append(g, "cells", op, {g.input});
  for (const graph::Role& role : graph::Roles(op, g.Input().shape)) {
    std::vector<float> values(static_cast<size_t>(NumElements(role.shape)));
    const double limit = 1.5 / std::sqrt(static_cast<double>(hidden));
    for (float& v : values) v = static_cast<float>(random.Uniform(-limit, limit));
    g.parameters["cells." + role.name] = {role.shape, std::move(values)};
  }
  ThreadPool pool(1);
  const std::vector<float> states = exec::Interpreter(g).Run(series.windows, series.Count(), pool);
  std::vector<std::vector<double>> rows;
  for (int64_t i = 0; i < series.Count(); ++i) {
    const auto first = states.begin() + i * hidden;
    rows.emplace_back(first, first + hidden);
    rows.back().push_back(1.0);
  }
  const std::vector<double> a = LeastSquares(rows, series.next);
  graph::Append(g, "readout", graph::Linear{1, true, {}}, {g.output});
  g.parameters["readout.weight"] = {{1, hidden}, std::vector<float>(a.begin(), a.end() - 1)};
  g.parameters["readout.bias"] = {{1}, {std::vector<float>{static_cast<float>(a.back())}}};
  graph::Verify(g);
  return g;
}

double Smape(const std::vector<float>& found, const std::vector<float>& expected, double scale) {
  double sum = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double value = scale * found[i];
    sum += 2 * std::abs(value - expected[i]) / (std::abs(value) + std::abs(expected[i]));
  }
  return sum / static_cast<double>(found.size());
}

// Ranges as they are on the series.
void Observe(Graph& g, const std::vector<float>& windows) {
  for (const graph::Node& node : g.nodes) {
    if (!std::holds_alternative<graph::FakeQuantize>(node.op)) continue;
    const exec::Interpreter interpreter(g);
    float low = 1e30f;
    float high = -1e30f;
    for (size_t at = 0; at + kSteps <= windows.size(); at += 16 * kSteps) {
      const auto tensors = interpreter.RunAll(std::span(windows).subspan(at, kSteps));
      for (const float v : tensors[static_cast<size_t>(node.inputs[0])]) {
        low = std::min(low, v);
        high = std::max(high, v);
      }
    }
    g.Parameter(node, "range").Floats() = {low, high};
  }
}

// With 16 bits: the input, the state that the linear layer reads, and the forecast; not the state
// that the cells read.
TEST(ForecastTest, IntegerCellsForecastAsFloatOnesDo) {
  ThreadPool pool(1);
  const Series series = MakeSeries(1, 400);
  const Series later = MakeSeries(2, 200);
  for (const Cell cell : {Cell::kLstm, Cell::kGru}) {
    for (const int bits : {8, 16}) {
      double of_floats = 0;
      double of_integers = 0;
      for (uint64_t seed = 0; seed < 2; ++seed) {
        const Graph network = Forecaster(cell, 8, series, seed);
        Settings settings;
        settings.dialect = config::Quantization::kGeneric;
        settings.precision.activation_bits = bits;
        Graph fake = PrepareForTraining(network, settings);
        Observe(fake, series.windows);
        const Graph integer = Convert(fake, settings);
        of_floats += Smape(exec::Interpreter(network).Run(later.windows, later.Count(), pool),
                           later.next, 1.0);
        of_integers += Smape(exec::Interpreter(integer).Run(later.windows, later.Count(), pool),
                             later.next, OutputScale(integer));
      }
      EXPECT_LT(of_integers, of_floats * (bits == 16 ? 1.01 : 1.03))
          << static_cast<int>(cell) << " with " << bits << " bits";
    }
  }
}

}  // namespace
}  // namespace platypus::quantize
