#ifndef PLATYPUS_TESTS_DEPLOY_INTEGER_OPERATORS_H_
#define PLATYPUS_TESTS_DEPLOY_INTEGER_OPERATORS_H_

#include <fmt/format.h>

#include <cmath>

#include "tests/deploy/fixtures.h"
#include "tm_cells.h"

// Operators on codes beside convolutions and pools, with random parameters.
namespace platypus::deploy::fixtures {

inline void SetIntegers(Graph& g, const std::string& name, const Shape& shape,
                        std::vector<int32_t> values) {
  g.parameters[name] = {shape, std::move(values)};
}

inline TensorId AddLookup(Graph& g, Random& random, const std::string& name, TensorId in,
                          Codes codes) {
  std::vector<int32_t> table(256);
  for (int32_t& entry : table) entry = Between(random, codes.lo, codes.hi);
  const TensorId out = graph::Append(g, name, graph::Lookup{codes.lo, codes.hi}, {in});
  SetIntegers(g, name + ".table", {256}, std::move(table));
  g.At(out).scale = 0.0625f;
  return out;
}

inline TensorId AddSoftmax(Graph& g, const std::string& name, TensorId in) {
  std::vector<int32_t> table(256);
  for (int d = 0; d < 256; ++d) {
    table[static_cast<size_t>(d)] = static_cast<int32_t>(std::lround(32768 * std::exp(-d / 40.0)));
  }
  const TensorId out = graph::Append(g, name, graph::IntegerSoftmax{}, {in});
  SetIntegers(g, name + ".table", {256}, std::move(table));
  g.At(out).scale = graph::IntegerSoftmax::kScale;
  return out;
}

inline TensorId AddLayerNorm(Graph& g, Random& random, const std::string& name, TensorId in,
                             Codes codes) {
  const Shape& shape = g.At(in).shape;
  const int64_t count = NumElements(shape);
  graph::IntegerLayerNorm op;
  op.epsilon = Between(random, 1, 100000);
  op.fraction = std::min(15, 15 - static_cast<int>(std::ceil(std::log2(std::sqrt(count)))));
  op.shift = op.fraction + 8;
  op.lo = codes.lo;
  op.hi = codes.hi;
  std::vector<int32_t> multiplier, offset;
  for (int64_t i = 0; i < count; ++i) {
    multiplier.push_back(Between(random, -12000, 12000));
    offset.push_back(Between(random, -40, 80) * (1 << op.shift));
  }
  const TensorId out = graph::Append(g, name, op, {in});
  SetIntegers(g, name + ".multiplier", shape, std::move(multiplier));
  SetIntegers(g, name + ".offset", shape, std::move(offset));
  g.At(out).scale = 0.0625f;
  return out;
}

inline TensorId AddMul(Graph& g, Random& random, const std::string& name, TensorId x, TensorId y,
                       Codes codes) {
  graph::MulRequantize op{Between(random, -9, 9),
                          Between(random, -9, 9),
                          Between(random, 1, 9000),
                          Between(random, 10, 20),
                          codes.lo,
                          codes.hi,
                          Between(random, -9, 9)};
  const TensorId out = graph::Append(g, name, op, {x, y});
  g.At(out).scale = 0.0625f;
  return out;
}

inline TensorId AddTransposed(Graph& g, Random& random, const std::string& name, TensorId in,
                              graph::ConvTranspose2d op, Scaling scaling, Codes codes) {
  op.has_bias = false;
  const Shape weight = {g.At(in).shape[0], op.out_channels / op.groups, op.kernel.h, op.kernel.w};
  const TensorId sums = graph::Append(g, name, op, {in});
  g.parameters[name + ".weight"] = {weight, Weights(random, NumElements(weight))};
  const double spread = 73.0 * 70.0 * std::sqrt(static_cast<double>(weight[0] / op.groups));
  return AddRequantize(g, random, name + ".requantize", sums, spread, scaling, codes, false);
}

inline TensorId AddCellPool(Graph& g, Random& random, const std::string& name, TensorId in,
                            graph::Size2 output, Codes codes) {
  const Shape shape = g.At(in).shape;
  const TensorId sums = graph::Append(g, name, graph::AdaptiveAvgPool{output}, {in});
  const auto parts = static_cast<double>(tm_cell_parts(static_cast<int>(shape[1]), output.h) *
                                         tm_cell_parts(static_cast<int>(shape[2]), output.w));
  return AddRequantize(g, random, name + ".requantize", sums, 60.0 * parts, Scaling::kNarrow, codes,
                       true);
}

inline TensorId AddCells(Graph& g, Random& random, const std::string& name, TensorId in,
                         const graph::IntegerRecurrent& op) {
  int64_t columns = g.At(in).shape[0];
  const int64_t rows = int64_t{op.Float().Gates()} * op.hidden;
  const TensorId out = graph::Append(g, name, op, {in});
  const bool wide = Below(random, 2) == 0;
  const auto fill = [&](const std::string& of, int64_t count) {
    std::vector<int32_t> offset, multiplier, shift;
    const double spread = 73.0 * 70.0 * std::sqrt(static_cast<double>(count));
    for (int64_t row = 0; row < rows; ++row) {
      multiplier.push_back(wide ? Between(random, 16000, 32000) : Between(random, 32, 64));
      // Parts of about +-2, a few beyond the largest.
      const double bits = std::log2(spread * multiplier.back() / 8192.0);
      shift.push_back(std::max(0, static_cast<int>(bits) - Below(random, 2)));
      offset.push_back(static_cast<int32_t>(random.Normal() * spread / 4));
    }
    g.parameters[fmt::format("{}.weight_{}", name, of)] = {{rows, count},
                                                           Weights(random, rows * count)};
    SetIntegers(g, fmt::format("{}.offset_{}", name, of), {rows}, std::move(offset));
    SetIntegers(g, fmt::format("{}.multiplier_{}", name, of), {rows}, std::move(multiplier));
    SetIntegers(g, fmt::format("{}.shift_{}", name, of), {rows}, std::move(shift));
  };
  for (int k = 0; k < op.layers; ++k, columns = op.hidden) {
    fill(fmt::format("ih_l{}", k), columns);
    fill(fmt::format("hh_l{}", k), op.hidden);
  }
  g.At(out).scale = op.HasWideResult() ? 0x1.0p-15f : 0x1.0p-7f;
  return out;
}

// Spectra through all of them.
inline void MakeFunctionsModel(Model& model, int64_t samples) {
  using Cell = graph::Recurrent::Cell;
  Random random(21, "functions");
  TensorId t = StartOnSpectra(model, random, "functions");
  Graph& g = model.network;
  t = AddLookup(g, random, "lookup", t, kUnsigned);
  t = AddCells(g, random, "gru", t, {Cell::kGru, 4, 1, false});
  graph::ConvTranspose2d spread;
  spread.out_channels = 3;
  spread.kernel = {3, 1};
  spread.stride = {2, 1};
  spread.padding = {1, 0, 0, 0};
  t = AddTransposed(g, random, "spread", t, spread, Scaling::kNarrow, kUnsigned);
  t = AddCellPool(g, random, "cells", t, {7, 1}, kSigned);
  t = AddLayerNorm(g, random, "norm", t, kSigned);
  const TensorId gate = AddSoftmax(g, "softmax", t);
  t = AddMul(g, random, "mul", t, gate, kSigned);
  t = AddCells(g, random, "rnn", t, {Cell::kRnn, 3, 1, false});
  t = AddCells(g, random, "lstm", t, {Cell::kLstm, 5, 2, true});
  AddLinear(g, random, "classifier", t, 3, Scaling::kShift, kSigned);
  Fill(model, samples, 22);
}

}  // namespace platypus::deploy::fixtures

#endif  // PLATYPUS_TESTS_DEPLOY_INTEGER_OPERATORS_H_
