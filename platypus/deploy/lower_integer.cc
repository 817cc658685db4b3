// Calls for functions of codes, cells and what spreads or gathers unevenly.
#include <algorithm>
#include <cmath>

#include "platypus/deploy/c_text.h"
#include "platypus/deploy/lowering.h"
#include "tm_cells.h"

namespace platypus::deploy {
namespace {

// [C][H][W] to [H][W][C].
std::vector<int32_t> ChannelsLast(const std::vector<int32_t>& values, Extent e) {
  std::vector<int32_t> result;
  for (int64_t p = 0; p < e.h * e.w; ++p) {
    for (int64_t c = 0; c < e.c; ++c)
      result.push_back(values[static_cast<size_t>(c * e.h * e.w + p)]);
  }
  return result;
}

}  // namespace

void Lowering::LowerLookup(const Node& node) {
  CLayer layer = NewLayer(node, node.output);
  const std::string out = TypeName(At(node.output).dtype);
  const std::string table = AddTable(Identifier(node) + "_table", "tm_" + out,
                                     CList(g_.Parameter(node, "table").Int32s()), 256, layer);
  layer.header = "tm_integer.h";
  layer.overwrites = layer.inputs;
  layer.code =
      fmt::format("tm_lookup_{}_{}({}, {}, {}, @{});", TypeName(At(node.inputs[0]).dtype), out,
                  Address(node.inputs[0]), table, NumElements(At(node.output).shape), node.output);
  Finish(std::move(layer));
}

void Lowering::LowerSoftmax(const Node& node) {
  CLayer layer = NewLayer(node, node.output);
  const Extent e = ExtentOf(At(node.output).shape);
  const std::string table = AddTable(Identifier(node) + "_table", "tm_u16",
                                     CList(g_.Parameter(node, "table").Int32s()), 256, layer);
  layer.header = "tm_integer.h";
  layer.overwrites = layer.inputs;
  layer.code =
      fmt::format("tm_softmax_{}({}, {}, {}, {}, @{});", TypeName(At(node.inputs[0]).dtype),
                  Address(node.inputs[0]), table, e.h * e.w, e.c, node.output);
  Finish(std::move(layer));
}

void Lowering::LowerLayerNorm(const Node& node, const graph::IntegerLayerNorm& op) {
  const std::string id = Identifier(node);
  const Extent e = ExtentOf(At(node.output).shape);
  const int64_t count = NumElements(At(node.output).shape);
  CLayer layer = NewLayer(node, node.output);
  const std::string multiplier =
      AddTable(id + "_multiplier", "tm_i16",
               CList(ChannelsLast(g_.Parameter(node, "multiplier").Int32s(), e)), count, layer);
  const std::string offset =
      AddTable(id + "_offset", "tm_i32",
               CList(ChannelsLast(g_.Parameter(node, "offset").Int32s(), e)), count, layer);
  layer.header = "tm_integer.h";
  layer.definitions = fmt::format(
      "static const tm_normalizer n_{} = {{{}, {}, {}LL, {}, {}, {}, {}}}; /* epsilon, fraction, "
      "shift, bounds */\n",
      id, multiplier, offset, op.epsilon, op.fraction, op.shift, op.lo, op.hi);
  layer.overwrites = layer.inputs;
  layer.code =
      fmt::format("tm_layer_norm_{}_{}({}, {}, n_{}, @{});", TypeName(At(node.inputs[0]).dtype),
                  TypeName(At(node.output).dtype), Address(node.inputs[0]), count, id, node.output);
  Finish(std::move(layer));
}

void Lowering::LowerMul(const Node& node, const graph::MulRequantize& op) {
  const std::string id = Identifier(node);
  CLayer layer = NewLayer(node, node.output);
  layer.header = "tm_integer.h";
  layer.definitions = fmt::format(
      "static const tm_product p_{} = {{{}, {}, {}, {}, {}, {}, {}}}; /* zero points, multiplier, "
      "added, shift, bounds */\n",
      id, op.zero_point0, op.zero_point1, op.multiplier, op.Added(), op.shift, op.lo, op.hi);
  layer.overwrites = layer.inputs;
  layer.code = fmt::format(
      "tm_mul_{}_{}_{}({}, {}, {}, p_{}, @{});", TypeName(At(node.inputs[0]).dtype),
      TypeName(At(node.inputs[1]).dtype), TypeName(At(node.output).dtype), Address(node.inputs[0]),
      Address(node.inputs[1]), NumElements(At(node.output).shape), id, node.output);
  Finish(std::move(layer));
}

void Lowering::LowerCellPool(const Node& node) {
  const std::string id = Identifier(node);
  const Extent from = ExtentOf(At(node.inputs[0]).shape);
  const Extent to = ExtentOf(At(node.output).shape);
  const Node* requantize = TakeRequantize(node);
  CLayer layer = NewLayer(node, requantize->output);
  const auto parts = [](int64_t ins, int64_t outs) {
    return tm_cell_parts(static_cast<tm_i32>(ins), static_cast<tm_i32>(outs));
  };
  int64_t of_rows = parts(from.h, to.h);
  int64_t of_columns = parts(from.w, to.w);
  const double bound = LargestCode(node.inputs[0]) * static_cast<double>(of_rows * of_columns);
  const Argument shape = AddShape(id, from, to, {}, {}, {}, {}, layer);
  if (from.w == 1 && to.w == 1) std::swap(of_rows, of_columns);  // as AddShape does
  const Argument requant = AddRequant(id, *requantize, {bound}, layer);
  layer.header = "tm_spread.h";
  layer.call = {fmt::format("tm_cell_pool_{}_{}", TypeName(At(node.inputs[0]).dtype),
                            TypeName(At(requantize->output).dtype)),
                {Reads(node.inputs[0]),
                 shape,
                 {"tm_i32", fmt::format("{}", of_rows), "of_rows"},
                 {"tm_i32", fmt::format("{}", of_columns), "of_columns"},
                 requant,
                 Writes(requantize->output)}};
  Finish(std::move(layer));
}

void Lowering::LowerIntegerTransposed(const Node& node, const graph::ConvTranspose2d& op) {
  const std::string id = Identifier(node);
  const Extent from = ExtentOf(At(node.inputs[0]).shape);
  const Extent to = ExtentOf(At(node.output).shape);
  const Node* requantize = TakeRequantize(node);
  CLayer layer = NewLayer(node, requantize->output);
  const std::vector<int8_t> weight = OutputFirst(g_.Parameter(node, "weight").Int8s(), op, from.c);
  std::vector<double> bounds;
  const size_t row = weight.size() / static_cast<size_t>(to.c);
  for (size_t o = 0; o < static_cast<size_t>(to.c); ++o) {
    double sum = 0;
    for (size_t i = 0; i < row; ++i) sum += std::abs(weight[o * row + i]);
    bounds.push_back(sum * LargestCode(node.inputs[0]));
  }
  const std::string table =
      AddOctets(id + "_weight", "tm_i8", {weight.begin(), weight.end()}, layer);
  const Argument shape =
      AddShape(id, from, to, op.kernel, op.stride, op.dilation, op.padding, layer);
  const Argument requant = AddRequant(id, *requantize, bounds, layer);
  layer.header = "tm_spread.h";
  layer.call = {fmt::format("tm_conv_transposed_{}_{}", TypeName(At(node.inputs[0]).dtype),
                            TypeName(At(requantize->output).dtype)),
                {Reads(node.inputs[0]),
                 {fmt::format("const {} *", OctetsType()), table, "weight"},
                 {"tm_i32", fmt::format("{}", op.groups), "groups"},
                 shape,
                 requant,
                 Writes(requantize->output)}};
  Finish(std::move(layer));
}

// One weight matrix and its Requantize, row by row, as the initialisers of a tm_integer_recurrent.
Lowering::Rows Lowering::RowsOf(const Node& node, const std::string& of, const std::string& role,
                                double largest, CLayer& layer) {
  constexpr int32_t kLargest = graph::IntegerRecurrent::kLargestPart;
  const auto parameter = [&](const char* name) -> const Array& {
    return g_.Parameter(node, fmt::format("{}_{}", name, role));
  };
  const std::vector<int8_t>& weight = parameter("weight").Int8s();
  const std::vector<int32_t>& offset = parameter("offset").Int32s();
  const std::vector<int32_t>& multiplier = parameter("multiplier").Int32s();
  const size_t columns = weight.size() / offset.size();
  bool wide = false;
  for (size_t row = 0; row < offset.size(); ++row) {
    double sum = std::abs(static_cast<double>(offset[row]));
    for (size_t i = 0; i < columns; ++i) sum += largest * std::abs(weight[row * columns + i]);
    wide = wide || sum * std::abs(multiplier[row]) >= 2147483648.0;
  }
  const auto rows = static_cast<int64_t>(offset.size());
  const auto table = [&](const char* name, const char* type, std::string values, int64_t count) {
    return AddTable(fmt::format("{}_{}_{}", of, name, role), type, std::move(values), count, layer);
  };
  Rows result;
  result.weight = AddOctets(fmt::format("{}_weight_{}", of, role), "tm_i8",
                            {weight.begin(), weight.end()}, layer);
  const std::string offsets = table("offset", "tm_i32", CList(offset), rows);
  const std::string multipliers = table("multiplier", "tm_i16", CList(multiplier), rows);
  const std::string shifts = table("shift", "tm_u8", CList(parameter("shift").Int32s()), rows);
  result.requant = fmt::format("{{{}, {}, {}, {}, {}, {}, 0, 0, 0}}", offsets, multipliers, shifts,
                               -kLargest, kLargest, wide ? 1 : 0);
  return result;
}

void Lowering::LowerRecurrent(const Node& node, const graph::IntegerRecurrent& op) {
  using Cell = graph::Recurrent::Cell;
  const std::string id = Identifier(node);
  const char* cell = op.cell == Cell::kLstm  ? "TM_LSTM"
                     : op.cell == Cell::kGru ? "TM_GRU"
                                             : "TM_RNN";
  const Shape& in = At(node.inputs[0]).shape;
  const int64_t steps = in[1];
  int64_t inputs = in[0];
  TensorId source = Place(node.inputs[0]);
  std::string type = TypeName(At(node.inputs[0]).dtype);
  double largest = LargestCode(node.inputs[0]);
  for (int k = 0; k < op.layers; ++k) {
    const bool last = k + 1 == op.layers;
    const bool one_step = last && op.last_step_only;
    CLayer layer = NewLayer(node, node.output);
    layer.inputs = {source};
    layer.macs = steps * op.Float().Gates() * op.hidden * (inputs + op.hidden);
    layer.comment =
        fmt::format("{} {}, layer {} of {}: {} steps of {} -> {}{}, {} multiply-accumulates",
                    graph::Name(node.op), node.name, k + 1, op.layers, steps, inputs,
                    one_step ? "" : fmt::format("{} steps of ", steps), op.hidden, layer.macs);
    layer.scratch = {Temporary(op.hidden, "i16"), Temporary(op.hidden, "i8"),
                     Temporary(op.hidden, "i8")};
    if (!last) {
      layer.name += fmt::format(".l{}", k);
      layer.tensor = -1;
      layer.output = Temporary(steps * op.hidden, "i8");
      layer.activation_octets = storage_.at(layer.output).octets;
    }
    const Rows ih = RowsOf(node, id, fmt::format("ih_l{}", k), largest, layer);
    const Rows hh = RowsOf(node, id, fmt::format("hh_l{}", k), 128.0, layer);
    layer.definitions = fmt::format(
        "static const tm_integer_recurrent r_{}_l{} = {{\n    {}, {},\n    {},\n    {},\n    {}, "
        "{}, {}, {}, {}}}; /* steps, inputs, hidden, fraction of c, all steps */\n",
        id, k, ih.weight, hh.weight, ih.requant, hh.requant, steps, inputs, op.hidden,
        op.cell_fraction, one_step ? 0 : 1);
    layer.header = "tm_integer_recurrent.h";
    layer.code = fmt::format("tm_recur_{}_{}(@{}, r_{}_l{}, {}, @{}, @{}, @{}, @{});", type,
                             last ? TypeName(At(node.output).dtype) : "i8", source, id, k, cell,
                             layer.scratch[0], layer.scratch[1], layer.scratch[2], layer.output);
    source = layer.output;
    inputs = op.hidden;
    type = "i8";
    largest = 128.0;
    Finish(std::move(layer));
  }
}

}  // namespace platypus::deploy
