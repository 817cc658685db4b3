// Integer operators as float32 operators on integers.
#include <cmath>

#include "platypus/onnx/model.h"
#include "tm_resize.h"

namespace platypus::onnx_io {
namespace {

// values[i] * 2^exponent, exact.
std::vector<float> Scaled(std::vector<float> values, int exponent) {
  for (float& value : values) value = std::ldexp(value, exponent);
  return values;
}

std::vector<float> Powers(const std::vector<int32_t>& shifts, int fraction) {
  std::vector<float> powers;
  powers.reserve(shifts.size());
  for (const int32_t shift : shifts) powers.push_back(std::ldexp(1.0f, fraction - shift));
  return powers;
}

// The five-node chain: Add, Mul, Mul, Floor, Clip. `channels` values of each role; the offset has
// `fraction` bits behind the point.
void WriteChain(const Site& site, int64_t channels, int32_t lo, int32_t hi, int fraction) {
  const auto values = [&](const char* role) {
    return FloatsOf(site.graph.Parameter(site.node, role));
  };
  // [1, C, 1, 1] behind an image, [1, N] behind a flat tensor.
  const Shape shape =
      site.OutputShape().size() == 3 ? Shape{1, channels, 1, 1} : Shape{1, channels};
  const std::string& n = site.node.name;
  Model& model = site.model;
  model.AddNode("Add", n + ".add",
                {site.inputs[0],
                 model.AddConstant(n + ".offset", shape, Scaled(values("offset"), -fraction))},
                {n + "_add"});
  model.AddNode("Mul", n + ".mul",
                {n + "_add", model.AddConstant(n + ".mult", shape, values("multiplier"))},
                {n + "_mul"});
  model.AddNode(
      "Mul", n + ".shift",
      {n + "_mul",
       model.AddConstant(n + ".shift_mult", shape,
                         Powers(site.graph.Parameter(site.node, "shift").Int32s(), fraction))},
      {n + "_shift"});
  model.AddNode("Floor", n + ".floor", {n + "_shift"}, {n + "_floor"});
  model.AddNode("Clip", n + ".clip",
                {n + "_floor", model.AddScalar(n + ".lo", static_cast<float>(lo)),
                 model.AddScalar(n + ".hi", static_cast<float>(hi))},
                {site.output});
}

}  // namespace

void Write(const graph::QuantizeInput& op, const Site& site) {
  WriteChain(site, site.graph.Parameter(site.node, "shift").shape[0], op.lo, op.hi, 0);
}

void Write(const graph::Requantize& op, const Site& site) {
  WriteChain(site, site.graph.Parameter(site.node, "offset").shape[0], op.lo, op.hi, op.fraction);
}

// A whole image: ReduceSum. Windows: the mean times the area, rounded to the integer that it is.
void Write(const graph::SumPool& op, const Site& site) {
  const Shape& shape = site.InputShape();
  const std::string& n = site.node.name;
  Model& model = site.model;
  if (op.kernel.h == shape[1] && op.kernel.w == shape[2] && op.padding == graph::Padding2{}) {
    site.Node("ReduceSum", {model.AddInts(n + ".axes", {2, 3})}).SetInt("keepdims", 1);
    return;
  }
  WriteAveragePool({op.kernel, op.stride, op.padding}, site, n + ".mean", n + "_mean");
  model.AddNode(
      "Mul", n + ".area",
      {n + "_mean", model.AddScalar(n + ".size", static_cast<float>(op.kernel.h * op.kernel.w))},
      {n + "_area"});
  model.AddNode("Round", n, {n + "_area"}, {site.output});
}

void Write(const graph::AddRequantize& op, const Site& site) {
  const std::string& n = site.node.name;
  Model& model = site.model;
  model.AddNode(
      "Mul", n + ".left",
      {site.inputs[0], model.AddScalar(n + ".multiplier0", static_cast<float>(op.multiplier0))},
      {n + "_left"});
  model.AddNode(
      "Mul", n + ".right",
      {site.inputs[1], model.AddScalar(n + ".multiplier1", static_cast<float>(op.multiplier1))},
      {n + "_right"});
  model.AddNode("Add", n + ".sum", {n + "_left", n + "_right"}, {n + "_sum"});
  const auto added = static_cast<float>(op.Added());
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
