// Cells of codes: a Scan over the steps, float64 on whole numbers.
#include <fmt/format.h>

#include <cmath>

#include "platypus/onnx/expression.h"
#include "platypus/onnx/model.h"
#include "tm_gates.h"

namespace platypus::onnx_io {
namespace {

using Cell = graph::Recurrent::Cell;
using graph::IntegerRecurrent;

void SetValue(onnx::ValueInfoProto* value, const std::string& name, int64_t size) {
  value->set_name(name);
  auto* tensor = value->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(onnx::TensorProto_DataType_DOUBLE);
  tensor->mutable_shape()->add_dim()->set_dim_value(size);
}

// What happens in one step of one layer.
class Body {
 public:
  Body(onnx::GraphProto& graph, const Site& site, const IntegerRecurrent& op, int layer,
       const std::string& table)
      : e_(graph, fmt::format("{}.l{}", site.node.name, layer)),
        site_(site),
        op_(op),
        layer_(layer),
        table_(table) {}

  // The state as a code and with 15 bits of fraction, and the memory, after a step.
  struct Result {
    std::string code, state, memory;
  };
  Result Step(const std::string& x, const std::string& h, const std::string& memory) {
    for (int k = 0; k < op_.Float().Gates(); ++k) {
      a_.push_back(Part("ih", k, x));
      u_.push_back(Part("hh", k, h));
    }
    Result result;
    result.memory = memory;
    switch (op_.cell) {
      case Cell::kRnn:
        result.state = Tanh(Sum(0));
        break;
      case Cell::kGru: {
        const std::string candidate =
            Tanh(e_.Call("Add", {a_[2], Round(Product(Sigmoid(Sum(0)), u_[2]))}));
        const std::string keep = Sigmoid(Sum(1));
        const std::string rest = e_.Call("Sub", {e_.Number(32768), keep});
        result.state = Round(e_.Call("Add", {Product(rest, candidate), Product(keep, memory)}));
        result.memory = result.state;
        break;
      }
      case Cell::kLstm: {
        const std::string in = Product(Sigmoid(Sum(0)), Tanh(Sum(2)));
        const std::string kept = Product(Sigmoid(Sum(1)), memory);
        const std::string sum =
            Round(e_.Call("Add", {kept, e_.FloorOf(in, std::ldexp(1.0, op_.cell_fraction - 15))}));
        result.memory = e_.Clip(sum, -32768, 32767);
        const std::string c = e_.Multiply(result.memory, std::ldexp(1.0, 12 - op_.cell_fraction));
        result.state = Round(Product(Sigmoid(Sum(3)), Tanh(c)));
        break;
      }
    }
    result.code =
        e_.Call("Min", {e_.FloorOf(e_.Add(result.state, 128), 1.0 / 256), e_.Number(127)});
    return result;
  }

 private:
  std::string Product(const std::string& x, const std::string& y) { return e_.Call("Mul", {x, y}); }
  std::string Round(const std::string& x) { return e_.FloorOf(e_.Add(x, 16384), 1.0 / 32768); }
  std::string Sum(size_t gate) { return e_.Call("Add", {a_[gate], u_[gate]}); }

  // Rows of one gate.
  std::string Part(const char* of, int gate, const std::string& x) {
    const auto values = [&](const char* role) {
      const Array& array =
          site_.graph.Parameter(site_.node, fmt::format("{}_{}_l{}", role, of, layer_));
      const std::vector<float> all = FloatsOf(array);
      const size_t size = all.size() / static_cast<size_t>(op_.Float().Gates());
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(size) * gate;
      return std::vector<double>(first, first + static_cast<std::ptrdiff_t>(size));
    };
    const std::vector<double> weight = values("weight");
    std::vector<double> offset;  // exact: floats would cut 32 bits
    std::vector<double> factor = values("multiplier");
    const std::vector<int32_t>& offsets =
        site_.graph.Parameter(site_.node, fmt::format("offset_{}_l{}", of, layer_)).Int32s();
    const std::vector<double> shift = values("shift");
    for (size_t i = 0; i < factor.size(); ++i) {
      factor[i] = std::ldexp(factor[i], -static_cast<int>(shift[i]));
      offset.push_back(offsets[static_cast<size_t>(gate) * factor.size() + i]);
    }
    const int64_t rows = op_.hidden;
    const Shape matrix = {rows, static_cast<int64_t>(weight.size()) / rows};
    const std::string sum = e_.Call(
        "Add", {e_.Call("MatMul", {e_.Doubles(matrix, weight), x}), e_.Doubles({rows}, offset)});
    const std::string part = e_.Call("Floor", {Product(sum, e_.Doubles({rows}, factor))});
    return e_.Clip(part, -IntegerRecurrent::kLargestPart, IntegerRecurrent::kLargestPart);
  }

