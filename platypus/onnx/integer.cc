// Integer operators as float32 operators on integers.
#include <cmath>

#include "platypus/onnx/model.h"
#include "tm_resize.h"

namespace platypus::onnx_io {
namespace {

using graph::Node;

std::vector<float> Powers(const std::vector<int32_t>& shifts) {
  std::vector<float> powers;
  powers.reserve(shifts.size());
  for (const int32_t shift : shifts) powers.push_back(std::ldexp(1.0f, -shift));
  return powers;
}

// What a chain of five nodes does, and where: the TI-NPU's compiler knows a layer by it.
struct Chain {
  std::string input;
  Shape shape;  // of its constants
  std::vector<float> offset, multiplier, power;
  int32_t lo = 0, hi = 0;
  bool ends_in_relu = false;
  std::vector<float> half = {};  // to nearest, with a zero point behind it
  int32_t zero_point = 0;
};

// Add, Mul, Mul, Floor, Clip; and Relu, Clip where there was a ReLU. Rounding to nearest, which is
// not the TI-NPU's: Add, Mul, Add, Mul, Floor, Add, Clip.
void WriteChain(const Site& site, const Chain& chain) {
  const std::string& n = site.node.name;
  Model& model = site.model;
  model.AddNode("Add", n + ".add",
                {chain.input, model.AddConstant(n + ".offset", chain.shape, chain.offset)},
                {n + "_add"});
  model.AddNode("Mul", n + ".mul",
                {n + "_add", model.AddConstant(n + ".mult", chain.shape, chain.multiplier)},
                {n + "_mul"});
  std::string product = n + "_mul";
  if (!chain.half.empty()) {
    model.AddNode("Add", n + ".round",
                  {product, model.AddConstant(n + ".half", chain.shape, chain.half)},
                  {n + "_round"});
    product = n + "_round";
  }
  model.AddNode("Mul", n + ".shift",
                {product, model.AddConstant(n + ".shift_mult", chain.shape, chain.power)},
                {n + "_shift"});
  model.AddNode("Floor", n + ".floor", {n + "_shift"}, {n + "_floor"});
  const auto clip = [&](const std::string& name, const std::string& input, int32_t lo,
                        const std::string& output) {
    model.AddNode("Clip", name + ".clip",
                  {input, model.AddScalar(name + ".lo", static_cast<float>(lo)),
                   model.AddScalar(name + ".hi", static_cast<float>(chain.hi))},
                  {output});
  };
  std::string code = n + "_floor";
  if (!chain.half.empty()) {
    const auto zero = static_cast<float>(chain.zero_point);
    model.AddNode("Add", n + ".zero", {code, model.AddScalar(n + ".zero_point", zero)},
                  {n + "_zero"});
    code = n + "_zero";
  }
  if (!chain.ends_in_relu) return clip(n, code, chain.lo, site.output);
  clip(n, code, chain.lo, n + "_clip");
  model.AddNode("Relu", n + ".relu", {n + "_clip"}, {n + "_relu"});
  clip(n + ".relu", n + "_relu", 0, site.output);
}

template <typename T>
bool Makes(const Node* node) {
  return node != nullptr && std::holds_alternative<T>(node->op);
}

// All codes from 0 on: as a ReLU leaves them.
bool IsUnsigned(int32_t lo, int32_t hi) { return lo == 0 && (hi & (hi + 1)) == 0; }

}  // namespace

void Write(const graph::QuantizeInput& op, const Site& site) {
  const auto channels = static_cast<int64_t>(site.graph.Parameter(site.node, "shift").shape[0]);
  const Shape shape =
      site.OutputShape().size() == 3 ? Shape{1, channels, 1, 1} : Shape{1, channels};
  WriteChain(site, {site.inputs[0], shape, FloatsOf(site.graph.Parameter(site.node, "offset")),
                    FloatsOf(site.graph.Parameter(site.node, "multiplier")),
                    Powers(site.graph.Parameter(site.node, "shift").Int32s()), op.lo, op.hi});
}

// Behind a convolution with ReLU the chain itself keeps values below 0, which does not change what
// comes out.
void Write(const graph::Requantize& op, const Site& site) {
  const Node* layer = graph::Producer(site.graph, site.node.inputs[0]);
  const bool convolves = Makes<graph::Conv2d>(layer) || Makes<graph::ConvTranspose2d>(layer);
  const bool multiplies = Makes<graph::Linear>(layer);
  Chain chain{site.inputs[0],
              {},
              FloatsOf(site.graph.Parameter(site.node, "offset")),
              FloatsOf(site.graph.Parameter(site.node, "multiplier")),
              Powers(site.graph.Parameter(site.node, "shift").Int32s()),
              op.lo,
              op.hi};
  const auto channels = static_cast<int64_t>(chain.offset.size());
  chain.shape = site.OutputShape().size() == 3 && channels > 1 ? Shape{1, channels, 1, 1}
                                                               : Shape{1, channels};
  if (op.to_nearest) {
    for (const int32_t shift : site.graph.Parameter(site.node, "shift").Int32s())
      chain.half.push_back(static_cast<float>(op.Half(shift)));
    chain.zero_point = op.zero_point;
    return WriteChain(site, chain);
  }
  chain.ends_in_relu = (convolves || multiplies) && IsUnsigned(op.lo, op.hi);
  if (chain.ends_in_relu && convolves) chain.lo = -op.hi;
  WriteChain(site, chain);
}

namespace {

// Whether nothing but a Flatten sees the rows and columns of 1 that are left.
bool OnlyFlattened(const graph::Graph& graph, const Node& pool) {
  const auto sole = [&](graph::TensorId tensor) -> const Node* {
    const std::vector<const Node*> readers = graph::Consumers(graph, tensor);
    return readers.size() == 1 && tensor != graph.output ? readers[0] : nullptr;
  };
  const Node* codes = sole(pool.output);
  return Makes<graph::Requantize>(codes) && graph.Parameter(*codes, "shift").shape == Shape{1} &&
         Makes<graph::Flatten>(sole(codes->output));
}

}  // namespace

// A whole image: ReduceSum. Windows: the mean times the area. Either is rounded to the integer that
// it is.
void Write(const graph::SumPool& op, const Site& site) {
  const Shape& shape = site.InputShape();
  const std::string& n = site.node.name;
  Model& model = site.model;
  if (op.kernel.h == shape[1] && op.kernel.w == shape[2] && op.padding == graph::Padding2{}) {
    model
        .AddNode("ReduceSum", n, {site.inputs[0], model.AddInts(n + ".axes", {2, 3})}, {n + "_sum"})
        .SetInt("keepdims", OnlyFlattened(site.graph, site.node) ? 0 : 1);
    model.AddNode("Round", n + ".round", {n + "_sum"}, {site.output});
    return;
  }
  WriteAveragePool({op.kernel, op.stride, op.padding}, site, n + ".mean", n + "_mean");
  model.AddNode(
      "Mul", n + ".area",
      {n + "_mean", model.AddScalar(n + ".size", static_cast<float>(op.kernel.h * op.kernel.w))},
      {n + "_area"});
  model.AddNode("Round", n, {n + "_area"}, {site.output});
}

// Equal scales: Add and a chain. Others: each operand times a factor first.
void Write(const graph::AddRequantize& op, const Site& site) {
  const std::string& n = site.node.name;
  Model& model = site.model;
  const auto added = static_cast<float>(op.Added());
  if (op.multiplier0 == 1 && op.multiplier1 == 1) {
    model.AddNode("Add", n + ".sum", {site.inputs[0], site.inputs[1]}, {n + "_sum"});
    Chain chain{n + "_sum", {1, 1}, {added}, {1.0f}, {std::ldexp(1.0f, -op.shift)}, op.lo, op.hi};
    chain.ends_in_relu = IsUnsigned(op.lo, op.hi);
    if (chain.ends_in_relu) chain.lo = -op.hi;
    return WriteChain(site, chain);
  }
  model.AddNode(
      "Mul", n + ".left",
      {site.inputs[0], model.AddScalar(n + ".multiplier0", static_cast<float>(op.multiplier0))},
      {n + "_left"});
  model.AddNode(
      "Mul", n + ".right",
      {site.inputs[1], model.AddScalar(n + ".multiplier1", static_cast<float>(op.multiplier1))},
      {n + "_right"});
  model.AddNode("Add", n + ".sum", {n + "_left", n + "_right"}, {n + "_sum"});
  model.AddNode("Add", n + ".half", {n + "_sum", model.AddScalar(n + ".offset", added)},
                {n + "_half"});
  model.AddNode("Mul", n + ".shift",
                {n + "_half", model.AddScalar(n + ".shift_mult", std::ldexp(1.0f, -op.shift))},
                {n + "_shift"});
  model.AddNode("Floor", n + ".floor", {n + "_shift"}, {n + "_floor"});
  model.AddNode("Clip", n + ".clip",
                {n + "_floor", model.AddScalar(n + ".lo", static_cast<float>(op.lo)),
                 model.AddScalar(n + ".hi", static_cast<float>(op.hi))},
                {site.output});
}

void WriteIntegerLinear(const Site& site) {
  const Array& weight = site.graph.Parameter(site.node, "weight");
  const int64_t outs = weight.shape[0];
  const int64_t ins = weight.shape[1];
  const std::vector<float> w = FloatsOf(weight);
  std::vector<float> transposed(w.size());
  for (int64_t o = 0; o < outs; ++o) {
    for (int64_t i = 0; i < ins; ++i) {
      transposed[static_cast<size_t>(i * outs + o)] = w[static_cast<size_t>(o * ins + i)];
    }
  }
  site.Node("MatMul",
            {site.model.AddConstant(site.node.name + ".weight", {ins, outs}, transposed)});
}

// Along each axis that changes: first * weight_first + second * weight_second. (A Resize of ONNX
// rounds its weights.)
void WriteIntegerResize(const Site& site) {
  const Shape& in = site.InputShape();
  const Shape& out = site.OutputShape();
  Model& model = site.model;
  std::vector<size_t> axes;
  for (const size_t axis : {size_t{1}, size_t{2}}) {
    if (in[axis] != out[axis]) axes.push_back(axis);
  }
  if (axes.empty()) site.Node("Identity");
  std::string source = site.inputs[0];
  for (const size_t axis : axes) {
    const auto ins = static_cast<tm_i32>(in[axis]);
    const tm_stretch stretch = tm_stretch_of(ins, static_cast<tm_i32>(out[axis]));
    std::vector<int64_t> indices[2];
    std::vector<float> weights[2];
    for (tm_i32 i = 0; i < out[axis]; ++i) {
      const tm_blend blend = tm_blend_at(i, stretch, ins);
      indices[0].push_back(blend.first);
      indices[1].push_back(blend.second);
      weights[0].push_back(static_cast<float>(blend.weight_first));
      weights[1].push_back(static_cast<float>(blend.weight_second));
    }
    const bool last = axis == axes.back();
    const std::string n = last ? site.node.name : site.node.name + ".rows";
    Shape shape = {1, 1, 1, 1};
    shape[axis + 1] = out[axis];
    std::vector<std::string> parts;
    for (size_t k = 0; k < 2; ++k) {
      const std::string part = n + (k == 0 ? ".first" : ".second");
      model
          .AddNode("Gather", part, {source, model.AddInts(part + ".index", indices[k])},
                   {part + "_of"})
          .SetInt("axis", static_cast<int64_t>(axis) + 1);
      model.AddNode("Mul", part + ".mul",
                    {part + "_of", model.AddConstant(part + ".weight", shape, weights[k])},
                    {part + "_mul"});
      parts.push_back(part + "_mul");
    }
    const std::string result = last ? site.output : n + "_out";
    model.AddNode("Add", n, parts, {result});
    source = result;
  }
}

}  // namespace platypus::onnx_io
