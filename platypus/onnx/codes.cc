// Functions of codes in float64 on whole numbers.
#include <algorithm>
#include <cmath>

#include "platypus/onnx/expression.h"
#include "platypus/onnx/model.h"
#include "tm_cells.h"

namespace platypus::onnx_io {
namespace {

std::vector<double> DoublesOf(const Array& array) {
  return std::visit(
      [](const auto& values) { return std::vector<double>(values.begin(), values.end()); },
      array.values);
}

// Along one axis: output i is the sum of its cell, times what makes all cells alike; [out][in].
std::vector<double> CellMatrix(int64_t ins, int64_t outs, bool is_mean) {
  const auto in = static_cast<tm_i32>(ins);
  const auto out = static_cast<tm_i32>(outs);
  const auto parts = static_cast<double>(tm_cell_parts(in, out));
  std::vector<double> matrix(static_cast<size_t>(ins * outs), 0.0);
  for (tm_i32 i = 0; i < out; ++i) {
    const tm_range cell = tm_cell_at(i, in, out);
    for (tm_i32 k = cell.first; k < cell.last; ++k) {
      matrix[static_cast<size_t>(i * ins + k)] = (is_mean ? 1.0 : parts) / (cell.last - cell.first);
    }
  }
  return matrix;
}

std::vector<double> Transposed(const std::vector<double>& matrix, int64_t rows, int64_t columns) {
  std::vector<double> result;
  for (int64_t c = 0; c < columns; ++c) {
    for (int64_t r = 0; r < rows; ++r)
      result.push_back(matrix[static_cast<size_t>(r * columns + c)]);
  }
  return result;
}

}  // namespace

// Codes below 0 stand behind the others in the table, here before them.
void Write(const graph::Lookup&, const Site& site) {
  Expression e(site.model.Graph(), site.node.name);
  std::vector<double> table = DoublesOf(site.graph.Parameter(site.node, "table"));
  std::string index = site.inputs[0];
  if (site.graph.At(site.node.inputs[0]).dtype == DType::kInt8) {
    std::rotate(table.begin(), table.begin() + 128, table.end());
    index = e.Add(e.ToDouble(index), 128.0);
  }
  e.ToFloat(e.Call("Gather", {e.Doubles({256}, table), e.ToIndex(index)}), site.output);
}

void Write(const graph::IntegerSoftmax&, const Site& site) {
  Expression e(site.model.Graph(), site.node.name);
  const std::string x = e.ToDouble(site.inputs[0]);
  const std::string largest = e.Call("ReduceMax", {x}, "axes", std::vector<int64_t>{1});
  const std::string table = e.Doubles({256}, DoublesOf(site.graph.Parameter(site.node, "table")));
  const std::string power = e.Call("Gather", {table, e.ToIndex(e.Call("Sub", {largest, x}))});
  const std::string sum = e.Call("ReduceSum", {power, e.Ints({1})});
  const std::string rounded = e.Call("Add", {e.Multiply(power, 256.0), e.FloorOf(sum, 0.5)});
  const std::string q = e.Call("Floor", {e.Call("Div", {rounded, sum})});
  e.ToFloat(e.Clip(q, 0, 255), site.output);
}

void Write(const graph::IntegerLayerNorm& op, const Site& site) {
  Expression e(site.model.Graph(), site.node.name);
  const auto count = static_cast<double>(NumElements(site.InputShape()));
  std::vector<int64_t> all;
  for (size_t axis = 0; axis < site.InputShape().size(); ++axis)
    all.push_back(static_cast<int64_t>(axis) + 1);
  const auto total = [&](const std::string& v) { return e.Call("ReduceSum", {v, e.Ints(all)}); };
  const std::string x = e.ToDouble(site.inputs[0]);
  const std::string sum = total(x);
  std::string d =
      e.Call("Sub", {e.Multiply(total(e.Call("Mul", {x, x})), count), e.Call("Mul", {sum, sum})});
  d = e.Add(d, static_cast<double>(op.epsilon));
  // d 4^j from 2^60 to 2^62, bit by bit of j.
  std::string power = e.Number(1.0);  // 2^j
  for (const int bits : {16, 8, 4, 2, 1}) {
    const std::string is_small = e.Call("Less", {d, e.Number(std::ldexp(1.0, 62 - 2 * bits))});
    const auto choose = [&](int by) {
      return e.Call("Where", {is_small, e.Number(std::ldexp(1.0, by)), e.Number(1.0)});
    };
    d = e.Call("Mul", {d, choose(2 * bits)});
    power = e.Call("Mul", {power, choose(bits)});
  }
  const std::string root = e.Call("Floor", {e.Call("Sqrt", {e.FloorOf(d, 0x1.0p-30)})});
  const std::string reciprocal = e.Call("Floor", {e.Call("Div", {e.Number(0xffffffff), root})});
  const std::string difference = e.Call("Sub", {e.Multiply(x, count), sum});
  const std::string scaled =
      e.Multiply(e.Call("Mul", {e.Call("Mul", {difference, reciprocal}), power}),
                 std::ldexp(1.0, op.fraction - 47));
  const std::string t = e.Call("Floor", {e.Add(scaled, 0.5)});
  Shape shape = site.InputShape();
  shape.insert(shape.begin(), 1);
  const auto parameter = [&](const char* role) {
    return e.Doubles(shape, DoublesOf(site.graph.Parameter(site.node, role)));
  };
  const std::string y =
      e.Call("Add", {e.Call("Mul", {t, parameter("multiplier")}), parameter("offset")});
  e.ToFloat(e.Clip(e.FloorOf(y, std::ldexp(1.0, -op.shift)), op.lo, op.hi), site.output);
}

void Write(const graph::MulRequantize& op, const Site& site) {
  Expression e(site.model.Graph(), site.node.name);
  const std::string x = e.Add(e.ToDouble(site.inputs[0]), -op.zero_point0);
  const std::string y = e.Add(e.ToDouble(site.inputs[1]), -op.zero_point1);
  const std::string product = e.Add(e.Multiply(e.Call("Mul", {x, y}), op.multiplier), op.Added());
  e.ToFloat(e.Clip(e.FloorOf(product, std::ldexp(1.0, -op.shift)), op.lo, op.hi), site.output);
}

// Rows and columns are joined by one matrix each.
void WriteCellPool(const Site& site) {
  Expression e(site.model.Graph(), site.node.name);
  const Shape& in = site.InputShape();
  const Shape& out = site.OutputShape();
  const bool is_mean = site.graph.At(site.node.output).dtype == DType::kFloat32;
  const std::string rows = e.Doubles({out[1], in[1]}, CellMatrix(in[1], out[1], is_mean));
  const std::string columns =
      e.Doubles({in[2], out[2]}, Transposed(CellMatrix(in[2], out[2], is_mean), out[2], in[2]));
  const std::string x = e.Call("MatMul", {rows, e.ToDouble(site.inputs[0])});
  e.ToFloat(e.Call("MatMul", {x, columns}), site.output);
}

}  // namespace platypus::onnx_io