  // tm_between for |x| up to `largest`, with the sign of x.
  std::string Between(const std::string& x, double largest, double step) {
    const std::string at = e_.Call("Min", {e_.Call("Abs", {x}), e_.Number(largest)});
    const std::string index = e_.FloorOf(at, 1 / step);
    const std::string part = e_.Call("Sub", {at, e_.Multiply(index, step)});
    const auto entry = [&](const std::string& i) {
      return e_.Call("Gather", {table_, e_.ToIndex(i)});
    };
    const std::string first = entry(index);
    const std::string slope = e_.Call("Sub", {entry(e_.Add(index, 1)), first});
    const std::string y =
        e_.Call("Add", {first, e_.FloorOf(e_.Add(Product(slope, part), step / 2), 1 / step)});
    return Product(e_.Call("Sign", {x}), y);
  }
  std::string Tanh(const std::string& x) { return Between(x, 32767, 128); }
  std::string Sigmoid(const std::string& x) {
    return e_.FloorOf(e_.Add(Between(x, 65535, 256), 32769), 0.5);
  }

  Expression e_;
  const Site& site_;
  const IntegerRecurrent& op_;
  int layer_;
  std::string table_;
  std::vector<std::string> a_, u_;  // of each gate
};

}  // namespace

// [1, V, F, 1] to [F, V] and back. A Scan sees the table of the graph around it.
void Write(const IntegerRecurrent& op, const Site& site) {
  Expression e(site.model.Graph(), site.node.name);
  const int64_t steps = site.InputShape()[1];
  int64_t values = site.InputShape()[0];
  const std::string table =
      e.Doubles({257}, std::vector<double>(std::begin(tm_tanh_table), std::end(tm_tanh_table)));
  const std::string rows = e.Call("Squeeze", {site.inputs[0], e.Ints({0, 3})});
  std::string series = e.ToDouble(e.Call("Transpose", {rows}, "perm", std::vector<int64_t>{1, 0}));
  for (int k = 0; k < op.layers; ++k) {
    const bool wide = op.HasWideResult() && k + 1 == op.layers;
    const auto name = [&](const char* what) {
      return fmt::format("{}.l{}_{}", site.node.name, k, what);
    };
    const std::string zeros =
        e.Doubles({op.hidden}, std::vector<double>(static_cast<size_t>(op.hidden), 0.0));
    const std::string states = name("states");
    onnx::NodeProto& scan =
        e.Node("Scan", {zeros, zeros, series}, {name("last"), name("last_memory"), states});
    auto* inputs = scan.add_attribute();
    inputs->set_name("num_scan_inputs");
    inputs->set_type(onnx::AttributeProto_AttributeType_INT);
    inputs->set_i(1);
    auto* attribute = scan.add_attribute();
    attribute->set_name("body");
    attribute->set_type(onnx::AttributeProto_AttributeType_GRAPH);
    onnx::GraphProto& body = *attribute->mutable_g();
    body.set_name(name("step"));
    SetValue(body.add_input(), name("h"), op.hidden);
    SetValue(body.add_input(), name("memory"), op.hidden);
    SetValue(body.add_input(), name("x"), values);
    const Body::Result next =
        Body(body, site, op, k, table).Step(name("x"), name("h"), name("memory"));
    // Each output of a body is a name of its own.
    Expression end(body, name("end"));
    for (const std::string& result : {next.code, next.memory, wide ? next.state : next.code}) {
      SetValue(body.add_output(), end.Call("Identity", {result}), op.hidden);
    }
    series = states;
    values = op.hidden;
  }
  if (op.last_step_only) {
    e.ToFloat(e.Call("Gather", {series, e.Ints({steps - 1})}), site.output);
    return;
  }
  const std::string columns = e.Call("Transpose", {series}, "perm", std::vector<int64_t>{1, 0});
  e.Call("Unsqueeze", {e.ToFloat(columns), e.Ints({0, 3})}, site.output);
}

}  // namespace platypus::onnx_io
